//! What can be said of an operator beside what it does: names, serdes, stores.
//!
//! Where an operator takes `impl Into` of one of these, a plain name is enough. All of them are
//! inert: what is wrong with one is reported by `build`, with the line of the operator that it was
//! given to.

mod branched;
mod consumed;
mod grouped;
mod joined;
mod materialized;
mod named;
mod produced;
mod repartitioned;
mod suppressed;

pub use self::{
    branched::Branched,
    consumed::Consumed,
    grouped::Grouped,
    joined::Joined,
    materialized::Materialized,
    named::Named,
    produced::Produced,
    repartitioned::Repartitioned,
    suppressed::{BufferBounds, BufferConfig, EagerBufferConfig, StrictBufferConfig, Suppressed},
};
pub(crate) use self::{
    branched::Then,
    produced::Target,
    suppressed::{Until, WhenFull},
};
