//! Settings of the clients: conversion of Java's names to librdkafka's, and to those of the control
//! plane's own client.
//!
//! All of them are read once, when the supplier is made, so that a mistake shows at the start and
//! names the key as the user wrote it. A key of Java without a counterpart logs a warning, or is
//! refused if leaving it out would be unsafe; librdkafka's own keys pass through.

mod jaas;
mod pem;
mod security;
pub(crate) mod translation;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use self::{
    security::SecuritySettings,
    translation::{Translation, translate},
};
use super::ffi::{self, Refused};
use crate::{
    Error, ErrorKind, Result,
    client::{ClientKind, IsolationLevel, TokenProvider},
    config::{ClientRole, ValidConfig},
};

/// Settings of a consumer or producer.
#[derive(Clone, Debug)]
pub(super) struct NativeSettings {
    /// By librdkafka's names. They may hold secrets.
    pub(super) values: BTreeMap<String, String>,
    /// `max.block.ms`: time limit of a call that has none of its own.
    pub(super) max_block: Duration,
    /// `delivery.timeout.ms`, or librdkafka's `message.timeout.ms`.
    pub(super) delivery_timeout: Duration,
    /// `metadata.max.age.ms`.
    pub(super) metadata_max_age: Duration,
    /// `isolation.level`, if it was set.
    pub(super) isolation: Option<IsolationLevel>,
}

/// The settings of all clients of an application.
#[derive(Debug)]
pub(super) struct ClientSettings {
    pub(super) main_consumer: NativeSettings,
    pub(super) restore_consumer: NativeSettings,
    pub(super) global_consumer: NativeSettings,
    pub(super) producer: NativeSettings,
    /// For membership and admin calls.
    pub(super) control: kafka_client::ClientConfig,
}

impl ClientSettings {
    /// Reads the settings of `config`, and certificates from the files that it names.
    ///
    /// # Errors
    /// `Config`, naming the key.
    pub(super) fn read(config: &ValidConfig, tokens: Option<&TokenProvider>) -> Result<Self> {
        let mut warned = BTreeSet::new();
        let mut of = |role| {
            let (settings, warnings) = native(config, role, tokens.is_some())?;
            for warning in warnings {
                if !warned.contains(&warning) {
                    tracing::warn!("{warning}");
                    warned.insert(warning);
                }
            }
            Ok::<_, Error>(settings)
        };
        Ok(Self {
            main_consumer: of(ClientRole::MainConsumer)?,
            restore_consumer: of(ClientRole::RestoreConsumer)?,
            global_consumer: of(ClientRole::GlobalConsumer)?,
            producer: of(ClientRole::Producer)?,
            control: control(config, ClientRole::Admin, tokens)?,
        })
    }
}

/// Defaults of all consumers.
const CONSUMER_DEFAULTS: &[(&str, &str)] = &[
    ("allow.auto.create.topics", "false"),
    // Java's default; librdkafka's is false.
    ("check.crcs", "true"),
    ("enable.metrics.push", "false"),
    ("fetch.error.backoff.ms", "100"),
    // A partition that has been read empty waits this long before it is read again.
    ("fetch.queue.backoff.ms", "5"),
    // A new partition among idle ones waits for the fetch in progress.
    ("fetch.wait.max.ms", "20"),
    ("log.connection.close", "false"),
    // Both are per partition.
    ("queued.max.messages.kbytes", "8192"),
    ("queued.min.messages", "20000"),
];

