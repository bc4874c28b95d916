//! TLS by rustls, with its ring provider chosen here and not taken from the process.
//!
//! A certificate that is both authority and server certificate is refused by rustls, unlike Java.

use std::{io, sync::Arc};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
            verify_server_cert_signed_by_trust_anchor,
        },
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
        server::ParsedCertificate,
    },
};

use crate::{ClientCertificate, Error, ErrorKind, Result, TlsConfig};

/// Reads the certificates of the settings.
///
/// # Errors
/// `Invalid` if they can't be read or do not fit together.
pub(crate) fn tls_connector(tls: &TlsConfig) -> Result<TlsConnector> {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(trusted_roots(tls.ca_certificates.as_deref())?);
    let verifier = verifier(tls.verify_host_name, roots, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid("TLS", error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match &tls.client_certificate {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let (chain, key) = own_certificate(certificate)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| invalid("the client certificate", error))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The kind of an input/output error if it comes from TLS: refused certificates don't improve by
/// waiting.
pub(super) fn tls_error_kind(error: &io::Error) -> Option<ErrorKind> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::AlertReceived(_)
        | rustls::Error::NoCertificatesPresented => Some(ErrorKind::Authentication),
        _ => Some(ErrorKind::Protocol),
    }
}

fn trusted_roots(pem: Option<&str>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = pem {
        for certificate in certificates(pem, "the CA certificates")? {
            roots.add(certificate).map_err(|error| invalid("the CA certificates", error))?;
        }
        return Ok(roots);
    }
    let native = rustls_native_certs::load_native_certs();
    // Systems have certificates that rustls can't read; the others suffice.
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        let mut error = Error::new(
            ErrorKind::Invalid,
            "the system has no CA certificates, and none are configured (ssl.truststore.certificates)",
        );
        if let Some(cause) = native.errors.into_iter().next() {
            error = Error::with_source(ErrorKind::Invalid, error.context(), cause);
        }
        return Err(error);
    }
    Ok(roots)
}

fn verifier(
    verify_host_name: bool,
    roots: Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    if !verify_host_name {
        return Ok(Arc::new(AnyHostName { roots, provider: Arc::clone(provider) }));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| invalid("the CA certificates", error))?;
    Ok(verifier)
}

fn own_certificate(
    certificate: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(&certificate.chain, "the client certificate chain")?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes())
        .map_err(|error| invalid("the client key (PEM, not encrypted)", error))?;
    Ok((chain, key))
}

fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(what, error))?;
    if certificates.is_empty() {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("{what}: no certificate in the PEM text"),
        ));
    }
    Ok(certificates)
}

fn invalid(what: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::with_source(ErrorKind::Invalid, format!("{what} can't be used"), error)
}

/// Checks that a trusted authority signed the certificate, whatever host it names.
#[derive(Debug)]
struct AnyHostName {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyHostName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(tls: &TlsConfig) -> String {
        let Err(error) = tls_connector(tls) else { panic!("accepted") };
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    }

    #[test]
    fn pem_text_without_a_certificate_is_refused_with_the_setting_s_name() {
        let tls = TlsConfig { ca_certificates: Some("nothing".into()), ..TlsConfig::default() };
        assert_eq!(refused(&tls), "the CA certificates: no certificate in the PEM text");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let tls = TlsConfig { ca_certificates: Some(broken.into()), ..TlsConfig::default() };
        assert!(refused(&tls).starts_with("the CA certificates can't be used"));
    }
}
