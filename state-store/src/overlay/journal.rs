//! The values that a run of writes replaced, so that a failed attempt can be undone.
//!
//! Invariant: entries are taken back in the reverse order of the writes, so that each finds the
//! overlay as its write left it. What a write touched is dirty until then, and is neither evicted
//! nor moved to another slot.

use super::{
    Overlay,
    slab::{Chain, Place},
};

/// One write, as it is to be taken back.
#[derive(Debug)]
pub(super) enum Replaced<V, C> {
    /// There was no entry.
    Nothing { index: u32 },
    /// There was one.
    Entry(Before<V, C>),
}

/// An entry as it was before a write.
#[expect(clippy::option_option, reason = "a key that has no value is known, too")]
#[derive(Debug)]
pub(super) struct Before<V, C> {
    pub(super) index: u32,
    /// Its value; `None` on the outside if that went to those which downstream has seen.
    pub(super) value: Option<Option<V>>,
    /// The value that was there among those.
    pub(super) seen: Option<Option<V>>,
    pub(super) context: Option<C>,
    pub(super) charge: usize,
    /// Its places in the chains; `None` if it was not in one.
    pub(super) dirty: Option<Place>,
    pub(super) pending: Option<Place>,
    /// True if the key had been written.
    pub(super) written: bool,
}

/// The writes of the attempt that is being made, if one is.
#[derive(Debug)]
pub(super) struct Journal<V, C> {
    pub(super) is_on: bool,
    pub(super) writes: Vec<Replaced<V, C>>,
}

impl<V, C> Journal<V, C> {
    pub(super) const fn new() -> Self {
        Self { is_on: false, writes: Vec::new() }
    }
}

impl<V, C> Overlay<V, C> {
    /// Notes from now on what writes replace, for [`undo_attempt`](Self::undo_attempt). Between
    /// here and the end of the attempt there is no commit, and nothing is asked for that is
    /// pending.
    pub fn begin_attempt(&mut self) {
        self.journal.is_on = true;
        self.journal.writes.clear();
    }

    /// The writes of the attempt stay.
    pub fn end_attempt(&mut self) {
        self.journal.is_on = false;
        self.journal.writes.clear();
    }

    /// Takes the writes of the attempt back, which is at its end: values, order, and what
    /// downstream is owed are those of its beginning. What was read meanwhile stays.
    pub fn undo_attempt(&mut self) {
        self.journal.is_on = false;
        while let Some(replaced) = self.journal.writes.pop() {
            match replaced {
                Replaced::Nothing { index } => self.remove(index),
                Replaced::Entry(before) => self.put_back(before),
            }
        }
    }

    /// The parts of an entry about to be written, except its value.
    pub(super) fn before(&mut self, index: u32) -> Before<V, C> {
        let dirty = self.slab.place_in(Chain::Dirty, index);
        let pending = self.slab.place_in(Chain::Pending, index);
        let slot = self.slab.slot_mut(index);
        let (context, charge, written) = (slot.context.take(), slot.charge, slot.written);
        Before { index, value: None, seen: None, context, charge, dirty, pending, written }
    }

