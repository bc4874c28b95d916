//! JSON of scenarios to bytes of topics, and back.

use std::fmt::Write;

use serde_json::{Value, json};
use streams_core::{BoxError, Headers};

use super::scenario::Type;

/// The bytes of a key or value that is piped in. The JSON tells its type: text is UTF-8, a number
/// is a big-endian `i64`, an object is JSON text.
pub(super) fn bytes_of(value: &Value) -> Result<Option<Vec<u8>>, BoxError> {
    Ok(match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Number(number) => {
            let number = number.as_i64().ok_or_else(|| format!("{number} is not an i64"))?;
            Some(number.to_be_bytes().to_vec())
        }
        other => Some(serde_json::to_vec(other)?),
    })
}

/// A key or value of a topic as JSON; bytes of another type come out as their hexadecimal digits.
pub(super) fn json_of(kind: Type, window_ms: Option<i64>, bytes: Option<&[u8]>) -> Value {
    let Some(bytes) = bytes else { return Value::Null };
    let value = match kind {
        Type::String => std::str::from_utf8(bytes).ok().map(Value::from),
        Type::Long => bytes.try_into().ok().map(|bytes| Value::from(i64::from_be_bytes(bytes))),
        Type::Json => serde_json::from_slice(bytes).ok(),
        Type::TimeWindowed => time_windowed(bytes, window_ms.unwrap_or_default()),
        Type::SessionWindowed => session_windowed(bytes),
    };
    value.unwrap_or_else(|| json!({ "unreadable": hex(bytes) }))
}

fn time_windowed(bytes: &[u8], window_ms: i64) -> Option<Value> {
    let (key, start) = bytes.split_last_chunk()?;
    let start = i64::from_be_bytes(*start);
    Some(windowed(std::str::from_utf8(key).ok()?, start, start + window_ms))
}

fn session_windowed(bytes: &[u8]) -> Option<Value> {
    let (bytes, start) = bytes.split_last_chunk()?;
    let (key, end) = bytes.split_last_chunk()?;
    let key = std::str::from_utf8(key).ok()?;
    Some(windowed(key, i64::from_be_bytes(*start), i64::from_be_bytes(*end)))
}

/// A windowed key.
pub(super) fn windowed(key: &str, start: i64, end: i64) -> Value {
    json!({ "key": key, "start": start, "end": end })
}

/// Headers as scenarios have them: a list of name and text.
pub(super) fn header_texts(headers: &Headers) -> Vec<Value> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| json!([name, value.map(text)])).collect()
}

/// Hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String can't fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The bytes of hexadecimal digits.
pub(super) fn unhex(digits: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2).unwrap_or_default(), 16)).collect()
}
