//! A member in the brokers' streams protocol (KIP-1071): the broker assigns, and creates the
//! internal topics.

mod copartition;
mod input_watch;
mod topology;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kafka_client::group::{
    Event,
    streams::{GroupStatus, StatusCode, StreamsGroupConfig, StreamsMember},
};

use self::{
    input_watch::InputWatch,
    topology::{hosts_from_wire, tasks_from_wire, tasks_to_wire, to_wire},
};
use super::{
    ControlPlane, GroupOffsets, convert_final, convert_passing, longest_delivery, offsets::Identity,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Answer, GroupMetadata, Heartbeat, JoinGroup, Lease, Membership, OffsetAndMetadata,
        java_protocol::HostInfo,
    },
    membership::{TaskAssignment, TaskOffsets},
    time::duration_ms,
};

/// Time for which the broker may miss source topics before that is an error: it learns of new
/// topics a little late, and answers at its next check of the group, 5 seconds later.
const TOPICS_GRACE_MS: i64 = 15_000;

/// One member of a streams group. Java's `StreamsGroupHeartbeatRequestManager`.
///
/// Brokers up to 4.3 accept no offsets of tasks, so they count warm-ups and standbys by themselves.
#[derive(Debug)]
pub(super) struct StreamsMembership {
    control: ControlPlane,
    seat: Arc<Seat>,
    offsets: GroupOffsets,
    /// True if it was asked to join and has not been lost since.
    is_member: bool,
    /// The broker's last assignment.
    target: Option<TaskAssignment>,
    inputs: InputWatch,
    /// The assignment that the owner was last told.
    told: Option<TaskAssignment>,
    /// True if all members were asked to close.
    asks_shutdown: bool,
    /// Time since which the broker has missed source topics.
    missing_since_ms: Option<i64>,
}

/// The data that a commit needs while the owner waits for it.
#[derive(Debug)]
struct Seat {
    member: StreamsMember,
    group_id: String,
    group_instance_id: Option<String>,
    delivery: Duration,
}

impl Identity for Seat {
    fn metadata(&self) -> GroupMetadata {
        let (member_id, member_epoch) = match self.member.epoch() {
            Some(epoch) => (epoch.member_id, epoch.member_epoch),
            None => (String::new(), -1),
        };
        GroupMetadata {
            group_id: self.group_id.clone(),
            member_id,
            member_epoch,
            group_instance_id: self.group_instance_id.clone(),
        }
    }

    fn changes(&self) -> bool {
        // A commit under the previous epoch is accepted while the member has that one.
        false
    }
}

impl StreamsMembership {
    /// Creates a member that joins with its first heartbeat.
    ///
    /// # Errors
    /// If the control plane has ended.
    pub(super) fn new(control: ControlPlane, join: JoinGroup) -> Result<Self> {
        let endpoint = join.application_server.as_deref().and_then(HostInfo::parse);
        let endpoint = endpoint.and_then(|host| Some((host.host, u16::try_from(host.port).ok()?)));
        let config = StreamsGroupConfig {
            group_id: join.group_id.clone(),
            group_instance_id: join.group_instance_id.clone(),
            rack_id: None,
            process_id: join.process_id.to_string(),
            user_endpoint: endpoint,
            client_tags: join.client_tags,
            session_timeout: join.session_timeout,
            max_poll_interval: join.max_poll_interval,
            topology: to_wire(&join.topology, join.standby.replication_factor),
        };
        // Not more often than heartbeats, whatever the maximal age.
        let max_age = control.client().config().metadata_max_age.max(join.heartbeat_interval);
        let inputs = InputWatch::new(Arc::clone(&join.topology), duration_ms(max_age));
        let member = StreamsMember::new(control.client(), control.handle()?, config);
        let seat = Seat {
            member,
            group_id: join.group_id,
            group_instance_id: join.group_instance_id,
            // The broker tells its heartbeat interval only later: at least three fit into a
            // session.
            delivery: longest_delivery(join.session_timeout, join.session_timeout / 3),
        };
        let offsets = GroupOffsets::new(control.clone(), join.heartbeat_interval);
        Ok(Self {
            control,
            seat: Arc::new(seat),
            offsets,
            is_member: false,
            target: None,
            inputs,
            told: None,
            asks_shutdown: false,
            missing_since_ms: None,
        })
    }

    fn end(&mut self) {
        self.is_member = false;
        self.target = None;
        self.told = None;
    }

    /// Processes the events of the background since the last call.
    fn look(&mut self, owned: &TaskAssignment) -> Result<Heartbeat> {
        match self.seat.member.poll(&tasks_to_wire(owned)) {
            Some(Event::Assigned(tasks)) => {
                self.target = Some(tasks_from_wire(&tasks)?);
                self.inputs.look_anew();
                Ok(Heartbeat::default())
            }
            Some(Event::Lost(error)) => {
                self.end();
                let text = "the group does not count on this member any more";
                Err(Error::with_source(ErrorKind::Fenced, text, error))
            }
            Some(Event::Failed(error)) => {
                self.end();
                Err(convert_final(error))
            }
            // An event of an unknown kind changes nothing.
            Some(_) => Ok(Heartbeat::default()),
            None => match self.seat.member.last_error() {
                Some(error) => Err(convert_passing(error).in_context("the group's coordinator")),
                None => self.be_patient(judge(&self.seat.member.statuses())),
            },
        }
    }