    fn put_back(&mut self, before: Before<V, C>) {
        let Before { index, value, seen, context, charge, dirty, pending, written } = before;
        let value = if let Some(value) = value {
            value
        } else {
            // It was copied for what downstream has seen, at this charge.
            self.copies -= charge;
            self.account.sub(charge);
            let value = self.forwarded.remove(&index).flatten();
            if let Some(seen) = seen {
                self.forwarded.insert(index, seen);
            }
            value
        };
        self.recharge_to(index, charge);
        let slot = self.slab.slot_mut(index);
        slot.value = value;
        slot.context = context;
        slot.written = written;
        if dirty.is_none() {
            self.dirty_bytes -= charge;
            if !(written && self.scans_clean) {
                self.forget_for_scans(index);
            }
        }
        self.slab.put_in(Chain::Dirty, index, dirty);
        self.slab.put_in(Chain::Pending, index, pending);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use proptest::prelude::*;

    use crate::{MemoryBudget, Overlay};

    type TestOverlay = Overlay<u32, i64>;

    fn overlay() -> TestOverlay {
        Overlay::new(MemoryBudget::new(1 << 20, 1 << 20).overlay_account())
    }

    /// An operation on an overlay; the test decides who does it.
    #[derive(Clone, Debug)]
    enum Step {
        Fill(u8, Option<u32>),
        Write(u8, Option<u32>, usize, bool),
        Forward,
        Scan,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let value = prop::option::of(0..4_u32);
        let step = prop_oneof![
            (0..6_u8, value.clone()).prop_map(|(key, value)| Step::Fill(key, value)),
            (0..6_u8, value, 0..20_usize, any::<bool>())
                .prop_map(|(key, value, size, pending)| Step::Write(key, value, size, pending)),
            Just(Step::Forward),
            Just(Step::Scan),
        ];
        prop::collection::vec(step, 0..12)
    }

    fn take(overlay: &mut TestOverlay, step: &Step, context: i64) {
        match step {
            Step::Fill(key, value) => overlay.fill(&[*key], *value, 4),
            Step::Write(key, value, size, pending) => {
                overlay.write(&[*key], *value, context, *size, *pending);
            }
            Step::Forward => drop(overlay.next_pending()),
            Step::Scan => overlay.index_for_scans(),
        }
    }

    proptest! {
        /// Order, sizes, and what downstream is owed count, too, not the values alone.
        #[test]
        fn an_attempt_that_is_undone_has_never_been(before in steps(), attempt in steps(), after in steps(), clean in any::<bool>()) {
            let make = || {
                let overlay = overlay();
                if clean { overlay.with_clean_rows_scanned() } else { overlay }
            };
            let (mut undone, mut plain) = (make(), make());
            for (context, step) in (0..).zip(&before) {
                take(&mut undone, step, context);
                take(&mut plain, step, context);
            }
            if clean {
                while undone.next_pending().and(plain.next_pending()).is_some() {}
                undone.committed();
                plain.committed();
            }
            undone.begin_attempt();
            for step in &attempt {
                match step {
                    // Nobody asks for what is pending within an attempt; what is read stays.
                    Step::Forward => {}
                    Step::Write(..) => take(&mut undone, step, 100),
                    Step::Fill(key, value) => {
                        if undone.lookup(&[*key]).is_none() {
                            plain.fill(&[*key], *value, 4);
                        }
                        take(&mut undone, step, 100);
                    }
                    Step::Scan => {
                        take(&mut undone, step, 100);
                        take(&mut plain, step, 100);
                    }
                }
            }
            undone.undo_attempt();
            for (context, step) in (200..).zip(&after) {
                take(&mut undone, step, context);
                take(&mut plain, step, context);
            }
            let dirty = |overlay: &TestOverlay| -> Vec<_> {
                overlay.dirty().map(|(key, value, context)| (key[0], value.copied(), *context)).collect()
            };
            prop_assert_eq!(dirty(&undone), dirty(&plain));
            prop_assert_eq!(undone.dirty_bytes(), plain.dirty_bytes());
            prop_assert_eq!(undone.account.used(), plain.account.used());
            let scanned = |overlay: &mut TestOverlay| {
                overlay.index_for_scans();
                let all = (Bound::Unbounded, Bound::Unbounded);
                let rows = overlay.dirty_rows(all.0, all.1);
                rows.map(|(key, value)| (key[0], value.copied())).collect::<Vec<_>>()
            };
            prop_assert_eq!(scanned(&mut undone), scanned(&mut plain));
            for key in 0..6 {
                prop_assert_eq!(undone.lookup(&[key]), plain.lookup(&[key]));
            }
            let pending = |overlay: &mut TestOverlay| -> Vec<_> {
                std::iter::from_fn(|| overlay.next_pending()).collect()
            };
            prop_assert_eq!(pending(&mut undone), pending(&mut plain));
        }
    }
}
