//! One membership: join, sync, stay, and again at each rebalance.

use std::{collections::BTreeMap, pin::pin, sync::Arc};

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest,
        join_group_request::JoinGroupRequestProtocol,
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tracing::{debug, info};

use super::{
    MemberSubscription,
    coordinator::Coordinator,
    member::{Assignment, Generation},
    task::Task,
};
use crate::{
    Error, ErrorKind,
    group::{Event, event::Ended, millis_i32, verdict::Verdict},
};

/// The type of the groups that consumers form.
const PROTOCOL_TYPE: &str = "consumer";
/// Limit on the length of reasons: brokers don't log longer ones; Java cuts them here.
const REASON_CHARS: usize = 255;
/// Number of times per session at which it is noted that this process was not suspended, while a
/// rebalance holds back an answer.
const WAITING_TICKS: u32 = 10;

/// Result of a heartbeat.
enum Beat {
    Fine,
    Rebalance,
}

/// The state of one membership.
pub(super) struct Life<'a, C> {
    task: &'a Task<C>,
    incarnation: u64,
    /// None until the first `JoinGroup` is accepted: before that there is nothing to lose.
    generation: Option<Generation>,
    /// Time of the last certain contact with the coordinator.
    seen_at: Instant,
    next_beat_at: Instant,
    /// Number of failures in a row.
    failures: u32,
    reason: String,
}

impl<'a, C: Coordinator> Life<'a, C> {
    pub(super) fn new(task: &'a Task<C>, incarnation: u64) -> Self {
        let now = Instant::now();
        Self {
            task,
            incarnation,
            generation: None,
            seen_at: now,
            next_beat_at: now,
            failures: 0,
            reason: "the member is new".to_owned(),
        }
    }

    /// Runs until the membership ends.
    pub(super) async fn live(mut self) -> Ended {
        loop {
            match self.round().await {
                Ok(reason) => self.reason = reason,
                Err(ended) => return ended,
            }
        }
    }

    /// Runs from a `JoinGroup` to the reason for the next one.
    async fn round(&mut self) -> Result<String, Ended> {
        let (joined, generation) = self.join().await?;
        let group = &self.task.config.group_id;
        info!(group, generation.generation_id, generation.member_id, "joined");
        let assignments = if joined.leader == joined.member_id && !joined.skip_assignment {
            match self.assign(joined).await? {
                Ok(assignments) => assignments,
                Err(reason) => return Ok(reason),
            }
        } else {
            BTreeMap::new()
        };
        let bytes = match self.sync(&generation, assignments).await? {
            Ok(bytes) => bytes,
            Err(reason) => return Ok(reason),
        };
        self.task.seat.as_of(self.incarnation, |state| {
            state.event = Some(Event::Assigned(Assignment { generation, bytes }));
        });
        self.stay().await
    }

    /// Sends `JoinGroup` until it is accepted.
    async fn join(&mut self) -> Result<(JoinGroupResponse, Generation), Ended> {
        let config = &self.task.config;
        let context = format!("JoinGroup of group {}", config.group_id);
        loop {
            let request = self.join_request();
            let had_id = !request.member_id.is_empty();
            let joining = self.task.coordinator.join(request, config.max_poll_interval);
            let answer = self.wait_out(joining).await?;
            let (verdict, answer) = Verdict::of(answer, &context, |answer| answer.error_code);
            match (verdict, answer) {
                (Verdict::Done, Some(answer)) => {
                    let generation = self.joined(&answer);
                    return Ok((answer, generation));
                }
                // MEMBER_ID_REQUIRED is followed at once, but only once.
                (Verdict::Failed(error), Some(answer)) if error.code() == Some(79) => {
                    self.set_member_id(&answer.member_id);
                    if had_id {
                        self.pause(error).await?;
                    }
                }
                // A member that holds nothing yet loses nothing: it asks for a new id.
                (Verdict::Lost(error), _) if self.generation.is_none() => {
                    self.set_member_id("");
                    self.pause(error).await?;
                }
                (Verdict::Lost(error), _) => return Err(self.lost(error)),
                (Verdict::Failed(error), _) => return Err(Ended::Failed(error)),
                (Verdict::Moved(error), _) => {
                    self.task.coordinator.forget();
                    self.pause(error).await?;
                }
                (Verdict::Retry(error), _) => self.pause(error).await?,
                (Verdict::Rejoin | Verdict::Done, _) => {
                    self.pause(Error::from_code(27, &context, None)).await?;
                }
            }
        }
    }

