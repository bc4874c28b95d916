//! `windowed_by`: the records of each key, in windows.

use std::panic::Location;

use super::aggregate_stream::Windowing;
use crate::KGroupedStream;

impl<K, V, S> KGroupedStream<K, V, S> {
    /// Puts the records of each key into windows, each of which is aggregated by itself:
    /// [`TimeWindows`](crate::TimeWindows), [`SlidingWindows`](crate::SlidingWindows),
    /// [`SessionWindows`](crate::SessionWindows) or [`UnlimitedWindows`](crate::UnlimitedWindows).
    /// Java's `windowedBy`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let hours = TimeWindows::of_size_with_no_grace(Duration::from_secs(3_600));
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.group_by_key().windowed_by(hours).count().to_stream().to("orders-per-hour");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-AGGREGATE-0000000002"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[expect(private_bounds, reason = "the kinds of windows are those of this crate")]
    pub fn windowed_by<W: Windowing>(&self, windows: W) -> KGroupedStream<K, V, S, W> {
        if let Err(problem) = windows.check() {
            self.step().plan().problem(Location::caller(), problem);
        }
        self.in_windows(windows)
    }
}
