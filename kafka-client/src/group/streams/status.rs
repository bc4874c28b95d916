//! What the broker says about the group.

use super::messages::Status;

/// A circumstance of the group with the broker's explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// What it is.
    pub code: StatusCode,
    /// Which topics, and why.
    pub detail: String,
}

/// What the circumstance is (Java's `StreamsGroupHeartbeatResponse.Status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusCode {
    /// The member's topology is older than the group's.
    StaleTopology,
    /// A source topic does not exist, or no topic matches a pattern.
    MissingSourceTopics,
    /// Topics that must be partitioned alike are not.
    IncorrectlyPartitionedTopics,
    /// An internal topic is missing; the broker tries to create it, and the detail says why it could not.
    MissingInternalTopics,
    /// A member asked all to shut down.
    ShutdownApplication,
    /// The group waits for more members before it assigns.
    AssignmentDelayed,
    /// A circumstance that a newer broker knows.
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
