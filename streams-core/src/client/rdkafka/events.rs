//! Log lines, errors and delivery reports that a librdkafka client emits.
//!
//! They arrive from threads of librdkafka, one call at a time and in an order that does not matter,
//! and are read by the client's own. Nothing here panics, since C is below on the stack.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    deliveries::{Deliveries, Tag},
    ffi::Code,
};
use crate::client::{Fingerprint, OAuthToken, TokenProvider, refused::in_words};

/// The listener of one client.
pub(super) struct ClientEvents {
    client_id: String,
    token_provider: Option<TokenProvider>,
    failures: Mutex<Failures>,
    deliveries: Mutex<Deliveries>,
    refusals: Mutex<Vec<Refusal>>,
    /// True if a record failed since this was taken last.
    has_failed: AtomicBool,
    /// The last report of statistics.
    report: Mutex<Option<Arc<str>>>,
}

/// Limit on the refusals that are kept until they are asked for. A caller that handles these learns
/// of further ones later.
const REFUSALS_MAX: usize = 10_000;

/// A record that a broker refused for good, itself or with its batch.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Number of the partition at its producer.
    pub(super) slot: usize,
    pub(super) code: Code,
    pub(super) fingerprint: Fingerprint,
    pub(super) has_key: bool,
    /// Description of the record.
    pub(super) record: String,
}

#[derive(Debug, Default)]
struct Failures {
    /// The last error of a connection, for messages.
    last: Option<(Code, String)>,
    /// True if no broker can be reached, and nobody has asked yet.
    all_down: bool,
}

impl fmt::Debug for ClientEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientEvents({})", self.client_id)
    }
}

impl ClientEvents {
    pub(super) fn new(client_id: &str, token_provider: Option<TokenProvider>) -> Arc<Self> {
        Arc::new(Self {
            client_id: client_id.to_owned(),
            token_provider,
            failures: Mutex::default(),
            deliveries: Mutex::default(),
            refusals: Mutex::default(),
            has_failed: AtomicBool::new(false),
            report: Mutex::default(),
        })
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(super) fn has_token_provider(&self) -> bool {
        self.token_provider.is_some()
    }

    /// Requests a token from the application; the error is the reason why there is none.
    pub(super) fn token(&self) -> Result<OAuthToken, String> {
        let provider = self.token_provider.as_ref().ok_or("nobody provides one")?;
        provider().map_err(|error| error.to_string())
    }

    /// Passes a log line on; `level` is that of syslog. Errors of librdkafka are logged as
    /// warnings: it connects again and sends again.
    pub(super) fn log(&self, level: i32, facility: &str, text: &str) {
        let client = &self.client_id;
        // The configuration was checked before the client is made from it: librdkafka's remarks on
        // it, for example that the only switch against storing offsets itself is deprecated,
        // require no action.
        let is_settled = facility == "CONFWARN";
        match level {
            _ if is_settled => tracing::debug!(target: "librdkafka", %client, facility, "{text}"),
            ..=2 => tracing::error!(target: "librdkafka", %client, facility, "{text}"),
            3 | 4 => tracing::warn!(target: "librdkafka", %client, facility, "{text}"),
            5 => tracing::info!(target: "librdkafka", %client, facility, "{text}"),
            _ => tracing::debug!(target: "librdkafka", %client, facility, "{text}"),
        }
    }

    /// Remembers an error of the client as a whole.
    pub(super) fn failed(&self, code: Code, reason: String) {
        tracing::debug!(client = %self.client_id, "{code}: {reason}");
        let mut failures = self.failures.lock();
        if code == Code::ALL_BROKERS_DOWN {
            failures.all_down = true;
        } else {
            failures.last = Some((code, reason));
        }
    }

    /// Returns whether all brokers have gone out of reach since the last call.
    pub(super) fn take_all_down(&self) -> bool {
        std::mem::take(&mut self.failures.lock().all_down)
    }

    /// The last error of a connection.
    pub(super) fn last_failure(&self) -> Option<(Code, String)> {
        self.failures.lock().last.clone()
    }

    /// The last error of a connection as the end of a message, or an empty string.
    pub(super) fn because(&self) -> String {
        self.last_failure().map_or_else(String::new, |(_, reason)| format!(" ({reason})"))
    }

    /// Notes a delivery report.
    pub(super) fn delivered(&self, slot: usize, outcome: Result<i64, Code>) {
        if outcome.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        self.deliveries.lock().add(slot, outcome);
    }

    /// Returns whether a record failed since the last call.
    pub(super) fn take_failed(&self) -> bool {
        self.has_failed.swap(false, Ordering::Relaxed)
    }

    /// Notes a record that was refused for good according to its report, itself or with its batch.
    pub(super) fn refused(&self, tag: Tag, code: Code, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut refusals = self.refusals.lock();
        if refusals.len() < REFUSALS_MAX {
            refusals.push(Refusal {
                slot: tag.slot(),
                code,
                fingerprint: Fingerprint::new(tag.time(), key, value),
                has_key: key.is_some(),
                record: in_words(key, value),
            });
        }
    }

    /// The refusals since they were last taken.
    pub(super) fn take_refusals(&self) -> Vec<Refusal> {
        std::mem::take(&mut *self.refusals.lock())
    }

    /// Notes a report of statistics.
    pub(super) fn reported(&self, report: &str) {
        *self.report.lock() = Some(report.into());
    }

    /// The last report of statistics.
    pub(super) fn report(&self) -> Option<Arc<str>> {
        self.report.lock().clone()
    }

    /// The delivery reports since they were last taken.
    pub(super) fn take_deliveries(&self) -> Deliveries {
        std::mem::take(&mut *self.deliveries.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::ClientEvents;
    use crate::testing::log_lines::lines_of;

    #[test]
    fn what_librdkafka_says_of_checked_settings_is_for_debugging_and_the_rest_is_not() {
        let events = ClientEvents::new("app-1", None);
        let lines = lines_of(|| {
            events.log(4, "CONFWARN", "Configuration property `x` is deprecated");
            events.log(3, "FAIL", "connection refused");
            events.log(6, "GETPID", "acquired");
        });
        let levels: Vec<_> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(levels, ["DEBUG", "WARN", "DEBUG"]);
    }
}
