//! Serdes with a registry: bytes, what is asked and how often, and what goes wrong.
#![cfg(all(feature = "avro", feature = "protobuf", feature = "json-schema"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't set up its world has failed"
)]

mod stand_in;

use std::time::Duration;

use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::json;
use streams_core::{
    BoxError,
    serde::{SerdeRef, Written},
};
use streams_serdes::{
    RegistryError, RegistryErrorKind, SchemaRegistry, SchemaText, SubjectStrategy,
    apache_avro::types::Value,
};

use self::stand_in::StandIn;

const ORDER: &str = r#"{"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "string"}, {"name": "amount", "type": "long"}]}"#;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: String,
    amount: i64,
}

/// The same with a note.
const NOTED: &str = r#"{"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "string"}, {"name": "amount", "type": "long"},
    {"name": "note", "type": "string", "default": "none"}]}"#;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Noted {
    id: String,
    amount: i64,
    note: String,
}

fn order() -> Order {
    Order { id: "o1".to_owned(), amount: 150 }
}

fn registry(stand_in: &StandIn) -> SchemaRegistry {
    let builder = SchemaRegistry::builder(stand_in.url());
    builder.retry_for(Duration::from_millis(150)).build().unwrap()
}

fn bytes<T>(serde: &SerdeRef<T>, topic: &str, data: &T) -> Result<Vec<u8>, BoxError> {
    let mut out = Vec::new();
    assert_eq!(serde.serialize(topic, data, &mut out)?, Written::Bytes);
    Ok(out)
}

fn kind(error: &BoxError) -> Option<RegistryErrorKind> {
    error.downcast_ref::<RegistryError>().map(RegistryError::kind)
}

#[test]
fn avro_is_a_zero_the_id_and_the_datum() {
    let stand_in = StandIn::start();
    stand_in.register("other-value", &json!({"schema": "\"long\"", "schemaType": "AVRO"}));
    let serde = registry(&stand_in).avro::<Order>(ORDER).unwrap();
    let written = bytes(&serde, "orders", &order()).unwrap();
    assert_eq!(written, b"\0\0\0\0\x02\x04o1\xac\x02");
    assert_eq!(serde.deserialize("orders", Some(&written)).unwrap(), order());
}

#[derive(Clone, PartialEq, Message)]
struct OrderMessage {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(int64, tag = "2")]
    amount: i64,
}

#[test]
fn protobuf_has_the_path_of_the_message_in_front() {
    let file = "syntax = \"proto3\"; package shop; message Customer { string id = 1; } \
                message Order { string id = 1; int64 amount = 2; }";
    let stand_in = StandIn::start();
    let serde = registry(&stand_in).protobuf::<OrderMessage>(file, "shop.Order").unwrap();
    let message = OrderMessage { id: "o1".to_owned(), amount: 150 };
    let written = bytes(&serde, "orders", &message).unwrap();
    assert_eq!(written, b"\0\0\0\0\x01\x02\x02\x0a\x02o1\x10\x96\x01");
    assert_eq!(serde.deserialize("orders", Some(&written)).unwrap(), message);
    let customer = registry(&stand_in).protobuf::<OrderMessage>(file, "shop.Customer").unwrap();
    let error = customer.deserialize("orders", Some(&written)).unwrap_err().to_string();
    assert!(error.contains("another message than shop.Customer"), "{error}");
}

#[test]
fn json_is_text_behind_the_id_and_looked_at_by_the_schema_of_the_id() {
    let strict = r#"{"title": "Order", "properties": {"amount": {"minimum": 0}}}"#;
    let stand_in = StandIn::start();
    let serde = registry(&stand_in).json_schema::<Order>(strict).unwrap();
    let written = bytes(&serde, "orders", &order()).unwrap();
    assert_eq!(written, b"\0\0\0\0\x01{\"id\":\"o1\",\"amount\":150}");
    assert_eq!(serde.deserialize("orders", Some(&written)).unwrap(), order());
    let negative = b"\0\0\0\0\x01{\"id\":\"o1\",\"amount\":-150}";
    assert!(serde.deserialize("orders", Some(negative)).is_err());
    let loose = stand_in.register("orders-value", &json!({"schema": "{}", "schemaType": "JSON"}));
    assert_eq!(loose, 2);
    let negative = b"\0\0\0\0\x02{\"id\":\"o1\",\"amount\":-150}";
    assert_eq!(serde.deserialize("orders", Some(negative)).unwrap().amount, -150);
}

