//! How long a member may write.

use std::{fmt, sync::Arc};

/// Tells whether a membership is over, for a producer that waits meanwhile. Cheap to clone.
///
/// What a member has in its buffers must not reach the cluster once others have its tasks: without transactions nothing
/// else keeps it from overwriting their newer rows in a changelog.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
/// use streams_core::client::Lease;
///
/// let over = Arc::new(AtomicBool::new(false));
/// let seen = over.clone();
/// let lease = Lease::new(move || seen.load(Ordering::Relaxed));
/// assert!(!lease.is_over());
/// over.store(true, Ordering::Relaxed);
/// assert!(lease.is_over());
/// ```
#[derive(Clone, Default)]
pub struct Lease(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Lease {
    /// A lease that is over when `is_over` says so.
    pub fn new(is_over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_over)))
    }

    /// One that never ends, for who writes as a member of no group.
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.0.as_ref().is_some_and(|is_over| is_over())
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_over() { "Lease(over)" } else { "Lease" })
    }
}
