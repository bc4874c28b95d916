//! Options of topics, stores and operators.
//!
//! Where an operator takes `impl Into` of one of these, a plain name is enough. All of them are
//! inert: what is wrong with one is reported by `build`, with the line of the operator that it was
//! given to.

mod async_options;
mod consumed;
mod emit_strategy;
mod materialized;
mod named;
mod printed;
mod produced;
mod repartitioned;
mod serdes;
mod stream_stored;
mod suppressed;
mod table_joined;

pub use self::{
    async_options::AsyncOptions,
    consumed::Consumed,
    emit_strategy::EmitStrategy,
    materialized::Materialized,
    named::Named,
    printed::Printed,
    produced::Produced,
    repartitioned::Repartitioned,
    stream_stored::{StreamJoined, StreamStored},
    suppressed::{BufferBounds, BufferConfig, EagerBufferConfig, StrictBufferConfig, Suppressed},
    table_joined::TableJoined,
};
pub(crate) use self::{
    async_options::Order,
    printed::{LineOf, Lines},
    produced::Target,
    serdes::serde_options,
    suppressed::{Until, WhenFull},
};
