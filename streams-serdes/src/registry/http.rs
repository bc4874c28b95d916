//! One call of a registry over HTTP, made again where that can help.

use std::{io, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use streams_core::{
    Result,
    time::{Clock, SystemClock},
};
use ureq::Agent;

use super::{RegistryError, RegistryErrorKind, SchemaRegistryBuilder, tls};

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
    /// The remedy, where it is another than that of the kind.
    todo: Option<&'static str>,
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
            config = config.tls_config(tls::config(settings)?);
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
        let mut response = sent.map_err(|error| Failure::of_transport(&error, url))?;
        let text = response.body_mut().read_to_string();
        let text = text.map_err(|error| Failure::of_transport(&error, url))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return serde_json::from_str(&text).map_err(|error| Failure {
                kind: RegistryErrorKind::Unexpected,
                said: format!("what is no JSON ({error}): {}", shortened(&text)),
                todo: None,
            });
        }
        Err(Failure::of_status(status, &text))
    }
}

impl Failure {
    /// Connections and time-outs may be better the next time; a name or certificate that is wrong
    /// is not.
    fn of_transport(error: &ureq::Error, url: &str) -> Self {
        use RegistryErrorKind::{Tls, Unexpected, Unreachable};
        use ureq::Error::{BodyStalled, ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
        let said = error.to_string();
        if let Some(todo) = tls::remedy(error) {
            return Self { kind: Tls, said, todo: Some(todo) };
        }
        let https = url.starts_with("https://");
        let (kind, todo) = match error {
            Protocol(_) if !https => {
                (Unexpected, Some("if TLS is spoken at this port, begin the URL with https://"))
            }
            // Where one side alone speaks TLS, some wait and some hang up.
            Timeout(_) => (Unreachable, Some(other_scheme(https))),
            Io(error) if hung_up(error) => (Unreachable, Some(other_scheme(https))),
            BodyStalled | ConnectionFailed | HostNotFound | Io(_) => (Unreachable, None),
            _ => (Unexpected, None),
        };
        Self { kind, said, todo }
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
        Self { kind, said: format!("status {status}, {message}"), todo: None }
    }

    fn unreachable(
        &self,
        ask: Ask<'_>,
        url: &str,
        attempts: usize,
        passed: Duration,
    ) -> RegistryError {
        let text = format!(
            "the schema registry was asked for {} and did not answer, {attempts} times in {:.1} s; {url}: {}; {}",
            ask.what(),
            passed.as_secs_f64(),
            self.said,
            self.todo.unwrap_or("start the registry, or correct its URL")
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
        if let Some(todo) = self.todo {
            let text = format!(
                "the schema registry can't be asked for {}; {url}: {}; {todo}",
                ask.what(),
                self.said
            );
            return RegistryError::new(kind, text);
        }
        let todo = match kind {
            Unauthorized => "correct the user and password, or permit this to the user",
            UnknownId => {
                "the record was written with another registry, or the schema was deleted from this one"
            }
            UnknownSubject => "register the schema, or let the serde do so by auto_register(true)",
            Incompatible => {
                "make the schema compatible with those of the subject, or change what the subject demands"
            }
            InvalidSchema => "correct the schema, and the references that it has",
            _ => "look if this URL is that of a Confluent-compatible schema registry",
        };
        let text =
            format!("the schema registry refuses {}; {url}: {}; {todo}", ask.what(), self.said);
        RegistryError::new(kind, text)
    }
}

/// Returns whether the other side ended a connection before its answer.
fn hung_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn other_scheme(https: bool) -> &'static str {
    if https {
        "start the registry, or correct its URL, which begins with http:// where no TLS is spoken"
    } else {
        "start the registry, or correct its URL, which begins with https:// where TLS is spoken"
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
