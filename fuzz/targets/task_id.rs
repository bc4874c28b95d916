//! Names of tasks, as in the state directory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streams_core::TaskId;

fuzz_target!(|text: &str| {
    if let Ok(task) = text.parse::<TaskId>() {
        assert_eq!(task.to_string().parse(), Ok(task));
    }
});
