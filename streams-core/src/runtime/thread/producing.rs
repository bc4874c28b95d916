//! The producer of a thread, and its pending calls.
//!
//! Registering a producer and aborting a transaction are asynchronous calls. Turns ask for the
//! answers; until then nothing can be written. Invariant: a transactional id has one producer at a
//! time here, so the next is made when the previous one has answered.

use std::{collections::BTreeMap, sync::Arc, task::Waker};

use crate::{
    Result,
    client::{Answer, Collector, Flow, Producer, answer::waker_of_this_thread},
};

/// A producer, if there is one.
#[derive(Default)]
pub(super) struct Producing {
    collector: Option<Box<Collector>>,
    asked: Option<Asked>,
    /// True if it is to be discarded once it has answered.
    retires: bool,
    /// Records written to each topic with earlier producers.
    written: BTreeMap<Arc<str>, Flow>,
    /// Wakes the thread.
    waker: Option<Waker>,
}

enum Asked {
    /// It is being registered.
    Init(Answer<()>),
    /// It is aborting its transaction.
    Abort(Answer<()>),
}

/// Answer of a producer.
pub(super) enum Heard {
    /// It is registered, or gone.
    Registered(Result),
    /// Its transaction is aborted, or in doubt.
    Aborted(Result),
}

impl Producing {
    /// The collector that is lent to tasks.
    pub(super) fn collector(&mut self) -> &mut Option<Box<Collector>> {
        &mut self.collector
    }

    pub(super) fn has_asked(&self) -> bool {
        self.asked.is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.collector.as_ref().is_some_and(|collector| collector.is_full())
    }

    /// Gives the producer the records that wait for room. Returns whether none is left.
    pub(super) fn has_room(&mut self) -> Result<bool> {
        match &mut self.collector {
            Some(collector) if self.asked.is_none() => collector.drain(),
            _ => Ok(true),
        }
    }

    /// Records written to each topic, with all producers of the thread.
    pub(super) fn written(&mut self) -> &BTreeMap<Arc<str>, Flow> {
        if let Some(collector) = &mut self.collector {
            collector.take_appended(&mut self.written);
        }
        &self.written
    }

    /// Drops the producer, and keeps its counts.
    fn drop_collector(&mut self) {
        self.written();
        self.collector = None;
    }

    /// Returns whether another producer must be made.
    pub(super) fn is_missing(&self) -> bool {
        self.asked.is_none() && self.collector.is_none()
    }

    /// Continues with this producer, which must be registered if it writes in transactions.
    pub(super) fn start(&mut self, mut producer: Box<dyn Producer>, transactional: bool) {
        self.asked = transactional.then(|| Asked::Init(producer.begin_init()));
        self.collector = Some(Box::new(Collector::new(producer)));
    }

    /// Begins to abort a transaction. Returns whether there is a producer.
    pub(super) fn abort(&mut self) -> bool {
        let Some(collector) = &mut self.collector else { return false };
        self.asked = Some(Asked::Abort(collector.producer().begin_abort()));
        true
    }

    /// The answer of the producer, if it has come.
    pub(super) fn hear(&mut self) -> Option<Heard> {
        let (Asked::Init(answer) | Asked::Abort(answer)) = self.asked.as_mut()?;
        let said = answer.poll_with(self.waker.get_or_insert_with(waker_of_this_thread))?;
        let asked = self.asked.take()?;
        if std::mem::take(&mut self.retires) {
            self.drop_collector();
            return None;
        }
        Some(match asked {
            Asked::Init(_) => {
                if said.is_err() {
                    self.drop_collector();
                }
                Heard::Registered(said)
            }
            Asked::Abort(_) => Heard::Aborted(said),
        })
    }

    /// Ends this producer, once it has answered its call.
    pub(super) fn retire(&mut self) {
        if self.asked.is_some() {
            self.retires = true;
        } else {
            self.drop_collector();
        }
    }

    /// Ends this producer, and waits until its transaction is aborted.
    pub(super) fn end(&mut self) {
        if let Some(Asked::Abort(answer)) = self.asked.take() {
            // Otherwise the transaction times out.
            let _ = answer.wait();
        }
        self.drop_collector();
        self.retires = false;
    }
}
