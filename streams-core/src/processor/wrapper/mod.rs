//! Code around processors whose types it does not know (KIP-1112).
//!
//! A [`WrappedProcessor`] is called instead of the processor of a node, and calls it through an
//! [`InnerProcessor`]. Records are passed as [`AnyRecord`]s. Nodes without a wrapper have none of
//! this cost.

mod any_record;
mod around;
mod inner_processor;
mod wrapped_processor;

pub(crate) use self::around::Around;
pub use self::{
    any_record::AnyRecord, inner_processor::InnerProcessor, wrapped_processor::WrappedProcessor,
};
