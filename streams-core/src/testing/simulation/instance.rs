//! One instance, whose threads take a turn when they are told to.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use parking_lot::Mutex;

use crate::{
    Error, ErrorKind, Result, TaskId,
    runtime::{App, GlobalThread, Restorer, StreamThread, ThreadMetadata, give_up, guarded},
};

/// What the driver of `KafkaStreams` has on operating-system threads, without them.
pub(super) struct Instance {
    pub(super) app: Arc<App>,
    /// What fills the global stores, once its clients could be made.
    global: Option<GlobalThread>,
    pub(super) threads: Vec<SteppedThread>,
}

/// A stream thread and its restorer.
pub(super) struct SteppedThread {
    pub(super) thread: StreamThread,
    restorer: Arc<Mutex<Restorer>>,
    restore_error: Option<Error>,
    seen: ThreadMetadata,
}

/// What came of a turn.
#[derive(Debug, Default)]
pub(super) struct Turned {
    /// What is worth a line.
    pub(super) news: Vec<String>,
    /// The error with which the stream thread ended.
    pub(super) failed: Option<Error>,
}

impl Instance {
    /// Starts an instance; its members join with their first turns.
    pub(super) fn start(app: App) -> Result<Self> {
        let app = Arc::new(app);
        app.find_stored_state()?;
        let mut threads = Vec::new();
        for index in 1..=app.config.num_stream_threads() {
            let thread = StreamThread::new(app.clone(), index)?;
            let restorer = thread.restorer();
            let seen = ThreadMetadata::default();
            threads.push(SteppedThread { thread, restorer, restore_error: None, seen });
        }
        Ok(Self { app, global: None, threads })
    }

    /// A turn of the stream thread with this number, or of its restorer.
    pub(super) fn turn(&mut self, thread: usize, restores: bool) -> Turned {
        let now_ms = self.app.clock.now_ms();
        if !self.is_filled() || restores {
            let filled = self.is_filled();
            let turned = self.fill(now_ms);
            // Stream threads are started when the global stores are filled.
            if !filled || turned.failed.is_some() {
                return turned;
            }
        }
        let Some(stepped) = self.threads.get_mut(thread) else { return Turned::default() };
        if restores {
            stepped.restore(now_ms);
            return Turned::default();
        }
        stepped.turn(now_ms)
    }

    /// Whether its global stores are filled, if it has any.
    pub(super) fn is_filled(&self) -> bool {
        self.app.topology.global_stores().is_empty()
            || self.global.as_ref().is_some_and(GlobalThread::is_filled)
    }

    /// A turn of what fills the global stores.
    fn fill(&mut self, now_ms: i64) -> Turned {
        let mut turned = Turned::default();
        if self.app.topology.global_stores().is_empty() {
            return turned;
        }
        let filled = self.is_filled();
        let result = guarded(|| {
            if self.global.is_none() {
                self.global = Some(GlobalThread::new(self.app.clone())?);
            }
            let global = self.global.as_mut();
            global.map_or(Ok(()), |global| global.run_once(now_ms, Duration::ZERO).map(drop))
        });
        if let Err(error) = result {
            turned.news.push(format!("global stores are not filled: {error}"));
            turned.failed = Some(error);
        }
        if self.is_filled() && !filled {
            turned.news.push("its global stores are filled".to_owned());
        }
        turned
    }

    /// Commits, gives everything up and leaves; the errors of threads that could not.
    pub(super) fn close(&mut self) -> Vec<Error> {
        let now_ms = self.app.clock.now_ms();
        let close = |stepped: &mut SteppedThread| {
            let closed = guarded(|| stepped.thread.close(now_ms));
            closed.err().map(|error| give_up(&mut stepped.thread, error).0)
        };
        let mut errors: Vec<Error> = self.threads.iter_mut().filter_map(close).collect();
        let global = self.global.as_mut().map(|global| guarded(|| global.close()));
        errors.extend(global.and_then(Result::err));
        errors
    }
}

impl SteppedThread {
    fn restore(&mut self, now_ms: i64) {
        match guarded(|| self.restorer.lock().run_once(now_ms)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            Err(error) => self.restore_error = Some(error),
        }
    }

    fn turn(&mut self, now_ms: i64) -> Turned {
        let mut turned = Turned::default();
        let (thread, restore_error) = (&mut self.thread, &mut self.restore_error);
        let result = guarded(|| {
            if let Some(error) = restore_error.take() {
                thread.drop_work();
                return Err(error);
            }
            thread.run_once(now_ms, Duration::ZERO)
        });
        if let Err(error) = result {
            let (error, _) = give_up(thread, error);
            turned.news.push(format!("thread fails: {error}"));
            turned.failed = Some(error);
        }
        let metadata = thread.metadata();
        if metadata != self.seen {
            turned.news.push(format!(
                "runs {}, restores {}, stands by {}",
                names(&metadata.active_tasks),
                names(&metadata.restoring_tasks),
                names(&metadata.standby_tasks)
            ));
            self.seen = metadata;
        }
        turned
    }
}

pub(super) fn names(tasks: &BTreeSet<TaskId>) -> String {
    let names: Vec<String> = tasks.iter().map(TaskId::to_string).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
}
