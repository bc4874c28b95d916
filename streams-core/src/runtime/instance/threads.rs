//! The stream threads of an instance, by their numbers.
//!
//! It knows the last report of each thread, and how to tell it to end. `lifecycle` decides what
//! follows for the instance. Invariant: its lock is held briefly, never during a call of user code.

use std::{collections::BTreeMap, sync::Arc, thread::JoinHandle};

use parking_lot::Mutex;

use super::{metrics::ThreadMetadata, stop_signal::StopSignal, watchdog::Watchdog};

/// One stream thread as seen by the instance.
#[derive(Debug)]
struct Slot {
    stop: Arc<StopSignal>,
    metadata: ThreadMetadata,
    /// True if it processes all its tasks.
    running: bool,
    alive: bool,
    handle: Option<JoinHandle<()>>,
    watchdog: Arc<Watchdog>,
}

/// Summary of the living threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// None is left.
    NoneLeft,
    /// Some do not process all their tasks yet.
    SomeWait,
    /// All of them do.
    AllRun,
}

/// All stream threads that were started, including those that have ended.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    slots: Mutex<BTreeMap<usize, Slot>>,
}

impl Threads {
    /// Adds a thread that is about to be started. The data of an ended one with its number are
    /// dropped.
    pub(crate) fn add(
        &self,
        index: usize,
        name: &str,
        stop: &Arc<StopSignal>,
        watchdog: &Arc<Watchdog>,
    ) {
        let slot = Slot {
            stop: stop.clone(),
            metadata: ThreadMetadata { thread_name: name.to_owned(), ..ThreadMetadata::default() },
            running: false,
            alive: true,
            handle: None,
            watchdog: watchdog.clone(),
        };
        self.slots.lock().insert(index, slot);
    }

    /// Notes that the thread is running; `None` if the operating system could not start it.
    pub(crate) fn has_begun(&self, index: usize, handle: Option<JoinHandle<()>>) {
        if let Some(slot) = self.slots.lock().get_mut(&index) {
            slot.alive &= handle.is_some();
            slot.handle = handle;
        }
    }

    /// Takes the report of a thread.
    pub(crate) fn report(&self, index: usize, running: bool, metadata: ThreadMetadata) -> Outlook {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get_mut(&index) {
            slot.running = running;
            slot.metadata = metadata;
        }
        outlook(&slots)
    }

    /// Notes that a thread has not come back from a turn; it reports when it does.
    pub(crate) fn is_stuck(&self, index: usize) {
        if let Some(slot) = self.slots.lock().get_mut(&index) {
            slot.running = false;
        }
    }

    /// Notes that a thread has ended.
    pub(crate) fn has_ended(&self, index: usize) -> Outlook {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get_mut(&index) {
            slot.alive = false;
            slot.running = false;
            let thread_name = std::mem::take(&mut slot.metadata.thread_name);
            slot.metadata = ThreadMetadata { thread_name, ..ThreadMetadata::default() };
        }
        outlook(&slots)
    }

    pub(crate) fn any_alive(&self) -> bool {
        self.slots.lock().values().any(|slot| slot.alive)
    }

    /// Returns whether no thread that `of` chooses is alive.
    pub(crate) fn are_ended(&self, of: impl Fn(usize) -> bool) -> bool {
        self.slots.lock().iter().all(|(index, slot)| !of(*index) || !slot.alive)
    }

    /// Tells all of them to close.
    pub(crate) fn close_all(&self) {
        for slot in self.slots.lock().values() {
            slot.stop.close();
        }
    }

    /// Tells the one with the highest number to close for good. Returns its number and name; `None`
    /// if all have been told already.
    pub(crate) fn close_last(&self) -> Option<(usize, String)> {
        let slots = self.slots.lock();
        let mut last = slots.iter().rev().filter(|(_, slot)| slot.alive && !slot.stop.is_set());
        let (index, slot) = last.next()?;
        slot.stop.close_for_good();
        Some((*index, slot.metadata.thread_name.clone()))
    }

    /// Tells all of them to end at once, and returns them so that the caller can wait for them.
    pub(crate) fn abandon_all(&self) -> Vec<(JoinHandle<()>, Arc<Watchdog>)> {
        let mut slots = self.slots.lock();
        for slot in slots.values() {
            slot.stop.abandon();
        }
        let slots = slots.values_mut();
        slots.filter_map(|slot| Some((slot.handle.take()?, slot.watchdog.clone()))).collect()
    }

    /// The lowest number that no living thread has.
    pub(crate) fn free_index(&self) -> usize {
        let slots = self.slots.lock();
        let alive = |index: &usize| slots.get(index).is_some_and(|slot| slot.alive);
        (1..=slots.len()).find(|index| !alive(index)).unwrap_or(slots.len() + 1)
    }

    /// Metadata of the living threads.
    pub(crate) fn metadata(&self) -> Vec<ThreadMetadata> {
        let slots = self.slots.lock();
        slots.values().filter(|slot| slot.alive).map(|slot| slot.metadata.clone()).collect()
    }

    /// Positions of their user code, for messages.
    pub(crate) fn whereabouts(&self) -> String {
        let slots = self.slots.lock();
        let alive = slots.values().filter(|slot| slot.alive);
        let at = alive.filter_map(|slot| slot.watchdog.whereabouts());
        let said: Vec<String> = at.map(|at| format!(", user code runs: {at}")).collect();
        said.concat()
    }
}

fn outlook(slots: &BTreeMap<usize, Slot>) -> Outlook {
    let mut alive = slots.values().filter(|slot| slot.alive).peekable();
    if alive.peek().is_none() {
        Outlook::NoneLeft
    } else if alive.all(|slot| slot.running) {
        Outlook::AllRun
    } else {
        Outlook::SomeWait
    }
}
