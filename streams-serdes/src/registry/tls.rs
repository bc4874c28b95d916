//! TLS of a registry: the certificates that it is known by, and what to do where there is no
//! connection.
//!
//! By rustls with its ring provider. All that can be wrong with a certificate or key by itself is
//! found when the registry is built, not with the first record.

use std::sync::Arc;

use rustls::{
    CertificateError, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use streams_core::{BoxError, Error, ErrorKind, Result};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::SchemaRegistryBuilder;

const AUTHORITIES: &str = "the certificates of the schema registry's authorities (ca_certificates)";
const CLIENT: &str = "the client's certificate for the schema registry (client_certificate)";
const KEY: &str =
    "the client's key for the schema registry (client_certificate; PEM, without a password)";

pub(super) fn config(settings: &SchemaRegistryBuilder) -> Result<TlsConfig> {
    let provider = Arc::new(ring::default_provider());
    let roots = roots(settings.ca_certificates.as_deref())?;
    let client = settings.client_certificate.as_ref();
    let client = client.map(|(chain, key)| own_certificate(chain, key, &provider)).transpose()?;
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .client_cert(client)
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

/// Says what to do about an error of TLS; none for other errors. Such an error does not pass by
/// itself.
pub(super) fn remedy(error: &ureq::Error) -> Option<&'static str> {
    let error = match error {
        ureq::Error::Rustls(error) => error,
        // Errors of the handshake are wrapped.
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>()?,
        ureq::Error::Tls(_) => return Some("correct the host in the URL"),
        _ => return None,
    };
    Some(match error {
        rustls::Error::InvalidCertificate(cause) => of_certificate(cause),
        rustls::Error::AlertReceived(_) => {
            "the registry refuses this client: if it demands a certificate, give it one that it trusts by \
             client_certificate (Java's schema.registry.ssl.keystore.certificate.chain)"
        }
        rustls::Error::InvalidMessage(_) => {
            "no TLS is spoken at this port: name the port that the registry has for HTTPS, or begin the URL with http://"
        }
        _ => "make the registry take TLS 1.2 or 1.3, with a cipher suite of rustls",
    })
}

fn of_certificate(cause: &CertificateError) -> &'static str {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, Other, UnknownIssuer,
    };
    match cause {
        UnknownIssuer | BadSignature => {
            "the registry's certificate is not trusted: give the certificate of the authority that signed it, in PEM, by \
             ca_certificates (Java's schema.registry.ssl.truststore.certificates)"
        }
        NotValidForName | NotValidForNameContext { .. } => {
            "the registry's certificate is not for this host: write a name that it is for into the URL, or give the \
             registry a certificate for this one"
        }
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
            "the registry's certificate is not valid now: renew it, or set the clock"
        }
        Other(cause) if cause.to_string() == "CaUsedAsEndEntity" => {
            "the registry shows the certificate of an authority (CA:TRUE) as its own, which Java takes and rustls does not: \
             give the registry one with basicConstraints=CA:FALSE"
        }
        _ => "give the registry another certificate",
    }
}

fn roots(pem: Option<&[u8]>) -> Result<Vec<Certificate<'static>>> {
    let Some(pem) = pem else {
        let system = rustls_native_certs::load_native_certs().certs;
        if system.is_empty() {
            let text = "the system has no certificates of authorities; name those of the schema registry by ca_certificates";
            return Err(Error::new(ErrorKind::Config, text));
        }
        return Ok(for_ureq(&system));
    };
    let roots = certificates(pem, AUTHORITIES)?;
    let mut store = RootCertStore::empty();
    for root in &roots {
        store.add(root.clone()).map_err(|cause| unusable(AUTHORITIES, cause))?;
    }
    Ok(for_ureq(&roots))
}

fn own_certificate(chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<ClientCert> {
    let chain = certificates(chain, CLIENT)?;
    let parsed = PrivateKeyDer::from_pem_slice(key).map_err(|cause| unusable(KEY, cause))?;
    // ureq would panic with a key that is not the certificate's.
    CertifiedKey::from_der(chain.clone(), parsed, provider)
        .map_err(|cause| unusable(CLIENT, cause))?;
    let key = PrivateKey::from_pem(key).map_err(|cause| unusable(KEY, cause))?;
    Ok(ClientCert::new_with_certs(&for_ureq(&chain), key))
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|cause| unusable(what, cause))?;
    if found.is_empty() {
        return Err(unusable(what, "the text holds no certificate in PEM"));
    }
    Ok(found)
}

fn for_ureq(certificates: &[CertificateDer<'_>]) -> Vec<Certificate<'static>> {
    certificates.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
}

fn unusable(what: &str, cause: impl Into<BoxError>) -> Error {
    Error::with_source(ErrorKind::Config, format!("{what} can't be used"), cause)
}
