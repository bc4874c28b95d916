//! For how long a table's changes are held back.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::windows::Windowed;

/// The changes of a table that are held back, and for how long. Java's `Suppressed`.
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let minutes = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
/// let clicks = builder.stream::<String, String>("clicks").group_by_key().windowed_by(minutes);
/// let final_counts =
///     clicks.count().suppress(Suppressed::until_window_closes(BufferConfig::unbounded()));
/// final_counts.to_stream().to("clicks-per-minute");
/// assert!(builder.build()?.describe().contains("Processor: KTABLE-SUPPRESS-0000000003"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
pub struct Suppressed<K> {
    /// Start of a change's wait, in milliseconds, by key and timestamp.
    pub(crate) from: fn(&K, i64) -> i64,
    pub(crate) until: Until,
    pub(crate) bounds: BufferBounds,
    pub(crate) idle: Option<Duration>,
}

/// For how long a change waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// For the grace period of its window.
    WindowCloses,
    /// For so long.
    TimeLimit(Duration),
}

impl<K> Suppressed<Windowed<K>> {
    /// Forwards each window's last result alone: a row is released when stream time has reached the
    /// end of its window and the grace period after it. Deleted rows never are. Java's
    /// `untilWindowCloses`.
    ///
    /// Stream time here is the greatest timestamp of the results themselves; when none comes, no
    /// row is released, unless there is an [idle time](Suppressed::with_idle_time).
    pub fn until_window_closes(buffer: StrictBufferConfig) -> Self {
        let from = |windowed: &Windowed<K>, _: i64| windowed.window.end;
        Self { from, until: Until::WindowCloses, bounds: buffer.0, idle: None }
    }
}

impl<K> Suppressed<K> {
    /// Forwards at most one change of a row per `limit` of stream time: the first change is held
    /// back, and is released after `limit` with the value that the row has then. Java's
    /// `untilTimeLimit`.
    pub fn until_time_limit(limit: Duration, buffer: impl Into<BufferBounds>) -> Self {
        let from = |_: &K, timestamp| timestamp;
        Self { from, until: Until::TimeLimit(limit), bounds: buffer.into(), idle: None }
    }

    /// Releases changes even while no record comes: when the partitions of a task have had none for
    /// `idle` of the wall clock, stream time advances with the wall clock from the last one. Java
    /// has nothing like it; without this, changes held back wait for the next record, however long
    /// that takes.
    ///
    /// [`EmitStrategy::with_idle_time`](crate::EmitStrategy::with_idle_time) explains when a task
    /// is idle and what that means for results. Where windows wait until they close, a change that
    /// comes later for one released in this way is late: it is dropped here and counted, though the
    /// table above has taken it. With a time limit nothing is late: such a change is forwarded at
    /// once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::{config::StreamsConfig, prelude::*, testing::TopologyTestDriver};
    ///
    /// let builder = StreamsBuilder::new();
    /// let second = Duration::from_secs(1);
    /// let prices = builder.table::<String, i64>("prices");
    /// let calm = Suppressed::until_time_limit(10 * second, BufferConfig::unbounded());
    /// prices.suppress(calm.with_idle_time(5 * second)).to_stream().to("calm-prices");
    ///
    /// let config = StreamsConfig::new("app", "unused:9092");
    /// let driver = TopologyTestDriver::new(&builder.build()?, config)?;
    /// let calm_prices = driver.output_topic("calm-prices", string(), long());
    /// driver.input_topic("prices", string(), long()).pipe_input("tea".to_owned(), 3, 0)?;
    /// driver.advance_wall_clock_time(9 * second)?;
    /// assert!(calm_prices.is_empty());
    /// driver.advance_wall_clock_time(second)?;
    /// assert_eq!(calm_prices.read_key_value()?, Some(("tea".to_owned(), 3)));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[must_use]
    pub fn with_idle_time(self, idle: Duration) -> Self {
        Self { idle: Some(idle), ..self }
    }
}

impl<K> Clone for Suppressed<K> {
    fn clone(&self) -> Self {
        let Self { from, until, idle, .. } = *self;
        Self { from, until, bounds: self.bounds.clone(), idle }
    }
}

impl<K> fmt::Debug for Suppressed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suppressed")
            .field("until", &self.until)
            .field("bounds", &self.bounds)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

/// Limits of the changes held back at once, and the behaviour when they are exceeded.
#[derive(Clone, Debug)]
pub struct BufferBounds {
    /// In rows; `None` for no limit.
    pub(crate) max_records: Option<usize>,
    /// In bytes as Java counts them; `None` for no limit.
    pub(crate) max_bytes: Option<usize>,
    pub(crate) when_full: WhenFull,
    pub(crate) logging: Option<BTreeMap<String, String>>,
}

/// Behaviour of a full buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    EmitEarly,
    ShutDown,
}

/// Makes the configurations of buffers. Java's `Suppressed.BufferConfig`.
///
/// A buffer may have a limit of rows and one of bytes; it is full when it exceeds one of them.
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let prices = builder.table::<String, i64>("prices");
/// let small = BufferConfig::max_records(10_000).with_max_bytes(1 << 20);
/// let calm = prices.suppress(Suppressed::until_time_limit(Duration::from_secs(1), small));
/// calm.to_stream().to("prices-each-second");
/// assert!(builder.build()?.describe().contains("Processor: KTABLE-SUPPRESS-0000000003"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BufferConfig;

