//! Joins by foreign key: behind each change of either table the result is the join of both as they
//! are.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::Bed;

/// A change of the left table: its key, and the foreign key and text that it has now.
/// Or one of the right table: its key and text.
#[derive(Clone, Debug)]
enum Change {
    Left(u8, Option<(Option<u8>, u8)>),
    Right(u8, Option<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let left = prop::option::weighted(0.8, (prop::option::weighted(0.8, 0..3_u8), 0..3_u8));
    prop_oneof![
        (0..4_u8, left).prop_map(|(key, row)| Change::Left(key, row)),
        (0..3_u8, prop::option::weighted(0.7, 0..3_u8))
            .prop_map(|(key, row)| Change::Right(key, row)),
    ]
}

/// The foreign key in the text of a left row, `-` if it has none.
fn foreign_key(row: &str) -> Option<String> {
    let (key, _) = row.split_once('|')?;
    (key != "-").then(|| key.to_owned())
}

fn joined(
    left: &BTreeMap<String, String>,
    right: &BTreeMap<String, String>,
    keeps_left: bool,
) -> BTreeMap<String, String> {
    let row = |(key, row): (&String, &String)| {
        let other = foreign_key(row).and_then(|foreign| right.get(&foreign));
        match other {
            Some(other) => Some((key.clone(), format!("{row}+{other}"))),
            None => keeps_left.then(|| (key.clone(), format!("{row}+"))),
        }
    };
    left.iter().filter_map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_join_by_foreign_key_follows_both_tables(
        keeps_left in any::<bool>(),
        changes in vec(change(), 0..40),
    ) {
        let bed = Bed::new(|builder| {
            let left = builder.table::<String, String>("left");
            let right = builder.table::<String, String>("right");
            let joined = if keeps_left {
                left.left_join_on(&right, |row| foreign_key(row), |row, other: Option<&String>| {
                    format!("{row}+{}", other.map_or("", String::as_str))
                })
            } else {
                left.join_on(&right, |row| foreign_key(row), |row, other| format!("{row}+{other}"))
            };
            joined.to_stream().to("out");
        });
        let (mut left, mut right, mut found) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (number, change) in (0..).zip(&changes) {
            let (topic, key, value, table) = match change {
                Change::Left(key, row) => {
                    let row = row.map(|(foreign, text)| {
                        let foreign = foreign.map_or_else(|| "-".to_owned(), |key| format!("f{key}"));
                        format!("{foreign}|{text}")
                    });
                    ("left", format!("k{key}"), row, &mut left)
                }
                Change::Right(key, row) => {
                    ("right", format!("f{key}"), row.map(|text| format!("r{text}")), &mut right)
                }
            };
            match &value {
                Some(value) => table.insert(key.clone(), value.clone()),
                None => table.remove(&key),
            };
            bed.pipe(topic, &key, value, number);
            bed.read_into(&mut found);
            prop_assert_eq!(&found, &joined(&left, &right, keeps_left), "behind change {}", number);
        }
    }
}
