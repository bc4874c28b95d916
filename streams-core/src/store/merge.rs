//! Reading a range through the overlay: its dirty rows hide those of the database.

use std::{cmp::Ordering, iter::Peekable, vec};

use state_store::{Direction, Entries};

use crate::{Error, Result};

/// A row of the overlay: `None` is a deleted key.
pub(super) type DirtyRow<V> = (Box<[u8]>, Option<V>);

/// Rows of both sides in the order of their keys.
pub(super) struct MergedRows<'a, V, D> {
    dirty: Peekable<vec::IntoIter<DirtyRow<V>>>,
    clean: Peekable<Entries<'a>>,
    direction: Direction,
    decode: D,
}

impl<'a, V, D: Fn(&[u8]) -> Result<V>> MergedRows<'a, V, D> {
    pub(super) fn new(
        dirty: Vec<DirtyRow<V>>,
        clean: Entries<'a>,
        direction: Direction,
        decode: D,
    ) -> Self {
        Self { dirty: dirty.into_iter().peekable(), clean: clean.peekable(), direction, decode }
    }

    fn order(&mut self) -> Option<Ordering> {
        match (self.dirty.peek(), self.clean.peek()) {
            (None, None) => None,
            // A read error comes out at once.
            (Some(_), None) => Some(Ordering::Less),
            (None, Some(_)) | (_, Some(Err(_))) => Some(Ordering::Greater),
            (Some((dirty, _)), Some(Ok((clean, _)))) => {
                let order = dirty[..].cmp(&clean[..]);
                Some(if matches!(self.direction, Direction::Forward) {
                    order
                } else {
                    order.reverse()
                })
            }
        }
    }
}

impl<V, D: Fn(&[u8]) -> Result<V>> Iterator for MergedRows<'_, V, D> {
    type Item = Result<(Box<[u8]>, V)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = self.order()?;
            if order == Ordering::Greater {
                return Some(match self.clean.next()? {
                    Ok((key, value)) => {
                        (self.decode)(&value).map(|value| (key.into_boxed_slice(), value))
                    }
                    Err(error) => Err(Error::from(error)),
                });
            }
            if order == Ordering::Equal {
                self.clean.next();
            }
            if let (key, Some(value)) = self.dirty.next()? {
                return Some(Ok((key, value)));
            }
        }
    }
}
