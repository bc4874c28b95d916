//! Limit on the time for which a member may write.

use std::{fmt, sync::Arc, time::Duration};

/// Tells a producer for how long the group counts on the member for which it writes. Cheap to
/// clone.
///
/// Records in a member's buffers must not reach the cluster once others have its tasks: without
/// transactions nothing else keeps them from overwriting newer rows in a changelog. So a record may
/// be in transit only for a part of the session ([`delivery`](Self::delivery)), and is accepted
/// only while that much of the session is left ([`admits_for`](Self::admits_for)): when a suspended
/// process resumes after its session, the records in its buffers are too old.
///
/// ```
/// use std::time::Duration;
/// use streams_core::client::Lease;
///
/// let left = |seconds| {
///     Lease::new(Duration::from_secs(30), move || Some(Duration::from_secs(seconds)))
/// };
/// assert_eq!(left(44).admits_for(), Duration::from_secs(14));
/// assert_eq!(left(29).admits_for(), Duration::ZERO);
/// assert!(!left(29).is_over() && left(0).is_over());
/// assert_eq!(Lease::unlimited().admits_for(), Duration::MAX);
/// ```
#[derive(Clone, Default)]
pub struct Lease(Option<Limit>);

#[derive(Clone)]
struct Limit {
    delivery: Duration,
    left: Arc<dyn Fn() -> Option<Duration> + Send + Sync>,
}

impl Lease {
    /// Creates a lease under which a record may be in transit for `delivery`. `left` returns the
    /// rest of the session: zero if it is over, `None` while it has no end, as before the member
    /// has joined.
    pub fn new(
        delivery: Duration,
        left: impl Fn() -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Limit { delivery, left: Arc::new(left) }))
    }

    /// Creates a lease that never ends, for writers without a group.
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// Time for which a record may be in transit; `None` if it is not limited.
    pub fn delivery(&self) -> Option<Duration> {
        self.0.as_ref().map(|limit| limit.delivery)
    }

    /// Time for which records may still be accepted, so that each is written, or given up, before
    /// the session can be over; zero if none may be accepted now.
    pub fn admits_for(&self) -> Duration {
        let Some(limit) = &self.0 else { return Duration::MAX };
        limit.left().map_or(Duration::MAX, |left| left.saturating_sub(limit.delivery))
    }

    /// Returns whether the session is over.
    pub fn is_over(&self) -> bool {
        self.0.as_ref().is_some_and(|limit| limit.left().is_some_and(|left| left.is_zero()))
    }
}

impl Limit {
    fn left(&self) -> Option<Duration> {
        (self.left)()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(limit) = &self.0 else { return f.write_str("Lease(unlimited)") };
        let Limit { delivery, .. } = limit;
        f.debug_struct("Lease").field("delivery", delivery).field("left", &limit.left()).finish()
    }
}
