//! Records that the processors of a task hold while something outside the task works on them.

use std::task::Waker;

use crate::client::answer::waker_of_this_thread;

/// Unfinished records of a processor, as it reports them with
/// [`Context::set_in_flight`](super::Context::set_in_flight).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Number of records.
    pub records: usize,
    /// True if the task should take no further records for now.
    pub is_full: bool,
    /// Time of the wall clock at which the processor must be called in any case, in milliseconds
    /// since the epoch: the end of a back-off, or a time-out.
    pub due_ms: Option<i64>,
    /// True if something works on one of the records and wakes the task when it has finished.
    pub awaits_wake: bool,
}

/// Unfinished records of all nodes of a task.
#[derive(Debug, Default)]
pub(crate) struct NodesInFlight {
    /// Nodes that hold records, by their numbers.
    nodes: Vec<(usize, InFlight)>,
    is_full: bool,
    /// True if a node may hold records.
    may_hold: bool,
    waker: Option<Waker>,
}

impl NodesInFlight {
    /// Sets the report of a node.
    pub(crate) fn set(&mut self, node: usize, in_flight: InFlight) {
        self.may_hold = true;
        match self.nodes.iter_mut().find(|(id, _)| *id == node) {
            Some((_, known)) => *known = in_flight,
            None => self.nodes.push((node, in_flight)),
        }
        self.nodes.retain(|(_, in_flight)| in_flight.records > 0);
        self.is_full = self.nodes.iter().any(|(_, in_flight)| in_flight.is_full);
    }

    /// Returns whether a node may hold records.
    pub(crate) const fn may_hold(&self) -> bool {
        self.may_hold
    }

    /// Returns whether no node holds a record.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns whether the task should take no further records for now.
    #[inline]
    pub(crate) const fn is_full(&self) -> bool {
        self.is_full
    }

    /// The nodes that hold records.
    pub(crate) fn nodes(&self) -> Vec<usize> {
        self.nodes.iter().map(|(node, _)| *node).collect()
    }

    /// Earliest time at which one of the nodes must be called in any case.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        self.nodes.iter().filter_map(|(_, in_flight)| in_flight.due_ms).min()
    }

    /// Returns whether something is working that wakes the task.
    pub(crate) fn awaits_wake(&self) -> bool {
        self.nodes.iter().any(|(_, in_flight)| in_flight.awaits_wake)
    }

    /// Wakes the thread that the task runs on, which is the current one.
    pub(crate) fn waker(&mut self) -> &Waker {
        self.waker.get_or_insert_with(waker_of_this_thread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_full_while_one_of_its_nodes_is_and_due_when_the_first_of_them_is() {
        let mut all = NodesInFlight::default();
        assert!(all.is_empty() && !all.is_full());
        let one = InFlight { records: 1, due_ms: Some(70), ..InFlight::default() };
        all.set(3, one);
        all.set(5, InFlight { records: 2, is_full: true, due_ms: Some(50), awaits_wake: true });
        assert!(all.is_full() && all.awaits_wake());
        assert_eq!((all.nodes(), all.due_ms()), (vec![3, 5], Some(50)));
        all.set(5, InFlight::default());
        assert!(!all.is_full() && !all.awaits_wake());
        assert_eq!((all.nodes(), all.due_ms()), (vec![3], Some(70)));
    }
}
