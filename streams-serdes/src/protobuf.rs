//! Protobuf by prost.

use std::{marker::PhantomData, sync::Arc};

use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorProto};
use streams_core::{
    BoxError, Error, ErrorKind, Result,
    serde::{Serde, SerdeRef, UnexpectedNull, Written},
};

use crate::{
    registry::{Format, SchemaRegistry, SchemaType, put_indexes},
    schema_text::SchemaText,
};

struct ProtobufSerde<M>(PhantomData<fn(M)>);

impl<M: Message + Default> Serde<M> for ProtobufSerde<M> {
    fn serialize(&self, _: &str, data: &M, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        data.encode(out)?;
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<M, BoxError> {
        Ok(M::decode(data.ok_or(UnexpectedNull)?)?)
    }
}

/// Protobuf of a message of prost, without any header. Fields that a reader does not know are
/// passed over, those that are missing have their default: so schemas may change by Protobuf's own
/// rules.
///
/// ```
/// use streams_core::serde::Serde;
///
/// let serde = streams_serdes::protobuf::<String>(); // prost has the well-known wrapper types as Rust's own
/// let mut bytes = Vec::new();
/// serde.serialize("t", &"hi".to_owned(), &mut bytes)?;
/// assert_eq!(bytes, b"\x0a\x02hi");
/// # Ok::<(), streams_core::BoxError>(())
/// ```
pub fn protobuf<M: Message + Default + 'static>() -> SerdeRef<M> {
    Arc::new(ProtobufSerde(PhantomData))
}

pub(crate) struct ProtobufFormat<M> {
    text: SchemaText,
    message: String,
    kind: PhantomData<fn(M)>,
}

/// The path of a message in a file, as it stands in front of the message.
pub(crate) struct Path(Vec<u8>);

impl<M> ProtobufFormat<M> {
    pub(crate) fn new(text: SchemaText, message: &str) -> Result<Self> {
        path_of(&text, message).map_err(|cause| {
            let text = format!("the Protobuf schema of message {message} can't be used");
            Error::with_source(ErrorKind::Config, text, cause)
        })?;
        Ok(Self { text, message: message.to_owned(), kind: PhantomData })
    }
}

impl<M: Message + Default + 'static> Format<M> for ProtobufFormat<M> {
    type Reader = Path;
    type Writer = Path;

    const TYPE: SchemaType = SchemaType::Protobuf;

    fn own(&self) -> &SchemaText {
        &self.text
    }

    fn name(&self) -> Option<&str> {
        Some(&self.message)
    }

    fn reader(&self, written_by: &SchemaText) -> Result<Path, BoxError> {
        path_of(written_by, &self.message)
    }

    fn writer(&self, registered: &SchemaText) -> Result<Path, BoxError> {
        path_of(registered, &self.message)
    }

    fn read(&self, Path(path): &Path, body: &[u8]) -> Result<M, BoxError> {
        let body = match (body.strip_prefix(&path[..]), &path[..]) {
            (Some(body), _) => body,
            // Some writers do not shorten the path of the first message.
            (None, [0]) if body.starts_with(&[2, 0]) => body.get(2..).unwrap_or_default(),
            _ => {
                let found = body.get(..path.len().min(body.len())).unwrap_or_default();
                let text = format!(
                    "the record holds another message than {}: expected its path {path:?} in front, found {found:?}",
                    self.message
                );
                return Err(text.into());
            }
        };
        Ok(M::decode(body)?)
    }

    fn write(&self, Path(path): &Path, data: &M, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(path);
        Ok(data.encode(out)?)
    }
}

/// The path of a message in a file by its full name.
fn path_of(schema: &SchemaText, message: &str) -> Result<Path, BoxError> {
    let file = protox_parse::parse("schema.proto", schema.as_str())?;
    let mut indexes = Vec::new();
    let relative = match file.package() {
        "" => Some(message),
        package => message.strip_prefix(package).and_then(|rest| rest.strip_prefix('.')),
    };
    if !relative.is_some_and(|name| find(name, &file.message_type, &mut indexes)) {
        return Err(
            format!("there is no message {message} among {}", names(&file).join(", ")).into()
        );
    }
    let mut path = Vec::new();
    put_indexes(&indexes, &mut path);
    Ok(Path(path))
}

