//! Settings for reaching a cluster: addresses, time-outs, security.
//!
//! Plain data. Nothing is read from files or the network before the first connection, except by
//! [`ClientConfig::validate`].

mod address;
mod sasl;
mod tls;

use std::time::Duration;

pub(crate) use self::address::Address;
pub use self::{
    sasl::{SaslConfig, TokenProvider},
    tls::{ClientCertificate, TlsConfig},
};
use crate::{Error, ErrorKind, Result};

/// Settings of a [`Client`](crate::Client).
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Brokers to start with, each `host:port` or `[v6 address]:port` (`bootstrap.servers`).
    pub bootstrap_servers: Vec<String>,
    /// Name in the brokers' logs and quotas (`client.id`).
    pub client_id: String,
    /// Time that a broker has for an answer (`request.timeout.ms`; 30 s).
    pub request_timeout: Duration,
    /// Limit of [`api_timeout`](Self::api_timeout), for callers that give up earlier.
    pub api_timeout_max: Duration,
    /// Time to connect, negotiate versions and authenticate (`socket.connection.setup.timeout.ms`;
    /// 10 s).
    pub connection_setup_timeout: Duration,
    /// First pause before a retry or a new connection; it doubles each time (`retry.backoff.ms`;
    /// 100 ms).
    pub retry_backoff: Duration,
    /// Longest such pause (`retry.backoff.max.ms`; 1 s).
    pub retry_backoff_max: Duration,
    /// Age at which leaders are looked up again (`metadata.max.age.ms`; 5 min).
    pub metadata_max_age: Duration,
    /// Encryption and authentication.
    pub security: Security,
}

impl ClientConfig {
    /// Kafka's defaults, without encryption or authentication.
    pub fn new(bootstrap_servers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into_iter().map(Into::into).collect(),
            client_id: "kafka-client".to_owned(),
            request_timeout: Duration::from_secs(30),
            api_timeout_max: Duration::MAX,
            connection_setup_timeout: Duration::from_secs(10),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(300),
            security: Security::default(),
        }
    }

    /// Checks what can be checked without a network: addresses, certificates, credentials.
    ///
    /// # Errors
    /// `Invalid`, naming the setting.
    pub fn validate(&self) -> Result {
        self.addresses()?;
        if self.security.protocol.uses_tls() {
            crate::connection::tls_connector(&self.security.tls)?;
        }
        if self.security.protocol.uses_sasl() && self.security.sasl.is_none() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the security protocol asks for SASL, and no SASL mechanism is configured",
            ));
        }
        Ok(())
    }

    /// Time for which an operation retries internally: twice the request time-out, like Java's
    /// `default.api.timeout.ms` by default, but no longer than
    /// [`api_timeout_max`](Self::api_timeout_max).
    pub fn api_timeout(&self) -> Duration {
        self.request_timeout.saturating_mul(2).min(self.api_timeout_max)
    }

    /// The pause after the given number of failures in a row.
    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        let factor = 1_u32 << failures.saturating_sub(1).min(16);
        self.retry_backoff.saturating_mul(factor).min(self.retry_backoff_max)
    }

    /// The bootstrap servers' addresses.
    pub(crate) fn addresses(&self) -> Result<Vec<Address>> {
        if self.bootstrap_servers.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "no bootstrap server is configured"));
        }
        self.bootstrap_servers.iter().map(|server| server.parse()).collect()
    }
}

/// Encryption and authentication.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Security of connections (`security.protocol`).
    pub protocol: SecurityProtocol,
    /// Certificates; only used with `Ssl` and `SaslSsl`.
    pub tls: TlsConfig,
    /// Credentials; needed with `SaslPlaintext` and `SaslSsl`.
    pub sasl: Option<SaslConfig>,
}

/// Security of connections: Kafka's `security.protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL within TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Returns whether connections are encrypted.
    pub fn uses_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Returns whether connections authenticate by SASL.
    pub fn uses_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_its_limit() {
        let config = ClientConfig::new(["localhost:9092"]);
        let pauses: Vec<_> = (1..=6).map(|failures| config.backoff(failures).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(config.backoff(u32::MAX), Duration::from_secs(1));
    }

    #[test]
    fn validation_names_what_is_missing() {
        let error = ClientConfig::new(Vec::<String>::new()).validate().unwrap_err();
        assert_eq!(error.to_string(), "no bootstrap server is configured");
        let mut config = ClientConfig::new(["localhost:9092"]);
        config.validate().unwrap();
        config.security.protocol = SecurityProtocol::SaslPlaintext;
        assert_eq!(config.validate().unwrap_err().kind(), ErrorKind::Invalid);
    }
}
