//! Time as the runtime sees it.

use std::{
    fmt::{self, Debug, Display, Formatter},
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// A source of wall-clock time and waits. Nothing below the runtime has another one.
pub trait Clock: Send + Sync + Debug {
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64;

    /// Waits for this long, or returns at once where time is virtual.
    fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now_ms(&self) -> i64 {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since_epoch.map_or(0, duration_ms)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// A clock that moves only when told to. It never waits.
///
/// ```
/// use std::time::Duration;
/// use streams_core::time::{Clock, ManualClock};
///
/// let clock = ManualClock::new(1_000);
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now_ms(), 3_000);
/// ```
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Creates a clock that shows `now_ms` milliseconds since the epoch.
    pub const fn new(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(duration_ms(by), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn sleep(&self, _duration: Duration) {}
}

/// Times before this one are not written as dates: they come from tests, whose clocks begin at the
/// epoch.
const FIRST_DATE_MS: i64 = 100_000_000_000;

const DAY_MS: i64 = 86_400_000;

/// Displays a time in milliseconds since the epoch for people: RFC 3339, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) i64);

impl Display for Date {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < FIRST_DATE_MS {
            return write!(f, "{}", self.0);
        }
        let (year, month, day) = civil(self.0.div_euclid(DAY_MS));
        let ms = self.0.rem_euclid(DAY_MS);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, ms) = (ms / 1_000 % 60, ms % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// Displays the span from one time to another, both in milliseconds since the epoch, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) i64, pub(crate) i64);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lasted = u64::try_from(self.1.saturating_sub(self.0)).unwrap_or(0);
        write!(f, "{:?} since {}", Duration::from_millis(lasted), Date(self.0))
    }
}

/// Year, month and day of a number of days since the epoch. The calendar repeats every 400 years,
/// and each cycle is counted from March, so that a leap day comes last.
const fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    /// Days from the first of March of the year 0 to the epoch.
    const EPOCH: i64 = 719_468;
    let days = days.saturating_add(EPOCH);
    let (cycle, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let first = (153 * month + 2) / 5;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + next, month, day - first + 1)
}

/// A duration in whole milliseconds; one beyond the range of `i64` saturates.
pub fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Date, Span};

    #[test]
    fn a_time_is_written_as_a_date() {
        // As `date -u -d @SECONDS` prints them.
        for (ms, text) in [
            (1_795_880_506_514, "2026-11-28T15:41:46.514Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_704_067_199_000, "2023-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(Date(ms).to_string(), text);
        }
    }

    #[test]
    fn a_span_is_a_duration_with_its_beginning() {
        let since = 1_795_880_506_514;
        let text = "61.5s since 2026-11-28T15:41:46.514Z";
        assert_eq!(Span(since, since + 61_500).to_string(), text);
    }

    #[test]
    fn times_of_tests_and_those_without_a_date_are_numbers_and_long_years() {
        assert_eq!(Date(400).to_string(), "400");
        assert_eq!(Date(-1).to_string(), "-1");
        assert_eq!(Date(i64::MAX).to_string(), "292278994-08-17T07:12:55.807Z");
    }
}
