//! Code around processors whose types it does not know (KIP-1112).
//!
//! A [`WrappedProcessor`] is asked in place of the processor of a node, and calls it through an [`InnerProcessor`].
//! Records are [`AnyRecord`]s on this way. Nodes that nobody wraps have none of this.

mod any_record;
mod around;
mod inner_processor;
mod wrapped_processor;

pub(crate) use self::around::Around;
pub use self::{
    any_record::AnyRecord, inner_processor::InnerProcessor, wrapped_processor::WrappedProcessor,
};
