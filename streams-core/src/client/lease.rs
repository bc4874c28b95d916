//! How long a member may write.

use std::{fmt, sync::Arc, time::Duration};

/// Tells a producer how long the group counts on the member that it writes for. Cheap to clone.
///
/// What a member has in its buffers must not reach the cluster once others have its tasks: without transactions nothing
/// else keeps it from overwriting their newer rows in a changelog. So a record may be on its way for a part of the
/// session only ([`delivery`](Self::delivery)), and is taken only while that much of the session is left
/// ([`admits_for`](Self::admits_for)): what a process that is halted had in its buffers is too old when it goes on after
/// its session.
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
    /// A lease under which a record may be on its way for `delivery`. `left` tells how much of the session is left:
    /// nothing if it is over, `None` while it has no end, as before the member is in.
    pub fn new(
        delivery: Duration,
        left: impl Fn() -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Limit { delivery, left: Arc::new(left) }))
    }

    /// One that never ends, for who writes as a member of no group.
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// How long a record may be on its way; `None` if that does not matter.
    pub fn delivery(&self) -> Option<Duration> {
        self.0.as_ref().map(|limit| limit.delivery)
    }

    /// For how long from now on records may be taken, so that each is written, or given up, before the session can be
    /// over; zero if none may be taken now.
    pub fn admits_for(&self) -> Duration {
        let Some(limit) = &self.0 else { return Duration::MAX };
        limit.left().map_or(Duration::MAX, |left| left.saturating_sub(limit.delivery))
    }

    /// Whether the session is over.
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
