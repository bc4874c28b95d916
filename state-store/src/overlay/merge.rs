//! A range over a store as its task sees it: the database with the uncommitted writes laid over it.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::DirtyRow;
use crate::{Direction, Entries, Error};

/// Lays the dirty rows of a range over the database's rows of the same range: a dirty row replaces
/// the one of its key, and a deleted one hides it.
///
/// Both sides come in `direction`. `decode` reads a value of the database. After an error the
/// iterator ends.
pub fn merge_range<V, E, D>(
    database: Entries<'_>,
    dirty: Vec<DirtyRow<V>>,
    direction: Direction,
    mut decode: D,
) -> impl Iterator<Item = Result<(Box<[u8]>, V), E>> + use<'_, V, E, D>
where
    E: From<Error>,
    D: FnMut(&[u8]) -> Result<V, E>,
{
    let mut database = database.peekable();
    let mut dirty = dirty.into_iter().peekable();
    let mut failed = false;
    let mut next = move || {
        loop {
            let order = order(&mut database, &mut dirty, direction)?;
            if order.is_lt() {
                let row = database.next()?.map_err(E::from);
                let row = row.and_then(|(key, value)| Ok((key.into(), decode(&value)?)));
                return Some(row);
            }
            if order.is_eq() {
                database.next();
            }
            let (key, value) = dirty.next()?;
            if let Some(value) = value {
                return Some(Ok((key, value)));
            }
        }
    };
    std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let row = next()?;
        failed = row.is_err();
        Some(row)
    })
}

/// Side that has the next row: the database (`Less`), the dirty rows (`Greater`) or both (`Equal`).
fn order<V>(
    database: &mut Peekable<Entries<'_>>,
    dirty: &mut Peekable<IntoIter<DirtyRow<V>>>,
    direction: Direction,
) -> Option<Ordering> {
    match (database.peek(), dirty.peek()) {
        (None, None) => None,
        (Some(_), None) | (Some(Err(_)), _) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some(Ok((key, _))), Some((dirty_key, _))) => {
            let order = key.as_slice().cmp(dirty_key);
            Some(match direction {
                Direction::Forward => order,
                Direction::Backward => order.reverse(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, ErrorKind, Result};

    fn rows(keys: &'static [u8]) -> Entries<'static> {
        Box::new(keys.iter().map(|key| Ok((vec![*key], b"db".to_vec()))))
    }

    fn dirty(rows: &[(u8, Option<&'static str>)]) -> Vec<DirtyRow<String>> {
        rows.iter().map(|(key, value)| ([*key].into(), value.map(str::to_owned))).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "decoders can fail")]
    fn decode(bytes: &[u8]) -> Result<String> {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    #[test]
    fn dirty_rows_replace_hide_and_add() {
        let dirty =
            dirty(&[(b'b', Some("new")), (b'c', None), (b'd', Some("added")), (b'e', None)]);
        let merged = merge_range(rows(b"abc"), dirty, Direction::Forward, decode);
        let merged: Vec<_> =
            merged.map(Result::unwrap).map(|(key, value)| (key[0], value)).collect();
        let expected = [(b'a', "db"), (b'b', "new"), (b'd', "added")];
        assert_eq!(merged, expected.map(|(key, value)| (key, value.to_owned())));
    }

    #[test]
    fn a_backward_range_is_merged_backward() {
        let dirty = dirty(&[(b'd', Some("added")), (b'b', Some("new"))]);
        let merged = merge_range(rows(b"cba"), dirty, Direction::Backward, decode);
        let keys: Vec<_> = merged.map(|row| row.unwrap().0[0]).collect();
        assert_eq!(keys, *b"dcba");
    }

    #[test]
    fn an_error_ends_the_range() {
        let failing: Entries<'_> = Box::new(
            [Err(Error::new(ErrorKind::Engine, "broken")), Ok(Entry::default())].into_iter(),
        );
        let merged = merge_range(failing, dirty(&[(b'z', Some("v"))]), Direction::Forward, decode);
        let merged: Vec<_> = merged.collect();
        assert_eq!(merged.len(), 1);
        assert_eq!(merged[0].as_ref().unwrap_err().kind(), ErrorKind::Engine);
    }
}
