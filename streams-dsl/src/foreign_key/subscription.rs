//! Messages from the table with the foreign keys to the other one. Java's `SubscriptionWrapper` and
//! `CombinedKey`.
//!
//! Bytes of a subscription: the version, with the highest bit set if there is no hash; the
//! instruction; the hash, 16 bytes; the serialised primary key; from version 1 on the partition of
//! the row, four bytes. Version 1 is written, and 0 where 0 was read. The key of a subscription in
//! its store: the length of the foreign key, four bytes, the foreign key, the primary key.

use streams_core::{
    BoxError,
    serde::{Serde, UnexpectedNull, Written},
};

use super::{NO_HASH, RowHash, read_hash};

const NEWEST: u8 = 1;

/// A request to the other table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    /// To end the subscription.
    Delete,
    /// To end it and to answer without a row.
    DeleteAndAnswer,
    /// To subscribe and to answer, without a row if there is none.
    Answer,
    /// To subscribe and to answer if there is a row.
    AnswerIfThere,
}

impl Instruction {
    const fn byte(self) -> u8 {
        match self {
            Self::Delete => 0,
            Self::DeleteAndAnswer => 1,
            Self::Answer => 2,
            Self::AnswerIfThere => 3,
        }
    }

    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Delete,
            1 => Self::DeleteAndAnswer,
            2 => Self::Answer,
            3 => Self::AnswerIfThere,
            _ => return None,
        })
    }

    /// Returns whether the subscription ends.
    pub(crate) const fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::DeleteAndAnswer)
    }
}

/// A subscription of a row to a foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) instruction: Instruction,
    /// The hash of the row; `None` if it was deleted.
    pub(crate) hash: Option<RowHash>,
    /// The serialised key of the row.
    pub(crate) primary_key: Vec<u8>,
    /// The partition of the row, which the response goes to; `None` from Java up to 3.3.
    pub(crate) partition: Option<i32>,
}

/// Writes and reads subscriptions.
pub(crate) struct SubscriptionSerde;

impl Serde<Subscription> for SubscriptionSerde {
    fn serialize(
        &self,
        _: &str,
        subscription: &Subscription,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        let version = if subscription.partition.is_some() { NEWEST } else { 0 };
        let no_hash = if subscription.hash.is_none() { NO_HASH } else { 0 };
        out.extend([version | no_hash, subscription.instruction.byte()]);
        out.extend(subscription.hash.iter().flatten());
        out.extend(&subscription.primary_key);
        out.extend(subscription.partition.map(i32::to_be_bytes).iter().flatten());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<Subscription, BoxError> {
        let data = data.ok_or(UnexpectedNull)?;
        let short = || format!("a subscription can't have {} bytes", data.len());
        let [first, instruction, rest @ ..] = data else { return Err(short().into()) };
        let version = first & !NO_HASH;
        if version > NEWEST {
            return Err(format!(
                "a subscription has version {version}, and {NEWEST} is the newest that is known"
            )
            .into());
        }
        let instruction = Instruction::of(*instruction)
            .ok_or_else(|| format!("a subscription has the unknown instruction {instruction}"))?;
        let (hash, rest) = read_hash(*first, rest).ok_or_else(short)?;
        let (key, partition) = match version {
            0 => (rest, None),
            _ => rest
                .split_last_chunk()
                .map(|(key, partition)| (key, Some(i32::from_be_bytes(*partition))))
                .ok_or_else(short)?,
        };
        Ok(Subscription { instruction, hash, primary_key: key.to_vec(), partition })
    }
}

/// Prefix that the keys of all subscriptions to a foreign key share in their store.
///
/// # Errors
/// If the key is too long.
pub(crate) fn subscribers_prefix(foreign_key: &[u8], out: &mut Vec<u8>) -> Result<(), BoxError> {
    out.extend(i32::try_from(foreign_key.len())?.to_be_bytes());
    out.extend(foreign_key);
    Ok(())
}

/// The key of a subscription in its store.
///
/// # Errors
/// If the foreign key is too long.
pub(crate) fn subscriber_key(
    foreign_key: &[u8],
    primary_key: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), BoxError> {
    subscribers_prefix(foreign_key, out)?;
    out.extend(primary_key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Subscription, BoxError> {
        SubscriptionSerde.deserialize("t", Some(bytes))
    }

    /// Rows of an application that was written with Java up to 3.3 are in the store, and stay as
    /// they are.
    #[test]
    fn a_subscription_of_version_0_has_no_partition_and_is_written_as_it_was() {
        let bytes = [&[0, 2][..], &[7; 16], b"key"].concat();
        let subscription = read(&bytes).unwrap();
        assert_eq!(subscription.partition, None);
        assert_eq!(subscription.primary_key, b"key");
        let mut out = Vec::new();
        SubscriptionSerde.serialize("t", &subscription, &mut out).unwrap();
        assert_eq!(out, bytes);
    }

    #[test]
    fn malformed_subscriptions_are_errors() {
        let hash = [7; 16];
        let unknown_version = [&[2, 0][..], &hash, b"key\0\0\0\0"].concat();
        let unknown_instruction = [&[1, 4][..], &hash, b"key\0\0\0\0"].concat();
        let no_partition = [&[1, 0][..], &hash, b"\0\0\0"].concat();
        let malformed: [&[u8]; 5] =
            [&[], &[1], &unknown_version, &unknown_instruction, &no_partition];
        for bytes in malformed {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
        assert!(read(&[1, 0, 7, 7]).is_err());
        assert!(SubscriptionSerde.deserialize("t", None).is_err());
    }
}
