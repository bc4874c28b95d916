//! One instance, whose threads take turns when told to.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{
    Error, Result, TaskId,
    runtime::{App, GlobalThread, RestoreWorker, StreamThread, ThreadMetadata, give_up, guarded},
    task::TaskDatabases,
};

/// The contents of `KafkaStreams`' driver, without operating-system threads.
pub(super) struct Instance {
    pub(super) app: Arc<App>,
    /// The thread of the global stores, once its clients could be made.
    global: Option<GlobalThread>,
    pub(super) threads: Vec<SteppedThread>,
}

/// A stream thread and its restorer.
pub(super) struct SteppedThread {
    pub(super) thread: StreamThread,
    restorer: RestoreWorker,
    seen: ThreadMetadata,
}

/// Result of a turn.
#[derive(Debug, Default)]
pub(super) struct Turned {
    /// Events worth a line.
    pub(super) news: Vec<String>,
    /// The error that ended the stream thread.
    pub(super) failed: Option<Error>,
}

impl Instance {
    /// Starts an instance; its members join with their first turns.
    pub(super) fn start(app: App) -> Result<Self> {
        let app = Arc::new(app);
        app.find_stored_state()?;
        let mut threads = Vec::new();
        for index in 1..=app.config.num_stream_threads() {
            let (thread, restorer) = StreamThread::new(&app, index)?;
            threads.push(SteppedThread { thread, restorer, seen: ThreadMetadata::default() });
        }
        Ok(Self { app, global: None, threads })
    }

    /// Runs a turn of the stream thread with this number, or of its restorer.
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

    /// Returns whether its global stores are filled, if it has any.
    pub(super) fn is_filled(&self) -> bool {
        self.app.topology.global_stores().is_empty()
            || self.global.as_ref().is_some_and(GlobalThread::is_filled)
    }

    /// Runs a turn of the thread that fills the global stores.
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

    /// Commits, gives everything up and leaves; returns the errors of threads that could not.
    pub(super) fn close(&mut self) -> Vec<Error> {
        let now_ms = self.app.clock.now_ms();
        let close = |stepped: &mut SteppedThread| {
            let closed = guarded(|| stepped.thread.close(now_ms, false));
            let failed = closed.err().map(|error| give_up(&mut stepped.thread, error).0);
            stepped.thread.release_restorer();
            stepped.restore(now_ms);
            stepped.thread.close_returned();
            failed
        };
        let mut errors: Vec<Error> = self.threads.iter_mut().filter_map(close).collect();
        let global = self.global.as_mut().map(|global| guarded(|| global.close()));
        errors.extend(global.and_then(Result::err));
        errors
    }
}

impl SteppedThread {
    fn restore(&mut self, now_ms: i64) {
        if let Err(error) = guarded(|| Ok(self.restorer.run_once(now_ms))) {
            self.restorer.fail(error);
        }
    }

    /// The databases of the running tasks and of standbys.
    pub(super) fn open_databases(&self) -> Vec<(TaskId, TaskDatabases)> {
        let standby = self.thread.standby_tasks().into_iter();
        let standby = standby.filter_map(|id| Some((id, self.restorer.databases(id)?)));
        self.thread.running_databases().chain(standby).collect()
    }

    fn turn(&mut self, now_ms: i64) -> Turned {
        let mut turned = Turned::default();
        let thread = &mut self.thread;
        let result = guarded(|| thread.run_once(now_ms, Duration::ZERO));
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