impl BufferConfig {
    /// Holds back as many rows as there are.
    pub const fn unbounded() -> StrictBufferConfig {
        StrictBufferConfig(bounds(None, None, WhenFull::ShutDown))
    }

    /// Holds back at most `max_records` rows per task; beyond that the oldest are released early.
    pub const fn max_records(max_records: usize) -> EagerBufferConfig {
        EagerBufferConfig(bounds(Some(max_records), None, WhenFull::EmitEarly))
    }

    /// Holds back at most `max_bytes` bytes per task; beyond that the oldest rows are released
    /// early.
    ///
    /// A row counts, as in Java, for its serialised key, the serialised values before its first
    /// change that is held back, before its last (unless that is the same) and after it, the name
    /// of the topic that the last change comes from, the names and values of its headers, and 28
    /// bytes for times, offset and partition. Its actual size in memory differs.
    pub const fn max_bytes(max_bytes: usize) -> EagerBufferConfig {
        EagerBufferConfig(bounds(None, Some(max_bytes), WhenFull::EmitEarly))
    }
}

/// Bounds of a buffer with a changelog.
const fn bounds(
    max_records: Option<usize>,
    max_bytes: Option<usize>,
    when_full: WhenFull,
) -> BufferBounds {
    BufferBounds { max_records, max_bytes, when_full, logging: Some(BTreeMap::new()) }
}

/// A buffer whose rows are never released early. Java's `StrictBufferConfig`.
#[derive(Clone, Debug)]
pub struct StrictBufferConfig(BufferBounds);

/// A buffer that releases its oldest rows early when it is full. Java's `EagerBufferConfig`.
#[derive(Clone, Debug)]
pub struct EagerBufferConfig(BufferBounds);

impl EagerBufferConfig {
    /// Holds back at most `max_records` rows per task, whatever the limit of bytes.
    #[must_use]
    pub fn with_max_records(self, max_records: usize) -> Self {
        Self(BufferBounds { max_records: Some(max_records), ..self.0 })
    }

    /// Holds back at most `max_bytes` bytes per task, whatever the limit of rows: see
    /// [`BufferConfig::max_bytes`].
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        Self(BufferBounds { max_bytes: Some(max_bytes), ..self.0 })
    }

    /// Removes all limits, so that no row is released early.
    #[must_use]
    pub fn with_no_bound(self) -> StrictBufferConfig {
        self.shut_down_when_full().with_no_bound()
    }

    /// Fails when a limit is exceeded, instead of releasing the oldest rows early.
    #[must_use]
    pub fn shut_down_when_full(self) -> StrictBufferConfig {
        StrictBufferConfig(BufferBounds { when_full: WhenFull::ShutDown, ..self.0 })
    }

    /// Disables the changelog: changes held back are lost with the machine.
    #[must_use]
    pub fn with_logging_disabled(self) -> Self {
        Self(BufferBounds { logging: None, ..self.0 })
    }

    /// Enables the changelog, with these topic settings added to the defaults.
    #[must_use]
    pub fn with_logging_enabled(self, config: BTreeMap<String, String>) -> Self {
        Self(BufferBounds { logging: Some(config), ..self.0 })
    }
}

impl StrictBufferConfig {
    /// Holds back at most `max_records` rows per task, whatever the limit of bytes.
    #[must_use]
    pub fn with_max_records(self, max_records: usize) -> Self {
        Self(BufferBounds { max_records: Some(max_records), ..self.0 })
    }

    /// Holds back at most `max_bytes` bytes per task, whatever the limit of rows: see
    /// [`BufferConfig::max_bytes`].
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        Self(BufferBounds { max_bytes: Some(max_bytes), ..self.0 })
    }

    /// Removes all limits.
    #[must_use]
    pub fn with_no_bound(self) -> Self {
        Self(BufferBounds { max_records: None, max_bytes: None, ..self.0 })
    }

    /// Releases the oldest rows early when a limit is exceeded, instead of failing.
    #[must_use]
    pub fn emit_early_when_full(self) -> EagerBufferConfig {
        EagerBufferConfig(BufferBounds { when_full: WhenFull::EmitEarly, ..self.0 })
    }

    /// Disables the changelog: changes held back are lost with the machine.
    #[must_use]
    pub fn with_logging_disabled(self) -> Self {
        Self(BufferBounds { logging: None, ..self.0 })
    }

    /// Enables the changelog, with these topic settings added to the defaults.
    #[must_use]
    pub fn with_logging_enabled(self, config: BTreeMap<String, String>) -> Self {
        Self(BufferBounds { logging: Some(config), ..self.0 })
    }
}

impl From<StrictBufferConfig> for BufferBounds {
    fn from(config: StrictBufferConfig) -> Self {
        config.0
    }
}

impl From<EagerBufferConfig> for BufferBounds {
    fn from(config: EagerBufferConfig) -> Self {
        config.0
    }
}