#[test]
fn the_registry_is_asked_once_for_each_topic_and_id() {
    let stand_in = StandIn::start();
    let registry = registry(&stand_in);
    let serde = registry.avro::<Order>(ORDER).unwrap();
    for _ in 0..100 {
        let written = bytes(&serde, "orders", &order()).unwrap();
        serde.deserialize("orders", Some(&written)).unwrap();
    }
    let once = ["POST /subjects/orders-value/versions", "GET /schemas/ids/1"];
    assert_eq!(stand_in.asked(), once);
    // Another serde of the same registry knows it, too.
    bytes(&registry.avro::<Order>(ORDER).unwrap(), "orders", &order()).unwrap();
    assert_eq!(stand_in.asked(), once);
    // What is known needs no registry.
    stand_in.set_down(true);
    bytes(&serde, "orders", &order()).unwrap();
    assert_eq!(stand_in.asked(), once);
}

#[test]
fn subjects_are_of_the_side_and_the_strategy() {
    let stand_in = StandIn::start();
    let registry = registry(&stand_in);
    let write = |registry: SchemaRegistry| {
        bytes(&registry.avro::<Order>(ORDER).unwrap(), "orders", &order()).unwrap();
        stand_in.asked().pop().unwrap()
    };
    assert_eq!(write(registry.for_keys()), "POST /subjects/orders-key/versions");
    let by_record = registry.clone().subject_strategy(SubjectStrategy::Record);
    assert_eq!(write(by_record), "POST /subjects/shop.Order/versions");
    let by_both = registry.subject_strategy(SubjectStrategy::TopicRecord);
    assert_eq!(write(by_both.clone()), "POST /subjects/orders-shop.Order/versions");
    assert!(by_both.avro::<i64>(r#""long""#).is_err(), "a long has no name");
}

#[test]
fn what_is_not_to_be_registered_is_looked_up() {
    let stand_in = StandIn::start();
    let serde = registry(&stand_in).auto_register(false).avro::<Order>(ORDER).unwrap();
    let error = bytes(&serde, "orders", &order()).unwrap_err();
    assert_eq!(kind(&error), Some(RegistryErrorKind::UnknownSubject));
    assert!(error.to_string().contains("subject orders-value"), "{error}");
    assert!(error.to_string().contains("auto_register(true)"), "{error}");

    stand_in.register("orders-value", &json!({"schema": ORDER, "schemaType": "AVRO"}));
    let serde = registry(&stand_in).auto_register(false).avro::<Order>(ORDER).unwrap();
    assert_eq!(bytes(&serde, "orders", &order()).unwrap()[..5], [0, 0, 0, 0, 1]);
}

#[test]
fn the_latest_version_is_written_by_if_asked_for() {
    let stand_in = StandIn::start();
    for schema in [ORDER, NOTED] {
        stand_in.register("orders-value", &json!({"schema": schema}));
    }
    let serde = registry(&stand_in).use_latest_version().avro::<Noted>(ORDER).unwrap();
    let noted = Noted { id: "o1".to_owned(), amount: 150, note: "hi".to_owned() };
    assert_eq!(bytes(&serde, "orders", &noted).unwrap(), b"\0\0\0\0\x02\x04o1\xac\x02\x04hi");
    assert_eq!(stand_in.asked(), ["GET /subjects/orders-value/versions/latest"]);
}

#[test]
fn older_and_newer_schemas_are_read_as_the_own_one() {
    let stand_in = StandIn::start();
    let registry = registry(&stand_in);
    let (old, new) =
        (registry.avro::<Order>(ORDER).unwrap(), registry.avro::<Noted>(NOTED).unwrap());
    let noted = Noted { id: "o1".to_owned(), amount: 150, note: "none".to_owned() };
    let written = bytes(&old, "orders", &order()).unwrap();
    assert_eq!(new.deserialize("orders", Some(&written)).unwrap(), noted);
    let written = bytes(&new, "orders", &noted).unwrap();
    assert_eq!(old.deserialize("orders", Some(&written)).unwrap(), order());
    let generic = registry.avro_value(ORDER).unwrap();
    let value = generic.deserialize("orders", Some(&written)).unwrap();
    let fields = [("id", Value::String("o1".to_owned())), ("amount", Value::Long(150))];
    assert_eq!(value, Value::Record(fields.map(|(name, value)| (name.to_owned(), value)).to_vec()));
}

#[test]
fn references_are_registered_first_and_read_back() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct By {
        by: Customer,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Customer {
        id: String,
    }
    let customer = r#"{"type": "record", "name": "shop.Customer", "fields": [{"name": "id", "type": "string"}]}"#;
    let by = r#"{"type": "record", "name": "shop.By", "fields": [{"name": "by", "type": "shop.Customer"}]}"#;
    let by = SchemaText::new(by).reference("shop.Customer", "customers-value", customer);
    let stand_in = StandIn::start();
    let serde = registry(&stand_in).avro::<By>(by.clone()).unwrap();
    let data = By { by: Customer { id: "c1".to_owned() } };
    let written = bytes(&serde, "orders", &data).unwrap();
    assert_eq!(written, b"\0\0\0\0\x02\x04c1");
    let posts = ["POST /subjects/customers-value/versions", "POST /subjects/customers-value"];
    assert_eq!(stand_in.asked()[..2], posts);

    let other = registry(&stand_in).auto_register(false).avro::<By>(by).unwrap();
    assert_eq!(other.deserialize("orders", Some(&written)).unwrap(), data);
    assert_eq!(stand_in.asked().last().unwrap(), "GET /subjects/customers-value/versions/1");
    assert_eq!(bytes(&other, "orders", &data).unwrap(), written);
}

#[test]
fn a_registry_that_is_down_is_asked_again_and_then_an_error_of_the_record() {
    let stand_in = StandIn::start();
    stand_in.set_down(true);
    let patient = SchemaRegistry::builder(stand_in.url()).retry_for(Duration::from_secs(2));
    let serde = patient.build().unwrap().avro::<Order>(ORDER).unwrap();
    let error = bytes(&serde, "orders", &order()).unwrap_err();
    assert_eq!(kind(&error), Some(RegistryErrorKind::Unreachable));
    let text = error.to_string();
    assert!(text.contains("subject orders-value") && text.contains(stand_in.url()), "{text}");
    assert!(text.contains("status 503, down") && text.contains("start the registry"), "{text}");
    assert!(stand_in.asked().len() >= 2, "{:?}", stand_in.asked());
    // The next record asks again: nothing is known of a registry that was down.
    stand_in.set_down(false);
    let written = bytes(&serde, "orders", &order()).unwrap();
    assert_eq!(serde.deserialize("orders", Some(&written)).unwrap(), order());
}

#[test]
fn nobody_at_the_address_is_an_error_that_names_it() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let builder = SchemaRegistry::builder(&url).retry_for(Duration::from_millis(1));
    let error = builder.build().unwrap().check().unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Unreachable);
    assert!(error.to_string().contains(&format!("{url}/subjects")), "{error}");
}

