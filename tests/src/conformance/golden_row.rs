//! Comparing lists of rows, and saying which row differs first.

use serde_json::Value;

use super::Checked;

/// Checks that two lists are equal, or says where they differ first.
pub(super) fn compare(what: &str, expected: &[Value], actual: &[Value]) -> Checked {
    for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
        if expected != actual {
            return Err(format!("{what} {index}: expected {expected}, found {actual}").into());
        }
    }
    match (expected.get(actual.len()), actual.get(expected.len())) {
        (Some(missing), _) => {
            Err(format!("{what} {}: expected {missing}, found nothing", actual.len()).into())
        }
        (_, Some(extra)) => {
            Err(format!("{what} {}: expected nothing, found {extra}", expected.len()).into())
        }
        (None, None) => Ok(()),
    }
}
