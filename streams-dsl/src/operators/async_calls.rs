//! The calls in flight, which all async operators share.
//!
//! A call belongs to the task of its record and is polled on that task's thread. Invariant: a
//! record leaves when its result has gone on or a handler has decided on it, and no commit comes
//! before that.

use std::{
    collections::HashSet,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Wake, Waker},
    time::Duration,
};

use streams_core::{
    BoxError, Error, ErrorKind, Headers, Record, Result,
    processor::{Context, HeldRecord, InFlight, Processor},
    time::duration_ms,
};

use crate::{
    KStream,
    options::{AsyncOptions, Order},
    plan::{Drawn, DrawnStream, Lowering, Operator, Role, Sketch, Slot, Step, StepRef},
};

/// The future result of a call.
pub(super) type Called<R> = Pin<Box<dyn Future<Output = Result<R, BoxError>> + Send>>;

/// Makes a call for a record.
type Caller<K, V, R> = Arc<dyn Fn(K, V) -> Called<R> + Send + Sync>;

/// Sends on what a call has given, for a record of this key, time and headers.
type Forward<K, R, K2, V2> = fn(&K, R, (i64, &Headers), &mut Context<'_, K2, V2>) -> Result;

/// An async operator: its calls, and what becomes of their results.
pub(super) struct AsyncOperator<K, V, R, K2, V2> {
    pub(super) prefix: &'static str,
    pub(super) keeps_keys: bool,
    pub(super) call: Caller<K, V, R>,
    pub(super) forward: Forward<K, R, K2, V2>,
}

impl<K, V> KStream<K, V>
where
    K: Clone + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The step of an async operator.
    #[track_caller]
    pub(super) fn add_async<R, K2, V2>(&self, operator: AsyncOperator<K, V, R, K2, V2>) -> StepRef
    where
        R: Send + 'static,
        K2: Send + 'static,
        V2: Send + 'static,
    {
        self.step().then(operator)
    }
}

impl<K, V, R, K2, V2> Operator for AsyncOperator<K, V, R, K2, V2>
where
    K: Clone + Hash + Send + 'static,
    V: Clone + Send + 'static,
    R: Send + 'static,
    K2: Send + 'static,
    V2: Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let name = sketch.name(step, self.prefix);
        let options = step.options.async_options();
        let (call, forward) = (self.call.clone(), self.forward);
        let node_name = name.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let call = call.clone();
            let supplier = move || AsyncCalls::<K, V, R, K2, V2> {
                call: call.clone(),
                forward,
                options,
                hasher: RandomState::new(),
                calls: Vec::new(),
            };
            let node = lowering.processor(&node_name, supplier, &parents);
            lowering.forwards::<K2, V2>(node);
        };
        let role = if self.keeps_keys { Role::Other } else { Role::ChangesKey };
        let node = sketch.add(&name, role, &[above.node], step.caller, part);
        let stream = DrawnStream::<K2, V2> {
            node,
            name,
            key_serde: if self.keeps_keys { above.key_serde.convert() } else { Slot::unknown() },
            value_serde: Slot::unknown(),
            sources: above.sources,
            repartition_required: above.repartition_required || !self.keeps_keys,
        };
        Some(stream.of(step))
    }
}

/// The calls of a task that are in flight, in the order of their records.
struct AsyncCalls<K, V, R, K2, V2> {
    call: Caller<K, V, R>,
    forward: Forward<K, R, K2, V2>,
    options: AsyncOptions,
    hasher: RandomState,
    calls: Vec<Call<K, V, R>>,
}

/// A record in flight.
struct Call<K, V, R> {
    held: HeldRecord,
    key: K,
    value: V,
    /// Equal for equal keys: where others have it too, they wait for each other for nothing.
    key_hash: u64,
    /// Attempts that were begun.
    attempts: u32,
    state: State<R>,
}

enum State<R> {
    /// Its turn has not come: an operator above made more records of one than may be in flight.
    Queued,
    Running {
        future: Called<R>,
        wake: Arc<CallWake>,
        until_ms: i64,
    },
    BackOff {
        until_ms: i64,
    },
    Done(Result<R, BoxError>),
}

