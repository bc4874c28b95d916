//! Times at which the results of windows are emitted.

use std::time::Duration;

/// Strategy by which an aggregation in windows emits its results: at each update, or once when a
/// window closes. Java's `EmitStrategy` (KIP-825).
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let minutes = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
/// let clicks = builder.stream::<String, String>("clicks").group_by_key().windowed_by(minutes);
/// let final_counts = clicks.emit_strategy(EmitStrategy::on_window_close()).count();
/// final_counts.to_stream().to("clicks-per-minute");
/// assert!(builder.build()?.describe().contains("Processor: KSTREAM-AGGREGATE-0000000002"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EmitStrategy {
    on_close: bool,
    idle: Option<Duration>,
}

impl EmitStrategy {
    /// At each update; the default. Java's `onWindowUpdate`.
    pub const fn on_window_update() -> Self {
        Self { on_close: false, idle: None }
    }

    /// One result for each window, when it has closed. Java's `onWindowClose`.
    ///
    /// Windows close by stream time, as records come: at most once per second of the wall clock,
    /// the aggregation looks for windows that have closed since its last look. The time up to which
    /// it has emitted is committed with the offsets.
    pub const fn on_window_close() -> Self {
        Self { on_close: true, idle: None }
    }

    /// Closes windows even while no record comes: when the partitions of a task have had none for
    /// `idle` of the wall clock, stream time advances with the wall clock from the last one. Java
    /// has nothing like it; without this, the last windows wait for the next record, however long
    /// that takes.
    ///
    /// - A task is idle when it has processed and committed all that its input partitions hold, as
    ///   the cluster says; one of them that gets records keeps the task awake. An outage does not
    ///   count as idle, nor does the time in which a task does not run.
    /// - Time advances only where a window closes by it, and only as far. Records that come later for
    ///   a window that closed are late: they are dropped and counted.
    /// - The time up to which windows were emitted is committed with the offsets: a restart emits none
    ///   of them again.
    /// - Results then depend on when records come, not only on their timestamps: choose `idle` longer
    ///   than records may be held up on their way.
    ///
    /// This has no effect where results are emitted at each update.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::{config::StreamsConfig, prelude::*, testing::TopologyTestDriver};
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
    /// let clicks = builder.stream::<String, String>("clicks").group_by_key().windowed_by(minutes);
    /// let emit = EmitStrategy::on_window_close().with_idle_time(Duration::from_secs(30));
    /// let counts = clicks.emit_strategy(emit).count();
    /// counts.to_stream_with_key(|window, _| window.key.clone()).to("clicks-per-minute");
    ///
    /// let config = StreamsConfig::new("app", "unused:9092");
    /// let driver = TopologyTestDriver::new(&builder.build()?, config)?;
    /// let counted = driver.output_topic("clicks-per-minute", string(), option(long()));
    /// driver.input_topic("clicks", string(), string()).pipe_input("ann".to_owned(), "click".to_owned(), 0)?;
    /// driver.advance_wall_clock_time(Duration::from_secs(59))?;
    /// assert!(counted.is_empty());
    /// driver.advance_wall_clock_time(Duration::from_secs(1))?;
    /// assert_eq!(counted.read_key_value()?, Some(("ann".to_owned(), Some(1))));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[must_use]
    pub const fn with_idle_time(self, idle: Duration) -> Self {
        Self { idle: Some(idle), ..self }
    }

    /// For how long a task must be idle for windows to close by that.
    pub(crate) const fn idle_time(self) -> Option<Duration> {
        self.idle
    }

    /// Returns whether results are emitted when windows close.
    pub(crate) const fn is_on_close(self) -> bool {
        self.on_close
    }
}
