//! The serde of a table's changes on a repartition topic.
#![no_main]

use fuzz::{decode, encode};
use libfuzzer_sys::fuzz_target;
use streams_core::serde;
use streams_dsl::{Change, fuzzing::changed};

fuzz_target!(|data: &[u8]| {
    let serde = changed(serde::bytes(), false);
    if let Some(change) = decode(&*serde, data) {
        let bytes = encode(&*serde, &change);
        assert_eq!(serde.deserialize("topic", bytes.as_deref()).ok(), Some(change));
    }
    decode(&*changed(serde::string(), false), data);

    // While upgrading the same bytes are read, but a change with both values is not written.
    let split = changed(serde::bytes(), true);
    let Ok(change) = split.deserialize("topic", Some(data)) else { return };
    let both = matches!(change, Change { new: Some(_), old: Some(_), .. });
    assert_eq!(split.serialize("topic", &change, &mut Vec::new()).is_err(), both);
});
