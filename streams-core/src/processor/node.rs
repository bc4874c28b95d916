//! The wiring of a task: an owned tree of nodes, and links to nodes with several parents.

use std::{any::Any, sync::Arc};

use super::{Names, TaskState};
use crate::{Error, ErrorKind, Record, Result};

/// A node as its parent sees it: one virtual call per node and record.
pub(crate) trait Node<K, V>: Send {
    /// Processes a record, and all records that it forwards, to the end of every branch.
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskState) -> Result;

    /// Handles an event addressed to it, and passes others on to its children.
    fn control(&mut self, event: Event, task: &mut TaskState) -> Result;
}

/// A node's own data at run time.
#[derive(Debug)]
pub(crate) struct NodeInfo {
    pub(crate) id: usize,
    pub(crate) name: Arc<str>,
    /// Stores that it is connected to.
    pub(crate) stores: Vec<usize>,
    /// True if it fills a global store.
    pub(crate) global: bool,
}

/// Anything that reaches a node and is not a record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// The task starts; for every node.
    Init,
    /// A punctuation of this node is due.
    Punctuate { node: usize, punctuation: super::Punctuation },
    /// A commit begins: this node forwards what its cached store held back.
    Flush { node: usize },
    /// This node continues with the records that it holds.
    Resume { node: usize },
    /// The current record has been undone, and will be processed again; for every node.
    Undo,
    /// No record comes, and stream time would be this: does the node hold back something that it
    /// would release?
    AskIdle { node: usize, time: i64 },
    /// It does, and releases it.
    Idle { node: usize, time: i64 },
    /// The task ends; for every node.
    Close,
}

impl Event {
    /// Returns whether the event is for the node with this number.
    pub(crate) fn is_for(&self, id: usize) -> bool {
        match self {
            Self::Init | Self::Undo | Self::Close => true,
            Self::Punctuate { node, .. }
            | Self::Flush { node }
            | Self::Resume { node }
            | Self::AskIdle { node, .. }
            | Self::Idle { node, .. } => *node == id,
        }
    }

    /// Returns whether every node must see the event.
    pub(crate) fn is_for_all(&self) -> bool {
        matches!(self, Self::Init | Self::Undo | Self::Close)
    }
}

/// A child with its name, for records that are forwarded to it alone.
pub(crate) struct Child<K, V> {
    pub(crate) id: usize,
    pub(crate) name: Arc<str>,
    pub(crate) node: Box<dyn Node<K, V>>,
}

impl<K, V> Child<K, V> {
    /// Makes the node process a record, to the end of every branch.
    #[inline]
    pub(crate) fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskState) -> Result {
        let above = task.at_work.enter(self.id);
        let done = self.node.push(record, task);
        task.at_work.leave(above);
        done
    }
}

/// The children of a node, in the order in which they were added.
pub(crate) type Children<K, V> = Vec<Child<K, V>>;

/// Makes each child process a record, in order. If one of them replaces the current record's
/// headers, those after it see the new ones.
#[inline]
pub(crate) fn push_all<K, V>(
    children: &mut [Child<K, V>],
    record: Record<'_, K, V>,
    task: &mut TaskState,
) -> Result {
    let mut rest = children.iter_mut();
    while let Some(child) = rest.next() {
        child.push(record, task)?;
        if !task.has_headers(record.headers) {
            return push_replaced(rest.into_slice(), record, task);
        }
    }
    Ok(())
}

#[cold]
fn push_replaced<K, V>(
    children: &mut [Child<K, V>],
    record: Record<'_, K, V>,
    task: &mut TaskState,
) -> Result {
    let headers = task.record.headers.clone().unwrap_or_default();
    push_all(children, record.with_headers(&headers), task)
}

/// A node with several parents, without its types.
pub(crate) struct SharedNode {
    /// A `Box<dyn Node<K, V>>`.
    pub(crate) node: Box<dyn Any + Send>,
    /// Calls the node's `control`.
    pub(crate) control: fn(&mut dyn Any, Event, &mut TaskState) -> Result,
}

/// The nodes of a task that have several parents, and their slots.
#[derive(Default)]
pub(crate) struct SharedNodes {
    /// Nodes with several parents.
    pub(crate) slots: Vec<Option<SharedNode>>,
    pub(crate) names: Arc<Names>,
}

impl SharedNodes {
    /// Takes a node out of its slot.
    pub(crate) fn take(&mut self, slot: usize) -> Option<SharedNode> {
        self.slots.get_mut(slot).and_then(Option::take)
    }

    /// Puts a node back.
    pub(crate) fn put(&mut self, slot: usize, node: SharedNode) {
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = Some(node);
        }
    }
}

/// Represents, in each of its parents, a node with several parents, which lives in a slot of the
/// task.
///
/// The node is taken out while it runs; the graph is acyclic, so nobody asks for it meanwhile.
/// Control events do not pass through: the task sends them to each slot itself, so that a shared
/// node sees them once.
pub(crate) struct Link {
    pub(crate) slot: usize,
}

impl<K: 'static, V: 'static> Node<K, V> for Link {
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskState) -> Result {
        let Some(mut shared) = task.shared.take(self.slot) else {
            return Err(Error::new(
                ErrorKind::Fatal,
                "a node with several parents ran within itself",
            ));
        };
        let done = match shared.node.downcast_mut::<Box<dyn Node<K, V>>>() {
            Some(node) => node.push(record, task),
            None => Err(Error::new(ErrorKind::Fatal, "a link joins nodes of different types")),
        };
        task.shared.put(self.slot, shared);
        done
    }

    fn control(&mut self, _event: Event, _task: &mut TaskState) -> Result {
        Ok(())
    }
}
