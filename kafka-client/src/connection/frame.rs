//! Kafka's frames: a length of four bytes, then header and body.
//!
//! No length from the wire is trusted here: beyond some room, memory grows with the bytes that
//! arrive.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{Error, ErrorKind, Result, error::api_name};

/// Longest answer that is accepted, as Java's `socket.request.max.bytes` on the other side: 100 MB.
const FRAME_BYTES_MAX: u32 = 100 * 1024 * 1024;

/// Limit on the room that is reserved for an answer before it has come, whatever its length claims.
const ROOM_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The beginning of an HTTP server's answer, read as a length.
const HTTP: u32 = u32::from_be_bytes(*b"HTTP");

/// Bytes of a frame's length.
pub(super) const LENGTH_BYTES: usize = 4;

/// Approximate number of bytes in the header of a request.
const HEADER_BYTES_GUESS: usize = 128;

/// Reads one answer: its header and body, without the length.
pub(super) async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let length = reader.read_u32().await?;
    if length == HTTP {
        let text = "the answer is HTTP: this is no client port of a Kafka broker; correct bootstrap.servers";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    if !(4..=FRAME_BYTES_MAX).contains(&length) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("an answer can't be {length} bytes long (does the listener speak TLS?)"),
        ));
    }
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    // The system provides no memory for bytes that do not come, and those that come need not be moved
    // as the frame grows.
    let mut frame = Vec::with_capacity(bytes.min(ROOM_BYTES_MAX));
    reader.take(u64::from(length)).read_to_end(&mut frame).await?;
    if frame.len() < bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(frame.into())
}

/// The correlation id at the beginning of an answer.
pub(super) fn correlation_id(frame: &Bytes) -> Option<i32> {
    frame.clone().try_get_i32().ok()
}

/// A request with its length, ready for the wire.
pub(super) fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &str,
) -> Result<Bytes> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let size = request.compute_size(version).unwrap_or(0) + HEADER_BYTES_GUESS;
    let mut frame = BytesMut::with_capacity(size);
    // The length comes first, and is known last.
    frame.put_u32(0);
    header
        .encode(&mut frame, R::header_version(version))
        .and_then(|()| request.encode(&mut frame, version))
        .map_err(|error| {
            let api = api_name::<R>();
            Error::with_source(
                ErrorKind::Protocol,
                format!("{api} can't be written as version {version}"),
                error,
            )
        })?;
    let length = u32::try_from(frame.len() - LENGTH_BYTES)
        .ok()
        .filter(|length| *length <= FRAME_BYTES_MAX)
        .ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("{} is too large", api_name::<R>()))
        })?;
    if let Some(place) = frame.first_chunk_mut::<LENGTH_BYTES>() {
        *place = length.to_be_bytes();
    }
    Ok(frame.freeze())
}

/// The body of an answer.
pub(super) fn decode_response<R: Request>(mut frame: Bytes, version: i16) -> Result<R::Response> {
    ResponseHeader::decode(&mut frame, R::Response::header_version(version))
        .and_then(|_| R::Response::decode(&mut frame, version))
        .map_err(|error| {
            let api = api_name::<R>();
            Error::with_source(
                ErrorKind::Protocol,
                format!("the answer to {api} version {version} can't be read"),
                error,
            )
        })
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ApiVersionsRequest, HeartbeatRequest, HeartbeatResponse};

    use super::*;

    #[tokio::test]
    async fn a_frame_is_read_whole_or_refused() {
        let mut whole: &[u8] = &[0, 0, 0, 5, 0, 0, 0, 7, 9, 1];
        let frame = read_frame(&mut whole).await.unwrap();
        assert_eq!((correlation_id(&frame), frame.len(), whole), (Some(7), 5, &[1][..]));

        let cases: [(&[u8], io::ErrorKind); 6] = [
            (&[], io::ErrorKind::UnexpectedEof),
            (&[0, 0], io::ErrorKind::UnexpectedEof),
            (&[0, 0, 0, 9, 1, 2, 3], io::ErrorKind::UnexpectedEof),
            (&[0, 0, 0, 3, 1, 2, 3], io::ErrorKind::InvalidData),
            (&[0xff, 0xff, 0xff, 0xff], io::ErrorKind::InvalidData),
            (b"HTTP/1.1 400 Bad Request", io::ErrorKind::InvalidData),
        ];
        for (mut bytes, kind) in cases {
            assert_eq!(read_frame(&mut bytes).await.unwrap_err().kind(), kind);
        }
    }

    /// It was read as a length of 1,213,486,160 bytes, and the error asked about TLS.
    #[tokio::test]
    async fn a_web_server_is_told_from_a_broker() {
        let error = read_frame(&mut &b"HTTP/1.1 400 Bad Request"[..]).await.unwrap_err();
        assert!(error.to_string().contains("no client port of a Kafka broker"), "{error}");
    }

    #[test]
    fn a_request_is_written_as_kafka_lays_it_out() {
        let frame = encode_request(&ApiVersionsRequest::default(), 0, 3, "me").unwrap();
        assert_eq!(&frame[..], [0, 0, 0, 12, 0, 18, 0, 0, 0, 0, 0, 3, 0, 2, b'm', b'e']);
    }

    #[test]
    fn an_answer_cut_short_anywhere_is_an_error() {
        let mut whole = BytesMut::new();
        ResponseHeader::default().encode(&mut whole, 1).unwrap();
        HeartbeatResponse::default().with_error_code(27).encode(&mut whole, 4).unwrap();
        let whole = whole.freeze();
        let answer = decode_response::<HeartbeatRequest>(whole.clone(), 4).unwrap();
        assert_eq!(answer.error_code, 27);
        for length in 0..whole.len() {
            let error = decode_response::<HeartbeatRequest>(whole.slice(..length), 4).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{length}");
        }
    }
}
