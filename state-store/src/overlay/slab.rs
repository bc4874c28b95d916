//! The entries of an overlay, threaded by two chains: the dirty entries and the pending ones, each
//! in the order of their last write. Moving an entry to the end of a chain touches its neighbours
//! only.
//!
//! Slots are in blocks that stay where they are: one vector would double when it is full, and be
//! there twice while it moves, neither of which a budget can be charged for.

use std::sync::atomic::AtomicBool;

/// The end of a chain.
const NONE: u32 = u32::MAX;

/// The slots of a block. Only the first block grows, so that a small store takes little.
const BLOCK: usize = 256;

/// One key of the overlay.
#[derive(Debug)]
pub(super) struct Slot<V, C> {
    pub(super) key: Box<[u8]>,
    pub(super) hash: u64,
    /// `None` if the key is known to have no value.
    pub(super) value: Option<V>,
    /// The context of the last write while the entry is dirty.
    pub(super) context: Option<C>,
    /// The bytes that the entry is charged for.
    pub(super) charge: usize,
    /// True if the entry was read since the clock's hand last passed; set through a shared
    /// reference.
    pub(super) referenced: AtomicBool,
    /// True if somebody goes by a value that downstream has not seen.
    pub(super) followed: bool,
    /// True if the key was written, not only read, since the entry exists.
    pub(super) written: bool,
    dirty: Links,
    pending: Links,
}

impl<V, C> Slot<V, C> {
    pub(super) fn new(key: &[u8], hash: u64, value: Option<V>, charge: usize) -> Self {
        Self {
            key: key.into(),
            hash,
            value,
            context: None,
            charge,
            referenced: AtomicBool::new(false),
            followed: false,
            written: false,
            dirty: Links::UNLINKED,
            pending: Links::UNLINKED,
        }
    }

    fn links(&self, chain: Chain) -> &Links {
        match chain {
            Chain::Dirty => &self.dirty,
            Chain::Pending => &self.pending,
        }
    }

    fn links_mut(&mut self, chain: Chain) -> &mut Links {
        match chain {
            Chain::Dirty => &mut self.dirty,
            Chain::Pending => &mut self.pending,
        }
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty.linked
    }

    /// Returns whether downstream has not seen the entry yet.
    pub(super) fn is_pending(&self) -> bool {
        self.pending.linked
    }
}

/// One of the two chains of the slab.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chain {
    Dirty,
    Pending,
}

/// A place in a chain: behind another slot, or at the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    previous: u32,
}

#[derive(Clone, Copy, Debug)]
struct Links {
    previous: u32,
    next: u32,
    linked: bool,
}

impl Links {
    const UNLINKED: Self = Self { previous: NONE, next: NONE, linked: false };
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    head: u32,
    tail: u32,
    len: usize,
}

impl Ends {
    const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };
}

/// The slots and both chains through them.
///
/// Invariant: an index that the overlay's table or a chain holds is that of an occupied slot.
#[derive(Debug)]
pub(super) struct Slab<V, C> {
    blocks: Vec<Vec<Option<Slot<V, C>>>>,
    capacity: usize,
    free: Vec<u32>,
    dirty: Ends,
    pending: Ends,
}

impl<V, C> Slab<V, C> {
    pub(super) fn new() -> Self {
        let (dirty, pending) = (Ends::EMPTY, Ends::EMPTY);
        Self { blocks: Vec::new(), capacity: 0, free: Vec::new(), dirty, pending }
    }

