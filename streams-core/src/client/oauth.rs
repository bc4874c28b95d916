//! Tokens of the SASL mechanism OAUTHBEARER.

use std::{fmt, sync::Arc};

use crate::BoxError;

/// Returns a token whenever a client needs one. It is called from threads of the clients.
pub type TokenProvider = Arc<dyn Fn() -> Result<OAuthToken, BoxError> + Send + Sync>;

/// A token of the mechanism OAUTHBEARER. Debug output leaves its value out.
///
/// Java's `org.apache.kafka.common.security.oauthbearer.OAuthBearerToken`.
#[derive(Clone, PartialEq, Eq)]
pub struct OAuthToken {
    /// The token as it is sent, for example a JWT in its compact form.
    pub value: String,
    /// The principal that it stands for; for log lines.
    pub principal: String,
    /// Time at which it expires, in milliseconds since the epoch. A new one is requested before.
    pub expires_at_ms: i64,
}

impl fmt::Debug for OAuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthToken")
            .field("principal", &self.principal)
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}
