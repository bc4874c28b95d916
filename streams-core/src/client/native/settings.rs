//! The settings of the clients, from Java's names.
//!
//! All of them are read once, when the supplier is made, so that a mistake shows at the start and
//! names the key as the user wrote it. A key without effect here logs a warning, including
//! librdkafka's own.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kafka_client::{
    ClientConfig, consumer::ConsumerConfig, producer::ProducerConfig, record_batch::Compression,
};

use crate::{
    Error, ErrorKind, Result,
    client::{
        IsolationLevel, TokenProvider,
        rdkafka::settings::{
            control, librdkafka_security_key,
            translation::{Translation, translate},
        },
    },
    config::{ClientRole, ValidConfig},
};

/// Default size of a batch at which it is sent. Java's default of 16 KB makes many small requests.
const BATCH_BYTES: usize = 256 << 10;
/// Default limit on a producer's records that are not written yet.
const BUFFER_BYTES: usize = 64 << 20;
/// Kafka Streams' default of `linger.ms`.
const LINGER_MS: u64 = 100;

/// Keys that are read here or by the connections, besides those of security.
const READ: [&str; 23] = [
    "batch.size",
    "bootstrap.servers",
    "buffer.memory",
    "check.crcs",
    "compression.gzip.level",
    "compression.type",
    "compression.zstd.level",
    "delivery.timeout.ms",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "isolation.level",
    "linger.ms",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.request.size",
    "metadata.max.age.ms",
    "request.timeout.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "socket.connection.setup.timeout.ms",
    "transaction.timeout.ms",
];

/// Settings of a consumer.
#[derive(Clone, Debug)]
pub(super) struct ConsumerClient {
    pub(super) client: ClientConfig,
    pub(super) consumer: ConsumerConfig,
    /// `isolation.level`, if it was set.
    pub(super) isolation: Option<IsolationLevel>,
}

/// Settings of a producer.
#[derive(Clone, Debug)]
pub(super) struct ProducerClient {
    pub(super) client: ClientConfig,
    pub(super) producer: ProducerConfig,
    /// `max.block.ms`: time limit of a call that has none of its own.
    pub(super) max_block: Duration,
}

/// The settings of all clients of an application.
#[derive(Debug)]
pub(super) struct ClientSettings {
    pub(super) main_consumer: ConsumerClient,
    pub(super) restore_consumer: ConsumerClient,
    pub(super) global_consumer: ConsumerClient,
    pub(super) producer: ProducerClient,
    /// For membership and admin calls.
    pub(super) control: ClientConfig,
}

impl ClientSettings {
    /// Reads the settings of `config`, and certificates from the files that it names.
    ///
    /// # Errors
    /// `Config`, naming the key.
    pub(super) fn read(config: &ValidConfig, tokens: Option<&TokenProvider>) -> Result<Self> {
        let roles = [
            ClientRole::MainConsumer,
            ClientRole::RestoreConsumer,
            ClientRole::GlobalConsumer,
            ClientRole::Producer,
        ];
        let warnings: BTreeSet<String> =
            roles.into_iter().flat_map(|role| without_effect(config, role)).collect();
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        for role in roles.into_iter().chain([ClientRole::Admin]) {
            check_security(config, role)?;
        }
        Ok(Self {
            main_consumer: consumer(config, ClientRole::MainConsumer, tokens)?,
            restore_consumer: consumer(config, ClientRole::RestoreConsumer, tokens)?,
            global_consumer: consumer(config, ClientRole::GlobalConsumer, tokens)?,
            producer: producer(config, tokens)?,
            control: control(config, ClientRole::Admin, tokens)?,
        })
    }
}

/// Warnings about keys that have no effect.
fn without_effect(config: &ValidConfig, role: ClientRole) -> Vec<String> {
    let overrides = config.client_overrides(role);
    let keys = overrides.iter().filter(|(key, _)| !READ.contains(*key));
    let warn = |(key, value): (&&str, &&str)| match translate(role, key, value) {
        Translation::Elsewhere => None,
        Translation::NoEffect(why) => Some(format!("client setting `{key}` has no effect: {why}")),
        Translation::Settings(_) => Some(format!(
            "client setting `{key}` has no effect with client.data.plane=native: {}",
            reason(key)
        )),
    };
    keys.filter_map(warn).collect()
}

