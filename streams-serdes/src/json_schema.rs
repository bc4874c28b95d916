//! JSON text that a JSON Schema permits, by jsonschema.

use std::{collections::HashMap, marker::PhantomData, sync::Arc};

use jsonschema::{Retrieve, Uri, Validator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use streams_core::{
    BoxError, Error, ErrorKind, Result,
    serde::{Serde, SerdeRef, UnexpectedNull, Written},
};

use crate::{
    registry::{Format, SchemaRegistry, SchemaType},
    schema_text::SchemaText,
};

/// Looks at JSON before it is written and after it was read.
struct Permit(Validator);

impl Permit {
    fn new(schema: &SchemaText) -> Result<Self, BoxError> {
        let parse = |text: &str| serde_json::from_str::<Value>(text);
        let mut referred = HashMap::new();
        for (name, text) in schema.all_references() {
            referred.insert(name.to_owned(), parse(text)?);
        }
        let options = jsonschema::options().with_retriever(Referred(referred));
        let validator =
            options.build(&parse(schema.as_str())?).map_err(|error| error.to_string())?;
        Ok(Self(validator))
    }

    fn check(&self, value: &Value) -> Result<(), BoxError> {
        self.0.validate(value).map_err(|error| {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { "the whole".to_owned() } else { at };
            format!("the JSON schema forbids it: {error} (at {at})").into()
        })
    }

    fn write<T: Serialize>(&self, data: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.check(&serde_json::to_value(data)?)?;
        Ok(serde_json::to_writer(out, data)?)
    }

    fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, BoxError> {
        let value = serde_json::from_slice(bytes)?;
        self.check(&value)?;
        Ok(serde_json::from_value(value)?)
    }
}

/// Schemas by the names that others refer to them by. Nothing is fetched from anywhere.
struct Referred(HashMap<String, Value>);

impl Retrieve for Referred {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, BoxError> {
        let uri = uri.as_str();
        let last = uri.rsplit_once('/').map_or(uri, |(_, last)| last);
        let found = self.0.get(uri).or_else(|| self.0.get(last));
        found.cloned().ok_or_else(|| format!("no reference of the schema is named {uri}").into())
    }
}

struct JsonSchemaSerde<T> {
    permit: Permit,
    kind: PhantomData<fn(T)>,
}

impl<T: Serialize + DeserializeOwned> Serde<T> for JsonSchemaSerde<T> {
    fn serialize(&self, _: &str, data: &T, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        self.permit.write(data, out)?;
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<T, BoxError> {
        self.permit.read(data.ok_or(UnexpectedNull)?)
    }
}

fn unusable(cause: BoxError) -> Error {
    Error::with_source(ErrorKind::Config, "the JSON schema can't be used", cause)
}

/// JSON text of any type that serde can write and read. What the schema forbids is neither written
/// nor read.
///
/// ```
/// use streams_core::serde::Serde;
///
/// let schema = r#"{"type": "object", "properties": {"amount": {"minimum": 0}}, "required": ["amount"]}"#;
/// let serde = streams_serdes::json_schema::<serde_json::Value>(schema)?;
/// assert!(serde.deserialize("orders", Some(br#"{"amount": 7}"#)).is_ok());
/// let error = serde.deserialize("orders", Some(br#"{"amount": -7}"#)).unwrap_err();
/// assert!(error.to_string().contains("at /amount"));
/// # Ok::<(), streams_core::BoxError>(())
/// ```
///
/// # Errors
/// `Config` if the text is no JSON schema.
pub fn json_schema<T: Serialize + DeserializeOwned + 'static>(
    schema: impl Into<SchemaText>,
) -> Result<SerdeRef<T>> {
    let permit = Permit::new(&schema.into()).map_err(unusable)?;
    Ok(Arc::new(JsonSchemaSerde { permit, kind: PhantomData }))
}

struct JsonSchemaFormat<T> {
    text: SchemaText,
    title: Option<String>,
    kind: PhantomData<fn(T)>,
}

impl<T> JsonSchemaFormat<T> {
    fn new(text: SchemaText) -> Result<Self> {
        Permit::new(&text).map_err(unusable)?;
        let schema: Value =
            serde_json::from_str(text.as_str()).map_err(|error| unusable(error.into()))?;
        let title = schema.get("title").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { text, title, kind: PhantomData })
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Format<T> for JsonSchemaFormat<T> {
    type Reader = Permit;
    type Writer = Permit;

    const TYPE: SchemaType = SchemaType::Json;

    fn own(&self) -> &SchemaText {
        &self.text
    }

    fn name(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn reader(&self, written_by: &SchemaText) -> Result<Permit, BoxError> {
        Permit::new(written_by)
    }

    fn writer(&self, registered: &SchemaText) -> Result<Permit, BoxError> {
        Permit::new(registered)
    }

    fn read(&self, permit: &Permit, body: &[u8]) -> Result<T, BoxError> {
        permit.read(body)
    }

    fn write(&self, permit: &Permit, data: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        permit.write(data, out)
    }
}

impl SchemaRegistry {
    /// JSON text of any type that serde can write and read, by a JSON schema that is registered;
    /// its `title` is the name where the subject needs one. A record is looked at by the schema
    /// that it was written by. Java's `KafkaJsonSchemaSerde` with `json.fail.invalid.schema=true`.
    ///
    /// # Errors
    /// `Config` if the text is no JSON schema, or has no title where the subject needs one.
    pub fn json_schema<T: Serialize + DeserializeOwned + 'static>(
        &self,
        schema: impl Into<SchemaText>,
    ) -> Result<SerdeRef<T>> {
        self.serde::<T, _>(JsonSchemaFormat::new(schema.into())?)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const ORDER: &str = r#"{
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
        "properties": {"id": {"type": "string"}, "amount": {"type": "number", "minimum": 0}},
        "required": ["id", "amount"]}"#;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        id: String,
        amount: f64,
    }

    #[test]
    fn what_is_permitted_is_the_text_that_serde_writes() {
        let serde = json_schema::<Order>(ORDER).unwrap();
        let order = Order { id: "o1".to_owned(), amount: 9.966_666_666_666_667 };
        let mut out = Vec::new();
        serde.serialize("t", &order, &mut out).unwrap();
        assert_eq!(out, br#"{"id":"o1","amount":9.966666666666667}"#);
        assert_eq!(serde.deserialize("t", Some(&out)).unwrap(), order);
    }

    #[test]
    fn what_is_forbidden_is_neither_written_nor_read() {
        let serde = json_schema::<Order>(ORDER).unwrap();
        let mut out = Vec::new();
        let order = Order { id: "o1".to_owned(), amount: -1.0 };
        let error = serde.serialize("t", &order, &mut out).unwrap_err().to_string();
        assert!(
            error.contains("-1.0 is less than the minimum of 0") && error.contains("/amount"),
            "{error}"
        );
        assert!(out.is_empty());
        assert!(serde.deserialize("t", Some(br#"{"id":"o1"}"#)).is_err());
        assert!(serde.deserialize("t", Some(b"{")).is_err());
        assert!(serde.deserialize("t", None).unwrap_err().is::<UnexpectedNull>());
    }

    #[test]
    fn a_schema_that_refers_to_another_one_looks_at_both() {
        let customer = r#"{"type": "object", "required": ["name"]}"#;
        let order = r#"{"type": "object", "properties": {"by": {"$ref": "customer.json"}}}"#;
        assert!(json_schema::<Value>(order).is_err(), "a reference that is not given");
        let order = SchemaText::new(order).reference("customer.json", "customer", customer);
        let serde = json_schema::<Value>(order).unwrap();
        assert!(serde.deserialize("t", Some(br#"{"by": {"name": "Ann"}}"#)).is_ok());
        assert!(serde.deserialize("t", Some(br#"{"by": {}}"#)).is_err());
    }
}
