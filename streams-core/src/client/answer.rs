//! The pending answer of a call on the cluster.
//!
//! A call begins when it is made; its answer is taken later, by a caller that has other work
//! meanwhile. Invariant: an answer comes once, and while it is pending it wakes the caller that
//! asked last.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    Error, ErrorKind, Result,
    time::{Clock, duration_ms},
};

/// The answer of a call in progress. Java's `KafkaFuture`.
///
/// It is a future; [`poll_with`](Self::poll_with) polls it without an executor, and
/// [`wait`](Self::wait) blocks where that does no harm. Dropping it cancels nothing: the call may
/// still take effect.
///
/// ```
/// use std::task::Waker;
/// use streams_core::client::Answer;
///
/// let mut answer = Answer::ready(Ok(3));
/// assert_eq!(answer.poll_with(Waker::noop()).unwrap()?, 3);
/// assert_eq!(Answer::later(async { Ok(4) }).map(|number| number + 1).wait()?, 5);
/// # Ok::<(), streams_core::Error>(())
/// ```
#[must_use = "an answer may be an error"]
pub struct Answer<T>(State<T>);

enum State<T> {
    Ready(Result<T>),
    Later(Pin<Box<dyn Future<Output = Result<T>> + Send>>),
    Delayed(Delay, Box<dyn FnOnce() -> Result<T> + Send>),
    Told,
}

impl<T> Answer<T> {
    /// Creates an answer that is available now.
    pub const fn ready(result: Result<T>) -> Self {
        Self(State::Ready(result))
    }

    /// Creates an answer from `future`, which must wake by itself; it is polled only when somebody
    /// asks.
    pub fn later(future: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self(State::Later(Box::pin(future)))
    }

    /// Creates an answer from `call`, which is made after a delay on a clock.
    pub(super) fn delayed(delay: Delay, call: impl FnOnce() -> Result<T> + Send + 'static) -> Self {
        Self(State::Delayed(delay, Box::new(call)))
    }

    /// Returns the answer if it is available. Otherwise `waker` is woken when it is time to ask
    /// again.
    pub fn poll_with(&mut self, waker: &Waker) -> Option<Result<T>> {
        match Pin::new(self).poll(&mut Context::from_waker(waker)) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// Waits for the answer and blocks this thread meanwhile. The call itself ends in time.
    ///
    /// # Errors
    /// The error of the call.
    pub fn wait(mut self) -> Result<T> {
        if let State::Delayed(delay, _) = &mut self.0 {
            delay.sleep();
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            if let Some(result) = self.poll_with(&waker) {
                return result;
            }
            thread::park();
        }
    }
}

/// Wakes this thread, which [waits](wait_for_a_wake) for one of several answers.
pub(crate) fn waker_of_this_thread() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

/// Blocks this thread until its waker is woken, for at most `most`; it may end early.
pub(crate) fn wait_for_a_wake(most: Duration) {
    if !most.is_zero() {
        thread::park_timeout(most);
    }
}

impl<T: Send + 'static> Answer<T> {
    /// Converts the value of the answer.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U + Send + 'static) -> Answer<U> {
        self.and_then(|said| Ok(convert(said)))
    }

    /// Converts the value of the answer with a function that may fail.
    pub fn and_then<U>(self, convert: impl FnOnce(T) -> Result<U> + Send + 'static) -> Answer<U> {
        self.then(|result| result.and_then(convert))
    }

    /// Converts the errors of the answer.
    pub fn map_err(self, convert: impl FnOnce(Error) -> Error + Send + 'static) -> Self {
        self.then(|result| result.map_err(convert))
    }

    fn then<U>(self, convert: impl FnOnce(Result<T>) -> Result<U> + Send + 'static) -> Answer<U> {
        Answer(match self.0 {
            State::Ready(result) => State::Ready(convert(result)),
            State::Later(future) => State::Later(Box::pin(async move { convert(future.await) })),
            State::Delayed(delay, call) => State::Delayed(delay, Box::new(move || convert(call()))),
            State::Told => State::Told,
        })
    }
}

