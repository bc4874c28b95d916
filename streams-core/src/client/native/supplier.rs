//! Maker of the clients of a real cluster.

use std::{fmt, sync::Arc, time::Duration};

use kafka_client::Client;

use super::{
    consumer::NativeConsumer,
    io::IoThreads,
    producer::NativeProducer,
    settings::ClientSettings,
    statistics::{Measured, figures},
};
use crate::{
    Error, ErrorKind, Result,
    client::{
        Admin, ClientKind, ClientStatistics, ClientSupplier, Consumer, ConsumerRole,
        ConsumerSettings, IsolationLevel, JoinGroup, Membership, Producer, ProducerSettings,
        TokenProvider, kafka::ControlPlane, statistics::Reporters,
    },
    config::{StreamsConfig, ValidConfig},
    time::SystemClock,
};

/// Least time allowed for a call, however short `task.timeout.ms` is: it may be zero.
const API_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// Makes the clients of the cluster in a configuration, without librdkafka.
///
/// Keys are Java's. One that has no effect here is warned of, or refused if leaving it out would be
/// unsafe. Java's `DefaultKafkaClientSupplier`.
///
/// ```
/// use streams_core::{client::native::NativeSupplier, config::StreamsConfig};
///
/// let config = StreamsConfig::new("orders-app", "localhost:9092")
///     .set("producer.compression.type", "zstd");
/// // Nothing is connected before a client is used.
/// let clients = NativeSupplier::new(&config)?;
/// # Ok::<(), streams_core::Error>(())
/// ```
pub struct NativeSupplier {
    settings: ClientSettings,
    io: IoThreads,
    control: ControlPlane,
    reporters: Reporters<Measured>,
}

impl fmt::Debug for NativeSupplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The settings hold secrets.
        f.debug_struct("NativeSupplier").field("control", &self.control).finish_non_exhaustive()
    }
}

impl NativeSupplier {
    /// Reads the settings of the clients, and the certificates that they name; does not connect
    /// yet.
    ///
    /// # Errors
    /// `Config`, naming every wrong key of the application or the first one of the clients.
    pub fn new(config: &StreamsConfig) -> Result<Self> {
        Self::with(config, None)
    }

    /// The same, with tokens for the SASL mechanism OAUTHBEARER. `provider` is called from threads
    /// of the clients for each connection; fetch and renew tokens elsewhere.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new).
    #[expect(clippy::needless_pass_by_value, reason = "callers of either supplier hand it over")]
    pub fn with_token_provider(config: &StreamsConfig, provider: TokenProvider) -> Result<Self> {
        Self::with(config, Some(&provider))
    }

    fn with(config: &StreamsConfig, tokens: Option<&TokenProvider>) -> Result<Self> {
        let config: ValidConfig = config.validate().map_err(|cause| {
            Error::with_source(ErrorKind::Config, "the clients can't be made", cause)
        })?;
        let settings = ClientSettings::read(&config, tokens)?;
        let mut control = settings.control.clone();
        // Callers give up after `task.timeout.ms`, and must learn well before that there is no
        // answer.
        control.api_timeout_max = (config.task_timeout() / 2).max(API_TIMEOUT_MIN);
        let control = ControlPlane::new(control, Arc::new(SystemClock))?;
        let io = IoThreads::new(config.num_stream_threads().max(1));
        Ok(Self { settings, io, control, reporters: Reporters::new() })
    }
}

impl ClientSupplier for NativeSupplier {
    fn consumer(&self, settings: &ConsumerSettings) -> Result<Box<dyn Consumer>> {
        let native = match settings.role {
            ConsumerRole::Main => &self.settings.main_consumer,
            ConsumerRole::Restore => &self.settings.restore_consumer,
            ConsumerRole::Global => &self.settings.global_consumer,
        };
        let (mut client, mut consumer) = (native.client.clone(), native.consumer.clone());
        if !settings.client_id.is_empty() {
            settings.client_id.clone_into(&mut client.client_id);
        }
        consumer.client_id.clone_from(&client.client_id);
        consumer.isolation = match settings.isolation_or(native.isolation) {
            IsolationLevel::ReadCommitted => kafka_client::IsolationLevel::ReadCommitted,
            IsolationLevel::ReadUncommitted => kafka_client::IsolationLevel::ReadUncommitted,
        };
        let consumer = NativeConsumer::new(Client::new(client), self.io.take()?, consumer);
        self.reporters.add(ClientKind::Consumer, consumer.measured());
        Ok(Box::new(consumer))
    }

    fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>> {
        let native = &self.settings.producer;
        let (mut client, mut producer) = (native.client.clone(), native.producer.clone());
        if !settings.client_id.is_empty() {
            settings.client_id.clone_into(&mut client.client_id);
        }
        producer.client_id.clone_from(&client.client_id);
        if let Some(id) = &settings.transactional_id {
            if id.is_empty() {
                return Err(Error::new(ErrorKind::Config, "a transactional id must not be empty"));
            }
            producer.transactional_id = Some(id.clone());
            // A call is useless once its transaction has ended.
            client.api_timeout_max = native.max_block.min(producer.transaction_timeout);
        }
        let (asked, transaction_timeout) =
            (producer.delivery_timeout, producer.transaction_timeout);
        producer.delivery_timeout = settings.delivery_timeout(asked, transaction_timeout);
        producer.linger = producer.linger.min(producer.delivery_timeout / 2);
        if settings.one_by_one {
            producer.batch_records = 1;
        }
        let (io, lease) = (self.io.take()?, settings.lease.clone());
        let producer =
            NativeProducer::new(Client::new(client), io, producer, lease, native.max_block);
        self.reporters.add(ClientKind::Producer, producer.measured());
        Ok(Box::new(producer))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(self.control.admin())
    }

    fn membership(&self, join: JoinGroup) -> Result<Box<dyn Membership>> {
        self.control.membership(join)
    }

    fn statistics(&self) -> Vec<ClientStatistics> {
        self.reporters.statistics(|kind, client| Some(figures(kind, client)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_transactional_id_is_refused() {
        let clients = NativeSupplier::new(&StreamsConfig::new("app", "localhost:1")).unwrap();
        let transactional_id = Some(String::new());
        let settings = ProducerSettings { transactional_id, ..ProducerSettings::default() };
        assert_eq!(clients.producer(&settings).unwrap_err().kind(), ErrorKind::Config);
    }
}
