//! The file with the identity of a state directory's process.
#![no_main]

use libfuzzer_sys::fuzz_target;
use state_store::fuzzing::{format_process_file, parse_process_file};
use uuid::Uuid;

fn write_read(process_id: Uuid) {
    let bytes = format_process_file(process_id).expect("an id has bytes");
    assert_eq!(parse_process_file(&bytes).ok(), Some(process_id));
}

fuzz_target!(|data: &[u8]| {
    if let Ok(process_id) = parse_process_file(data) {
        write_read(process_id);
    }
    if let Some(id) = data.first_chunk() {
        write_read(Uuid::from_bytes(*id));
    }
});
