//! Messages between the two tables of a join by foreign key, in Java's bytes: subscriptions one
//! way, responses the other.

mod murmur3;
mod response;
mod subscription;

pub use self::murmur3::murmur3_128;
pub(crate) use self::{
    response::{Response, ResponseSerde},
    subscription::{
        Instruction, Subscription, SubscriptionSerde, subscriber_key, subscribers_prefix,
    },
};

/// The hash of a row as a subscription has it.
pub(crate) type RowHash = [u8; 16];

/// The first bit of a first byte: there is no hash behind it.
const NO_HASH: u8 = 0x80;

/// Splits the hash off, if `first` says that there is one.
fn read_hash(first: u8, bytes: &[u8]) -> Option<(Option<RowHash>, &[u8])> {
    if first & NO_HASH != 0 {
        return Some((None, bytes));
    }
    let (hash, rest) = bytes.split_first_chunk()?;
    Some((Some(*hash), rest))
}
