//! Typed state stores of a task.
//!
//! A store is a typed view of the byte-level database of its task: reads go through an overlay that
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
mod usage;
mod value_size;
mod versioned;
mod window;

#[cfg(feature = "fuzzing")]
pub(crate) use self::change_buffer::is_buffered_change;
pub(crate) use self::{
    builder::MakeStore,
    operator::*,
    segmented::{seen_time_entry, stream_time_entry},
    window::seqnum_entry,
};
pub use self::{
    builder::{StoreBuilder, Stores},
    codec::{ValueAndTimestamp, ValueTimestampHeaders},
    custom::{CommittedRows, CustomStateStore, CustomStore, StoreChanges},
    global::{GlobalStore, GlobalStoreRef},
    key_value::{HeadersKeyValueStore, KeyValueStore, TimestampedKeyValueStore},
    logged_headers::LoggedHeaders,
    position::Position,
    session::{SessionStore, SessionWindow},
    state_store::{StateStore, StoreRef},
    versioned::{VersionPut, VersionedKeyValueStore, VersionedRecord},
    window::{TimestampedWindowStore, WindowStore},
};

/// Stores and parts of stores for the implementation of operators, such as those of `streams-dsl`;
/// programs have no use for them, and they change without notice.
#[doc(hidden)]
pub mod operator {
    pub use super::{
        builder::StoreSpec,
        change_buffer::{BufferedChange, ChangeBuffer, Origin},
        codec::{HeadersCodec, PlainCodec, TimestampedCodec, ValueCodec},
        join_times::JoinTimes,
        key_value::PendingChange,
        list_value::ListValueStore,
        outer_join::{JoinSide, LeftOrRight, OuterJoinStore, SideOfJoin},
        record_buffer::{BufferedRecord, RecordBuffer},
        session::PendingSessionChange,
        state_store::{ChangelogWriter, LogOrder, RecordContext, StoreContext},
        usage::StoreUsage,
        window::PendingWindowChange,
    };
}
