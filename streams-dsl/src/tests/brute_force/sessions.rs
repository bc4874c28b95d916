//! Sessions: records of a key that are no more than the gap apart.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::{Bed, DAY, appended, millis};
use crate::{Materialized, SessionWindows};

/// A session of a key: first and last time, and the names of its records.
#[derive(Clone)]
struct Session {
    start: i64,
    end: i64,
    names: String,
}

impl Session {
    fn shown(&self, key: u8) -> String {
        format!("[k{key}@{}/{}]", self.start, self.end)
    }
}

/// Output for a record of a key at a time: the sessions that it joins are deleted in the order of
/// their ends, unless one of them already is the new session, which comes out then.
fn take(
    sessions: &mut Vec<Session>,
    (key, time, name): (u8, i64, &str),
    gap: i64,
    closed: i64,
) -> Vec<(String, Option<String>)> {
    let near = |session: &Session| session.end >= time - gap && session.start <= time + gap;
    let mut joined: Vec<Session> =
        sessions.iter().filter(|session| near(session)).cloned().collect();
    joined.sort_by_key(|session| (session.end, session.start));
    let mut union = Session { start: time, end: time, names: String::new() };
    for session in &joined {
        union.start = union.start.min(session.start);
        union.end = union.end.max(session.end);
        union.names = appended(&union.names, &session.names);
    }
    if union.end < closed {
        return Vec::new();
    }
    sessions.retain(|session| !near(session));
    let mut out = Vec::new();
    if (union.start, union.end) != (time, time) {
        out.extend(joined.iter().map(|session| (session.shown(key), None)));
    }
    union.names = appended(&union.names, name);
    out.push((union.shown(key), Some(union.names.clone())));
    sessions.push(union);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Merges, records that come late, and those that come too late: to the record, and in order.
    #[test]
    fn sessions_grow_merge_and_close(
        gap in 1..10_i64,
        grace in 0..20_i64,
        inputs in vec((0..2_u8, 0..80_i64), 0..40),
    ) {
        let bed = Bed::new(|builder| {
            let windows = SessionWindows::of_inactivity_gap_and_grace(millis(gap), millis(grace));
            let records = builder.stream::<String, String>("in").group_by_key().windowed_by(windows);
            let names = records.aggregate(
                String::new,
                |_, name: &String, names: String| appended(&names, name),
                |_, one: String, other: String| appended(&one, &other),
            );
            let names = names.stored(Materialized::named("names").with_retention(DAY));
            names.to_stream().select_key(|window, _| window.to_string()).to("out");
        });
        let mut sessions = BTreeMap::<u8, Vec<Session>>::new();
        let mut stream_time = -1;
        for (number, (key, time)) in inputs.iter().enumerate() {
            stream_time = stream_time.max(*time);
            let closed = stream_time - grace - gap;
            let name = number.to_string();
            let expected = take(sessions.entry(*key).or_default(), (*key, *time, &name), gap, closed);
            bed.pipe("in", &format!("k{key}"), Some(name), *time);
            prop_assert_eq!(bed.read(), expected, "for record {}", number);
        }
    }
}
