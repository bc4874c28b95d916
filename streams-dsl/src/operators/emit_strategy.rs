//! `emit_strategy`: results of windows at each update, or once when they close. Java's
//! `emitStrategy`.

use std::time::Duration;

use streams_core::{RecordMetadata, processor::Context, time::duration_ms};

use super::aggregate_stream::Windowing;
use crate::{
    KGroupedStream,
    options::EmitStrategy,
    plan::Name,
    windows::{SessionWindows, SlidingWindows, TimeWindows},
};

/// Windows that close, so that results can wait for that.
pub(crate) trait Closing: Windowing + Copy {
    /// The same windows, whose results are emitted at other times.
    fn emitting(self, emit: EmitStrategy) -> Self;
}

impl Closing for TimeWindows {
    fn emitting(self, emit: EmitStrategy) -> Self {
        Self::emitting(self, emit)
    }
}

impl Closing for SlidingWindows {
    fn emitting(self, emit: EmitStrategy) -> Self {
        Self::emitting(self, emit)
    }
}

impl Closing for SessionWindows {
    fn emitting(self, emit: EmitStrategy) -> Self {
        Self::emitting(self, emit)
    }
}

#[expect(private_bounds, reason = "the kinds of windows are those of this crate")]
impl<K, V, S, W: Closing> KGroupedStream<K, V, S, W> {
    /// Emits the results of windows at each update or once, when they close. Java's `emitStrategy`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let visits = SessionWindows::of_inactivity_gap_with_no_grace(Duration::from_secs(60));
    /// let clicks = builder.stream::<String, String>("clicks").group_by_key().windowed_by(visits);
    /// let once = clicks.emit_strategy(EmitStrategy::on_window_close());
    /// once.count().stored("clicks-per-visit").to_stream().to("clicks-per-visit");
    /// assert!(builder.build()?.describe().contains("(stores: [clicks-per-visit])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[must_use]
    pub fn emit_strategy(&self, emit: EmitStrategy) -> Self {
        self.with_windows(self.windows().emitting(emit))
    }
}

/// Progress of an aggregation in its looks for closed windows.
pub(super) struct Emission {
    store: Name,
    idle: Option<Duration>,
    next_look_ms: i64,
    /// The record that looked last, and the time of the next look as it was before.
    last_look: Option<(RecordMetadata, i64)>,
    /// The close time of the last look, -1 before the first.
    until: i64,
}

impl Emission {
    /// That of the aggregation with this store, if it emits when windows close.
    pub(super) fn of(store: &str, emit: EmitStrategy) -> Option<Self> {
        let (store, idle) = (store.into(), emit.idle_time());
        let emission = || Self { store, idle, next_look_ms: 0, last_look: None, until: -1 };
        emit.is_on_close().then(emission)
    }

    /// Goes on where the last commit was. Returns the stream time from which on windows were
    /// emitted that close `close_ms` behind their end; -1 if they close by records alone, for then
    /// it is not kept over a restart, as in Java.
    pub(super) fn init<K, V>(&mut self, close_ms: i64, context: &mut Context<'_, K, V>) -> i64 {
        self.until = context.emitted_until(&self.store).unwrap_or(-1);
        let Some(idle) = self.idle else { return -1 };
        context.watch_idle(idle);
        if self.until < 0 { -1 } else { self.until.saturating_add(close_ms) }
    }

    /// The close time of the last look, -1 before the first, if `close_time` has gone on.
    pub(super) fn since(&self, close_time: i64) -> Option<i64> {
        (self.until < close_time || self.until == -1).then_some(self.until)
    }

    /// Undoes the effect of a record: a look that it made does not count.
    pub(super) fn undo<K, V>(&mut self, context: &Context<'_, K, V>) {
        self.until = context.emitted_until(&self.store).unwrap_or(-1);
        if let Some((record, next_look_ms)) = self.last_look.take()
            && record == context.record_metadata()
        {
            self.next_look_ms = next_look_ms;
        }
    }

    /// The close time of the last look, -1 before the first, if it is time for another and
    /// `close_time` has gone on.
    pub(super) fn due<K, V>(
        &mut self,
        close_time: i64,
        context: &Context<'_, K, V>,
    ) -> Option<i64> {
        let now_ms = context.current_system_time_ms();
        if now_ms < self.next_look_ms {
            return None;
        }
        let interval_ms = duration_ms(context.windowed_emit_interval());
        self.last_look = Some((context.record_metadata(), self.next_look_ms));
        self.next_look_ms = now_ms.saturating_add(interval_ms);
        self.since(close_time)
    }

    /// Windows that have closed by then are emitted.
    pub(super) fn done<K, V>(&mut self, close_time: i64, context: &mut Context<'_, K, V>) {
        self.until = close_time;
        context.set_emitted_until(&self.store, close_time);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use streams_core::{
        serde::{long, string},
        testing::TopologyTestDriver,
    };

    use crate::{EmitStrategy, StreamsBuilder, StreamsConfig, TimeWindows};

    fn driver() -> TopologyTestDriver {
        let builder = StreamsBuilder::new();
        let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(10));
        let clicks = builder.stream::<String, String>("clicks").group_by_key().windowed_by(windows);
        let counts = clicks.emit_strategy(EmitStrategy::on_window_close()).count();
        let counts = counts.to_stream().map_values(|count| count.unwrap_or_default());
        counts.select_key(|w, _| w.to_string()).to("counts");
        let config = StreamsConfig::new("emit", "localhost:9092");
        TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap()
    }

    fn click(driver: &TopologyTestDriver, time: i64) -> Vec<(String, i64)> {
        let mut clicks = driver.input_topic("clicks", string(), string());
        clicks.pipe_input("ann".to_owned(), "click".to_owned(), time).unwrap();
        let counts = driver.output_topic("counts", string(), long());
        counts.read_key_values_to_list().unwrap()
    }

    #[test]
    fn a_window_has_one_result_when_it_closes() {
        let driver = driver();
        assert_eq!(click(&driver, 0), []);
        assert_eq!(click(&driver, 9_999), []);
        driver.advance_wall_clock_time(Duration::from_secs(1)).unwrap();
        assert_eq!(click(&driver, 10_000), [("[ann@0/10000]".to_owned(), 2)]);
        assert_eq!(click(&driver, 9_999), [], "it is late");
    }

    /// The wall clock stands still between the two records: the second one does not look, and a
    /// third one does.
    #[test]
    fn windows_that_closed_are_looked_for_once_a_second_and_none_is_lost() {
        let driver = driver();
        assert_eq!(click(&driver, 0), [], "the first look");
        assert_eq!(click(&driver, 10_000), []);
        assert_eq!(click(&driver, 25_000), []);
        driver.advance_wall_clock_time(Duration::from_secs(1)).unwrap();
        let both = [("[ann@0/10000]".to_owned(), 1), ("[ann@10000/20000]".to_owned(), 1)];
        assert_eq!(click(&driver, 26_000), both);
    }
}
