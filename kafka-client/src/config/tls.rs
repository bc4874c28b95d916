//! Certificates of TLS connections.

use std::fmt;

/// Settings of TLS. All certificates and keys are PEM text, as in Kafka's
/// `ssl.truststore.certificates`, `ssl.keystore.certificate.chain` and `ssl.keystore.key` with the
/// store type `PEM`.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// Certificate authorities to trust; `None` trusts the system's.
    pub ca_certificates: Option<String>,
    /// Our own certificate, if brokers ask for one (mutual TLS).
    pub client_certificate: Option<ClientCertificate>,
    /// True if the broker's certificate must name its host. `false` is Kafka's empty
    /// `ssl.endpoint.identification.algorithm`; the chain is checked in any case.
    pub verify_host_name: bool,
}

impl Default for TlsConfig {
    /// The system's authorities, no certificate of our own, host names checked.
    fn default() -> Self {
        Self { ca_certificates: None, client_certificate: None, verify_host_name: true }
    }
}

/// Our own certificate with its key. Debug output omits the key.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The certificate and those between it and the authority, in order, as PEM.
    pub chain: String,
    /// The private key as PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: String,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("key", &"[hidden]").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_no_key() {
        let certificate = ClientCertificate { chain: "chain".into(), key: "secret".into() };
        let config = TlsConfig { client_certificate: Some(certificate), ..TlsConfig::default() };
        assert!(!format!("{config:?}").contains("secret"));
    }
}