    /// Builds a `JoinGroup` that claims the owner's tasks: an assignment that was not taken yet
    /// can't be taken any more.
    fn join_request(&mut self) -> JoinGroupRequest {
        let member_id = self.task.seat.as_of(self.incarnation, |state| {
            state.event = None;
            if let Some(reason) = state.own.rejoin.take() {
                self.reason = reason;
            }
            state.own.member_id.clone()
        });
        let config = &self.task.config;
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text(self.task.protocol.name()))
            .with_metadata(self.task.protocol.subscription());
        JoinGroupRequest::default()
            .with_group_id(GroupId(text(&config.group_id)))
            .with_session_timeout_ms(millis_i32(config.session_timeout))
            .with_rebalance_timeout_ms(millis_i32(config.max_poll_interval))
            .with_member_id(text(&member_id.unwrap_or_default()))
            .with_group_instance_id(config.group_instance_id.as_deref().map(text))
            .with_protocol_type(text(PROTOCOL_TYPE))
            .with_protocols(vec![protocol])
            .with_reason(Some(StrBytes::from_string(
                self.reason.chars().take(REASON_CHARS).collect(),
            )))
    }

    /// Notes an accepted `JoinGroup`.
    fn joined(&mut self, answer: &JoinGroupResponse) -> Generation {
        let member_id = answer.member_id.to_string();
        let generation = Generation { member_id, generation_id: answer.generation_id };
        self.generation = Some(generation.clone());
        self.task.seat.as_of(self.incarnation, |state| {
            state.own.member_id.clone_from(&generation.member_id);
            state.own.generation = Some(generation.clone());
        });
        self.seen(Instant::now());
        generation
    }

    /// Lets the leader's protocol assign, while heartbeats continue. The inner error is the reason
    /// to join again.
    async fn assign(
        &mut self,
        joined: JoinGroupResponse,
    ) -> Result<Result<BTreeMap<String, Bytes>, String>, Ended> {
        let protocol = Arc::clone(&self.task.protocol);
        let span = self.task.config.max_poll_interval;
        let members = joined.members.into_iter().map(|member| MemberSubscription {
            member_id: member.member_id.to_string(),
            group_instance_id: member.group_instance_id.map(|id| id.to_string()),
            metadata: member.metadata,
        });
        let assigning = timeout(span, protocol.assign(members.collect()));
        let assigned = tokio::select! {
            assigned = assigning => assigned,
            ended = self.beat_on() => return Err(ended),
        };
        let error = match assigned {
            Ok(Ok(assignments)) => return Ok(Ok(assignments)),
            Ok(Err(error)) => error,
            Err(_) => Error::new(
                ErrorKind::Timeout,
                format!("assigning took longer than the rebalance time-out of {span:?}"),
            ),
        };
        match error.kind() {
            ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Retriable => {
                let reason = format!("the leader could not assign: {error}");
                self.pause(error).await?;
                Ok(Err(reason))
            }
            _ => Err(Ended::Failed(error)),
        }
    }

    /// Sends heartbeats regardless of a rebalance: the next request will meet it.
    async fn beat_on(&mut self) -> Ended {
        loop {
            if let Err(ended) = self.beat().await {
                return ended;
            }
        }
    }

    /// Fetches the assignment. The inner error is the reason to join again.
    async fn sync(
        &mut self,
        generation: &Generation,
        assignments: BTreeMap<String, Bytes>,
    ) -> Result<Result<Bytes, String>, Ended> {
        let config = &self.task.config;
        let assignments = assignments.into_iter().map(|(member_id, assignment)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(StrBytes::from_string(member_id))
                .with_assignment(assignment)
        });
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(&config.group_id)))
            .with_generation_id(generation.generation_id)
            .with_member_id(text(&generation.member_id))
            .with_group_instance_id(config.group_instance_id.as_deref().map(text))
            .with_protocol_type(Some(text(PROTOCOL_TYPE)))
            .with_protocol_name(Some(text(self.task.protocol.name())))
            .with_assignments(assignments.collect());
        let context = format!("SyncGroup of group {}", config.group_id);
        let syncing = self.task.coordinator.sync(request, config.max_poll_interval);
        let answer = self.wait_out(syncing).await?;
        let (verdict, answer) = Verdict::of(answer, &context, |answer| answer.error_code);
        match verdict {
            Verdict::Done => {
                self.seen(Instant::now());
                Ok(Ok(answer.map(|answer| answer.assignment).unwrap_or_default()))
            }
            Verdict::Rejoin => {
                Ok(Err("another rebalance began before this one was over".to_owned()))
            }
            Verdict::Lost(error) => Err(self.lost(error)),
            Verdict::Failed(error) => Err(Ended::Failed(error)),
            Verdict::Moved(error) | Verdict::Retry(error) => {
                let reason = format!("the assignment could not be fetched: {error}");
                self.task.coordinator.forget();
                self.pause(error).await?;
                Ok(Err(reason))
            }
        }
    }

    /// Waits for an answer that a rebalance holds back, for as long as it takes. The coordinator
    /// expels no member that waits this way, but the answer may come while this process is
    /// suspended: then it counts from the last moment before that.
    async fn wait_out<T>(&self, answer: impl Future<Output = T>) -> Result<T, Ended> {
        if self.generation.is_none() {
            return Ok(answer.await);
        }
        let session = self.task.config.session_timeout;
        let mut answer = pin!(answer);
        let mut seen_at = Instant::now();
        loop {
            self.task.seat.session_ends(self.incarnation, Some(seen_at + session));
            tokio::select! {
                biased;
                () = sleep_until(seen_at + session / WAITING_TICKS) => {
                    if seen_at.elapsed() >= session {
                        return Err(self.session_is_over(None));
                    }
                    seen_at = Instant::now();
                }
                answer = &mut answer => return Ok(answer),
            }
        }
    }

    /// Sends heartbeats until there is a reason to join again.
    async fn stay(&mut self) -> Result<String, Ended> {
        let seat = Arc::clone(&self.task.seat);
        loop {
            let beat = tokio::select! {
                biased;
                reason = seat.wait_until(|state| state.own.rejoin.take()) => return Ok(reason),
                beat = self.beat() => beat?,
            };
            if matches!(beat, Beat::Rebalance) {
                return Ok("the group rebalances".to_owned());
            }
        }
    }

    /// Waits until a heartbeat is due and sends it.
    async fn beat(&mut self) -> Result<Beat, Ended> {
        sleep_until(self.next_beat_at).await;
        let config = &self.task.config;
        let Some(generation) = &self.generation else { return Ok(Beat::Fine) };
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(&config.group_id)))
            .with_generation_id(generation.generation_id)
            .with_member_id(text(&generation.member_id))
            .with_group_instance_id(config.group_instance_id.as_deref().map(text));
        let context = format!("Heartbeat of group {}", config.group_id);
        let sent_at = Instant::now();
        let sending = self.task.coordinator.heartbeat(request);
        let Ok(answer) = timeout_at(self.session_end(), sending).await else {
            return Err(self.session_is_over(None));
        };
        let (verdict, _) = Verdict::of(answer, &context, |answer| answer.error_code);
        match verdict {
            Verdict::Done => {
                self.seen(sent_at);
                Ok(Beat::Fine)
            }
            Verdict::Rejoin => {
                self.seen(sent_at);
                Ok(Beat::Rebalance)
            }
            Verdict::Lost(error) => Err(self.lost(error)),
            Verdict::Failed(error) => Err(Ended::Failed(error)),
            Verdict::Moved(error) => {
                self.task.coordinator.forget();
                self.beat_again_after(error).await
            }
            Verdict::Retry(error) => self.beat_again_after(error).await,
        }
    }

    async fn beat_again_after(&mut self, error: Error) -> Result<Beat, Ended> {
        self.next_beat_at = Instant::now();
        self.pause(error).await?;
        Ok(Beat::Fine)
    }

    /// Notes that the coordinator has seen the member at `at`, and when it must see it again.
    fn seen(&mut self, at: Instant) {
        self.seen_at = at;
        self.next_beat_at = at + self.task.config.heartbeat_interval;
        self.failures = 0;
        self.task.seat.session_ends(self.incarnation, Some(self.session_end()));
        self.task.seat.as_of(self.incarnation, |state| state.last_error = None);
    }

    fn session_end(&self) -> Instant {
        self.seen_at + self.task.config.session_timeout
    }

    /// Notes a failure and pauses, but never beyond the end of the session.
    async fn pause(&mut self, error: Error) -> Result<(), Ended> {
        debug!(group = self.task.config.group_id, %error, "trying again");
        self.task.seat.as_of(self.incarnation, |state| state.last_error = Some(error.clone()));
        self.failures += 1;
        let pause = self.task.client_config.backoff(self.failures);
        if self.generation.is_none() {
            sleep(pause).await;
            return Ok(());
        }
        self.task.seat.session_ends(self.incarnation, Some(self.session_end()));
        sleep_until(self.session_end().min(Instant::now() + pause)).await;
        if Instant::now() < self.session_end() {
            return Ok(());
        }
        Err(self.session_is_over(Some(error)))
    }

    /// The end of a membership by our own clock. The id is kept: if the coordinator still knows it,
    /// the member that joins next replaces this one.
    fn session_is_over(&self, cause: Option<Error>) -> Ended {
        let context = format!(
            "group {}: no heartbeat got through for session.timeout.ms ({} ms)",
            self.task.config.group_id,
            self.task.config.session_timeout.as_millis()
        );
        Ended::Lost(match cause {
            Some(cause) => Error::with_source(ErrorKind::Fenced, context, cause),
            None => Error::new(ErrorKind::Fenced, context),
        })
    }

    /// The end of a membership by the coordinator's answer. A member of which only the generation
    /// is stale keeps its id, as in Java: the group need not wait for the session of an id that
    /// nobody uses any more.
    fn lost(&self, error: Error) -> Ended {
        const ILLEGAL_GENERATION: i16 = 22;
        if error.code() != Some(ILLEGAL_GENERATION) {
            self.set_member_id("");
        }
        Ended::Lost(error)
    }

    fn set_member_id(&self, member_id: &str) {
        self.task.seat.as_of(self.incarnation, |state| {
            state.own.member_id.replace_range(.., member_id);
        });
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