/// Settings that no consumer may change: the runtime decides positions.
const CONSUMER_FIXED: &[(&str, &str)] = &[
    ("auto.commit.enable", "false"),
    ("auto.offset.reset", "error"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
];

/// Defaults of all producers.
const PRODUCER_DEFAULTS: &[(&str, &str)] = &[
    ("allow.auto.create.topics", "false"),
    ("enable.metrics.push", "false"),
    // Kafka Streams' default.
    ("linger.ms", "100"),
    ("log.connection.close", "false"),
    // Java's default of `max.request.size`.
    ("message.max.bytes", "1048576"),
    ("queue.buffering.max.kbytes", "65536"),
    // Bytes alone are the limit.
    ("queue.buffering.max.messages", "0"),
];

/// Settings that no producer may change: changelogs must be complete and in order.
const PRODUCER_FIXED: &[(&str, &str)] =
    &[("acks", "all"), ("delivery.report.only.error", "false"), ("enable.idempotence", "true")];

/// The settings of one role, with warnings about keys that have no effect.
fn native(
    config: &ValidConfig,
    role: ClientRole,
    has_tokens: bool,
) -> Result<(NativeSettings, Vec<String>)> {
    let is_producer = role == ClientRole::Producer;
    let (kind, defaults, fixed) = if is_producer {
        (ClientKind::Producer, PRODUCER_DEFAULTS, PRODUCER_FIXED)
    } else {
        (ClientKind::Consumer, CONSUMER_DEFAULTS, CONSUMER_FIXED)
    };
    let overrides = config.client_overrides(role);
    let mut warnings = Vec::new();
    let mut values = BTreeMap::new();
    values.insert("bootstrap.servers".to_owned(), config.bootstrap_servers().to_owned());
    for (key, value) in defaults {
        values.insert((*key).to_owned(), (*value).to_owned());
    }
    for (key, value) in &overrides {
        match translate(role, key, value) {
            Translation::Settings(settings) => values.extend(settings),
            Translation::Elsewhere => {}
            Translation::NoEffect(why) => {
                warnings.push(format!("client setting `{key}` has no effect: {why}"));
            }
        }
    }
    if let Some(most) = number(&values, "fetch.max.bytes") {
        // librdkafka requires a fetch to have room for one message.
        let message = number(&values, "message.max.bytes").unwrap_or(1_000_000);
        values.insert("message.max.bytes".to_owned(), message.min(most).max(1_000).to_string());
    }
    SecuritySettings::read(&overrides, has_tokens)?.add_native(&mut values);
    for (key, value) in fixed {
        values.insert((*key).to_owned(), (*value).to_owned());
    }
    ffi::check(&values).map_err(|refused| explain(kind, &refused))?;
    let settings = NativeSettings {
        values,
        max_block: millis(&overrides, "max.block.ms", 60_000),
        delivery_timeout: delivery_timeout(&overrides),
        metadata_max_age: millis(&overrides, "metadata.max.age.ms", 300_000),
        isolation: overrides.get("isolation.level").map(|level| match *level {
            "read_committed" => IsolationLevel::ReadCommitted,
            _ => IsolationLevel::ReadUncommitted,
        }),
    };
    Ok((settings, warnings))
}

/// librdkafka's complaint about a setting, as an error.
pub(super) fn explain(kind: ClientKind, refused: &Refused) -> Error {
    let client = if kind == ClientKind::Consumer { "consumer" } else { "producer" };
    config_error(match refused {
        Refused::UnknownKey(key) => {
            format!("client setting `{key}` is known neither to Kafka Streams nor to librdkafka")
        }
        Refused::Value(text) => format!("the settings of the {client} are refused: {text}"),
    })
}

/// The settings of our own client: for membership and admin calls, or for records.
///
/// # Errors
/// `Config`, naming the key.
pub(crate) fn control(
    config: &ValidConfig,
    role: ClientRole,
    tokens: Option<&TokenProvider>,
) -> Result<kafka_client::ClientConfig> {
    let overrides = config.client_overrides(role);
    let servers = overrides.get("bootstrap.servers").copied();
    let servers = servers.unwrap_or_else(|| config.bootstrap_servers()).split(',');
    let servers = servers.map(str::trim).filter(|server| !server.is_empty());
    let mut control = kafka_client::ClientConfig::new(servers);
    let client_id = config.client_id().unwrap_or_else(|| config.application_id());
    client_id.clone_into(&mut control.client_id);
    control.request_timeout = millis(&overrides, "request.timeout.ms", 30_000);
    let setup = millis(&overrides, "socket.connection.setup.timeout.ms", 10_000);
    control.connection_setup_timeout = setup;
    control.retry_backoff = millis(&overrides, "retry.backoff.ms", 100);
    control.retry_backoff_max = millis(&overrides, "retry.backoff.max.ms", 1_000);
    control.metadata_max_age = millis(&overrides, "metadata.max.age.ms", 300_000);
    let security = SecuritySettings::read(&overrides, tokens.is_some())?;
    control.security = security.for_control(tokens)?;
    control.validate().map_err(|cause| {
        Error::with_source(ErrorKind::Config, "the settings of the clients are refused", cause)
    })?;
    Ok(control)
}

/// A key of security that librdkafka alone may know, or nobody: another client can't heed it.
///
/// # Errors
/// `Config`, naming the key, if it is for Java alone.
pub(crate) fn librdkafka_security_key(
    config: &ValidConfig,
    role: ClientRole,
) -> Result<Option<String>> {
    Ok(security::extra(&config.client_overrides(role))?.into_keys().next())
}

fn config_error(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, text)
}

/// A duration in milliseconds; a value that is no number is refused elsewhere, with its key.
fn millis(settings: &BTreeMap<&str, &str>, key: &str, default: u64) -> Duration {
    Duration::from_millis(settings.get(key).and_then(|text| text.parse().ok()).unwrap_or(default))
}

/// Time that a record may take, under librdkafka's name of the setting, where 0 is for ever, or
/// Java's.
fn delivery_timeout(overrides: &BTreeMap<&str, &str>) -> Duration {
    const LONGEST_MS: u64 = i32::MAX as u64;
    let java = millis(overrides, "delivery.timeout.ms", 120_000);
    match overrides
        .contains_key("message.timeout.ms")
        .then(|| millis(overrides, "message.timeout.ms", 0))
    {
        None => java,
        Some(Duration::ZERO) => Duration::from_millis(LONGEST_MS),
        Some(own) => own,
    }
}

fn number(values: &BTreeMap<String, String>, key: &str) -> Option<i64> {
    values.get(key)?.parse().ok()
}

#[cfg(test)]
mod tests;