    /// New tasks for the owner, once it is known what they read.
    fn news(&mut self) -> Option<TaskAssignment> {
        let mut target = self.target.clone()?;
        let control = &self.control;
        let ask = |topics: Vec<String>| {
            let client = control.client().clone();
            control.begin(async move {
                let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
                client.partition_counts(&topics).await
            })
        };
        target.inputs = self.inputs.inputs(&target.active, control.clock().now_ms(), ask)?;
        if self.told.as_ref() == Some(&target) {
            return None;
        }
        self.told = Some(target.clone());
        Some(target)
    }

    /// At first, treats missing source topics as temporary.
    fn be_patient(&mut self, judged: Result<Heartbeat>) -> Result<Heartbeat> {
        match judged {
            Err(error) if error.kind() == ErrorKind::MissingSourceTopic => {
                let now_ms = self.control.clock().now_ms();
                let since_ms = *self.missing_since_ms.get_or_insert(now_ms);
                if now_ms - since_ms > TOPICS_GRACE_MS {
                    return Err(error);
                }
                let text = "the group's coordinator waits for source topics";
                Err(Error::with_source(ErrorKind::Unavailable, text, error))
            }
            other => {
                self.missing_since_ms = None;
                other
            }
        }
    }
}

/// The owner's reaction to the broker's statuses of the group.
fn judge(statuses: &[GroupStatus]) -> Result<Heartbeat> {
    let mut heartbeat = Heartbeat::default();
    for GroupStatus { code, detail } in statuses {
        let kind = match code {
            StatusCode::ShutdownApplication => {
                heartbeat.shutdown = true;
                continue;
            }
            StatusCode::StaleTopology => ErrorKind::Config,
            StatusCode::MissingSourceTopics => ErrorKind::MissingSourceTopic,
            StatusCode::IncorrectlyPartitionedTopics => ErrorKind::InvalidTopic,
            // The broker creates them; it reports if it can't.
            StatusCode::MissingInternalTopics => ErrorKind::Unavailable,
            // Waiting for more members, and unknown statuses, need no reaction.
            _ => continue,
        };
        let advice = match kind {
            ErrorKind::MissingSourceTopic => "; create them and start again",
            ErrorKind::InvalidTopic => {
                "; give topics that are joined equal numbers of partitions, or reset the application if an internal \
                 topic does not fit any more, and start again"
            }
            ErrorKind::Config => "; give another topology an application.id of its own",
            _ => "",
        };
        let detail = detail.trim_end_matches('.');
        let text = format!("the group can't run its topology: {detail}{advice}");
        return Err(Error::new(kind, text));
    }
    Ok(heartbeat)
}

impl Membership for StreamsMembership {
    fn heartbeat(&mut self, owned: &TaskAssignment, _offsets: &TaskOffsets) -> Result<Heartbeat> {
        self.seat.member.owner_alive();
        if !self.is_member {
            self.is_member = true;
            self.seat.member.join();
        }
        let mut heartbeat = self.look(owned)?;
        heartbeat.assignment = self.news();
        heartbeat.hosts = self.seat.member.take_hosts().map(hosts_from_wire);
        Ok(heartbeat)
    }

    fn shutdown_application(&mut self) {
        if !std::mem::replace(&mut self.asks_shutdown, true) {
            self.seat.member.shutdown_application();
        }
    }

    fn commit_offsets(&mut self, offsets: &[(TopicPartition, OffsetAndMetadata)]) -> Answer<()> {
        self.offsets.commit(Arc::clone(&self.seat), offsets)
    }

    fn committed_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Answer<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        self.offsets.committed(&self.seat.group_id, partitions)
    }

    fn group_metadata(&self) -> GroupMetadata {
        self.seat.metadata()
    }

    fn lease(&self) -> Lease {
        let seat = Arc::clone(&self.seat);
        Lease::new(seat.delivery, move || seat.member.session_left())
    }

    fn leave(&mut self, _for_good: bool) -> Result {
        self.target = None;
        self.told = None;
        if !std::mem::take(&mut self.is_member) {
            return Ok(());
        }
        let seat = Arc::clone(&self.seat);
        self.control.begin(async move { seat.member.leave().await }).wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_the_group_is_an_error_or_a_wait() {
        let status = |code| [GroupStatus { code, detail: "topic orders".to_owned() }];
        for (code, kind) in [
            (StatusCode::MissingSourceTopics, ErrorKind::MissingSourceTopic),
            (StatusCode::IncorrectlyPartitionedTopics, ErrorKind::InvalidTopic),
            (StatusCode::MissingInternalTopics, ErrorKind::Unavailable),
            (StatusCode::StaleTopology, ErrorKind::Config),
        ] {
            assert_eq!(judge(&status(code)).unwrap_err().kind(), kind);
        }
        let waits = judge(&status(StatusCode::AssignmentDelayed)).unwrap();
        assert_eq!(waits, Heartbeat::default());
        assert!(judge(&status(StatusCode::ShutdownApplication)).unwrap().shutdown);
    }
}
