//! Partitions as a producer knows them: resolved once, then identified by an index.
//!
//! Invariant: a slot means its partition for as long as its producer lives, whatever happens to the
//! topic. A slot of another producer is refused and never mistaken for one of this one.

use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashMap;

use crate::{Error, ErrorKind, Result, TopicPartition};

/// Distinguishes the slots of one producer from those of every other one in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProducerId(u32);

impl ProducerId {
    /// An id that no other producer of this process has.
    pub fn unique() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A partition that a producer has looked up, identified by an index from then on. It is valid with
/// that producer only: a caller that switches to another one looks the partition up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartitionSlot {
    producer: ProducerId,
    index: u32,
}

impl PartitionSlot {
    /// The producer that resolved it.
    pub const fn producer(self) -> ProducerId {
        self.producer
    }

    /// The number of the partition among those that the producer resolved, from 0 on in order.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// The partitions that a producer has resolved, each with its data.
///
/// ```
/// use streams_core::{TopicPartition, client::Slots};
///
/// let (mut slots, place) = (Slots::new(), TopicPartition::new("orders", 2));
/// let slot = slots.resolve(&place, || Ok(vec!["first"]))?;
/// assert_eq!(slots.resolve(&place, || unreachable!())?, slot);
/// slots.get_mut(slot)?.push("second");
/// assert_eq!(slots.get(slot)?.len(), 2);
///
/// let others = Slots::<Vec<&str>>::new();
/// assert!(others.get(slot).is_err());
/// # Ok::<(), streams_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Slots<T> {
    producer: ProducerId,
    index: HashMap<TopicPartition, u32>,
    entries: Vec<(TopicPartition, T)>,
}

impl<T> Slots<T> {
    /// Creates the slots of a new producer.
    pub fn new() -> Self {
        Self { producer: ProducerId::unique(), index: HashMap::new(), entries: Vec::new() }
    }

    /// The producer whose slots these are.
    pub const fn producer(&self) -> ProducerId {
        self.producer
    }

    /// The slot of a partition; `make` makes the data of a new one.
    ///
    /// # Errors
    /// The errors of `make`.
    pub fn resolve(
        &mut self,
        to: &TopicPartition,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<PartitionSlot> {
        let producer = self.producer;
        if let Some(index) = self.index.get(to) {
            return Ok(PartitionSlot { producer, index: *index });
        }
        let index = u32::try_from(self.entries.len()).map_err(|_| {
            Error::new(ErrorKind::InvalidState, "a producer writes to too many partitions")
        })?;
        self.entries.push((to.clone(), make()?));
        self.index.insert(to.clone(), index);
        Ok(PartitionSlot { producer, index })
    }

    /// The data of a partition.
    ///
    /// # Errors
    /// `InvalidState` if the slot is another producer's.
    #[inline]
    pub fn get(&self, slot: PartitionSlot) -> Result<&T> {
        match self.entries.get(slot.index()) {
            Some((_, entry)) if slot.producer == self.producer => Ok(entry),
            _ => Err(foreign()),
        }
    }

    /// The data of a partition, mutably.
    ///
    /// # Errors
    /// `InvalidState` if the slot is another producer's.
    #[inline]
    pub fn get_mut(&mut self, slot: PartitionSlot) -> Result<&mut T> {
        match self.entries.get_mut(slot.index()) {
            Some((_, entry)) if slot.producer == self.producer => Ok(entry),
            _ => Err(foreign()),
        }
    }

    /// The partition of a slot.
    ///
    /// # Errors
    /// `InvalidState` if the slot is another producer's.
    pub fn partition(&self, slot: PartitionSlot) -> Result<&TopicPartition> {
        match self.entries.get(slot.index()) {
            Some((partition, _)) if slot.producer == self.producer => Ok(partition),
            _ => Err(foreign()),
        }
    }

    /// The partition of the slot with this [`index`](PartitionSlot::index), and its data.
    pub fn at(&self, index: usize) -> Option<(&TopicPartition, &T)> {
        self.entries.get(index).map(|(partition, entry)| (partition, entry))
    }

    /// Number of partitions.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether no partition was resolved.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All partitions with their data, in the order in which they were resolved.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&TopicPartition, &mut T)> {
        self.entries.iter_mut().map(|(partition, entry)| (&*partition, entry))
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cold]
fn foreign() -> Error {
    let text = "a slot of another producer: a partition is to be looked up anew when the producer is replaced";
    Error::new(ErrorKind::InvalidState, text)
}
