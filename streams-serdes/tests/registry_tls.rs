//! A registry behind TLS: with the certificates that it takes, and what is said without them.
#![cfg(feature = "avro")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't set up its world has failed"
)]

mod stand_in;

use std::{sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use serde::{Deserialize, Serialize};
use streams_core::{BoxError, ErrorKind};
use streams_serdes::{RegistryError, RegistryErrorKind, SchemaRegistry, SchemaRegistryBuilder};

use self::stand_in::StandIn;

const ORDER: &str = r#"{"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "string"}, {"name": "amount", "type": "long"}]}"#;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: String,
    amount: i64,
}

/// A certificate that signed itself, with its key.
struct SelfSigned {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl SelfSigned {
    fn of(host: &str) -> Self {
        Self::with(host, |_| ())
    }

    fn with(host: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// A server with this certificate; with `client`, to clients with that one alone.
    fn server(&self, client: Option<&Self>) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if let Some(client) = client {
            let mut roots = RootCertStore::empty();
            roots.add(client.der.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        builder.with_single_cert(vec![self.der.clone()], self.key()).unwrap()
    }

    fn start(&self) -> StandIn {
        StandIn::start_tls(self.server(None))
    }
}

fn builder(url: &str) -> SchemaRegistryBuilder {
    SchemaRegistry::builder(url).retry_for(Duration::from_millis(1))
}

/// The error of a registry that can't be asked.
fn refused(builder: SchemaRegistryBuilder) -> RegistryError {
    builder.build().unwrap().check().unwrap_err()
}

fn round_trip(registry: &SchemaRegistry, reader: &SchemaRegistry) -> Result<(), BoxError> {
    let order = Order { id: "o1".to_owned(), amount: 150 };
    let mut written = Vec::new();
    registry.avro::<Order>(ORDER)?.serialize("orders", &order, &mut written)?;
    assert_eq!(written, b"\0\0\0\0\x01\x04o1\xac\x02");
    let read = reader.avro::<Order>(ORDER)?.deserialize("orders", Some(&written))?;
    assert_eq!(read, order);
    Ok(())
}

#[test]
fn schemas_are_registered_and_read_over_tls_with_user_and_password() {
    let certificate = SelfSigned::of("127.0.0.1");
    let stand_in = certificate.start();
    // The example of RFC 7617.
    stand_in.demand("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let registry = |password: &str| {
        let trusting = builder(stand_in.url()).ca_certificates(&*certificate.pem);
        trusting.basic_auth("Aladdin", password).build().unwrap()
    };
    round_trip(&registry("open sesame"), &registry("open sesame")).unwrap();
    let asked = ["POST /subjects/orders-value/versions", "GET /schemas/ids/1"];
    assert_eq!(stand_in.asked(), asked);
    let error = registry("open barley").check().unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Unauthorized, "{error}");
}

#[test]
fn a_file_of_several_authorities_is_taken_as_it_is() {
    let (certificate, other) = (SelfSigned::of("127.0.0.1"), SelfSigned::of("other.example.com"));
    let stand_in = certificate.start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("authorities.pem");
    std::fs::write(&file, format!("# both\n{}{}", other.pem, certificate.pem)).unwrap();
    let registry =
        builder(stand_in.url()).ca_certificates(std::fs::read(file).unwrap()).build().unwrap();
    registry.check().unwrap();
}

#[test]
fn a_certificate_that_nobody_trusted_signed_is_an_error_that_names_the_setting() {
    let stand_in = SelfSigned::of("127.0.0.1").start();
    let stranger = SelfSigned::of("127.0.0.1");
    let error = refused(builder(stand_in.url()).ca_certificates(&*stranger.pem));
    assert_eq!(error.kind(), RegistryErrorKind::Tls, "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("{}/subjects", stand_in.url())), "{text}");
    assert!(text.contains("the registry's certificate is not trusted"), "{text}");
    assert!(text.contains("by ca_certificates"), "{text}");
    assert!(text.contains("schema.registry.ssl.truststore.certificates"), "{text}");

    // By the authorities of the system, which may have none.
    let text = match builder(stand_in.url()).build() {
        Ok(registry) => registry.check().unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(text.contains("by ca_certificates"), "{text}");
    assert_eq!(stand_in.asked(), [""; 0], "nothing is said to a stranger");
}

#[test]
fn a_certificate_for_another_host_is_an_error_that_names_both() {
    let certificate = SelfSigned::of("registry.example.com");
    let stand_in = certificate.start();
    let error = refused(builder(stand_in.url()).ca_certificates(&*certificate.pem));
    assert_eq!(error.kind(), RegistryErrorKind::Tls, "{error}");
    let text = error.to_string();
    assert!(text.contains("127.0.0.1") && text.contains("registry.example.com"), "{text}");
    assert!(text.contains("is not for this host"), "{text}");
}

#[test]
fn a_certificate_that_has_expired_is_an_error_that_says_so() {
    let certificate = SelfSigned::with("127.0.0.1", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let stand_in = certificate.start();
    let error = refused(builder(stand_in.url()).ca_certificates(&*certificate.pem));
    assert_eq!(error.kind(), RegistryErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("is not valid now: renew it"), "{error}");
}

/// As `openssl req -x509` makes them.
#[test]
fn an_authoritys_certificate_as_the_registrys_own_is_an_error_that_says_so() {
    let certificate = SelfSigned::with("127.0.0.1", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let stand_in = certificate.start();
    let error = refused(builder(stand_in.url()).ca_certificates(&*certificate.pem));
    assert_eq!(error.kind(), RegistryErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("basicConstraints=CA:FALSE"), "{error}");
}

#[test]
fn a_registry_that_demands_a_certificate_gets_the_clients() {
    let (certificate, client) = (SelfSigned::of("127.0.0.1"), SelfSigned::of("ann"));
    let stand_in = StandIn::start_tls(certificate.server(Some(&client)));
    let trusting = || builder(stand_in.url()).ca_certificates(&*certificate.pem);
    let known = trusting().client_certificate(&*client.pem, client.key.serialize_pem());
    known.build().unwrap().check().unwrap();

    let error = refused(trusting());
    assert_eq!(error.kind(), RegistryErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("by client_certificate"), "{error}");
}

#[test]
fn http_at_a_port_of_tls_is_an_error_that_says_so() {
    let stand_in = SelfSigned::of("127.0.0.1").start();
    let url = stand_in.url().replace("https://", "http://");
    let error = refused(builder(&url));
    let text = error.to_string();
    assert!(text.contains(&format!("{url}/subjects")), "{text}");
    assert!(text.contains("begin the URL with https://"), "{text}");
}

#[test]
fn https_at_a_port_without_tls_is_an_error_that_says_so() {
    let stand_in = StandIn::start();
    let url = stand_in.url().replace("http://", "https://");
    let error = refused(builder(&url).ca_certificates(SelfSigned::of("127.0.0.1").pem));
    assert_eq!(error.kind(), RegistryErrorKind::Tls, "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("{url}/subjects")), "{text}");
    assert!(text.contains("no TLS is spoken at this port"), "{text}");
    assert!(text.contains("begin the URL with http://"), "{text}");
}

/// Some servers close a connection that makes no sense to them without a word.
#[test]
fn a_connection_that_is_closed_at_once_is_an_error_that_asks_for_the_scheme() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let close = move || listener.incoming().take(2).for_each(drop);
    let closing = std::thread::Builder::new().name("closing".to_owned()).spawn(close).unwrap();
    for (scheme, other) in [("http", "https://"), ("https", "http://")] {
        let trusting = builder(&format!("{scheme}://{address}"));
        let error = refused(trusting.ca_certificates(SelfSigned::of("127.0.0.1").pem));
        assert_eq!(error.kind(), RegistryErrorKind::Unreachable, "{error}");
        assert!(error.to_string().contains(&format!("which begins with {other} where")), "{error}");
    }
    closing.join().unwrap();
}

#[test]
fn certificates_and_keys_that_are_none_are_refused_when_the_registry_is_built() {
    let (one, other) = (SelfSigned::of("ann"), SelfSigned::of("ben"));
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let trusting = || builder("https://localhost").ca_certificates(&*one.pem);
    for (builder, setting) in [
        (trusting().ca_certificates(no_certificate), "ca_certificates"),
        (trusting().ca_certificates(one.key.serialize_pem()), "ca_certificates"),
        (trusting().client_certificate(&*one.pem, &*one.pem), "client_certificate"),
        (trusting().client_certificate(&*one.pem, other.key.serialize_pem()), "client_certificate"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(setting), "{error}");
    }
}
