//! Estimated size of the values of a store, without serialising each of them twice.

/// Number of writes measured at the start, and after a value of a very different size.
const MEASURED_TOGETHER: u32 = 32;
/// From then on one write in this many is measured.
const MEASURED_OF: u32 = 16;
/// A size is very different if it is this many times the mean, or this fraction of it.
const ANOTHER_SIZE: usize = 4;
/// Sizes that differ by less than this count as similar.
const ALIKE_BYTES: usize = 64;
/// A measured value moves the mean by one part in this many.
const WEIGHT: usize = 4;

/// Decides which values are measured, and estimates the size of the others.
///
/// The commit serialises each value once; until then only the values serialised for this purpose
/// have a known size.
#[derive(Debug)]
pub(super) struct ValueSize {
    mean: usize,
    /// Number of writes that are still to be measured one by one.
    together: u32,
    /// Number of writes since the last measured one.
    passed: u32,
}

impl ValueSize {
    pub(super) const fn new() -> Self {
        Self { mean: 0, together: MEASURED_TOGETHER, passed: 0 }
    }

    /// Estimated size of the next value, in bytes; `None` if it must be measured.
    pub(super) fn estimate(&mut self) -> Option<usize> {
        self.passed += 1;
        (self.together == 0 && self.passed < MEASURED_OF).then_some(self.mean)
    }

    /// Notes the size of a measured value.
    pub(super) fn measured(&mut self, bytes: usize) {
        self.passed = 0;
        self.together = self.together.saturating_sub(1);
        let first = self.mean == 0;
        let another = bytes.abs_diff(self.mean) > ALIKE_BYTES
            && (bytes / ANOTHER_SIZE > self.mean || self.mean / ANOTHER_SIZE > bytes);
        if first || another && self.together == 0 {
            self.mean = bytes.max(1);
            self.together = MEASURED_TOGETHER;
        } else {
            self.mean = (self.mean - self.mean / WEIGHT + bytes / WEIGHT).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes counted for `values`, and the number of measured ones.
    fn counted(size: &mut ValueSize, values: impl IntoIterator<Item = usize>) -> (usize, usize) {
        let (mut bytes, mut measured) = (0, 0);
        for value in values {
            bytes += size.estimate().unwrap_or_else(|| {
                measured += 1;
                size.measured(value);
                value
            });
        }
        (bytes, measured)
    }

    #[test]
    fn the_first_values_are_measured_and_then_one_of_sixteen() {
        let mut size = ValueSize::new();
        assert_eq!(counted(&mut size, [100; 33]), (3_300, 33), "the first begins a run of 32");
        let (bytes, measured) = counted(&mut size, [100; 1_600]);
        assert_eq!(measured, 100);
        assert!((155_000..=160_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn values_that_become_much_larger_are_known_within_sixteen_writes() {
        let mut size = ValueSize::new();
        counted(&mut size, [10; 1_000]);
        let (bytes, _) = counted(&mut size, [50_000; 100]);
        assert!(bytes >= 50_000 * 84, "{bytes}");
    }

    #[test]
    fn values_of_mixed_sizes_count_for_about_what_they_take() {
        let mut size = ValueSize::new();
        let values = (0..10_000_usize).map(|number| if number % 7 == 0 { 1_000 } else { 400 });
        let right: usize = values.clone().sum();
        let (bytes, measured) = counted(&mut size, values);
        assert!(bytes.abs_diff(right) < right / 10, "{bytes} for {right}");
        assert!(measured < 1_000, "{measured}");
    }
}
