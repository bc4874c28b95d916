//! When the results of windows are emitted.

/// When an aggregation in windows emits its results: at each update, or once when a window closes. Java's `EmitStrategy`
/// (KIP-825).
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
}

impl EmitStrategy {
    /// At each update; the default. Java's `onWindowUpdate`.
    pub const fn on_window_update() -> Self {
        Self { on_close: false }
    }

    /// One result for each window, when it has closed. Java's `onWindowClose`.
    ///
    /// Windows close by stream time, as records come: at most once a second of the wall clock the aggregation looks which
    /// have closed since it last did. Up to which time it has emitted is committed with the offsets.
    pub const fn on_window_close() -> Self {
        Self { on_close: true }
    }

    /// Whether results are emitted when windows close.
    pub(crate) const fn is_on_close(self) -> bool {
        self.on_close
    }
}
