//! Decoders of this crate that are not public, for the fuzz targets. Not part of the API.

use prost::Message;
use streams_core::Result;

use crate::{
    protobuf::ProtobufFormat,
    registry::{Format, put_header, split_header},
};

/// The schema's id in front of a value, and what is behind it; checks that the encoder reproduces
/// it.
///
/// # Panics
/// If it does not.
pub fn split_framed(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (id, body) = split_header(bytes).ok()?;
    let mut again = Vec::new();
    put_header(id, &mut again);
    again.extend_from_slice(body);
    assert_eq!(again, bytes);
    Some((id, body))
}

/// Reads messages with their path in front, as they stand behind the id of the file `schema`.
///
/// # Errors
/// `Config` if the file has no such message.
pub fn protobuf_reader<M: Message + Default + 'static>(
    schema: &str,
    message: &str,
) -> Result<impl Fn(&[u8]) -> Option<M> + use<M>> {
    let format = ProtobufFormat::<M>::new(schema.into(), message)?;
    let path = format.reader(format.own());
    Ok(move |body: &[u8]| format.read(path.as_ref().ok()?, body).ok())
}
