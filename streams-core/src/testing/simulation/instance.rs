//! One instance, whose threads take a turn when they are told to.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use parking_lot::Mutex;

use crate::{
    Error, ErrorKind, Result, TaskId,
    runtime::{App, Restorer, StreamThread, ThreadMetadata, give_up, guarded},
};

/// What the driver of `KafkaStreams` has on operating-system threads, without them.
pub(super) struct Instance {
    pub(super) app: Arc<App>,
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
        Ok(Self { app, threads })
    }

    /// A turn of the stream thread with this number, or of its restorer.
    pub(super) fn turn(&mut self, thread: usize, restores: bool) -> Turned {
        let now_ms = self.app.clock.now_ms();
        let Some(stepped) = self.threads.get_mut(thread) else { return Turned::default() };
        if restores {
            stepped.restore(now_ms);
            return Turned::default();
        }
        stepped.turn(now_ms)
    }

    /// Commits, gives everything up and leaves; the errors of threads that could not.
    pub(super) fn close(&mut self) -> Vec<Error> {
        let now_ms = self.app.clock.now_ms();
        let close = |stepped: &mut SteppedThread| {
            let closed = guarded(|| stepped.thread.close(now_ms));
            closed.err().map(|error| give_up(&mut stepped.thread, error).0)
        };
        self.threads.iter_mut().filter_map(close).collect()
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
