//! Joins of two tables by foreign key.

use super::{
    Dsl,
    table::table,
    table_join::{inner, left},
};

pub(super) const TOPOLOGIES: Dsl = &[
    ("foreign-key-inner", |b| {
        let joined = table(b, "left").join_on(&table(b, "right"), foreign, inner);
        joined.stored("fkj").to_stream().to("out");
    }),
    ("foreign-key-left", |b| {
        let joined = table(b, "left").left_join_on(&table(b, "right"), foreign, left);
        joined.stored("fkj").to_stream().to("out");
    }),
    ("foreign-key-named", |b| {
        let joined = table(b, "left").join_on(&table(b, "right"), foreign, inner);
        joined.named("tj").to_stream().to("out");
    }),
    ("foreign-key-with-key", |b| {
        let by_key = |k: &String, v: &String| match k.as_str() {
            "k1" => Some("f1".to_owned()),
            _ => foreign(v),
        };
        let joined = table(b, "left").left_join_on_with_key(&table(b, "right"), by_key, left);
        joined.to_stream().to("out");
    }),
];

/// The part before the first colon, if there is one and it is not empty.
#[expect(clippy::ptr_arg, reason = "what a table of `String` hands to its functions")]
pub(super) fn foreign(value: &String) -> Option<String> {
    let (key, _) = value.split_once(':')?;
    (!key.is_empty()).then(|| key.to_owned())
}
