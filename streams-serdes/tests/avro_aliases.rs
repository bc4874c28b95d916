//! Avro's aliases: what was written under earlier names is read under those of today.
#![cfg(feature = "avro")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't set up its world has failed"
)]

mod stand_in;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use streams_core::{BoxError, serde::SerdeRef};
use streams_serdes::{SchemaRegistry, apache_avro::types::Value};

use self::stand_in::StandIn;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sale {
    id: String,
    amount: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: String,
    total: i64,
}

const SALE: &str = r#"{"type": "record", "name": "shop.Sale", "fields": [
    {"name": "id", "type": "string"}, {"name": "amount", "type": "long"}]}"#;

/// The same under another name, with another name of a field.
const ORDER: &str = r#"{"type": "record", "name": "shop.Order", "aliases": ["Sale"], "fields": [
    {"name": "id", "type": "string"},
    {"name": "total", "type": "long", "aliases": ["sum", "amount"]}]}"#;

fn sale(amount: i64) -> Sale {
    Sale { id: "o1".to_owned(), amount }
}

fn order(total: i64) -> Order {
    Order { id: "o1".to_owned(), total }
}

fn value(total: i64) -> Value {
    record(&[("id", Value::String("o1".to_owned())), ("total", Value::Long(total))])
}

fn record(fields: &[(&str, Value)]) -> Value {
    Value::Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn bytes<T>(serde: &SerdeRef<T>, data: &T) -> Vec<u8> {
    let mut out = Vec::new();
    serde.serialize("orders", data, &mut out).unwrap();
    out
}

/// Writes by one schema, and reads by another as a type and as a generic value.
fn read<W, R>(written_by: &str, data: &W, reader: &str) -> Result<(R, Value), BoxError>
where
    W: Serialize + for<'de> Deserialize<'de> + 'static,
    R: Serialize + for<'de> Deserialize<'de> + 'static,
{
    let stand_in = StandIn::start();
    let registry = SchemaRegistry::new(stand_in.url())?;
    let written = bytes(&registry.avro::<W>(written_by)?, data);
    let (typed, generic) = (registry.avro::<R>(reader)?, registry.avro_value(reader)?);
    // The second record is read by what the first one made.
    typed.deserialize("orders", Some(&written))?;
    let read = typed.deserialize("orders", Some(&written))?;
    Ok((read, generic.deserialize("orders", Some(&written))?))
}

#[test]
fn a_renamed_field_is_read_under_its_new_name() {
    let reader = ORDER.replace("shop.Order", "shop.Sale").replace(r#""aliases": ["Sale"],"#, "");
    let found = read::<Sale, Order>(SALE, &sale(150), &reader).unwrap();
    assert_eq!(found, (order(150), value(150)));
}

#[test]
fn a_renamed_field_may_have_a_larger_type_as_well() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "Sale")]
    struct Small {
        id: String,
        amount: i32,
    }
    let small = Small { id: "o1".to_owned(), amount: 150 };
    let found = read::<_, Order>(&SALE.replace("long", "int"), &small, ORDER).unwrap();
    assert_eq!(found, (order(150), value(150)));
}

#[test]
fn a_renamed_record_is_read() {
    let reader = SALE.replace(r#""shop.Sale","#, r#""shop.Order", "aliases": ["Sale"],"#);
    let (found, generic) = read::<_, Sale>(SALE, &sale(150), &reader).unwrap();
    assert_eq!(found, sale(150));
    let fields = [("id", Value::String("o1".to_owned())), ("amount", Value::Long(150))];
    assert_eq!(generic, record(&fields));
}

#[test]
fn a_renamed_record_with_a_renamed_field_is_read() {
    let found = read::<_, Order>(SALE, &sale(150), ORDER).unwrap();
    assert_eq!(found, (order(150), value(150)));
}

#[test]
fn an_alias_may_be_of_another_namespace() {
    let reader = ORDER.replace(r#"["Sale"]"#, r#"["sales.Sale"]"#);
    let written_by = SALE.replace("shop.", "sales.");
    let found = read::<_, Order>(&written_by, &sale(150), &reader).unwrap();
    assert_eq!(found, (order(150), value(150)));
    // Without its namespace it is in that of the record.
    assert!(read::<_, Order>(&written_by, &sale(150), ORDER).is_err());
}

#[test]
fn renamed_records_in_arrays_maps_and_unions_are_read() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Sales {
        list: Vec<Sale>,
        by_day: HashMap<String, Sale>,
        last: Option<Sale>,
        note: String,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Orders {
        all: Vec<Order>,
        by_day: HashMap<String, Order>,
        latest: Option<Order>,
    }
    let sales = format!(
        r#"{{"type": "record", "name": "shop.Sales", "fields": [
            {{"name": "list", "type": {{"type": "array", "items": {SALE}}}}},
            {{"name": "by_day", "type": {{"type": "map", "values": "Sale"}}}},
            {{"name": "last", "type": ["null", "Sale"]}}, {{"name": "note", "type": "string"}}]}}"#
    );
    let orders = format!(
        r#"{{"type": "record", "name": "shop.Orders", "aliases": ["Sales"], "fields": [
            {{"name": "all", "aliases": ["list"], "type": {{"type": "array", "items": {ORDER}}}}},
            {{"name": "by_day", "type": {{"type": "map", "values": "Order"}}}},
            {{"name": "latest", "aliases": ["last"], "type": ["null", "Order"]}}]}}"#
    );
    let written = Sales {
        list: vec![sale(1), sale(2)],
        by_day: HashMap::from([("monday".to_owned(), sale(3))]),
        last: Some(sale(4)),
        note: "of last week".to_owned(),
    };
    let (found, generic) = read::<_, Orders>(&sales, &written, &orders).unwrap();
    let expected = Orders {
        all: vec![order(1), order(2)],
        by_day: HashMap::from([("monday".to_owned(), order(3))]),
        latest: Some(order(4)),
    };
    assert_eq!(found, expected);
    let by_day = HashMap::from([("monday".to_owned(), value(3))]);
    let fields = [
        ("all", Value::Array(vec![value(1), value(2)])),
        ("by_day", Value::Map(by_day)),
        ("latest", Value::Union(1, Box::new(value(4)))),
    ];
    assert_eq!(generic, record(&fields));
}

