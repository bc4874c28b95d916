//! Cogrouped streams: several groups that share one aggregate.

use std::{fmt, sync::Arc};

use crate::{
    Unwindowed,
    operators::Member,
    plan::{SharedPlan, StepId},
};

/// The step of a group, and how its records are folded.
type Joining<K, VA> = (StepId, Arc<dyn Member<K, VA>>);

/// Streams that are grouped by keys of one type and aggregated together, perhaps in windows: each
/// with an aggregator of its own, all into one row for each key, or for each key and window. Java's
/// `CogroupedKStream`.
pub struct CogroupedKStream<K, VA, W = Unwindowed>
where
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
{
    plan: SharedPlan,
    members: Vec<Joining<K, VA>>,
    windows: W,
}

impl<K, VA> CogroupedKStream<K, VA>
where
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
{
    pub(crate) const fn of(plan: SharedPlan) -> Self {
        Self { plan, members: Vec::new(), windows: Unwindowed }
    }

    /// It, with one more group.
    pub(crate) fn with(mut self, group: StepId, member: impl Member<K, VA>) -> Self {
        self.members.push((group, Arc::new(member)));
        self
    }
}

impl<K, VA, W> CogroupedKStream<K, VA, W>
where
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
{
    pub(crate) const fn plan(&self) -> &SharedPlan {
        &self.plan
    }

    pub(crate) fn members(&self) -> &[Joining<K, VA>] {
        &self.members
    }

    pub(crate) const fn windows(&self) -> &W {
        &self.windows
    }

    /// The same groups in windows.
    pub(crate) fn in_windows<W2>(&self, windows: W2) -> CogroupedKStream<K, VA, W2> {
        CogroupedKStream { plan: self.plan.clone(), members: self.members.clone(), windows }
    }
}

impl<K, VA, W: Clone> Clone for CogroupedKStream<K, VA, W>
where
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
{
    fn clone(&self) -> Self {
        self.in_windows(self.windows.clone())
    }
}

impl<K, VA, W: fmt::Debug> fmt::Debug for CogroupedKStream<K, VA, W>
where
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CogroupedKStream({} groups, {:?})", self.members.len(), self.windows)
    }
}
