//! Settings by which a registry is reached.

use std::{fmt, time::Duration};

use streams_core::{Error, ErrorKind, Result};

use super::{Client, SchemaRegistry, http::Http};

/// Authentication, TLS and time-outs of a [`SchemaRegistry`].
#[derive(Clone)]
pub struct SchemaRegistryBuilder {
    pub(super) urls: Vec<String>,
    pub(super) authorization: Option<String>,
    pub(super) ca_certificates: Option<Vec<u8>>,
    pub(super) client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) request_timeout: Duration,
    pub(super) retry_for: Duration,
}

impl SchemaRegistryBuilder {
    pub(super) fn new(urls: &str) -> Self {
        let urls = urls.split(',').map(|url| url.trim().trim_end_matches('/').to_owned()).collect();
        Self {
            urls,
            authorization: None,
            ca_certificates: None,
            client_certificate: None,
            request_timeout: Duration::from_secs(2),
            retry_for: Duration::from_secs(4),
        }
    }

    /// User and password, or API key and secret. Java's `basic.auth.user.info`.
    #[must_use]
    pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.authorization = Some(format!("Basic {encoded}"));
        self
    }

    /// A token that each request has. Java's `bearer.auth.token`.
    #[must_use]
    pub fn bearer_token(mut self, token: &str) -> Self {
        self.authorization = Some(format!("Bearer {token}"));
        self
    }

    /// The authorities that may have signed the registry's certificate, in PEM; those of the system
    /// by default. A certificate that signed itself is its own. Java's
    /// `schema.registry.ssl.truststore.certificates`, or with a file
    /// `schema.registry.ssl.truststore.location` of the type `PEM`:
    ///
    /// ```no_run
    /// use streams_serdes::SchemaRegistry;
    ///
    /// let registry = SchemaRegistry::builder("https://registry.example.com:8081")
    ///     .basic_auth("ann", "secret")
    ///     .ca_certificates(std::fs::read("authority.pem")?)
    ///     .build()?;
    /// # Ok::<(), streams_core::BoxError>(())
    /// ```
    #[must_use]
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificates = Some(pem.into());
        self
    }

    /// A certificate, with those between it and its authority, and its key, in PEM, for a registry
    /// that demands one. Java's `schema.registry.ssl.keystore.certificate.chain` and
    /// `schema.registry.ssl.keystore.key`.
    #[must_use]
    pub fn client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.client_certificate = Some((chain.into(), key.into()));
        self
    }

    /// Sets the time that one request may take (two seconds).
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets the time for which a registry that does not answer is asked again, with pauses that
    /// double, before the record has an error (four seconds). The stream thread waits meanwhile:
    /// with exactly-once this and a request must be less than half of `transaction.timeout.ms`,
    /// with at-least-once less than `max.poll.interval.ms`.
    #[must_use]
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.retry_for = time;
        self
    }

    /// The registry. Nothing is asked of it yet.
    ///
    /// # Errors
    /// `Config` if a URL, certificate or key is none, a key is not that of its certificate, or no
    /// authority is known for HTTPS.
    pub fn build(self) -> Result<SchemaRegistry> {
        let urls = &self.urls;
        if let Some(url) = urls.iter().find(|url| !is_url(url)) {
            let text = format!(
                "the URL of a schema registry begins with http:// or https://, found `{url}`"
            );
            return Err(Error::new(ErrorKind::Config, text));
        }
        Ok(SchemaRegistry::of(Client::new(Http::new(&self)?)))
    }
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace))
}

impl fmt::Debug for SchemaRegistryBuilder {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaRegistryBuilder").field("urls", &self.urls).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_refused_at_once() {
        for url in ["localhost:8081", "", "http://", "http://a,b"] {
            let error = SchemaRegistry::new(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        }
        assert!(SchemaRegistry::new("http://a:1/, http://b:2").is_ok());
    }

    #[test]
    fn a_pem_text_that_is_none_is_refused_at_once() {
        let builder = || SchemaRegistry::builder("https://localhost:8081");
        assert!(builder().ca_certificates("no PEM").build().is_err());
        assert!(builder().client_certificate("no PEM", "none").build().is_err());
    }

    #[test]
    fn no_secret_is_printed() {
        let builder = SchemaRegistry::builder("http://localhost").basic_auth("ann", "secret");
        assert!(!format!("{builder:?}").contains("Basic"));
        assert!(!format!("{:?}", builder.build().unwrap()).contains("Basic"));
    }
}
