//! Credentials of SASL connections.

use std::{fmt, sync::Arc};

use crate::Result;

/// Returns the token of each new connection with OAUTHBEARER. It is called on a task of the client
/// and must return quickly: fetch and renew tokens elsewhere.
pub type TokenProvider = Arc<dyn Fn() -> Result<String> + Send + Sync>;

/// Authentication by SASL: the mechanism with its credentials. Debug output omits secrets.
#[derive(Clone)]
pub enum SaslConfig {
    /// PLAIN: sends the password in clear text; use it within TLS.
    Plain {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// SCRAM-SHA-256: proves that it knows the password.
    ScramSha256 {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// SCRAM-SHA-512: like SCRAM-SHA-256, with the longer hash.
    ScramSha512 {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// OAUTHBEARER: sends a token.
    OAuthBearer {
        /// Returns the token.
        token: TokenProvider,
    },
}

impl SaslConfig {
    /// Kafka's name of the mechanism (`sasl.mechanism`).
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::ScramSha256 { .. } => "SCRAM-SHA-256",
            Self::ScramSha512 { .. } => "SCRAM-SHA-512",
            Self::OAuthBearer { .. } => "OAUTHBEARER",
        }
    }

    /// The user name, if the mechanism has one.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Plain { user, .. }
            | Self::ScramSha256 { user, .. }
            | Self::ScramSha512 { user, .. } => Some(user),
            Self::OAuthBearer { .. } => None,
        }
    }
}

impl fmt::Debug for SaslConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        if let Some(user) = self.user() {
            write!(f, " as {user}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_no_password() {
        let sasl = SaslConfig::ScramSha512 { user: "app".into(), password: "s".into() };
        assert_eq!(format!("{sasl:?}"), "SCRAM-SHA-512 as app");
    }
}
