//! A measurement over time: count, rate, mean and extremes.
//!
//! Totals never reset. Rates, means and extremes cover the last half minute to minute, in two
//! samples of [`SAMPLE_MS`] as with Java's defaults (`metrics.num.samples`,
//! `metrics.sample.window.ms`).

use crate::processor::Spread;

/// Duration of a sample, in milliseconds.
const SAMPLE_MS: i64 = 30_000;

/// Events, and their measurements. Java's `Sensor` with its `Rate`, `CumulativeCount`, `Avg` and
/// `Max`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sensor {
    /// Number of events since the beginning.
    pub(crate) total: u64,
    before: Sample,
    now: Sample,
}

/// Events of one span of time.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    began_ms: i64,
    events: u64,
    spread: Spread,
}

/// Statistics of the last samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampled {
    /// Events per second.
    pub(crate) rate: f64,
    /// Mean of the measurements; NaN if there are none, as in Java.
    pub(crate) mean: f64,
    /// Least measurement; NaN if there are none.
    pub(crate) min: f64,
    /// Greatest measurement; NaN if there are none.
    pub(crate) max: f64,
    /// Sum of the measurements, in milliseconds, as a fraction of the elapsed time: 0 to 1.
    pub(crate) ratio: f64,
}

impl Sensor {
    /// Adds `events`, with their measurements.
    pub(crate) fn record(&mut self, events: u64, spread: Spread, now_ms: i64) {
        if now_ms.saturating_sub(self.now.began_ms) >= SAMPLE_MS {
            let next = Sample { began_ms: now_ms, ..Sample::default() };
            self.before = std::mem::replace(&mut self.now, next);
        }
        self.total += events;
        self.now.events += events;
        self.now.spread.merge(spread);
    }

    /// Statistics of the samples that are not too old.
    pub(crate) fn sampled(&self, now_ms: i64) -> Sampled {
        let is_young = |sample: &&Sample| now_ms.saturating_sub(sample.began_ms) < 2 * SAMPLE_MS;
        let (mut events, mut spread, mut began_ms) = (0, Spread::default(), now_ms);
        for sample in [&self.before, &self.now].into_iter().filter(is_young) {
            events += sample.events;
            spread.merge(sample.spread);
            began_ms = began_ms.min(sample.began_ms);
        }
        // As in Java, so that the beginning does not look like a burst.
        let elapsed_ms = now_ms.saturating_sub(began_ms).max(SAMPLE_MS);
        let known = |value: f64| if spread.count == 0 { f64::NAN } else { value };
        Sampled {
            rate: float(events) * 1_000.0 / signed(elapsed_ms),
            mean: known(signed(spread.sum) / float(spread.count.max(1))),
            min: known(signed(spread.min)),
            max: known(signed(spread.max)),
            ratio: (signed(spread.sum) / signed(elapsed_ms)).clamp(0.0, 1.0),
        }
    }
}

/// A count as a metric's value.
#[expect(
    clippy::cast_precision_loss,
    reason = "metrics are floats; above 2^53 the last digits are of no use"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// A number as a metric's value.
#[expect(clippy::cast_precision_loss, reason = "as above")]
pub(crate) fn signed(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(ms: i64) -> Spread {
        Spread { count: 1, sum: ms, min: ms, max: ms }
    }

    #[test]
    fn rate_mean_and_extremes_are_those_of_the_last_two_samples() {
        let mut sensor = Sensor::default();
        for second in 0..90 {
            let now_ms = 1_000_000 + second * 1_000;
            sensor.record(2, took(second), now_ms);
        }
        let now_ms = 1_089_999;
        let sampled = sensor.sampled(now_ms);
        assert_eq!(sensor.total, 180);
        assert!((sampled.rate - 2.0).abs() < 1e-3, "{sampled:?}");
        assert!((sampled.mean - 59.5).abs() < 1e-9, "{sampled:?}");
        assert_eq!((sampled.min, sampled.max), (30.0, 89.0));
    }

    #[test]
    fn what_has_just_begun_is_no_burst_and_what_is_long_ago_is_forgotten() {
        let mut sensor = Sensor::default();
        sensor.record(30, took(15_000), 1_000_000);
        let sampled = sensor.sampled(1_000_001);
        assert!((sampled.rate - 1.0).abs() < 1e-9 && (sampled.ratio - 0.5).abs() < 1e-9);
        let sampled = sensor.sampled(1_060_000);
        assert!(sampled.rate == 0.0 && sampled.mean.is_nan() && sampled.max.is_nan());
        assert_eq!(sensor.total, 30);
    }
}
