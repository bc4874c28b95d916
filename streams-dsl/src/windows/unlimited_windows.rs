//! One window without an end.

use std::time::Duration;

use streams_core::Result;

use super::spans::check_spans;

/// One window for each key, which begins at a time and never ends. Java's `UnlimitedWindows`.
///
/// Records before its start are in no window and are left out. Its rows are never removed.
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let year_2020 = UnlimitedWindows::of().start_on(Duration::from_secs(1_577_836_800));
/// let clicks = builder.stream::<String, String>("clicks").group_by_key();
/// clicks.windowed_by(year_2020).count().stored("clicks-since-2020");
/// assert!(builder.build()?.describe().contains("(stores: [clicks-since-2020])"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnlimitedWindows {
    start: Duration,
}

impl UnlimitedWindows {
    /// The window that begins at the epoch..
    pub const fn of() -> Self {
        Self { start: Duration::ZERO }
    }

    /// The window that begins at `start`, which is the time since the epoch.
    #[must_use]
    pub const fn start_on(self, start: Duration) -> Self {
        Self { start }
    }

    /// Time from the epoch to the window's start.
    pub const fn start(&self) -> Duration {
        self.start
    }

    /// Returns whether this window can be used.
    ///
    /// # Errors
    /// `Topology` if the start is not in whole milliseconds.
    pub fn check(&self) -> Result {
        check_spans("unlimited windows", &[("start", self.start)])
    }
}
