//! Maker of the clients of a real cluster.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    background::BackgroundProducer,
    consumer::RdKafkaConsumer,
    events::ClientEvents,
    ffi::Client,
    producer::{ProducerWaits, RdKafkaProducer},
    settings::{ClientSettings, NativeSettings, explain},
    statistics::{self, last_report},
    topics::Topics,
};
use crate::{
    Error, ErrorKind, Result,
    client::{
        Admin, ClientKind, ClientStatistics, ClientSupplier, Consumer, ConsumerRole,
        ConsumerSettings, IsolationLevel, JoinGroup, Membership, Producer, ProducerSettings,
        TokenProvider, kafka::ControlPlane, statistics::Reporters,
    },
    config::{StreamsConfig, ValidConfig},
    time::{SystemClock, duration_ms},
};

/// Least time allowed for a call, however short `task.timeout.ms` is: it may be zero.
const API_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// Makes the clients of the cluster in a configuration.
///
/// Consumers and producers are librdkafka's; all settings of a Java application are understood, and
/// librdkafka's own besides, under the same prefixes. Java's `DefaultKafkaClientSupplier`.
///
/// ```
/// use streams_core::{client::rdkafka::RdKafkaSupplier, config::StreamsConfig};
///
/// let config = StreamsConfig::new("orders-app", "localhost:9092")
///     .set("security.protocol", "SASL_SSL")
///     .set("sasl.mechanism", "SCRAM-SHA-512")
///     .set(
///         "sasl.jaas.config",
///         "org.apache.kafka.common.security.scram.ScramLoginModule required \
///          username=\"orders\" password=\"secret\";",
///     )
///     .set("producer.compression.type", "zstd");
/// // Nothing is connected before a client is used.
/// let clients = RdKafkaSupplier::new(&config)?;
/// # Ok::<(), streams_core::Error>(())
/// ```
pub struct RdKafkaSupplier {
    settings: ClientSettings,
    transaction_timeout: Duration,
    tokens: Option<TokenProvider>,
    control: ControlPlane,
    /// True if the application has its metrics served.
    is_measured: bool,
    reporters: Reporters<ClientEvents>,
}

impl fmt::Debug for RdKafkaSupplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The settings hold secrets.
        f.debug_struct("RdKafkaSupplier").field("control", &self.control).finish_non_exhaustive()
    }
}

impl RdKafkaSupplier {
    /// Reads the settings of the clients, and the certificates that they name; does not connect
    /// yet.
    ///
    /// # Errors
    /// `Config`, naming every wrong key of the application or the first one of the clients.
    pub fn new(config: &StreamsConfig) -> Result<Self> {
        Self::with(config, None)
    }

    /// The same, with tokens for the SASL mechanism OAUTHBEARER. `provider` is called from threads
    /// of the clients for each connection, and before a token expires; fetch and renew tokens
    /// elsewhere.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new).
    pub fn with_token_provider(config: &StreamsConfig, provider: TokenProvider) -> Result<Self> {
        Self::with(config, Some(provider))
    }

    fn with(config: &StreamsConfig, tokens: Option<TokenProvider>) -> Result<Self> {
        let config: ValidConfig = config.validate().map_err(|cause| {
            Error::with_source(ErrorKind::Config, "the clients can't be made", cause)
        })?;
        let settings = ClientSettings::read(&config, tokens.as_ref())?;
        let mut control = settings.control.clone();
        // Callers give up after `task.timeout.ms`, and must learn well before that there is no
        // answer.
        control.api_timeout_max = (config.task_timeout() / 2).max(API_TIMEOUT_MIN);
        let control = ControlPlane::new(control, Arc::new(SystemClock))?;
        let transaction_timeout = config.transaction_timeout();
        Ok(Self {
            settings,
            transaction_timeout,
            tokens,
            control,
            is_measured: config.metrics_listen().is_some(),
            reporters: Reporters::new(),
        })
    }

    fn client(
        &self,
        kind: ClientKind,
        client_id: &str,
        settings: &NativeSettings,
        own: &[(&str, String)],
    ) -> Result<Arc<Client>> {
        let mut values = settings.values.clone();
        if !client_id.is_empty() {
            values.insert("client.id".to_owned(), client_id.to_owned());
        }
        for (key, value) in own {
            values.insert((*key).to_owned(), value.clone());
        }
        if self.is_measured {
            let interval = values.entry(statistics::INTERVAL_KEY.to_owned());
            interval.or_insert_with(|| statistics::INTERVAL_MS.to_owned());
        }
        let events = ClientEvents::new(client_id, self.tokens.clone());
        let client = Client::new(kind, &values, Arc::clone(&events));
        let client = client.map_err(|refused| explain(kind, &refused))?;
        self.reporters.add(kind, &events);
        Ok(client)
    }