    /// The number of slots, occupied or not.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn insert(&mut self, slot: Slot<V, C>) -> u32 {
        if let Some(index) = self.free.pop()
            && let Some(place) = self.place(index)
        {
            *place = Some(slot);
            return index;
        }
        #[expect(clippy::expect_used, reason = "four thousand million entries don't fit a budget")]
        let index = u32::try_from(self.capacity).expect("an overlay has fewer than 2^32 entries");
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(Some(slot)),
            full => {
                let mut block = Vec::with_capacity(if full.is_some() { BLOCK } else { 0 });
                block.push(Some(slot));
                self.blocks.push(block);
            }
        }
        self.capacity += 1;
        index
    }

    fn place(&mut self, index: u32) -> Option<&mut Option<Slot<V, C>>> {
        self.blocks.get_mut(index as usize / BLOCK)?.get_mut(index as usize % BLOCK)
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<Slot<V, C>> {
        self.unlink(Chain::Dirty, index);
        self.unlink(Chain::Pending, index);
        let slot = self.place(index)?.take()?;
        self.free.push(index);
        Some(slot)
    }

    pub(super) fn find(&self, index: u32) -> Option<&Slot<V, C>> {
        self.blocks.get(index as usize / BLOCK)?.get(index as usize % BLOCK)?.as_ref()
    }

    #[expect(clippy::expect_used, reason = "the slab's invariant")]
    pub(super) fn slot(&self, index: u32) -> &Slot<V, C> {
        self.find(index).expect("an index that is held is that of an occupied slot")
    }

    #[expect(clippy::expect_used, reason = "the slab's invariant")]
    pub(super) fn slot_mut(&mut self, index: u32) -> &mut Slot<V, C> {
        let slot = self.place(index).and_then(Option::as_mut);
        slot.expect("an index that is held is that of an occupied slot")
    }

    /// The slots that hold entries, by index.
    pub(super) fn occupied(&self) -> impl Iterator<Item = (u32, &Slot<V, C>)> {
        let places = self.blocks.iter().flatten();
        (0..).zip(places).filter_map(|(index, place)| Some((index, place.as_ref()?)))
    }

    pub(super) fn first(&self, chain: Chain) -> Option<u32> {
        let head = self.ends(chain).head;
        (head != NONE).then_some(head)
    }

    /// The length of a chain.
    pub(super) fn len(&self, chain: Chain) -> usize {
        self.ends(chain).len
    }

    /// The indexes of a chain, the last written at the end.
    pub(super) fn chain(&self, chain: Chain) -> impl Iterator<Item = u32> {
        std::iter::successors(self.first(chain), move |index| {
            let next = self.slot(*index).links(chain).next;
            (next != NONE).then_some(next)
        })
    }

    /// Moves a slot to the end of a chain, whether it was in the chain or not.
    pub(super) fn move_to_end(&mut self, chain: Chain, index: u32) {
        if self.ends(chain).tail == index {
            return;
        }
        self.unlink(chain, index);
        let tail = self.ends(chain).tail;
        *self.slot_mut(index).links_mut(chain) = Links { previous: tail, next: NONE, linked: true };
        if tail == NONE {
            self.ends_mut(chain).head = index;
        } else {
            self.slot_mut(tail).links_mut(chain).next = index;
        }
        self.ends_mut(chain).tail = index;
        self.ends_mut(chain).len += 1;
    }

    /// The place of a slot in a chain; `None` if it is not in it.
    pub(super) fn place_in(&self, chain: Chain, index: u32) -> Option<Place> {
        let links = self.slot(index).links(chain);
        links.linked.then_some(Place { previous: links.previous })
    }

    /// Puts a slot into a place of a chain, or takes it out. The slot behind which the place is
    /// must be in the chain.
    pub(super) fn put_in(&mut self, chain: Chain, index: u32, place: Option<Place>) {
        self.unlink(chain, index);
        let Some(Place { previous }) = place else { return };
        let next = if previous == NONE {
            std::mem::replace(&mut self.ends_mut(chain).head, index)
        } else {
            std::mem::replace(&mut self.slot_mut(previous).links_mut(chain).next, index)
        };
        *self.slot_mut(index).links_mut(chain) = Links { previous, next, linked: true };
        if next == NONE {
            self.ends_mut(chain).tail = index;
        } else {
            self.slot_mut(next).links_mut(chain).previous = index;
        }
        self.ends_mut(chain).len += 1;
    }

    /// Takes all slots out of a chain, in its order, and shows each to `visit`.
    pub(super) fn empty(&mut self, chain: Chain, mut visit: impl FnMut(&mut Slot<V, C>)) {
        let mut next = std::mem::replace(self.ends_mut(chain), Ends::EMPTY).head;
        while next != NONE {
            let slot = self.slot_mut(next);
            next = std::mem::replace(slot.links_mut(chain), Links::UNLINKED).next;
            visit(slot);
        }
    }

    /// Takes a slot out of a chain, if it is in it.
    pub(super) fn unlink(&mut self, chain: Chain, index: u32) {
        let Some(&links) = self.find(index).map(|slot| slot.links(chain)) else {
            return;
        };
        if !links.linked {
            return;
        }
        if links.previous == NONE {
            self.ends_mut(chain).head = links.next;
        } else {
            self.slot_mut(links.previous).links_mut(chain).next = links.next;
        }
        if links.next == NONE {
            self.ends_mut(chain).tail = links.previous;
        } else {
            self.slot_mut(links.next).links_mut(chain).previous = links.previous;
        }
        *self.slot_mut(index).links_mut(chain) = Links::UNLINKED;
        self.ends_mut(chain).len -= 1;
    }

    fn ends(&self, chain: Chain) -> &Ends {
        match chain {
            Chain::Dirty => &self.dirty,
            Chain::Pending => &self.pending,
        }
    }

    fn ends_mut(&mut self, chain: Chain) -> &mut Ends {
        match chain {
            Chain::Dirty => &mut self.dirty,
            Chain::Pending => &mut self.pending,
        }
    }
}