/// Why a key has no effect that librdkafka would heed.
fn reason(key: &str) -> String {
    let instead = match key {
        "client.rack" => return "records are read from the leaders".to_owned(),
        "retries" | "message.send.max.retries" => {
            return "batches are sent again until `delivery.timeout.ms`".to_owned();
        }
        "compression.level" => {
            return "use `compression.gzip.level` or `compression.zstd.level`".to_owned();
        }
        "compression.codec" => "compression.type",
        "fetch.message.max.bytes" => "max.partition.fetch.bytes",
        "fetch.wait.max.ms" => "fetch.max.wait.ms",
        "message.max.bytes" => "max.request.size",
        "message.timeout.ms" => "delivery.timeout.ms",
        "queue.buffering.max.kbytes" => "buffer.memory",
        "queue.buffering.max.ms" => "linger.ms",
        "reconnect.backoff.ms" => "retry.backoff.ms",
        "reconnect.backoff.max.ms" => "retry.backoff.max.ms",
        "socket.timeout.ms" => "request.timeout.ms",
        "topic.metadata.refresh.interval.ms" => "metadata.max.age.ms",
        _ => return "it has nothing like it".to_owned(),
    };
    format!("use `{instead}`")
}

/// Refuses a key of security that has no effect here: to leave it out might be unsafe.
fn check_security(config: &ValidConfig, role: ClientRole) -> Result {
    librdkafka_security_key(config, role)?.map_or(Ok(()), |key| {
        let text = format!(
            "client setting `{key}` is unknown to the clients of client.data.plane=native, and without it connections \
             might be less safe than you want: remove it, or set client.data.plane=rdkafka if it is librdkafka's"
        );
        Err(Error::new(ErrorKind::Config, text))
    })
}

fn consumer(
    config: &ValidConfig,
    role: ClientRole,
    tokens: Option<&TokenProvider>,
) -> Result<ConsumerClient> {
    let overrides = config.client_overrides(role);
    let settings = Settings(&overrides);
    let mut consumer = ConsumerConfig::new("");
    consumer.max_wait = settings.millis("fetch.max.wait.ms", consumer.max_wait)?;
    consumer.min_bytes = settings.number("fetch.min.bytes", consumer.min_bytes)?;
    consumer.max_bytes = settings.number("fetch.max.bytes", consumer.max_bytes)?;
    consumer.partition_max_bytes =
        settings.number("max.partition.fetch.bytes", consumer.partition_max_bytes)?;
    let unchecked =
        overrides.get("check.crcs").is_some_and(|text| text.eq_ignore_ascii_case("false"));
    consumer.check_crcs = !unchecked;
    let isolation = overrides.get("isolation.level").map(|level| match *level {
        "read_committed" => IsolationLevel::ReadCommitted,
        _ => IsolationLevel::ReadUncommitted,
    });
    Ok(ConsumerClient { client: control(config, role, tokens)?, consumer, isolation })
}

fn producer(config: &ValidConfig, tokens: Option<&TokenProvider>) -> Result<ProducerClient> {
    let overrides = config.client_overrides(ClientRole::Producer);
    let settings = Settings(&overrides);
    let mut producer = ProducerConfig::new("");
    producer.transaction_timeout = config.transaction_timeout();
    let name = overrides.get("compression.type").copied().unwrap_or("none");
    producer.compression = Compression::from_name(name)
        .ok_or_else(|| settings.wrong("compression.type", "none, gzip, snappy, lz4 or zstd"))?;
    let level = format!("compression.{name}.level");
    if overrides.contains_key(&*level) && matches!(name, "gzip" | "zstd") {
        // As librdkafka does, which has one range for all types.
        let most = if name == "gzip" { 9 } else { i32::MAX };
        producer.compression_level = Some(settings.number(&level, 0)?.min(most));
    }
    producer.batch_bytes = settings.number("batch.size", BATCH_BYTES)?;
    producer.linger = settings.millis("linger.ms", Duration::from_millis(LINGER_MS))?;
    producer.buffer_bytes = settings.number("buffer.memory", BUFFER_BYTES)?;
    producer.request_max_bytes = settings.number("max.request.size", producer.request_max_bytes)?;
    producer.delivery_timeout =
        settings.millis("delivery.timeout.ms", producer.delivery_timeout)?;
    producer.max_in_flight =
        settings.number("max.in.flight.requests.per.connection", producer.max_in_flight)?;
    let max_block = settings.millis("max.block.ms", Duration::from_secs(60))?;
    let mut client = control(config, ClientRole::Producer, tokens)?;
    client.api_timeout_max = max_block;
    Ok(ProducerClient { client, producer, max_block })
}

/// Settings of one client.
struct Settings<'a>(&'a BTreeMap<&'a str, &'a str>);

