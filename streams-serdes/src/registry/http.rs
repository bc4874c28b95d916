//! One call of a registry over HTTP, made again where that can help.

use std::{sync::Arc, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use streams_core::{
    Error, ErrorKind, Result,
    time::{Clock, SystemClock},
};
use ureq::{
    Agent,
    tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem},
};

use super::{RegistryError, RegistryErrorKind, SchemaRegistryBuilder};

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Characters that need no escape in a segment of a path.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request to a registry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask<'a> {
    Subjects,
    SchemaOfId(u32),
    Latest(&'a str),
    Version(&'a str, i32),
    Register(&'a str),
    Lookup(&'a str),
}

impl Ask<'_> {
    fn path(self) -> String {
        let part = |text| utf8_percent_encode(text, KEPT);
        match self {
            Self::Subjects => "/subjects".to_owned(),
            Self::SchemaOfId(id) => format!("/schemas/ids/{id}"),
            Self::Latest(subject) => format!("/subjects/{}/versions/latest", part(subject)),
            Self::Version(subject, version) => {
                format!("/subjects/{}/versions/{version}", part(subject))
            }
            Self::Register(subject) => format!("/subjects/{}/versions", part(subject)),
            Self::Lookup(subject) => format!("/subjects/{}", part(subject)),
        }
    }

    fn what(self) -> String {
        match self {
            Self::Subjects => "the list of subjects".to_owned(),
            Self::SchemaOfId(id) => format!("the schema of id {id}"),
            Self::Latest(subject) => format!("the latest schema of subject {subject}"),
            Self::Version(subject, version) => {
                format!("the schema of subject {subject}, version {version}")
            }
            Self::Register(subject) => format!("the registration of a schema as subject {subject}"),
            Self::Lookup(subject) => format!("the id of a schema of subject {subject}"),
        }
    }
}

/// The HTTP side of a registry.
pub(super) struct Http {
    agent: Agent,
    urls: Vec<String>,
    authorization: Option<String>,
    retry_for: Duration,
}

/// Why a call did not get what it asked for.
struct Failure {
    kind: RegistryErrorKind,
    said: String,
}

/// The body of an error.
#[derive(Deserialize)]
struct Refusal {
    error_code: Option<u32>,
    message: Option<String>,
}

impl Http {
    pub(super) fn new(settings: &SchemaRegistryBuilder) -> Result<Self> {
        let timeout = Some(settings.request_timeout);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(timeout)
            .timeout_connect(timeout);
        if settings.urls.iter().any(|url| url.starts_with("https://")) {
            config = config.tls_config(tls(settings)?);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            urls: settings.urls.clone(),
            authorization: settings.authorization.clone(),
            retry_for: settings.retry_for,
        })
    }

    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Makes a call, and makes it again with pauses that double while the registry does not answer.
    pub(super) fn call(&self, ask: Ask<'_>, body: Option<&Value>) -> Result<Value, RegistryError> {
        let begin_ms = SystemClock.now_ms();
        let mut pause = FIRST_PAUSE;
        let mut attempts = 0_usize;
        loop {
            let mut failed = None;
            for url in &self.urls {
                let url = format!("{url}{}", ask.path());
                attempts += 1;
                match self.once(&url, body) {
                    Ok(answer) => return Ok(answer),
                    Err(failure) if failure.kind == RegistryErrorKind::Unreachable => {
                        failed = Some((url, failure));
                    }
                    Err(failure) => return Err(failure.explain(ask, &url)),
                }
            }
            let Some((url, failure)) = failed else {
                let text = "the schema registry has no URL".to_owned();
                return Err(RegistryError::new(RegistryErrorKind::Unexpected, text));
            };
            let passed = SystemClock.now_ms().saturating_sub(begin_ms);
            let passed = Duration::from_millis(u64::try_from(passed).unwrap_or_default());
            if passed + pause >= self.retry_for {
                return Err(failure.unreachable(ask, &url, attempts, passed));
            }
            if attempts <= self.urls.len() {
                tracing::warn!(
                    "the schema registry at {url} said: {}; it is asked again",
                    failure.said
                );
            }
            SystemClock.sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn once(&self, url: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let sent = match body {
            None => {
                let mut request = self.agent.get(url).header("Accept", MEDIA_TYPE);
                if let Some(authorization) = &self.authorization {
                    request = request.header("Authorization", authorization);
                }
                request.call()
            }
            Some(body) => {
                let mut request = self.agent.post(url).header("Accept", MEDIA_TYPE);
                if let Some(authorization) = &self.authorization {
                    request = request.header("Authorization", authorization);
                }
                request.header("Content-Type", MEDIA_TYPE).send(body.to_string())
            }
        };
        let mut response = sent.map_err(|error| Failure::of_transport(&error))?;
        let text = response.body_mut().read_to_string();
        let text = text.map_err(|error| Failure::of_transport(&error))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return serde_json::from_str(&text).map_err(|error| Failure {
                kind: RegistryErrorKind::Unexpected,
                said: format!("what is no JSON ({error}): {}", shortened(&text)),
            });
        }
        Err(Failure::of_status(status, &text))
    }
}

impl Failure {
    /// Connections and time-outs may be better the next time; a name or certificate that is wrong
    /// is not.
    fn of_transport(error: &ureq::Error) -> Self {
        use ureq::Error::{BodyStalled, ConnectionFailed, HostNotFound, Io, Timeout};
        let may_pass =
            matches!(error, BodyStalled | ConnectionFailed | HostNotFound | Io(_) | Timeout(_));
        // A certificate that is not trusted comes wrapped into an input-output error.
        let untrusted = error.to_string().contains("certificate");
        let kind = if may_pass && !untrusted {
            RegistryErrorKind::Unreachable
        } else {
            RegistryErrorKind::Unexpected
        };
        Self { kind, said: error.to_string() }
    }

    /// Translates a status and a code of the registry into an error. The codes are Confluent's,
    /// whose first three digits are the status.
    fn of_status(status: u16, body: &str) -> Self {
        let refusal: Option<Refusal> = serde_json::from_str(body).ok();
        let code = refusal.as_ref().and_then(|refusal| refusal.error_code);
        let message = refusal.and_then(|refusal| refusal.message);
        let message = message.unwrap_or_else(|| shortened(body));
        let kind = match (status, code) {
            (401 | 403, _) => RegistryErrorKind::Unauthorized,
            (408 | 429 | 500 | 502..=504, _) => RegistryErrorKind::Unreachable,
            (404, Some(40401..=40403)) => RegistryErrorKind::UnknownSubject,
            (409, _) => RegistryErrorKind::Incompatible,
            (422, _) => RegistryErrorKind::InvalidSchema,
            _ => RegistryErrorKind::Unexpected,
        };
        Self { kind, said: format!("status {status}, {message}") }
    }

    fn unreachable(
        &self,
        ask: Ask<'_>,
        url: &str,
        attempts: usize,
        passed: Duration,
    ) -> RegistryError {
        let text = format!(
            "the schema registry was asked for {} and did not answer, {attempts} times in {:.1} s; {url}: {}; start the \
             registry, or correct its URL",
            ask.what(),
            passed.as_secs_f64(),
            self.said
        );
        RegistryError::new(RegistryErrorKind::Unreachable, text)
    }

    fn explain(self, ask: Ask<'_>, url: &str) -> RegistryError {
        use RegistryErrorKind::{
            Incompatible, InvalidSchema, Unauthorized, UnknownId, UnknownSubject,
        };
        let kind = match (self.kind, ask) {
            (UnknownSubject, Ask::SchemaOfId(_)) => UnknownId,
            (kind, _) => kind,
        };
        let todo = match kind {
            Unauthorized => "; correct the user and password, or permit this to the user",
            UnknownId => {
                "; the record was written with another registry, or the schema was deleted from this one"
            }
            UnknownSubject => {
                "; register the schema, or let the serde do so by auto_register(true)"
            }
            Incompatible => {
                "; make the schema compatible with those of the subject, or change what the subject demands"
            }
            InvalidSchema => "; correct the schema, and the references that it has",
            _ => "; look if this URL is that of a Confluent-compatible schema registry",
        };
        let text =
            format!("the schema registry refuses {}; {url}: {}{todo}", ask.what(), self.said);
        RegistryError::new(kind, text)
    }
}

/// As much of an answer as fits into an error.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn tls(settings: &SchemaRegistryBuilder) -> Result<TlsConfig> {
    let roots = if let Some(pem) = &settings.ca_certificates {
        certificates(pem, "the authorities of the schema registry")?
    } else {
        let system = rustls_native_certs::load_native_certs().certs;
        system.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
    };
    if roots.is_empty() {
        let text = "the system has no certificates of authorities; name those of the schema registry by ca_certificates";
        return Err(Error::new(ErrorKind::Config, text));
    }
    let client = settings.client_certificate.as_ref().map(|(chain, key)| {
        let chain = certificates(chain, "the client's certificate for the schema registry")?;
        let key = PrivateKey::from_pem(key).map_err(|error| {
            let text = "the client's key for the schema registry is no key in PEM";
            Error::with_source(ErrorKind::Config, text, error)
        })?;
        Ok::<_, Error>(ClientCert::new_with_certs(&chain, key))
    });
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .client_cert(client.transpose()?)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<Certificate<'static>>> {
    let items: Result<Vec<PemItem<'static>>, _> = parse_pem(pem).collect();
    let fail = |cause: streams_core::BoxError| {
        Error::with_source(ErrorKind::Config, format!("{what}: no PEM"), cause)
    };
    let found: Vec<_> = items
        .map_err(|error| fail(error.into()))?
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(fail("it holds no certificate".into()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_part_of_the_path_whatever_is_in_it() {
        assert_eq!(Ask::Latest("a/b c-value").path(), "/subjects/a%2Fb%20c-value/versions/latest");
        assert_eq!(Ask::Register("shop.Order").path(), "/subjects/shop.Order/versions");
    }

    #[test]
    fn only_what_may_pass_is_asked_again() {
        let kind = |status, body| Failure::of_status(status, body).kind;
        assert_eq!(kind(503, ""), RegistryErrorKind::Unreachable);
        assert_eq!(kind(500, r#"{"error_code": 50002}"#), RegistryErrorKind::Unreachable);
        assert_eq!(kind(401, ""), RegistryErrorKind::Unauthorized);
        assert_eq!(kind(404, r#"{"error_code": 40403}"#), RegistryErrorKind::UnknownSubject);
        assert_eq!(kind(404, "<html>"), RegistryErrorKind::Unexpected);
        assert_eq!(kind(409, ""), RegistryErrorKind::Incompatible);
        assert_eq!(kind(422, r#"{"error_code": 42201}"#), RegistryErrorKind::InvalidSchema);
    }
}
