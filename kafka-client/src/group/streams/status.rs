//! The broker's remarks on the group.

use super::messages::Status;

/// A circumstance of the group with the broker's explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// The circumstance.
    pub code: StatusCode,
    /// The topics, and the reason.
    pub detail: String,
}

/// Kind of a circumstance (Java's `StreamsGroupHeartbeatResponse.Status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusCode {
    /// The member's topology is older than the group's.
    StaleTopology,
    /// A source topic does not exist, or no topic matches a pattern.
    MissingSourceTopics,
    /// Topics that must have equal partition counts do not.
    IncorrectlyPartitionedTopics,
    /// An internal topic is missing; the broker tries to create it, and the detail gives the reason
    /// if it could not.
    MissingInternalTopics,
    /// A member asked all members to shut down.
    ShutdownApplication,
    /// The group waits for more members before it assigns.
    AssignmentDelayed,
    /// A circumstance of a newer broker.
    Unknown(i8),
}

impl From<Status> for GroupStatus {
    fn from(status: Status) -> Self {
        let code = match status.status_code {
            0 => StatusCode::StaleTopology,
            1 => StatusCode::MissingSourceTopics,
            2 => StatusCode::IncorrectlyPartitionedTopics,
            3 => StatusCode::MissingInternalTopics,
            4 => StatusCode::ShutdownApplication,
            5 => StatusCode::AssignmentDelayed,
            code => StatusCode::Unknown(code),
        };
        Self { code, detail: status.status_detail }
    }
}
