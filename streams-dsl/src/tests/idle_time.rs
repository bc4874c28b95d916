//! Windows and suppressions that close while no record comes.

use std::time::Duration;

use streams_core::{serde::string, testing::TopologyTestDriver};

use crate::{
    BufferConfig, EmitStrategy, JoinWindows, KStream, SessionWindows, SlidingWindows,
    StreamsBuilder, StreamsConfig, Suppressed, TimeWindows,
};

const SECOND: Duration = Duration::from_secs(1);

struct Bed(TopologyTestDriver);

impl Bed {
    fn new(build: impl Fn(&StreamsBuilder)) -> Self {
        let builder = StreamsBuilder::new();
        build(&builder);
        let config = StreamsConfig::new("idle", "localhost:9092");
        Self(TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap())
    }

    fn pipe(&self, topic: &str, key: &str, value: &str, time: i64) -> Vec<String> {
        let mut input = self.0.input_topic(topic, string(), string());
        input.pipe_input(key.to_owned(), value.to_owned(), time).unwrap();
        self.out()
    }

    /// The wall clock goes on by so many milliseconds.
    fn wait(&self, ms: u64) -> Vec<String> {
        self.0.advance_wall_clock_time(Duration::from_millis(ms)).unwrap();
        self.out()
    }

    fn out(&self) -> Vec<String> {
        let out = self.0.output_topic("out", string(), string());
        let rows = out.read_key_values_to_list().unwrap();
        rows.into_iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    fn dropped(&self) -> u64 {
        self.0.dropped_records()
    }
}

fn clicks(builder: &StreamsBuilder) -> KStream<String, String> {
    builder.stream::<String, String>("in")
}

fn once(idle: u64) -> EmitStrategy {
    EmitStrategy::on_window_close().with_idle_time(Duration::from_millis(idle))
}

/// The values of each window in one text, as the records of the window.
macro_rules! to_out {
    ($windowed:expr) => {
        $windowed
            .reduce(|all, one| format!("{all}{one}"))
            .to_stream()
            .map_values(|all| all.clone().unwrap_or_default())
            .select_key(|w, _| w.to_string())
            .to("out")
    };
}

#[test]
fn a_tumbling_window_closes_when_time_would_have_reached_its_end_and_what_is_late_is_dropped() {
    let bed = Bed::new(|b| {
        let windows = TimeWindows::of_size_and_grace(10 * SECOND, 2 * SECOND);
        to_out!(clicks(b).group_by_key().windowed_by(windows).emit_strategy(once(5_000)));
    });
    assert_eq!(bed.pipe("in", "a", "x", 1_000), Vec::<String>::new());
    assert!(bed.wait(4_999).is_empty());
    assert!(bed.wait(6_000).is_empty(), "at 11,999");
    assert_eq!(bed.wait(1), ["[a@0/10000]=x"], "at the end and the grace period");
    assert!(bed.wait(60_000).is_empty(), "once");
    assert_eq!((bed.pipe("in", "a", "y", 9_000), bed.dropped()), (vec![], 1));
    assert!(bed.pipe("in", "b", "z", 10_000).is_empty());
    assert_eq!(bed.wait(12_000), ["[b@10000/20000]=z"], "time goes on from where it was");
}

/// Time that went on stays where it was when something closed: what is behind that is not late.
#[test]
fn records_of_windows_that_are_open_are_taken_however_long_the_task_was_idle() {
    let bed = Bed::new(|b| {
        let windows = TimeWindows::of_size_with_no_grace(10 * SECOND);
        to_out!(clicks(b).group_by_key().windowed_by(windows).emit_strategy(once(5_000)));
    });
    bed.pipe("in", "a", "x", 0);
    assert_eq!(bed.wait(10_000).len(), 1);
    bed.wait(3_600_000);
    bed.pipe("in", "a", "y", 10_000);
    bed.pipe("in", "a", "z", 12_000);
    bed.wait(1_000);
    assert_eq!(bed.pipe("in", "a", "-", 20_000), ["[a@10000/20000]=yz"]);
    assert_eq!(bed.dropped(), 0);
}

#[test]
fn without_an_idle_time_nothing_closes_and_records_of_any_partition_keep_the_task_awake() {
    let bed = Bed::new(|b| {
        let windows = TimeWindows::of_size_with_no_grace(10 * SECOND);
        let strategy = EmitStrategy::on_window_close();
        to_out!(clicks(b).group_by_key().windowed_by(windows).emit_strategy(strategy));
    });
    bed.pipe("in", "a", "x", 0);
    assert!(bed.wait(3_600_000).is_empty());
    let bed = Bed::new(|b| {
        let both = clicks(b).merge(&b.stream::<String, String>("other"));
        let windows = TimeWindows::of_size_with_no_grace(10 * SECOND);
        to_out!(both.group_by_key().windowed_by(windows).emit_strategy(once(15_000)));
    });
    bed.pipe("in", "a", "x", 0);
    for _ in 0..5 {
        assert!(bed.wait(14_000).is_empty());
        bed.pipe("other", "b", "y", 1);
    }
    assert_eq!(bed.wait(15_000).len(), 2);
}

#[test]
fn hopping_sliding_and_session_windows_close_too() {
    let bed = Bed::new(|b| {
        let windows = TimeWindows::of_size_with_no_grace(10 * SECOND).advance_by(5 * SECOND);
        to_out!(clicks(b).group_by_key().windowed_by(windows).emit_strategy(once(1_000)));
    });
    bed.pipe("in", "a", "x", 6_000);
    assert_eq!(bed.wait(4_000), ["[a@0/10000]=x"]);
    assert_eq!(bed.wait(5_000), ["[a@5000/15000]=x"]);

    let bed = Bed::new(|b| {
        let windows =
            SlidingWindows::of_time_difference_and_grace(2 * SECOND, Duration::from_secs(1));
        to_out!(clicks(b).group_by_key().windowed_by(windows).emit_strategy(once(1_000)));
    });
    bed.pipe("in", "a", "x", 5_000);
    bed.pipe("in", "a", "y", 6_000);
    let closed = bed.wait(4_001);
    assert_eq!(closed, ["[a@3000/5000]=x", "[a@4000/6000]=xy", "[a@5001/7001]=y"]);
    assert_eq!((bed.pipe("in", "a", "z", 5_500), bed.dropped() > 0), (vec![], true));

    let bed = Bed::new(|b| {
        let sessions = SessionWindows::of_inactivity_gap_with_no_grace(3 * SECOND);
        let clicks = clicks(b).group_by_key().windowed_by(sessions).emit_strategy(once(1_000));
        to_out!(clicks);
    });
    bed.pipe("in", "a", "x", 5_000);
    bed.pipe("in", "a", "y", 7_000);
    assert!(bed.wait(3_000).is_empty());
    assert_eq!(bed.wait(1_000), ["[a@5000/7000]=xy"]);
    assert_eq!((bed.pipe("in", "a", "z", 6_000), bed.dropped()), (vec![], 1));
}

#[test]
fn what_is_suppressed_until_its_window_closes_goes_on_once() {
    let bed = Bed::new(|b| {
        let windows = TimeWindows::of_size_with_no_grace(10 * SECOND);
        let all = clicks(b).group_by_key().windowed_by(windows);
        let all = all.reduce(|all, one| format!("{all}{one}"));
        let closed = Suppressed::until_window_closes(BufferConfig::unbounded());
        let all = all.suppress(closed.with_idle_time(5 * SECOND)).to_stream();
        let all = all.map_values(|all| all.clone().unwrap_or_default());
        all.select_key(|w, _| w.to_string()).to("out");
    });
    bed.pipe("in", "a", "x", 1_000);
    bed.pipe("in", "a", "y", 2_000);
    assert!(bed.wait(7_999).is_empty());
    assert_eq!(bed.wait(1), ["[a@0/10000]=xy"]);
    assert_eq!((bed.pipe("in", "a", "z", 3_000), bed.dropped()), (vec![], 1), "it is late");
    assert!(bed.wait(60_000).is_empty());
    bed.pipe("in", "a", "u", 11_000);
    assert_eq!(bed.wait(9_000), ["[a@10000/20000]=u"]);
}

#[test]
fn what_is_suppressed_for_a_time_goes_on_when_that_is_over() {
    let bed = Bed::new(|b| {
        let calm = Suppressed::until_time_limit(10 * SECOND, BufferConfig::unbounded());
        let rows = b.table::<String, String>("in").suppress(calm.with_idle_time(SECOND));
        rows.to_stream().to("out");
    });
    bed.pipe("in", "a", "x", 1_000);
    assert!(bed.wait(9_999).is_empty());
    assert_eq!(bed.wait(1), ["a=x"]);
    assert_eq!((bed.pipe("in", "a", "y", 500), bed.dropped()), (vec!["a=y".to_owned()], 0));
}

#[test]
fn a_record_that_no_other_joins_comes_out_of_an_outer_join_and_is_joined_no_more() {
    let bed = Bed::new(|b| {
        let windows = JoinWindows::of_time_difference_and_grace(10 * SECOND, SECOND);
        let right = b.stream::<String, String>("right");
        let join = |l: Option<&String>, r: Option<&String>| format!("{l:?}+{r:?}");
        let joined = clicks(b).outer_join_stream(&right, windows.with_idle_time(5 * SECOND), join);
        joined.to("out");
    });
    bed.pipe("in", "a", "x", 1_000);
    assert_eq!(bed.pipe("right", "a", "y", 2_000), ["a=Some(\"x\")+Some(\"y\")"]);
    bed.pipe("right", "b", "z", 2_000);
    assert!(bed.wait(11_000).is_empty(), "its window and the grace period end now");
    assert_eq!(bed.wait(5_000), ["b=None+Some(\"z\")"]);
    assert!(bed.pipe("in", "b", "late", 3_000).is_empty());
    assert_eq!(bed.dropped(), 1);
    bed.pipe("in", "b", "new", 30_000);
    assert_eq!(bed.pipe("right", "b", "other", 30_000), ["b=Some(\"new\")+Some(\"other\")"]);
    assert!(bed.wait(60_000).is_empty());
}