fn find(name: &str, messages: &[DescriptorProto], indexes: &mut Vec<i32>) -> bool {
    let (first, inner) =
        name.split_once('.').map_or((name, None), |(first, inner)| (first, Some(inner)));
    let Some(at) = messages.iter().position(|message| message.name() == first) else {
        return false;
    };
    indexes.push(i32::try_from(at).unwrap_or(i32::MAX));
    let nested = messages.get(at).map_or(&[][..], |message| &message.nested_type);
    inner.is_none_or(|inner| find(inner, nested, indexes))
}

/// The full names of a file's messages.
fn names(file: &FileDescriptorProto) -> Vec<String> {
    fn add(prefix: &str, messages: &[DescriptorProto], names: &mut Vec<String>) {
        for message in messages {
            let name = format!("{prefix}{}", message.name());
            add(&format!("{name}."), &message.nested_type, names);
            names.push(name);
        }
    }
    let prefix = match file.package() {
        "" => String::new(),
        package => format!("{package}."),
    };
    let mut names = Vec::new();
    add(&prefix, &file.message_type, &mut names);
    names
}

impl SchemaRegistry {
    /// Protobuf of a message of prost, by the `.proto` file that it stands in, which is registered,
    /// and its full name, as in `protobuf::<Order>(include_str!("shop.proto"), "shop.Order")`. What
    /// the file imports are its [references](SchemaText::reference). Java's `KafkaProtobufSerde`.
    ///
    /// # Errors
    /// `Config` if the file can't be parsed or does not have the message.
    pub fn protobuf<M: Message + Default + 'static>(
        &self,
        file: impl Into<SchemaText>,
        message: &str,
    ) -> Result<SerdeRef<M>> {
        self.serde::<M, _>(ProtobufFormat::new(file.into(), message)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        syntax = "proto3";
        package shop;
        message Customer { string id = 1; message Address { string city = 1; } }
        message Order { string id = 1; int64 amount = 2; }
    "#;

    #[derive(Clone, PartialEq, Message)]
    struct Order {
        #[prost(string, tag = "1")]
        id: String,
        #[prost(int64, tag = "2")]
        amount: i64,
    }

    /// The bytes of Protobuf's documentation for a field of 150, behind an id.
    const ORDER: &[u8] = b"\x0a\x02o1\x10\x96\x01";

    fn order() -> Order {
        Order { id: "o1".to_owned(), amount: 150 }
    }

    #[test]
    fn a_message_is_its_bytes() {
        let serde = protobuf::<Order>();
        let mut out = Vec::new();
        serde.serialize("t", &order(), &mut out).unwrap();
        assert_eq!(out, ORDER);
        assert_eq!(serde.deserialize("t", Some(ORDER)).unwrap(), order());
        assert!(serde.deserialize("t", Some(&ORDER[..3])).is_err());
        assert!(serde.deserialize("t", None).unwrap_err().is::<UnexpectedNull>());
    }

    /// Numbers of Confluent's wire format: how many, then each, in zigzag; the first message is one
    /// zero.
    #[test]
    fn a_message_is_found_by_its_full_name() {
        let path = |message| path_of(&SchemaText::new(FILE), message).map(|path| path.0);
        assert_eq!(path("shop.Customer").unwrap(), [0]);
        assert_eq!(path("shop.Order").unwrap(), [2, 2]);
        assert_eq!(path("shop.Customer.Address").unwrap(), [4, 0, 0]);
        let error = path("Order").unwrap_err().to_string();
        assert!(error.contains("shop.Customer.Address, shop.Customer, shop.Order"), "{error}");
        assert!(path_of(&SchemaText::new("no file"), "shop.Order").is_err());
    }

    #[test]
    fn the_path_of_the_first_message_may_be_written_in_full() {
        let file = "syntax = \"proto3\"; message Order { string id = 1; int64 amount = 2; }";
        let format = ProtobufFormat::<Order>::new(file.into(), "Order").unwrap();
        let path = format.reader(&file.into()).unwrap();
        for front in [&[0][..], &[2, 0]] {
            assert_eq!(format.read(&path, &[front, ORDER].concat()).unwrap(), order());
        }
        let error = format.read(&path, &[&[2, 2], ORDER].concat()).unwrap_err().to_string();
        assert!(error.contains("another message than Order"), "{error}");
        assert!(format.read(&path, &[]).is_err());
    }
}
