//! JSON objects of scenarios as typed data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Any JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct JsonValue(Value);

impl From<JsonValue> for Value {
    fn from(json: JsonValue) -> Self {
        json.0
    }
}
