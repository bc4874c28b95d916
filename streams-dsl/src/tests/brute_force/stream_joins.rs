//! Joins of streams: each pair within the window, and what is in no pair.

use proptest::{collection::vec, prelude::*};

use super::{Bed, millis};
use crate::JoinWindows;

/// Whether the record is of the left stream, its key, the step of time before it, and its lateness.
type Input = (bool, u8, i64, i64);

/// The join: whether left records, and right ones, come out alone.
#[derive(Clone, Copy, Debug)]
enum Join {
    Inner,
    Left,
    Outer,
}

struct Placed {
    left: bool,
    key: u8,
    time: i64,
}

/// Records that are late by at most `late`, so that none of them comes behind the end of a window
/// that it is in.
fn placed(inputs: &[Input], late: i64) -> Vec<Placed> {
    let mut now = 20;
    let place = |&(left, key, step, behind): &Input| {
        now += step;
        Placed { left, key, time: now - behind.min(late) }
    };
    inputs.iter().map(place).collect()
}

fn expected(records: &[Placed], (before, after): (i64, i64), join: Join) -> Vec<String> {
    let mut lines = Vec::new();
    let pairs = |left: &Placed, right: &Placed| {
        left.key == right.key && (left.time - before..=left.time + after).contains(&right.time)
    };
    let sides =
        |side: bool| records.iter().enumerate().filter(move |(_, record)| record.left == side);
    for (l, left) in sides(true) {
        for (r, right) in sides(false).filter(|(_, right)| pairs(left, right)) {
            lines.push(format!("{}=<{l}><{r}>@{}", left.key, left.time.max(right.time)));
        }
        let alone = !sides(false).any(|(_, right)| pairs(left, right));
        if alone && !matches!(join, Join::Inner) {
            lines.push(format!("{}=<{l}>-@{}", left.key, left.time));
        }
    }
    for (r, right) in sides(false) {
        let alone = !sides(true).any(|(_, left)| pairs(left, right));
        if alone && matches!(join, Join::Outer) {
            lines.push(format!("{}=-<{r}>@{}", right.key, right.time));
        }
    }
    lines.sort();
    lines
}

fn both(left: Option<&String>, right: Option<&String>) -> String {
    let text = |side: Option<&String>| side.cloned().unwrap_or_else(|| "-".to_owned());
    format!("{}{}", text(left), text(right))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_join_gives_each_pair_once_and_what_is_in_none_of_them(
        join in prop_oneof![Just(Join::Inner), Just(Join::Left), Just(Join::Outer)],
        (before, after, grace) in (0..12_i64, 0..12_i64, 1..12_i64),
        inputs in vec((any::<bool>(), 0..2_u8, 0..6_i64, 0..12_i64), 0..40),
    ) {
        let bed = Bed::new(|builder| {
            let left = builder.stream::<String, String>("left");
            let right = builder.stream::<String, String>("right");
            let windows = JoinWindows::of_time_difference_and_grace(millis(after), millis(grace));
            let windows = windows.before(millis(before));
            let joined = match join {
                Join::Inner => left.join_stream(&right, windows, |l, r| both(Some(l), Some(r))),
                Join::Left => left.left_join_stream(&right, windows, |l, r: Option<&String>| both(Some(l), r)),
                Join::Outer => left.outer_join_stream(&right, windows, both),
            };
            joined.to("out");
        });
        let records = placed(&inputs, before.min(after).min(grace));
        for (number, record) in records.iter().enumerate() {
            let topic = if record.left { "left" } else { "right" };
            bed.pipe(topic, &record.key.to_string(), Some(format!("<{number}>")), record.time);
        }
        let out = bed.0.output_topic("out", super::texts(), super::texts());
        // A record that is far behind all others has what was not joined come out.
        bed.pipe("right", "end", Some("end".to_owned()), 10_000);
        let lines = out.read_records_to_list().unwrap().into_iter().map(|record| {
            format!("{}={}@{}", record.key.unwrap(), record.value.unwrap(), record.timestamp)
        });
        let mut found: Vec<_> = lines.collect();
        found.sort();
        prop_assert_eq!(found, expected(&records, (before, after), join));
    }
}
