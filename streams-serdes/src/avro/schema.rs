//! Schemas as apache-avro has them.

use std::{collections::HashMap, sync::LazyLock};

use apache_avro::{Schema, schema::UnionSchema};
use parking_lot::Mutex;
use streams_core::{Error, ErrorKind, Result};

use crate::schema_text::SchemaText;

/// The schema of a text, with what it refers to put into it. It lives as long as the process, as
/// readers and writers that need no look-up with each record borrow it; equal schemas are one, so
/// there are no more than registries have.
pub(super) fn parse(schema: &SchemaText) -> Result<&'static Schema> {
    whole(schema).map(interned).map_err(|cause| {
        let text = format!("the text is no Avro schema: {}", schema.as_str());
        Error::with_source(ErrorKind::Config, text, cause)
    })
}

fn whole(schema: &SchemaText) -> Result<Schema, apache_avro::Error> {
    let references = schema.all_references();
    let mut whole = if references.is_empty() {
        Schema::parse_str(schema.as_str())?
    } else {
        let texts = references.iter().map(|(_, text)| *text);
        let (mut whole, referred) = Schema::parse_str_with_list(schema.as_str(), texts)?;
        whole.denormalize(&referred)?;
        whole
    };
    each_mut(&mut whole, &mut |part| {
        if let Schema::Record(record) = part {
            // An alias leads to its field when a record is written, and so may hide the field that
            // has this name by itself.
            let positions = record.fields.iter().enumerate();
            record.lookup.extend(positions.map(|(at, field)| (field.name.clone(), at)));
        }
        Ok(())
    })?;
    Ok(whole)
}

/// Calls `look` on a schema and all that are defined in it.
pub(super) fn each_part<'a>(schema: &'a Schema, look: &mut impl FnMut(&'a Schema)) {
    look(schema);
    match schema {
        Schema::Record(record) => {
            record.fields.iter().for_each(|field| each_part(&field.schema, look));
        }
        Schema::Array(array) => each_part(&array.items, look),
        Schema::Map(map) => each_part(&map.types, look),
        Schema::Union(union) => union.variants().iter().for_each(|part| each_part(part, look)),
        _ => {}
    }
}

/// Calls `change` on all that are defined in a schema, then on the schema.
pub(super) fn each_mut(
    schema: &mut Schema,
    change: &mut impl FnMut(&mut Schema) -> Result<(), apache_avro::Error>,
) -> Result<(), apache_avro::Error> {
    match schema {
        Schema::Record(record) => {
            record.fields.iter_mut().try_for_each(|field| each_mut(&mut field.schema, change))?;
        }
        Schema::Array(array) => each_mut(&mut array.items, change)?,
        Schema::Map(map) => each_mut(&mut map.types, change)?,
        Schema::Union(union) => {
            let mut parts = union.variants().to_vec();
            parts.iter_mut().try_for_each(|part| each_mut(part, change))?;
            *union = UnionSchema::new(parts)?;
        }
        _ => {}
    }
    change(schema)
}

/// The schema for as long as the process lives; equal ones are one.
pub(super) fn interned(schema: Schema) -> &'static Schema {
    static SCHEMAS: LazyLock<Mutex<HashMap<String, &'static Schema>>> =
        LazyLock::new(Mutex::default);
    let text = serde_json::to_string(&schema).unwrap_or_default();
    SCHEMAS.lock().entry(text).or_insert_with(|| Box::leak(Box::new(schema)))
}

/// Says if two schemas write the same bytes for the same data: then what one wrote is read by the
/// other as it is.
pub(super) fn writes_the_same(one: &'static Schema, other: &'static Schema) -> bool {
    // The canonical form is without logical types, which equality looks at.
    std::ptr::eq(one, other) || (one == other && one.canonical_form() == other.canonical_form())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_schemas_are_kept_once() {
        let text = SchemaText::new(r#"{"type": "record", "name": "Kept", "fields": []}"#);
        assert!(std::ptr::eq(parse(&text).unwrap(), parse(&text).unwrap()));
    }

    #[test]
    fn a_schema_holds_what_it_refers_to_at_any_depth() {
        let city = r#"{"type": "record", "name": "a.City", "fields": [{"name": "name", "type": "string"}]}"#;
        let address = r#"{"type": "record", "name": "a.Address", "fields": [{"name": "city", "type": "a.City"}]}"#;
        let order = r#"{"type": "record", "name": "a.Order", "fields": [
            {"name": "from", "type": "a.Address"}, {"name": "to", "type": "a.Address"}]}"#;
        let address = SchemaText::new(address).reference("a.City", "city", city);
        let order = SchemaText::new(order).reference("a.Address", "address", address);
        let schema = parse(&order).unwrap();
        assert!(schema.canonical_form().contains(r#""name":"a.City""#));
        assert!(Schema::parse_str(&schema.canonical_form()).is_ok());
    }

    #[test]
    fn a_logical_type_makes_another_schema() {
        let schema = |text: &str| parse(&SchemaText::new(text)).unwrap();
        let plain = schema(r#""long""#);
        let millis = schema(r#"{"type": "long", "logicalType": "timestamp-millis"}"#);
        assert!(writes_the_same(plain, plain));
        assert!(!writes_the_same(plain, millis));
    }
}