/// Notes that a call is to be polled, and wakes its task.
struct CallWake {
    woken: AtomicBool,
    task: Waker,
}

impl Wake for CallWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl<R> State<R> {
    /// Returns whether the call counts towards the limit of calls in flight.
    const fn is_active(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::BackOff { .. })
    }

    /// Time at which the call has something to do in any case.
    const fn due_ms(&self) -> Option<i64> {
        match self {
            Self::Running { until_ms, .. } | Self::BackOff { until_ms } => Some(*until_ms),
            Self::Queued | Self::Done(_) => None,
        }
    }
}

impl<K: Clone + Send + 'static, V: Clone + Send + 'static, R: 'static> Call<K, V, R> {
    /// Begins an attempt. User code runs when it is polled.
    fn start(&mut self, caller: &Caller<K, V, R>, until_ms: i64, task: Waker) {
        let (caller, key, value) = (caller.clone(), self.key.clone(), self.value.clone());
        let future: Called<R> = Box::pin(async move { caller(key, value).await });
        let wake = Arc::new(CallWake { woken: AtomicBool::new(true), task });
        self.attempts += 1;
        self.state = State::Running { future, wake, until_ms };
    }

    /// Goes on as far as that is possible now.
    fn advance<K2, V2>(
        &mut self,
        caller: &Caller<K, V, R>,
        options: &AsyncOptions,
        context: &mut Context<'_, K2, V2>,
    ) -> Result {
        let now_ms = context.current_system_time_ms();
        let after = |pause: Duration| now_ms.saturating_add(duration_ms(pause));
        loop {
            match &mut self.state {
                State::Running { future, wake, until_ms } => {
                    let mut polled = Poll::Pending;
                    if wake.woken.swap(false, Ordering::AcqRel) {
                        let waker = Waker::from(wake.clone());
                        // Should it panic, the message names its record.
                        let poll = |context: &mut Context<'_, K2, V2>, _: &Headers| {
                            context.poll(future.as_mut(), &waker)
                        };
                        polled = context.with_held(&self.held, poll)?;
                    }
                    let failed = match polled {
                        Poll::Ready(Err(error)) => error,
                        Poll::Ready(done) => {
                            self.state = State::Done(done);
                            return Ok(());
                        }
                        Poll::Pending if now_ms < *until_ms => return Ok(()),
                        Poll::Pending => {
                            format!("the call has not ended within {:?}", options.timeout).into()
                        }
                    };
                    self.state = match options.retry.pause_after(self.attempts) {
                        Some(pause) => State::BackOff { until_ms: after(pause) },
                        None => State::Done(Err(GaveUp::after(self.attempts, failed))),
                    };
                }
                State::BackOff { until_ms } if now_ms >= *until_ms => {
                    self.start(caller, after(options.timeout), context.waker());
                }
                State::Queued | State::BackOff { .. } | State::Done(_) => return Ok(()),
            }
        }
    }
}

