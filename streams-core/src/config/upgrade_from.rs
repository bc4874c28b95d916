//! The version of Java Kafka Streams from which an application is being migrated.

use std::fmt;

/// The value of `upgrade.from`: the version of the running instances that must still be understood
/// while an application is replaced instance by instance.
///
/// Versions are ordered, so a caller asks `upgrade_from <= UpgradeFrom::new(3, 4)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpgradeFrom {
    major: u16,
    minor: u16,
    patch: u16,
}

impl UpgradeFrom {
    /// Every value that the key takes, oldest first.
    pub(super) const NAMES: &'static [&'static str] = &[
        "0.10.0", "0.10.1", "0.10.2", "0.11.0", "1.0", "1.1", "2.0", "2.1", "2.2", "2.3", "2.4",
        "2.5", "2.6", "2.7", "2.8", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8",
        "3.9", "4.0", "4.1", "4.2",
    ];

    /// The version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor, patch: 0 }
    }

    /// Reads `3.4` or `0.10.1`; `None` for anything but two or three numbers.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let mut parts = name.split('.').map(str::parse::<u16>);
        let major = parts.next()?.ok()?;
        let minor = parts.next()?.ok()?;
        let patch = parts.next().unwrap_or(Ok(0)).ok()?;
        parts.next().is_none().then_some(Self { major, minor, patch })
    }
}

impl fmt::Display for UpgradeFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.major == 0 {
            write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
        } else {
            write!(f, "{}.{}", self.major, self.minor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_and_prints_as_itself_and_they_are_in_order() {
        let versions: Vec<_> =
            UpgradeFrom::NAMES.iter().filter_map(|name| UpgradeFrom::from_name(name)).collect();
        let printed: Vec<_> = versions.iter().map(ToString::to_string).collect();
        assert_eq!(printed, UpgradeFrom::NAMES);
        assert!(versions.is_sorted());
    }

    #[test]
    fn versions_compare_by_number_and_not_by_letter() {
        assert!(UpgradeFrom::from_name("2.8") < Some(UpgradeFrom::new(3, 4)));
        assert!(UpgradeFrom::new(3, 9) < UpgradeFrom::new(3, 10));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for name in ["", "3", "three.four", "3.4.0.1", "3.x"] {
            assert_eq!(UpgradeFrom::from_name(name), None, "{name}");
        }
    }
}
