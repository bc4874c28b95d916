//! Sliding windows: of all spans of the time difference that begin or end at a record, those that
//! hold one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::{Bed, DAY, appended, millis};
use crate::{Materialized, SlidingWindows};

/// Key and timestamp.
type Input = (u8, i64);

/// The windows of the records of one key: each with the names of what is in it, by number.
fn windows(records: &[(usize, i64)], difference: i64) -> BTreeMap<(i64, i64), BTreeSet<usize>> {
    let ending = records.iter().map(|(_, time)| (time - difference).max(0));
    let beginning = records.iter().map(|(_, time)| time + 1);
    let starts: BTreeSet<i64> = ending.chain(beginning).collect();
    let spans = starts.into_iter().map(|start| (start, start + difference));
    let filled = spans.map(|(start, end)| {
        let inside = records.iter().filter(|(_, time)| (start..=end).contains(time));
        ((start, end), inside.map(|(number, _)| *number).collect())
    });
    filled.filter(|(_, inside): &(_, BTreeSet<usize>)| !inside.is_empty()).collect()
}

fn check(difference: i64, grace: i64, inputs: &[Input]) -> Result<(), TestCaseError> {
    let bed = Bed::new(|builder| {
        let windows =
            SlidingWindows::of_time_difference_and_grace(millis(difference), millis(grace));
        let records = builder.stream::<String, String>("in").group_by_key().windowed_by(windows);
        let names = records
            .aggregate(String::new, |_, name: &String, names: String| appended(&names, name));
        let names = names.stored(Materialized::named("names").with_retention(DAY));
        names.to_stream().select_key(|window, _| window.to_string()).to("out");
    });
    let mut taken = BTreeMap::<u8, Vec<(usize, i64)>>::new();
    let mut found = BTreeMap::new();
    let mut stream_time = -1;
    for (number, (key, time)) in inputs.iter().enumerate() {
        let closed = stream_time.max(*time) - grace;
        // Of a record of which some windows have closed and others have not, it depends on what was
        // there before.
        if (closed - difference..closed).contains(time) {
            continue;
        }
        stream_time = stream_time.max(*time);
        if *time >= closed {
            taken.entry(*key).or_default().push((number, *time));
        }
        bed.pipe("in", &format!("k{key}"), Some(number.to_string()), *time);
        bed.read_into(&mut found);
        let expected: BTreeMap<_, _> = taken
            .iter()
            .flat_map(|(key, records)| {
                let windows = windows(records, difference).into_iter();
                windows
                    .map(move |((start, end), inside)| (format!("[k{key}@{start}/{end}]"), inside))
            })
            .collect();
        let found: BTreeMap<String, BTreeSet<usize>> = found
            .iter()
            .map(|(window, names): (&String, &String)| {
                let numbers = names.split(' ').map(|number| number.parse().unwrap());
                (window.clone(), numbers.collect())
            })
            .collect();
        prop_assert_eq!(found, expected, "behind record {}", number);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_window_has_the_records_of_its_span_in_whatever_order_they_come(
        difference in 1..12_i64,
        inputs in vec((0..2_u8, 0..40_i64), 0..30),
    ) {
        check(difference, 1_000, &inputs)?;
    }

    #[test]
    fn a_record_whose_windows_have_all_closed_is_in_none(
        difference in 1..8_i64,
        grace in 0..8_i64,
        inputs in vec((0..2_u8, 0..60_i64), 0..40),
    ) {
        check(difference, grace, &inputs)?;
    }
}
