//! SASL: `SaslHandshake`, then `SaslAuthenticate` as often as the mechanism requires.

use std::time::Duration;

use kafka_protocol::{
    messages::{
        SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
        SaslHandshakeResponse,
    },
    protocol::StrBytes,
};
use rsasl::{
    callback::{Context, Request, SessionCallback, SessionData},
    prelude::{Mechname, SASLClient, SASLConfig, SessionError},
    property::{AuthId, OAuthBearerToken, Password},
};

use super::handshake::{BrokerVersions, Handshake};
use crate::{Error, ErrorKind, Result, SaslConfig, error::check_code};

/// More steps than any mechanism here takes: a broker must not keep us busy for ever.
const STEPS_MAX: u32 = 8;

/// Authenticates. Returns the lifetime that the broker grants the session, if it sets a limit
/// (KIP-368).
pub(super) async fn authenticate(
    handshake: &mut Handshake<'_>,
    versions: &BrokerVersions,
    sasl: &SaslConfig,
) -> Result<Option<Duration>> {
    run(handshake, versions, sasl).await.map_err(|error| {
        let user = sasl.user().map(|user| format!(" as {user}")).unwrap_or_default();
        error.in_context(format!("authenticating by {}{user}", sasl.name()))
    })
}

async fn run(
    handshake: &mut Handshake<'_>,
    versions: &BrokerVersions,
    sasl: &SaslConfig,
) -> Result<Option<Duration>> {
    choose_mechanism(handshake, sasl.name()).await?;
    let version = versions.newest_common::<SaslAuthenticateRequest>(i16::MAX)?;
    let config = SASLConfig::builder()
        .with_default_mechanisms()
        .with_callback(credentials(sasl)?)
        .map_err(unusable)?;
    let mechanism = Mechname::parse(sasl.name().as_bytes()).map_err(unusable)?;
    let mut session = SASLClient::new(config).start_suggested(&[mechanism]).map_err(unusable)?;
    let mut challenge: Option<Vec<u8>> = None;
    let mut lifetime_ms = 0;
    for _ in 0..STEPS_MAX {
        let mut message = Vec::new();
        let state = session
            .step(challenge.as_deref(), &mut message)
            .map_err(|error| step_failed(challenge.as_deref(), error))?;
        if state.has_sent_message() {
            let request = SaslAuthenticateRequest::default().with_auth_bytes(message.into());
            let answer: SaslAuthenticateResponse = handshake.call(&request, version).await?;
            check_code(answer.error_code, "SaslAuthenticate", answer.error_message.as_deref())?;
            lifetime_ms = answer.session_lifetime_ms;
            challenge = Some(answer.auth_bytes.to_vec());
        }
        if state.is_finished() {
            let lifetime = u64::try_from(lifetime_ms).ok().filter(|lifetime| *lifetime > 0);
            return Ok(lifetime.map(Duration::from_millis));
        }
    }
    Err(Error::new(ErrorKind::Protocol, "the broker keeps asking for more"))
}

async fn choose_mechanism(handshake: &mut Handshake<'_>, name: &str) -> Result {
    let request =
        SaslHandshakeRequest::default().with_mechanism(StrBytes::from_string(name.to_owned()));
    let answer: SaslHandshakeResponse = handshake.call(&request, 1).await?;
    let offered: Vec<&str> = answer.mechanisms.iter().map(StrBytes::as_str).collect();
    let offered = format!("the broker offers {}", offered.join(", "));
    check_code(answer.error_code, "SaslHandshake", Some(&offered))
}

fn credentials(sasl: &SaslConfig) -> Result<Credentials> {
    Ok(match sasl {
        SaslConfig::Plain { user, password }
        | SaslConfig::ScramSha256 { user, password }
        | SaslConfig::ScramSha512 { user, password } => {
            Credentials::Password { user: user.clone(), password: password.clone() }
        }
        SaslConfig::OAuthBearer { token } => Credentials::Token(token().map_err(|error| {
            Error::with_source(ErrorKind::Authentication, "the token provider failed", error)
        })?),
    })
}

fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::with_source(ErrorKind::Invalid, "the mechanism can't be used", error)
}

/// A broker states the reason for refusing a token in its challenge, so that goes into the text.
/// Challenges hold no secrets.
fn step_failed(challenge: Option<&[u8]>, error: SessionError) -> Error {
    let challenge = String::from_utf8_lossy(challenge.unwrap_or_default());
    let context = match challenge.trim() {
        "" => "the exchange failed".to_owned(),
        said => format!("the exchange failed after the broker said '{said}'"),
    };
    Error::with_source(ErrorKind::Authentication, context, error)
}

/// Gives rsasl the data that a mechanism asks for.
enum Credentials {
    Password { user: String, password: String },
    Token(String),
}

impl SessionCallback for Credentials {
    fn callback(
        &self,
        _session: &SessionData,
        _context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        match self {
            Self::Password { user, password } => {
                request.satisfy::<AuthId>(user)?.satisfy::<Password>(password.as_bytes())?;
            }
            Self::Token(token) => {
                request.satisfy::<OAuthBearerToken>(token)?;
            }
        }
        Ok(())
    }
}
