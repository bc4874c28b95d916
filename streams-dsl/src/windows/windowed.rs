//! Keys of windowed tables.

use std::fmt;

use super::Window;

/// A key in a window: the key of a windowed table's row. Java's `Windowed`.
///
/// It has no default serde: `time_windowed` makes one of the key's serde and the size of the
/// windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Windowed<K> {
    /// The key that was grouped by.
    pub key: K,
    /// The window.
    pub window: Window,
}

impl<K> Windowed<K> {
    /// `key` in `window`.
    pub const fn new(key: K, window: Window) -> Self {
        Self { key, window }
    }
}

/// `[key@start/end]`, as Java prints it.
impl<K: fmt::Display> fmt::Display for Windowed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}@{}]", self.key, self.window)
    }
}
