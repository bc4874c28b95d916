//! The producer of a thread, and what it was asked before anybody writes with it.
//!
//! A producer is registered, and a transaction given up, by calls that begin. Turns ask for the answers; until then there is
//! nothing to write with. Invariant: a transactional id has one producer at a time here, so the next is made when the one
//! before has answered.

use std::task::Waker;

use crate::{
    Result,
    client::{Answer, Collector, Producer, answer::waker_of_this_thread},
};

/// A producer, if there is one.
#[derive(Default)]
pub(super) struct Producing {
    collector: Option<Box<Collector>>,
    asked: Option<Asked>,
    /// Whether it is of no more use once it has answered.
    retires: bool,
    /// Wakes the thread.
    waker: Option<Waker>,
}

enum Asked {
    /// It is being registered.
    Init(Answer<()>),
    /// It gives up its transaction.
    Abort(Answer<()>),
}

/// What a producer answered.
pub(super) enum Heard {
    /// It is registered, or gone.
    Registered(Result),
    /// Its transaction is given up, or in doubt.
    Aborted(Result),
}

impl Producing {
    /// What tasks are lent.
    pub(super) fn collector(&mut self) -> &mut Option<Box<Collector>> {
        &mut self.collector
    }

    pub(super) fn has_asked(&self) -> bool {
        self.asked.is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.collector.as_ref().is_some_and(|collector| collector.is_full())
    }

    /// Gives the producer what waits for room. Returns whether nothing waits any more.
    pub(super) fn has_room(&mut self) -> Result<bool> {
        match &mut self.collector {
            Some(collector) if self.asked.is_none() => collector.drain(),
            _ => Ok(true),
        }
    }

    /// Whether another producer is to be made.
    pub(super) fn is_missing(&self) -> bool {
        self.asked.is_none() && self.collector.is_none()
    }

    /// Goes on with this producer, which is to be registered if it writes in transactions.
    pub(super) fn start(&mut self, mut producer: Box<dyn Producer>, transactional: bool) {
        self.asked = transactional.then(|| Asked::Init(producer.begin_init()));
        self.collector = Some(Box::new(Collector::new(producer)));
    }

    /// Begins to give a transaction up, with what waits for room. Returns whether there is a producer.
    pub(super) fn abort(&mut self) -> bool {
        let Some(collector) = &mut self.collector else { return false };
        collector.forget();
        self.asked = Some(Asked::Abort(collector.producer().begin_abort()));
        true
    }

    /// What the producer answered, if it has.
    pub(super) fn hear(&mut self) -> Option<Heard> {
        let (Asked::Init(answer) | Asked::Abort(answer)) = self.asked.as_mut()?;
        let said = answer.poll_with(self.waker.get_or_insert_with(waker_of_this_thread))?;
        let asked = self.asked.take()?;
        if std::mem::take(&mut self.retires) {
            self.collector = None;
            return None;
        }
        Some(match asked {
            Asked::Init(_) => {
                if said.is_err() {
                    self.collector = None;
                }
                Heard::Registered(said)
            }
            Asked::Abort(_) => Heard::Aborted(said),
        })
    }

    /// Ends this producer, once it has answered what it was asked.
    pub(super) fn retire(&mut self) {
        if self.asked.is_some() {
            self.retires = true;
        } else {
            self.collector = None;
        }
    }

    /// Ends this producer, and waits until its transaction is given up.
    pub(super) fn end(&mut self) {
        if let Some(Asked::Abort(answer)) = self.asked.take() {
            // The transaction's time-out does it otherwise.
            let _ = answer.wait();
        }
        *self = Self::default();
    }
}
