//! Settings as users write them, and as the clients get them.

use kafka_client::{SaslConfig, SecurityProtocol};

use super::*;
use crate::config::StreamsConfig;

fn config() -> StreamsConfig {
    StreamsConfig::new("app", "one:9092, two:9092")
}

fn read(config: &StreamsConfig) -> Result<ClientSettings> {
    ClientSettings::read(&config.validate().unwrap(), None)
}

fn value<'a>(settings: &'a NativeSettings, key: &str) -> Option<&'a str> {
    settings.values.get(key).map(String::as_str)
}

#[track_caller]
fn assert_refused(config: &StreamsConfig, said: &[&str]) {
    let error = read(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for said in said {
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn javas_names_become_librdkafkas() {
    let config = config()
        .set("consumer.fetch.max.wait.ms", 77)
        .set("producer.buffer.memory", 1_048_576)
        .set("producer.max.request.size", 2_000_000)
        .set("producer.batch.size", 0)
        .set("producer.request.timeout.ms", 9_000)
        .set("receive.buffer.bytes", -1)
        .set("metadata.max.age.ms", 60_000);
    let settings = read(&config).unwrap();
    assert_eq!(value(&settings.main_consumer, "fetch.wait.max.ms"), Some("77"));
    assert_eq!(value(&settings.restore_consumer, "socket.receive.buffer.bytes"), Some("0"));
    let producer = &settings.producer;
    for (key, expected) in [
        ("bootstrap.servers", "one:9092, two:9092"),
        ("queue.buffering.max.kbytes", "1024"),
        ("message.max.bytes", "2000000"),
        ("batch.size", "1"),
        ("request.timeout.ms", "9000"),
        ("socket.timeout.ms", "9000"),
        ("topic.metadata.refresh.interval.ms", "60000"),
        ("linger.ms", "100"),
        ("enable.idempotence", "true"),
    ] {
        assert_eq!(value(producer, key), Some(expected), "{key}");
    }
    assert_eq!(settings.control.bootstrap_servers, ["one:9092", "two:9092"]);
    assert_eq!(settings.control.metadata_max_age, Duration::from_secs(60));
}

#[test]
fn the_narrower_prefix_wins_and_librdkafkas_own_keys_pass() {
    let config = config()
        .set("consumer.queued.min.messages", 5)
        .set("restore.consumer.queued.min.messages", 6)
        .set("global.consumer.queued.min.messages", 8)
        .set("producer.queue.buffering.backpressure.threshold", 7);
    let settings = read(&config).unwrap();
    assert_eq!(value(&settings.main_consumer, "queued.min.messages"), Some("5"));
    assert_eq!(value(&settings.restore_consumer, "queued.min.messages"), Some("6"));
    assert_eq!(value(&settings.global_consumer, "queued.min.messages"), Some("8"));
    let key = "queue.buffering.backpressure.threshold";
    assert_eq!(value(&settings.producer, key), Some("7"));
}

#[test]
fn a_key_that_nobody_knows_or_a_wrong_value_is_refused_by_its_name() {
    // Keys that begin with `ssl.` are checked by the clients alone.
    assert_refused(&config().set("producer.ssl.no.such.key", 1), &["ssl.no.such.key"]);
}

/// `validate()` passed `consumer.foo.bar` and `producer.linger.ms=soon`; the clients refused them.
#[test]
fn what_the_configuration_passes_the_clients_take() {
    let numbers = ["-1", "0", "1", "5", "9", "13", "1000", "300000", "300001", "900001"];
    let large = ["1000000000", "2147483135", "2147483647", "2147483648", "9223372036854775807"];
    let words = ["true", "false", "soon", "none", "zstd", "any", "lifo", "all", "rebootstrap", ""];
    let long_words = ["read_committed", "use_all_dns_ips", "latest", "classic"];
    let words: Vec<&str> = words.into_iter().chain(long_words).collect();
    let mut wrong = Vec::new();
    for (prefix, role) in [
        ("main.consumer.", ClientRole::MainConsumer),
        ("restore.consumer.", ClientRole::RestoreConsumer),
        ("producer.", ClientRole::Producer),
        ("admin.", ClientRole::Admin),
        ("", ClientRole::MainConsumer),
        ("", ClientRole::Producer),
    ] {
        let keys = role.keys().filter(|key| !key.contains("servers"));
        for key in keys.filter(|key| !key.contains("ssl") && *key != "security.protocol") {
            let mut accepted = 0;
            for value in numbers.iter().chain(&large).chain(&words) {
                let key = format!("{prefix}{key}");
                let Ok(valid) = config().set(&key, value).validate() else { continue };
                accepted += 1;
                if let Err(error) = ClientSettings::read(&valid, None) {
                    wrong.push(format!("{key} = {value}: {error}"));
                }
            }
            let is_decided = config().set(format!("{prefix}{key}"), "soon").validate();
            let is_decided = is_decided.is_err_and(|error| {
                let problem = error.problems().first().expect("there is one");
                problem.kind() == crate::config::ConfigProblemKind::Unsupported
            });
            if accepted == 0 && !is_decided {
                wrong.push(format!("{prefix}{key} takes no value"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_small_fetch_has_room_for_a_message() {
    let settings = read(&config().set("consumer.fetch.max.bytes", 65_536)).unwrap();
    assert_eq!(value(&settings.main_consumer, "message.max.bytes"), Some("65536"));
}

#[test]
fn a_login_module_gives_user_and_password_to_both_kinds_of_clients() {
    let config = config()
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "SCRAM-SHA-256")
        .set(
            "sasl.jaas.config",
            "org.apache.kafka.common.security.scram.ScramLoginModule required \
             username=\"u\" password=\"p\";",
        );
    let settings = read(&config).unwrap();
    for (key, expected) in [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.username", "u"),
        ("sasl.password", "p"),
    ] {
        assert_eq!(value(&settings.producer, key), Some(expected));
    }
    let security = settings.control.security;
    assert_eq!(security.protocol, SecurityProtocol::SaslPlaintext);
    assert!(matches!(
        security.sasl,
        Some(SaslConfig::ScramSha256 { user, password }) if user == "u" && password == "p"
    ));
    let wrong = config.set("sasl.mechanism", "PLAIN");
    assert_refused(&wrong, &["sasl.jaas.config", "PlainLoginModule"]);
}

#[test]
fn mechanisms_that_one_of_the_clients_lacks_are_refused() {
    let sasl = config().set("security.protocol", "SASL_SSL");
    assert_refused(&sasl, &["set `sasl.mechanism`"]);
    assert_refused(&sasl.clone().set("sasl.mechanism", "GSSAPI"), &["`GSSAPI`", "SCRAM-SHA-512"]);
    let tokens = sasl.set("sasl.mechanism", "OAUTHBEARER");
    assert_refused(&tokens, &["clients_with_tokens"]);
}

#[test]
fn a_token_provider_serves_oauthbearer() {
    let provider: TokenProvider = std::sync::Arc::new(|| {
        Ok(crate::client::OAuthToken {
            value: "t".to_owned(),
            principal: "app".to_owned(),
            expires_at_ms: 1,
        })
    });
    let config = config()
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "OAUTHBEARER")
        .validate()
        .unwrap();
    let settings = ClientSettings::read(&config, Some(&provider)).unwrap();
    assert_eq!(value(&settings.producer, "sasl.mechanism"), Some("OAUTHBEARER"));
    let Some(SaslConfig::OAuthBearer { token }) = settings.control.security.sasl else { panic!() };
    assert_eq!(token().unwrap(), "t");
}

#[test]
fn a_java_key_store_is_refused_with_how_to_convert_it() {
    let ssl = config().set("security.protocol", "SSL");
    let jks = ssl.clone().set("ssl.truststore.location", "/etc/trust.jks");
    assert_refused(&jks, &["ssl.truststore.type", "JKS", "keytool", "PEM"]);
    let p12 = ssl.set("ssl.keystore.type", "PKCS12").set("ssl.keystore.location", "/etc/me.p12");
    assert_refused(&p12, &["ssl.keystore.type", "openssl pkcs12"]);
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let config = config()
        .set("security.protocol", "SSL")
        .set("ssl.keystore.type", "PEM")
        .set("ssl.keystore.certificate.chain", "-----BEGIN CERTIFICATE-----");
    assert_refused(&config, &["ssl.keystore.certificate.chain", "`ssl.keystore.key`"]);
}
