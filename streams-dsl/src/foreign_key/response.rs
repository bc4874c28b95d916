//! The answer of the other table. Java's `SubscriptionResponseWrapper`.
//!
//! Its bytes: the version, 0, with the highest bit set if there is no hash; the hash of the
//! subscription, 16 bytes; the foreign row. No bytes are no row: a row whose bytes are none is read
//! as none, as in Java.

use streams_core::{
    BoxError,
    serde::{Serde, SerdeRef, UnexpectedNull, Written},
};

use super::{NO_HASH, RowHash, read_hash};

/// The answer to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response<VO> {
    /// The hash of the subscription.
    pub(crate) hash: Option<RowHash>,
    /// The foreign row, if there is one.
    pub(crate) foreign: Option<VO>,
    /// The partition that it goes to; not in the bytes.
    pub(crate) partition: Option<i32>,
}

/// Writes and reads responses, with a serde of the foreign rows.
pub(crate) struct ResponseSerde<VO>(pub(crate) SerdeRef<VO>);

impl<VO> Serde<Response<VO>> for ResponseSerde<VO> {
    fn serialize(
        &self,
        topic: &str,
        response: &Response<VO>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        out.push(if response.hash.is_none() { NO_HASH } else { 0 });
        out.extend(response.hash.iter().flatten());
        if let Some(foreign) = &response.foreign {
            self.0.serialize(topic, foreign, out)?;
        }
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<Response<VO>, BoxError> {
        let data = data.ok_or(UnexpectedNull)?;
        let short = || format!("a response can't have {} bytes", data.len());
        let (first, rest) = data.split_first().ok_or_else(short)?;
        let version = first & !NO_HASH;
        if version > 0 {
            return Err(format!(
                "a response has version {version}, and 0 is the newest that is known"
            )
            .into());
        }
        let (hash, row) = read_hash(*first, rest).ok_or_else(short)?;
        let row = Some(row).filter(|row| !row.is_empty());
        let foreign = row.map(|row| self.0.deserialize(topic, Some(row))).transpose()?;
        Ok(Response { hash, foreign, partition: None })
    }
}

#[cfg(test)]
mod tests {
    use streams_core::serde::string;

    use super::*;

    #[test]
    fn a_response_has_a_row_or_none() {
        let serde = ResponseSerde(string());
        for (hash, foreign, expected) in [
            (Some([7; 16]), Some("row"), [&[0][..], &[7; 16], b"row"].concat()),
            (Some([7; 16]), None, [&[0][..], &[7; 16]].concat()),
            (None, None, vec![0x80]),
        ] {
            let response = Response { hash, foreign: foreign.map(str::to_owned), partition: None };
            let mut out = Vec::new();
            serde.serialize("t", &response, &mut out).unwrap();
            assert_eq!(out, expected);
            assert_eq!(serde.deserialize("t", Some(&out)).unwrap(), response);
        }
    }

    #[test]
    fn malformed_responses_are_errors() {
        let serde = ResponseSerde(string());
        let malformed: [&[u8]; 3] = [&[], &[1], &[0, 7, 7]];
        for bytes in malformed {
            assert!(serde.deserialize("t", Some(bytes)).is_err(), "{bytes:?}");
        }
        assert!(serde.deserialize("t", None).is_err());
    }
}