impl<K, V, R, K2, V2> AsyncCalls<K, V, R, K2, V2>
where
    K: Clone + Hash + Send + 'static,
    V: Clone + Send + 'static,
    R: 'static,
{
    /// Begins calls whose turn has come, and has all go on from `first`.
    fn advance(&mut self, first: usize, context: &mut Context<'_, K2, V2>) -> Result {
        let now_ms = context.current_system_time_ms();
        let until_ms = now_ms.saturating_add(duration_ms(self.options.timeout));
        let mut active = self.calls.iter().filter(|call| call.state.is_active()).count();
        for call in self.calls.iter_mut().skip(first) {
            if matches!(call.state, State::Queued) && active < self.options.in_flight {
                call.start(&self.call, until_ms, context.waker());
                active += 1;
            }
            call.advance(&self.call, &self.options, context)?;
        }
        Ok(())
    }

    /// Sends on the results whose turn it is. What a handler decides to fail on leaves the others
    /// as they are.
    fn forward(&mut self, context: &mut Context<'_, K2, V2>) -> Result {
        if !self.calls.iter().any(|call| matches!(call.state, State::Done(_))) {
            return Ok(());
        }
        let mut blocked = HashSet::new();
        let mut forwarded = Ok(());
        let mut left = Vec::with_capacity(self.calls.len());
        for call in std::mem::take(&mut self.calls) {
            let waits = forwarded.is_err()
                || match self.options.order {
                    Order::ByKey => blocked.contains(&call.key_hash),
                    Order::Records => !left.is_empty(),
                    Order::Completion => false,
                };
            match call {
                Call { held, key, state: State::Done(done), .. } if !waits => {
                    forwarded = context.with_held(&held, |context, headers| match done {
                        Ok(result) => {
                            let time = context.timestamp();
                            (self.forward)(&key, result, (time, headers), context)
                        }
                        Err(error) => context.fail(error),
                    });
                }
                call => {
                    blocked.insert(call.key_hash);
                    left.push(call);
                }
            }
        }
        self.calls = left;
        forwarded
    }

    /// Says what is in flight.
    fn tell(&self, context: &mut Context<'_, K2, V2>) {
        let running = |call: &Call<K, V, R>| matches!(call.state, State::Running { .. });
        context.set_in_flight(InFlight {
            records: self.calls.len(),
            is_full: self.calls.len() >= self.options.in_flight,
            due_ms: self.calls.iter().filter_map(|call| call.state.due_ms()).min(),
            awaits_wake: self.calls.iter().any(running),
        });
    }
}

impl<K, V, R, K2, V2> Processor<K, V, K2, V2> for AsyncCalls<K, V, R, K2, V2>
where
    K: Clone + Hash + Send + 'static,
    V: Clone + Send + 'static,
    R: Send + 'static,
{
    fn init(&mut self, context: &mut Context<'_, K2, V2>) -> Result<(), BoxError> {
        let longest_ms = duration_ms(self.options.longest());
        if let Some(most_ms) = context.in_flight_ms_max().filter(|most| longest_ms > *most) {
            let node = context.node_name();
            let text = format!(
                "a record may take {longest_ms} ms in node `{node}`, with all attempts and back-offs, and a commit waits for \
                 it; in a transaction it may take {most_ms} ms: lower the time-out or the retries, or raise \
                 producer.transaction.timeout.ms to at least {} ms",
                longest_ms.saturating_mul(2)
            );
            return Err(Error::new(ErrorKind::Config, text).into());
        }
        self.tell(context);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K2, V2>,
    ) -> Result<(), BoxError> {
        self.calls.push(Call {
            held: context.hold(),
            key: record.key.clone(),
            value: record.value.clone(),
            key_hash: self.hasher.hash_one(record.key),
            attempts: 0,
            state: State::Queued,
        });
        // The others go on in the next turn.
        let advanced = self.advance(self.calls.len() - 1, context);
        self.tell(context);
        Ok(advanced?)
    }

    fn resume(&mut self, context: &mut Context<'_, K2, V2>) -> Result<(), BoxError> {
        let resumed = self.advance(0, context).and_then(|()| self.forward(context));
        self.tell(context);
        Ok(resumed?)
    }

    /// The calls for the record are dropped, and made again with it.
    fn undo(&mut self, context: &mut Context<'_, K2, V2>) {
        self.calls.retain(|call| !context.is_current(&call.held));
        self.tell(context);
    }

    fn close(&mut self) {
        self.calls.clear();
    }
}

/// The last error of a call that was made several times.
#[derive(Debug)]
struct GaveUp {
    attempts: u32,
    cause: BoxError,
}

impl GaveUp {
    fn after(attempts: u32, cause: BoxError) -> BoxError {
        if attempts == 1 || cause.is::<Error>() {
            cause
        } else {
            Box::new(Self { attempts, cause })
        }
    }
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} attempts failed, the last one with: {}", self.attempts, self.cause)
    }
}

impl std::error::Error for GaveUp {}