impl Settings<'_> {
    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> Result<T> {
        self.parsed(key, "a number that it can have", default)
    }

    fn millis(&self, key: &str, default: Duration) -> Result<Duration> {
        let millis = self.0.get(key).map(|text| text.parse().map(Duration::from_millis));
        let millis = millis.transpose().map_err(|_| self.wrong(key, "a number of milliseconds"))?;
        Ok(millis.unwrap_or(default))
    }

    fn parsed<T: std::str::FromStr>(&self, key: &str, wanted: &str, default: T) -> Result<T> {
        let parsed = self.0.get(key).map(|text| text.parse());
        parsed
            .transpose()
            .map_err(|_| self.wrong(key, wanted))
            .map(|value| value.unwrap_or(default))
    }

    fn wrong(&self, key: &str, wanted: &str) -> Error {
        let value = self.0.get(key).copied().unwrap_or_default();
        Error::new(ErrorKind::Config, format!("client setting `{key}` = `{value}` is not {wanted}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StreamsConfig;

    fn config() -> StreamsConfig {
        StreamsConfig::new("app", "one:9092, two:9092")
    }

    fn read(config: &StreamsConfig) -> Result<ClientSettings> {
        ClientSettings::read(&config.validate().unwrap(), None)
    }

    #[test]
    fn javas_names_are_understood_with_and_without_a_prefix() {
        let config = config()
            .set("consumer.fetch.max.wait.ms", 77)
            .set("restore.consumer.max.partition.fetch.bytes", 3_000_000)
            .set("producer.compression.type", "zstd")
            .set("producer.compression.zstd.level", 7)
            .set("producer.linger.ms", 9)
            .set("producer.max.request.size", 2_000_000)
            .set("metadata.max.age.ms", 60_000)
            .set("request.timeout.ms", 4_000);
        let settings = read(&config).unwrap();
        assert_eq!(settings.main_consumer.consumer.max_wait, Duration::from_millis(77));
        assert_eq!(settings.main_consumer.consumer.partition_max_bytes, 1 << 20);
        assert_eq!(settings.restore_consumer.consumer.partition_max_bytes, 3_000_000);
        let ProducerClient { producer, client, .. } = settings.producer;
        assert_eq!(producer.compression, Compression::Zstd);
        assert_eq!(producer.compression_level, Some(7));
        assert_eq!(producer.linger, Duration::from_millis(9));
        assert_eq!(producer.request_max_bytes, 2_000_000);
        assert_eq!(client.bootstrap_servers, ["one:9092", "two:9092"]);
        assert_eq!(client.metadata_max_age, Duration::from_secs(60));
        assert_eq!(client.request_timeout, Duration::from_secs(4));
    }

    #[test]
    fn what_is_librdkafkas_alone_is_warned_of_and_what_the_runtime_reads_is_not() {
        let config = config()
            .set("consumer.queued.min.messages", 5_000)
            .set("consumer.max.poll.records", 7)
            .set("consumer.fetch.min.bytes", 2);
        let config = config.validate().unwrap();
        let warnings = without_effect(&config, ClientRole::MainConsumer);
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert!(warning.contains("queued.min.messages"), "{warning}");
    }

    #[test]
    fn a_key_without_effect_says_what_to_use() {
        let config = config().set("producer.retries", 3).set("producer.queue.buffering.max.ms", 7);
        let config = config.validate().unwrap();
        let warnings = without_effect(&config, ClientRole::Producer).join("\n");
        assert!(warnings.contains("until `delivery.timeout.ms`"), "{warnings}");
        assert!(warnings.contains("use `linger.ms`"), "{warnings}");
    }

    #[test]
    fn a_key_of_security_that_would_be_left_out_is_refused() {
        for key in ["ssl.crl.location", "consumer.ssl.keystore.locaton"] {
            let error = read(&config().set(key, "file")).unwrap_err();
            let bare = key.trim_start_matches("consumer.");
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(&format!("`{bare}`")), "{error}");
        }
    }

    #[test]
    fn values_are_taken_as_the_configuration_passes_them() {
        let config = config()
            .set("consumer.check.crcs", "FALSE")
            .set("producer.compression.type", "gzip")
            .set("producer.compression.gzip.level", 12);
        let settings = read(&config).unwrap();
        assert!(!settings.main_consumer.consumer.check_crcs);
        assert_eq!(settings.producer.producer.compression_level, Some(9));
    }

    #[test]
    fn a_wrong_value_names_its_key() {
        let settings = BTreeMap::from([("batch.size", "large")]);
        let error = Settings(&settings).number::<usize>("batch.size", 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("`batch.size` = `large`"), "{error}");
    }
}
