//! Typed state stores of a task.
//!
//! A store is a typed face over the byte-level database of its task: reads go through an overlay that
//! holds all writes since the last commit, and the commit serialises each written key once, into
//! the database's batch and the changelog. Invariant: nothing reaches the database before the
//! cluster has committed it.

mod builder;
mod change_buffer;
mod codec;
mod custom;
mod found;
mod global;
mod join_times;
mod key_value;
mod list_value;
mod logged_headers;
mod outer_join;
mod position;
mod recency;
mod record_buffer;
mod rows;
mod segmented;
mod session;
mod state_store;
#[cfg(test)]
mod tests;
mod ttl;
mod value_size;
mod versioned;
mod window;

#[cfg(feature = "fuzzing")]
pub(crate) use self::change_buffer::is_buffered_change;
pub(crate) use self::{
    builder::MakeStore,
    segmented::{seen_time_entry, stream_time_entry},
    window::seqnum_entry,
};
pub use self::{
    builder::{StoreBuilder, StoreSpec, Stores},
    change_buffer::{BufferedChange, ChangeBuffer, Origin},
    codec::{
        HeadersCodec, PlainCodec, TimestampedCodec, ValueAndTimestamp, ValueCodec,
        ValueTimestampHeaders,
    },
    custom::{CommittedRows, CustomStateStore, CustomStore, StoreChanges},
    global::{GlobalStore, GlobalStoreRef},
    join_times::JoinTimes,
    key_value::{HeadersKeyValueStore, KeyValueStore, PendingChange, TimestampedKeyValueStore},
    list_value::ListValueStore,
    logged_headers::LoggedHeaders,
    outer_join::{JoinSide, LeftOrRight, OuterJoinStore, SideOfJoin},
    position::Position,
    record_buffer::{BufferedRecord, RecordBuffer},
    session::{PendingSessionChange, SessionStore, SessionWindow},
    state_store::{ChangelogWriter, RecordContext, StateStore, StoreContext, StoreRef},
    versioned::{VersionPut, VersionedKeyValueStore, VersionedRecord},
    window::{PendingWindowChange, TimestampedWindowStore, WindowStore},
};