#[test]
fn of_several_urls_the_one_that_answers_is_used() {
    let (down, up) = (StandIn::start(), StandIn::start());
    down.set_down(true);
    let registry = SchemaRegistry::new(format!("{},{}", down.url(), up.url())).unwrap();
    registry.check().unwrap();
    assert_eq!(up.asked(), ["GET /subjects"]);
}

#[test]
fn an_unknown_id_is_an_error_that_names_it_and_is_not_asked_for_with_each_record() {
    let stand_in = StandIn::start();
    let serde = registry(&stand_in).avro::<Order>(ORDER).unwrap();
    for _ in 0..100 {
        let error = serde.deserialize("orders", Some(b"\0\0\0\0\x63\x04o1\xac\x02")).unwrap_err();
        assert_eq!(kind(&error), Some(RegistryErrorKind::UnknownId));
        assert!(error.to_string().contains("id 99"), "{error}");
    }
    assert_eq!(stand_in.asked().len(), 1);
}

#[test]
fn an_incompatible_schema_is_an_error_with_the_registrys_reason() {
    let stand_in = StandIn::start();
    stand_in.register("orders-value", &json!({"schema": ORDER, "schemaType": "AVRO"}));
    stand_in.close_subject("orders-value");
    let serde = registry(&stand_in).avro::<Noted>(NOTED).unwrap();
    let noted = Noted { id: "o1".to_owned(), amount: 150, note: "hi".to_owned() };
    let error = bytes(&serde, "orders", &noted).unwrap_err();
    assert_eq!(kind(&error), Some(RegistryErrorKind::Incompatible));
    let text = error.to_string();
    assert!(text.contains("subject orders-value") && text.contains("missing a default"), "{text}");
    assert_eq!(stand_in.asked().len(), 1, "it is not asked again: {:?}", stand_in.asked());
}

#[test]
fn user_and_password_are_sent_and_a_refusal_says_so() {
    let stand_in = StandIn::start();
    // The example of RFC 7617.
    stand_in.demand("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let error = registry(&stand_in).check().unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Unauthorized);
    let builder = SchemaRegistry::builder(stand_in.url()).basic_auth("Aladdin", "open sesame");
    builder.build().unwrap().check().unwrap();
}

#[test]
fn records_of_another_format_are_errors_that_say_what_they_are() {
    let stand_in = StandIn::start();
    let registry = registry(&stand_in);
    let json = registry.json_schema::<Order>(r#"{"title": "Order"}"#).unwrap();
    let written = bytes(&json, "orders", &order()).unwrap();
    let avro = registry.avro::<Order>(ORDER).unwrap();
    let error = avro.deserialize("orders", Some(&written)).unwrap_err().to_string();
    assert!(error.contains("type JSON, this serde reads AVRO"), "{error}");
    let error = avro.deserialize("orders", Some(b"{\"id\": 1}")).unwrap_err().to_string();
    assert!(error.contains("without a schema registry"), "{error}");
    assert!(avro.deserialize("orders", None).is_err());
}
