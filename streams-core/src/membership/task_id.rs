//! The name of a task.

use std::{fmt, str::FromStr};

/// A task: one partition's share of a sub-topology. Written `0_3`, as in Java.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// Number of the sub-topology.
    pub subtopology: u32,
    /// Number of the partition.
    pub partition: i32,
}

impl TaskId {
    /// The task that fills the global stores of an instance: it is in no group, and the same in
    /// every instance. Written `global`; Java's `-1_-1`.
    pub const GLOBAL: Self = Self { subtopology: u32::MAX, partition: -1 };

    /// Names task `partition` of sub-topology `subtopology`.
    pub const fn new(subtopology: u32, partition: i32) -> Self {
        Self { subtopology, partition }
    }
}

/// Like `Display`, so that lists of tasks read well in log lines.
impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::GLOBAL {
            return f.write_str("global");
        }
        write!(f, "{}_{}", self.subtopology, self.partition)
    }
}

/// The error for a text that is not the name of a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a task: expected SUBTOPOLOGY_PARTITION, for example 0_3")]
pub struct ParseTaskIdError(String);

impl FromStr for TaskId {
    type Err = ParseTaskIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            if text == "global" {
                return Some(Self::GLOBAL);
            }
            let (subtopology, partition) = text.split_once('_')?;
            Some(Self::new(subtopology.parse().ok()?, partition.parse().ok()?))
        };
        parse().ok_or_else(|| ParseTaskIdError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::TaskId;

    /// Log lines of assignments printed tasks as `TaskId { subtopology: 0, partition: 1 }`.
    #[test]
    fn lists_of_tasks_print_as_tasks_do() {
        let tasks = [TaskId::new(0, 1), TaskId::GLOBAL];
        assert_eq!(format!("{tasks:?}"), "[0_1, global]");
        assert_eq!("0_1".parse(), Ok(TaskId::new(0, 1)));
    }
}
