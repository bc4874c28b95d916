//! Checks of spans of time.

use std::time::Duration;

use streams_core::{Error, ErrorKind, Result, time::duration_ms};

/// Checks that spans, each with its name, are in whole milliseconds; `what` they are of.
///
/// # Errors
/// `Topology` if one is not.
pub(super) fn check_spans(what: &str, spans: &[(&str, Duration)]) -> Result {
    for (name, span) in spans {
        if !span.subsec_nanos().is_multiple_of(1_000_000) || duration_ms(*span) == i64::MAX {
            return Err(mistake(format!(
                "the {name} of {what} must be in whole milliseconds that an i64 can count, not {span:?}"
            )));
        }
    }
    Ok(())
}

/// A mistake in the definition of windows.
pub(super) fn mistake(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Topology, text.into())
}
