//! The optimisation `single.store.self.join`: a stream that is joined with itself is kept in one
//! store.
//!
//! Java's `InternalStreamsBuilder.rewriteSingleStoreSelfJoin`.

use std::sync::Arc;

use super::{Lowering, Role, node::GraphNode, order::unlink};

/// Rewrites the graph.
pub(super) fn keep_self_joins_in_one_store(graph: &mut [GraphNode]) {
    for id in 0..graph.len() {
        let Some(node) = graph.get(id) else { continue };
        let Role::StreamJoin { windowed_other, as_self_join: Some(part), .. } = &node.role else {
            continue;
        };
        let ([stream], other, part) = (&*node.parents, *windowed_other, part.clone()) else {
            continue;
        };
        let stream = *stream;
        unlink(graph, stream, other);
        // Nothing is below it, and nothing comes of it.
        if let Some(node) = graph.get_mut(other) {
            node.part = Arc::new(|_: &mut Lowering<'_>| {});
        }
        if let Some(node) = graph.get_mut(id) {
            node.part = part;
        }
    }
}
