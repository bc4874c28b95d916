//! Control records, which brokers and coordinators write between those of applications.

/// Meaning of a control record, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlRecord {
    /// The transaction of the batch's producer was aborted.
    Abort,
    /// The transaction of the batch's producer was committed.
    Commit,
    /// Another type, by its number, that does not concern consumers.
    Other(i16),
}

impl ControlRecord {
    /// Reads the key: a version, then a type, of two bytes each. `None` if it is too short. Later
    /// versions only add fields.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let [_, _, high, low, ..] = key else { return None };
        Some(match i16::from_be_bytes([*high, *low]) {
            0 => Self::Abort,
            1 => Self::Commit,
            other => Self::Other(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_stands_behind_the_version() {
        assert_eq!(ControlRecord::from_key(&[0, 0, 0, 0]), Some(ControlRecord::Abort));
        assert_eq!(ControlRecord::from_key(&[0, 1, 0, 1, 7]), Some(ControlRecord::Commit));
        assert_eq!(ControlRecord::from_key(&[0, 0, 0, 2]), Some(ControlRecord::Other(2)));
        assert_eq!(ControlRecord::from_key(&[0, 0, 0]), None);
    }
}