impl<T> Future for Answer<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Later(future) => {
                let polled = future.as_mut().poll(context);
                if polled.is_ready() {
                    self.0 = State::Told;
                }
                return polled;
            }
            State::Delayed(delay, _) if !delay.is_over(context.waker()) => return Poll::Pending,
            _ => {}
        }
        Poll::Ready(match std::mem::replace(&mut self.0, State::Told) {
            State::Ready(result) => result,
            State::Delayed(_, call) => call(),
            State::Later(_) | State::Told => {
                Err(Error::new(ErrorKind::InvalidState, "the answer was given already"))
            }
        })
    }
}

impl<T> Unpin for Answer<T> {}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::Ready(result) => write!(f, "Answer({result:?})"),
            State::Later(_) => f.write_str("Answer(later)"),
            State::Delayed(delay, _) => write!(f, "Answer({delay:?})"),
            State::Told => f.write_str("Answer(told)"),
        }
    }
}

/// Wakes a waiting thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A time on a clock that must be reached first.
pub(super) struct Delay {
    clock: Arc<dyn Clock>,
    until_ms: i64,
    alarms: Arc<Alarms>,
    slept: bool,
}

impl Delay {
    /// Starts a delay now. A caller that asks too early is woken by the first ring of `alarms`
    /// after the delay.
    pub(super) fn new(clock: Arc<dyn Clock>, delay: Duration, alarms: Arc<Alarms>) -> Self {
        let until_ms = clock.now_ms().saturating_add(duration_ms(delay));
        Self { clock, until_ms, alarms, slept: false }
    }

    /// Waits on the clock, which may be one that never waits.
    fn sleep(&mut self) {
        let left_ms = self.until_ms.saturating_sub(self.clock.now_ms());
        if let Ok(left_ms) = u64::try_from(left_ms) {
            self.clock.sleep(Duration::from_millis(left_ms));
        }
        self.slept = true;
    }

    fn is_over(&self, waker: &Waker) -> bool {
        if self.slept || self.clock.now_ms() >= self.until_ms {
            return true;
        }
        self.alarms.0.lock().push((self.until_ms, waker.clone()));
        false
    }
}

impl fmt::Debug for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not before {}", self.until_ms)
    }
}

/// Wakers, each with its time.
#[derive(Debug, Default)]
pub(super) struct Alarms(Mutex<Vec<(i64, Waker)>>);

impl Alarms {
    /// Wakes those whose time has come.
    pub(super) fn ring(&self, now_ms: i64) {
        let due: Vec<_> = self.0.lock().extract_if(.., |(at_ms, _)| *at_ms <= now_ms).collect();
        for (_, waker) in due {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::time::ManualClock;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_answer_that_is_late_wakes_the_one_who_asked_and_is_given_once() {
        let (clock, alarms) = (Arc::new(ManualClock::new(0)), Arc::new(Alarms::default()));
        let delay = Delay::new(clock.clone(), Duration::from_secs(1), Arc::clone(&alarms));
        let mut answer = Answer::delayed(delay, || Ok(7)).map(|seven| seven * 6);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        assert!(answer.poll_with(&waker).is_none());
        alarms.ring(clock.now_ms());
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        clock.advance(Duration::from_secs(1));
        alarms.ring(clock.now_ms());
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(answer.poll_with(&waker).unwrap().unwrap(), 42);
        let again = answer.poll_with(&waker).unwrap().unwrap_err();
        assert_eq!(again.kind(), ErrorKind::InvalidState);
    }

    #[test]
    fn to_wait_blocks_until_another_thread_has_answered() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let answer = Answer::later(async { receiver.await.map_err(|_| unreachable!()) });
        thread::scope(|scope| {
            scope.spawn(move || sender.send("said").unwrap());
            assert_eq!(answer.wait().unwrap(), "said");
        });
    }
}