    /// Time for which a batch waits for more records, if the setting is longer than `most`.
    fn shorter_linger(&self, most: Duration) -> Option<(&'static str, String)> {
        let values = &self.settings.producer.values;
        let set = ["linger.ms", "queue.buffering.max.ms"].into_iter();
        let mut set = set.filter_map(|key| Some((key, values.get(key)?.parse::<f64>().ok()?)));
        let (key, _) = set.find(|(_, linger_ms)| *linger_ms > most.as_secs_f64() * 1_000.0)?;
        Some((key, duration_ms(most).to_string()))
    }

    /// Additional settings of a transactional producer.
    fn transactional(&self, id: String) -> Vec<(&'static str, String)> {
        let NativeSettings { values, .. } = &self.settings.producer;
        let timeout_ms = duration_ms(self.transaction_timeout);
        let mut own =
            vec![("transactional.id", id), ("transaction.timeout.ms", timeout_ms.to_string())];
        if !values.contains_key("retry.backoff.ms") {
            // A transaction that follows another meets it half ended and retries: soon, otherwise
            // each would wait for 100 ms.
            own.push(("retry.backoff.ms", "2".to_owned()));
            own.push(("retry.backoff.max.ms", "100".to_owned()));
        }
        own
    }
}

impl ClientSupplier for RdKafkaSupplier {
    fn consumer(&self, settings: &ConsumerSettings) -> Result<Box<dyn Consumer>> {
        let native = match settings.role {
            ConsumerRole::Main => &self.settings.main_consumer,
            ConsumerRole::Restore => &self.settings.restore_consumer,
            ConsumerRole::Global => &self.settings.global_consumer,
        };
        let isolation = settings.isolation_or(native.isolation);
        let level = match isolation {
            IsolationLevel::ReadCommitted => "read_committed",
            IsolationLevel::ReadUncommitted => "read_uncommitted",
        };
        let own = [("isolation.level", level.to_owned())];
        let client = self.client(ClientKind::Consumer, &settings.client_id, native, &own)?;
        let topics = Topics::new(native.max_block, native.metadata_max_age);
        Ok(Box::new(RdKafkaConsumer::new(client, isolation, topics)))
    }

    fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>> {
        let native = &self.settings.producer;
        let mut own = match settings.transactional_id.clone() {
            Some(id) if id.is_empty() => {
                return Err(Error::new(ErrorKind::Config, "a transactional id must not be empty"));
            }
            Some(id) => self.transactional(id),
            None => Vec::new(),
        };
        let delivery_timeout =
            settings.delivery_timeout(native.delivery_timeout, self.transaction_timeout);
        if settings.one_by_one {
            own.push(("batch.num.messages", "1".to_owned()));
        }
        own.push(("message.timeout.ms", duration_ms(delivery_timeout).to_string()));
        if delivery_timeout < native.delivery_timeout {
            // librdkafka refuses settings by which a record waits longer than it may take; this
            // limit was not set by the user.
            own.extend(self.shorter_linger(delivery_timeout / 2));
        }
        let client = self.client(ClientKind::Producer, &settings.client_id, native, &own)?;
        let waits = ProducerWaits {
            max_block: native.max_block,
            delivery_timeout,
            transaction_timeout: self.transaction_timeout,
        };
        let topics = Topics::new(native.max_block, native.metadata_max_age);
        let producer = RdKafkaProducer::new(Arc::clone(&client), settings, waits, topics);
        Ok(Box::new(BackgroundProducer::new(client, producer)))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(self.control.admin())
    }

    fn membership(&self, join: JoinGroup) -> Result<Box<dyn Membership>> {
        self.control.membership(join)
    }

    fn statistics(&self) -> Vec<ClientStatistics> {
        self.reporters.statistics(last_report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Lease;

    /// librdkafka refuses settings by which a record waits longer than it may take.
    #[test]
    fn a_batch_waits_no_longer_than_a_short_session_lets_its_records_take() {
        let config = StreamsConfig::new("app", "localhost:1").set("producer.linger.ms", 5_000);
        let clients = RdKafkaSupplier::new(&config).unwrap();
        let lease = Lease::new(Duration::from_millis(1_500), || None);
        let settings = ProducerSettings { lease, ..ProducerSettings::default() };
        clients.producer(&settings).unwrap();
    }
}