#[test]
fn a_renamed_record_that_holds_itself_is_read_at_any_depth() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Chain {
        value: i64,
        rest: Option<Box<Chain>>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct List {
        value: i64,
        next: Option<Box<List>>,
    }
    let chain = r#"{"type": "record", "name": "Chain", "fields": [
        {"name": "value", "type": "long"}, {"name": "rest", "type": ["null", "Chain"]}]}"#;
    let list = r#"{"type": "record", "name": "List", "aliases": ["Chain"], "fields": [
        {"name": "value", "type": "long"},
        {"name": "next", "aliases": ["rest"], "type": ["null", "List"]}]}"#;
    let end = Chain { value: 3, rest: None };
    let written =
        Chain { value: 1, rest: Some(Box::new(Chain { value: 2, rest: Some(Box::new(end)) })) };
    let (found, _) = read::<_, List>(chain, &written, list).unwrap();
    let end = List { value: 3, next: None };
    let expected =
        List { value: 1, next: Some(Box::new(List { value: 2, next: Some(Box::new(end)) })) };
    assert_eq!(found, expected);
}

/// By its shape alone the second record of the union is also the first one.
#[test]
fn a_renamed_record_of_a_union_stays_the_one_that_it_is() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Event {
        Paid { id: String },
        Sent { id: String },
    }
    let one = |name: &str, more: &str| {
        format!(
            r#"{{"type": "record", "name": "{name}"{more}, "fields": [{{"name": "id", "type": "string"}}]}}"#
        )
    };
    let written_by = format!("[{}, {}]", one("Paid", ""), one("Sent", ""));
    let reader = format!("[{}, {}]", one("Paid", ""), one("Shipped", r#", "aliases": ["Sent"]"#));
    let sent = Event::Sent { id: "o1".to_owned() };
    let stand_in = StandIn::start();
    let registry = SchemaRegistry::new(stand_in.url()).unwrap();
    let written = bytes(&registry.avro::<Event>(&*written_by).unwrap(), &sent);
    let generic = registry.avro_value(&*reader).unwrap();
    let found = generic.deserialize("orders", Some(&written)).unwrap();
    let id = record(&[("id", Value::String("o1".to_owned()))]);
    assert_eq!(found, Value::Union(1, Box::new(id)));
}

#[test]
fn without_an_alias_another_name_is_another_field() {
    let reader = ORDER.replace(r#", "aliases": ["sum", "amount"]"#, "");
    let error = read::<_, Order>(SALE, &sale(150), &reader).unwrap_err().to_string();
    assert!(error.contains("total"), "{error}");
    let defaulted = reader.replace(r#""type": "long""#, r#""type": "long", "default": 7"#);
    assert_eq!(read::<_, Order>(SALE, &sale(150), &defaulted).unwrap(), (order(7), value(7)));
}

/// The name `amount` was given to another field later. By apache-avro alone a struct was not
/// written by such a schema, as the alias hid the field.
#[test]
fn a_name_that_was_given_up_may_be_used_again() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "Sale")]
    struct Counted {
        id: String,
        amount: i64,
        total: i64,
    }
    let counted = r#"{"type": "record", "name": "shop.Sale", "fields": [
        {"name": "id", "type": "string"}, {"name": "amount", "type": "long", "default": 1},
        {"name": "total", "type": "long", "aliases": ["amount"]}]}"#;
    let new = |amount, total| Counted { id: "o1".to_owned(), amount, total };
    let (found, _) = read::<_, Counted>(SALE, &sale(150), counted).unwrap();
    assert_eq!(found, new(1, 150));
    let (found, _) = read::<_, Counted>(counted, &new(3, 450), counted).unwrap();
    assert_eq!(found, new(3, 450));
    let noted =
        counted.replace("]}]}", r#"]}, {"name": "note", "type": "string", "default": ""}]}"#);
    let (found, _) = read::<_, Counted>(counted, &new(3, 450), &noted).unwrap();
    assert_eq!(found, new(3, 450));
}
