//! TLS and SASL, on a broker with listeners for them.

use std::{fs, path::Path, sync::Arc, time::Duration};

use tokio::net::{TcpListener, TcpStream};

use super::variable;
use crate::{
    Client, ClientCertificate, ClientConfig, Error, ErrorKind, Result, SaslConfig, Security,
    SecurityProtocol, TlsConfig,
};

/// Uses a connection to the listener that the variable names.
async fn try_listener(address: String, security: Security) -> Result {
    let mut config = ClientConfig::new([address]);
    config.security = security;
    config.request_timeout = Duration::from_secs(5);
    config.validate()?;
    Client::new(config).partition_counts(&["no-such-topic"]).await.map(drop)
}

fn pem(file: &str) -> Option<String> {
    let directory = variable("KAFKA_STREAMS_TEST_TLS")?;
    Some(fs::read_to_string(Path::new(&directory).join(file)).unwrap())
}

fn trusting(ca: &str) -> Option<TlsConfig> {
    Some(TlsConfig { ca_certificates: Some(pem(ca)?), ..TlsConfig::default() })
}

fn sasl_plaintext(sasl: SaslConfig) -> Security {
    let protocol = SecurityProtocol::SaslPlaintext;
    Security { protocol, sasl: Some(sasl), ..Security::default() }
}

fn plain(password: &str) -> SaslConfig {
    SaslConfig::Plain { user: "alice".into(), password: password.into() }
}

#[tokio::test]
async fn every_mechanism_lets_in_who_knows_the_secret() {
    let Some(address) = variable("KAFKA_STREAMS_TEST_SASL_PLAINTEXT") else { return };
    let (user, password) = ("alice".to_owned(), "alice-secret".to_owned());
    // {"alg":"none"} and {"sub":"alice","iat":1,"exp":9999999999}: the test broker accepts unsigned
    // tokens.
    let token = "eyJhbGciOiJub25lIn0.\
                 eyJzdWIiOiJhbGljZSIsImlhdCI6MSwiZXhwIjo5OTk5OTk5OTk5fQ.";
    for sasl in [
        plain(&password),
        SaslConfig::ScramSha256 { user: user.clone(), password: password.clone() },
        SaslConfig::ScramSha512 { user, password },
        SaslConfig::OAuthBearer { token: Arc::new(|| Ok(token.to_owned())) },
    ] {
        let name = sasl.name();
        try_listener(address.clone(), sasl_plaintext(sasl))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_refused_without_being_told() {
    let Some(address) = variable("KAFKA_STREAMS_TEST_SASL_PLAINTEXT") else { return };
    let (user, password) = ("alice".to_owned(), "guessed-wrong".to_owned());
    for sasl in [
        plain(&password),
        SaslConfig::ScramSha256 { user: user.clone(), password: password.clone() },
        SaslConfig::ScramSha512 { user, password },
        SaslConfig::OAuthBearer { token: Arc::new(|| Ok("guessed-wrong".to_owned())) },
        SaslConfig::OAuthBearer {
            token: Arc::new(|| Err(Error::new(ErrorKind::Connection, "no token today"))),
        },
    ] {
        let name = sasl.name();
        let error = try_listener(address.clone(), sasl_plaintext(sasl)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(name) && text.contains(&address), "{text}");
        assert!(!text.contains("guessed-wrong"), "{text}");
    }
}

#[tokio::test]
async fn tls_is_spoken_with_a_broker_whose_certificate_is_trusted() {
    let Some(address) = variable("KAFKA_STREAMS_TEST_SSL") else { return };
    let Some(tls) = trusting("ca.crt") else { return };
    let security = Security { protocol: SecurityProtocol::Ssl, tls, sasl: None };
    try_listener(address.clone(), security.clone()).await.unwrap();

    // Mutual TLS.
    let Some(mutual) = variable("KAFKA_STREAMS_TEST_MUTUAL") else { return };
    let mut known = security.clone();
    let chain = pem("client.crt").unwrap();
    let key = pem("client.key").unwrap();
    known.tls.client_certificate = Some(ClientCertificate { chain, key });
    try_listener(mutual.clone(), known).await.unwrap();
    let error = try_listener(mutual, security).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_refused() {
    let Some(address) = variable("KAFKA_STREAMS_TEST_SSL") else { return };
    let Some(tls) = trusting("stranger-ca.crt") else { return };
    let security = Security { protocol: SecurityProtocol::Ssl, tls, sasl: None };
    let error = try_listener(address.clone(), security).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");

    // Not checking host names does not mean trusting everyone.
    let Some(mut tls) = trusting("stranger-ca.crt") else { return };
    tls.verify_host_name = false;
    let security = Security { protocol: SecurityProtocol::Ssl, tls, sasl: None };
    let error = try_listener(address, security).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused_unless_names_do_not_matter() {
    let Some(broker) = variable("KAFKA_STREAMS_TEST_SSL") else { return };
    let Some(mut tls) = trusting("ca.crt") else { return };
    // The certificate is for localhost and 127.0.0.1, so the broker gets another address.
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let forwarding = tokio::spawn(async move {
        while let Ok((mut ours, _)) = listener.accept().await {
            let mut theirs = TcpStream::connect(&broker).await.unwrap();
            // The copy ends with the connection.
            let _ = tokio::io::copy_bidirectional(&mut ours, &mut theirs).await;
        }
    });
    let security = Security { protocol: SecurityProtocol::Ssl, tls: tls.clone(), sasl: None };
    let error = try_listener(address.clone(), security).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");

    tls.verify_host_name = false;
    let security = Security { protocol: SecurityProtocol::Ssl, tls, sasl: None };
    try_listener(address, security).await.unwrap();
    forwarding.abort();
}

#[tokio::test]
async fn sasl_goes_through_tls() {
    let Some(address) = variable("KAFKA_STREAMS_TEST_SASL_SSL") else { return };
    let Some(tls) = trusting("ca.crt") else { return };
    let sasl = Some(plain("alice-secret"));
    let security = Security { protocol: SecurityProtocol::SaslSsl, tls, sasl };
    try_listener(address, security).await.unwrap();
}

#[tokio::test]
async fn a_listener_of_another_protocol_is_found_out() {
    let Some(plaintext) = variable("KAFKA_STREAMS_TEST_BOOTSTRAP") else { return };
    let Some(tls_listener) = variable("KAFKA_STREAMS_TEST_SSL") else { return };
    let error = try_listener(tls_listener, Security::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert!(error.to_string().contains("does the listener speak TLS?"), "{error}");

    let Some(tls) = trusting("ca.crt") else { return };
    let security = Security { protocol: SecurityProtocol::Ssl, tls, sasl: None };
    // It was retried for minutes: the broker hangs up silently, like one that is being stopped.
    let error = try_listener(plaintext, security).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert!(error.to_string().contains("answers without TLS"), "{error}");
    assert!(error.to_string().contains("does the listener speak TLS?"), "{error}");
}
