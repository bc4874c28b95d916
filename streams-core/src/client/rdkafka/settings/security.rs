//! Encryption and authentication, from Java's keys or librdkafka's, for both kinds of clients.
//!
//! Both must be able to connect, so only common features are permitted. Certificates are read from
//! their files here, once; a store that is not PEM is refused with instructions for converting it.

use std::{collections::BTreeMap, fs, sync::Arc};

use kafka_client::{ClientCertificate, SaslConfig, Security, SecurityProtocol, TlsConfig};

use super::{config_error, jaas, pem};
use crate::{Error, ErrorKind, Result, client::TokenProvider};

const PLAIN_MODULE: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM_MODULE: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
const MECHANISMS: &str = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER";

/// Keys that are read here, or that mean nothing to clients other than Java's.
const READ: &[&str] = &[
    "enable.ssl.certificate.verification",
    "sasl.jaas.config",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Keys that choose between Java's implementations, or tune what is fixed here.
const JAVA_ONLY: &[&str] = &[
    "sasl.login.connect.timeout.ms",
    "sasl.login.read.timeout.ms",
    "sasl.login.refresh.buffer.seconds",
    "sasl.login.refresh.min.period.seconds",
    "sasl.login.refresh.window.factor",
    "sasl.login.refresh.window.jitter",
    "sasl.login.retry.backoff.max.ms",
    "sasl.login.retry.backoff.ms",
    "ssl.keymanager.algorithm",
    "ssl.protocol",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "ssl.trustmanager.algorithm",
];

/// Encryption and authentication of connections.
pub(super) struct SecuritySettings {
    protocol: SecurityProtocol,
    ca: Option<String>,
    certificate: Option<(String, String)>,
    verify_host_name: bool,
    sasl: Option<Sasl>,
    /// Settings of librdkafka that the other client lacks, such as cipher suites.
    extra: BTreeMap<String, String>,
}

enum Sasl {
    Password { mechanism: &'static str, user: String, password: String },
    Token,
}

type Settings<'a> = BTreeMap<&'a str, &'a str>;

impl SecuritySettings {
    /// Reads the keys that begin with `ssl.`, `sasl.` or `security.` of one client.
    ///
    /// # Errors
    /// `Config`, naming the key.
    pub(super) fn read(settings: &Settings<'_>, has_tokens: bool) -> Result<Self> {
        let protocol = protocol(settings)?;
        let is_checked = settings.get("enable.ssl.certificate.verification") != Some(&"false");
        if !is_checked {
            return Err(config_error(
                "`enable.ssl.certificate.verification` = `false`: certificates are always \
                 checked; give the authority's with `ssl.truststore.certificates`",
            ));
        }
        let (ca, certificate) = if protocol.uses_tls() {
            (authorities(settings)?, own_certificate(settings)?)
        } else {
            (None, None)
        };
        let sasl = protocol.uses_sasl().then(|| sasl(settings, has_tokens)).transpose()?;
        Ok(Self {
            protocol,
            ca,
            certificate,
            verify_host_name: verifies_host_name(settings)?,
            sasl,
            extra: extra(settings)?,
        })
    }

    /// Adds them by librdkafka's names.
    pub(super) fn add_native(&self, values: &mut BTreeMap<String, String>) {
        let mut set = |key: &str, value: &str| {
            values.insert(key.to_owned(), value.to_owned());
        };
        set(
            "security.protocol",
            match self.protocol {
                SecurityProtocol::Plaintext => "plaintext",
                SecurityProtocol::Ssl => "ssl",
                SecurityProtocol::SaslPlaintext => "sasl_plaintext",
                SecurityProtocol::SaslSsl => "sasl_ssl",
            },
        );
        if self.protocol.uses_tls() {
            let algorithm = if self.verify_host_name { "https" } else { "none" };
            set("ssl.endpoint.identification.algorithm", algorithm);
        }
        if let Some(ca) = &self.ca {
            set("ssl.ca.pem", ca);
        }
        if let Some((chain, key)) = &self.certificate {
            set("ssl.certificate.pem", chain);
            set("ssl.key.pem", key);
        }
        match &self.sasl {
            Some(Sasl::Password { mechanism, user, password }) => {
                set("sasl.mechanism", mechanism);
                set("sasl.username", user);
                set("sasl.password", password);
            }
            Some(Sasl::Token) => set("sasl.mechanism", "OAUTHBEARER"),
            None => {}
        }
        for (key, value) in &self.extra {
            set(key, value);
        }
    }

    /// The same for the client of membership and admin calls.
    ///
    /// # Errors
    /// `Config` if tokens are needed and there is no provider.
    pub(super) fn for_control(self, tokens: Option<&TokenProvider>) -> Result<Security> {
        let client_certificate =
            self.certificate.map(|(chain, key)| ClientCertificate { chain, key });
        let tls = TlsConfig {
            ca_certificates: self.ca,
            client_certificate,
            verify_host_name: self.verify_host_name,
        };
        let sasl = match self.sasl {
            None => None,
            Some(Sasl::Password { mechanism: "PLAIN", user, password }) => {
                Some(SaslConfig::Plain { user, password })
            }
            Some(Sasl::Password { mechanism: "SCRAM-SHA-256", user, password }) => {
                Some(SaslConfig::ScramSha256 { user, password })
            }
            Some(Sasl::Password { user, password, .. }) => {
                Some(SaslConfig::ScramSha512 { user, password })
            }
            Some(Sasl::Token) => {
                let provider = Arc::clone(tokens.ok_or_else(no_tokens)?);
                let token = move || match provider() {
                    Ok(token) => Ok(token.value),
                    Err(cause) => Err(kafka_client::Error::with_source(
                        kafka_client::ErrorKind::Authentication,
                        "the application gave no OAUTHBEARER token",
                        cause,
                    )),
                };
                Some(SaslConfig::OAuthBearer { token: Arc::new(token) })
            }
        };
        Ok(Security { protocol: self.protocol, tls, sasl })
    }
}

fn protocol(settings: &Settings<'_>) -> Result<SecurityProtocol> {
    let name = settings.get("security.protocol").copied().unwrap_or("PLAINTEXT");
    match name.to_ascii_uppercase().as_str() {
        "PLAINTEXT" => Ok(SecurityProtocol::Plaintext),
        "SSL" => Ok(SecurityProtocol::Ssl),
        "SASL_PLAINTEXT" => Ok(SecurityProtocol::SaslPlaintext),
        "SASL_SSL" => Ok(SecurityProtocol::SaslSsl),
        _ => Err(config_error(format!(
            "`security.protocol` = `{name}` is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"
        ))),
    }
}

fn verifies_host_name(settings: &Settings<'_>) -> Result<bool> {
    const KEY: &str = "ssl.endpoint.identification.algorithm";
    match settings.get(KEY).map(|value| value.to_ascii_lowercase()).as_deref() {
        None | Some("https") => Ok(true),
        Some("" | "none") => Ok(false),
        Some(other) => Err(config_error(format!("`{KEY}` = `{other}`: use `https`, or nothing"))),
    }
}

/// The certificates of the trusted authorities; the system's if none are given.
fn authorities(settings: &Settings<'_>) -> Result<Option<String>> {
    check_store(
        settings,
        "truststore",
        "keytool -exportcert -rfc -keystore STORE -alias ALIAS > ca.pem",
    )?;
    for key in ["ssl.truststore.certificates", "ssl.ca.pem"] {
        if let Some(text) = settings.get(key) {
            return certificates_in(key, text).map(Some);
        }
    }
    for key in ["ssl.truststore.location", "ssl.ca.location"] {
        if let Some(path) = settings.get(key) {
            return certificates_in(key, &read(key, path)?).map(Some);
        }
    }
    Ok(None)
}

/// Our own certificate chain and key, where brokers ask for one.
fn own_certificate(settings: &Settings<'_>) -> Result<Option<(String, String)>> {
    check_store(
        settings,
        "keystore",
        "openssl pkcs12 -in STORE.p12 -nodes -out client.pem (from JKS: keytool -importkeystore \
         -srckeystore STORE.jks -destkeystore STORE.p12 -deststoretype PKCS12)",
    )?;
    let given =
        |inline: &'static str, file: &'static str| match (settings.get(inline), settings.get(file))
        {
            (Some(text), _) => Ok::<_, Error>(Some((inline, (*text).to_owned()))),
            (None, Some(path)) => Ok(Some((file, read(file, path)?))),
            (None, None) => Ok(None),
        };
    let store = settings.get("ssl.keystore.location").copied();
    let chain = match store {
        Some(path) => Some(("ssl.keystore.location", read("ssl.keystore.location", path)?)),
        None => match settings.get("ssl.keystore.certificate.chain") {
            Some(text) => Some(("ssl.keystore.certificate.chain", (*text).to_owned())),
            None => given("ssl.certificate.pem", "ssl.certificate.location")?,
        },
    };
    let key = match (store, &chain) {
        (Some(_), Some((name, text))) => Some((*name, text.clone())),
        _ => match settings.get("ssl.keystore.key") {
            Some(text) => Some(("ssl.keystore.key", (*text).to_owned())),
            None => given("ssl.key.pem", "ssl.key.location")?,
        },
    };
    match (chain, key) {
        (None, None) => Ok(None),
        (Some((chain_name, chain)), Some((key_name, key))) => {
            let chain = certificates_in(chain_name, &chain)?;
            let key = pem::private_key(&key).ok_or_else(|| {
                config_error(format!("`{key_name}` holds no private key in PEM format"))
            })?;
            if pem::is_encrypted(&key) {
                return Err(config_error(format!(
                    "the private key of `{key_name}` is encrypted, which is not supported: \
                     decrypt it with `openssl pkey -in KEY -out KEY.pem`, and let nobody else read \
                     the file"
                )));
            }
            Ok(Some((chain, key)))
        }
        (Some((name, _)), None) => Err(config_error(format!(
            "`{name}` gives a certificate, and `ssl.keystore.key` with its key is missing"
        ))),
        (None, Some((name, _))) => Err(config_error(format!(
            "`{name}` gives a key, and `ssl.keystore.certificate.chain` with its certificate is \
             missing"
        ))),
    }
}

/// Refuses stores that only Java reads.
fn check_store(settings: &Settings<'_>, store: &str, convert: &str) -> Result {
    let key = format!("ssl.{store}.type");
    let location = format!("ssl.{store}.location");
    let given = settings.get(key.as_str()).copied();
    let kind =
        given.unwrap_or(if settings.contains_key(location.as_str()) { "JKS" } else { "PEM" });
    if kind.eq_ignore_ascii_case("PEM") {
        return Ok(());
    }
    let unset = if given.is_none() { ", the default" } else { "" };
    Err(config_error(format!(
        "`{key}` is {kind}{unset}, which only Java reads: convert it to PEM with `{convert}`, then \
         set `{key}` to PEM and `{location}` to the file"
    )))
}

fn read(key: &str, path: &str) -> Result<String> {
    fs::read_to_string(path).map_err(|cause| {
        Error::with_source(ErrorKind::Config, format!("`{key}`: can't read {path}"), cause)
    })
}

fn certificates_in(key: &str, text: &str) -> Result<String> {
    pem::certificates(text)
        .ok_or_else(|| config_error(format!("`{key}` holds no certificate in PEM format")))
}

fn sasl(settings: &Settings<'_>, has_tokens: bool) -> Result<Sasl> {
    let name = settings.get("sasl.mechanism").or_else(|| settings.get("sasl.mechanisms"));
    let Some(name) = name else {
        return Err(config_error(format!(
            "`security.protocol` asks for SASL: set `sasl.mechanism` to {MECHANISMS}"
        )));
    };
    let mechanism = match name.to_ascii_uppercase().as_str() {
        "PLAIN" => "PLAIN",
        "SCRAM-SHA-256" => "SCRAM-SHA-256",
        "SCRAM-SHA-512" => "SCRAM-SHA-512",
        "OAUTHBEARER" if has_tokens => return Ok(Sasl::Token),
        "OAUTHBEARER" => return Err(no_tokens()),
        _ => {
            return Err(config_error(format!(
                "`sasl.mechanism` = `{name}` is not supported: use {MECHANISMS}"
            )));
        }
    };
    let (user, password) = credentials(settings, mechanism)?;
    Ok(Sasl::Password { mechanism, user, password })
}

fn no_tokens() -> Error {
    config_error(
        "`sasl.mechanism` = `OAUTHBEARER` needs somebody who gives tokens: make the clients with \
         `clients_with_tokens`",
    )
}

/// User and password, from `sasl.jaas.config` or else from librdkafka's keys.
fn credentials(settings: &Settings<'_>, mechanism: &str) -> Result<(String, String)> {
    const KEY: &str = "sasl.jaas.config";
    let Some(text) = settings.get(KEY) else {
        return match (settings.get("sasl.username"), settings.get("sasl.password")) {
            (Some(user), Some(password)) => Ok(((*user).to_owned(), (*password).to_owned())),
            _ => Err(config_error(format!(
                "`sasl.mechanism` = `{mechanism}` needs a user and a password: set `{KEY}`, or \
                 `sasl.username` and `sasl.password`"
            ))),
        };
    };
    let module = jaas::parse(text).map_err(|wrong| config_error(format!("`{KEY}`: {wrong}")))?;
    let wanted = if mechanism == "PLAIN" { PLAIN_MODULE } else { SCRAM_MODULE };
    if module.class != wanted {
        return Err(config_error(format!(
            "`{KEY}` names the module {}, and `sasl.mechanism` = `{mechanism}` needs {wanted}",
            module.class
        )));
    }
    let option = |name: &str| {
        module.options.get(name).cloned().ok_or_else(|| {
            config_error(format!("`{KEY}` has no option `{name}` for `{mechanism}`"))
        })
    };
    Ok((option("username")?, option("password")?))
}

/// Settings that only librdkafka reads. Java's classes are refused, since they would decide who is
/// trusted.
pub(super) fn extra(settings: &Settings<'_>) -> Result<BTreeMap<String, String>> {
    let mut extra = BTreeMap::new();
    for (key, value) in settings {
        let is_security = key.starts_with("ssl.") || key.starts_with("sasl.");
        if !is_security || READ.contains(key) || JAVA_ONLY.contains(key) {
            continue;
        }
        if key.rsplit('.').next() == Some("class") || key.starts_with("sasl.kerberos.") {
            return Err(config_error(format!(
                "client setting `{key}` is for Java alone; remove it"
            )));
        }
        if *key == "ssl.enabled.protocols" {
            check_protocols(value)?;
        } else {
            extra.insert((*key).to_owned(), (*value).to_owned());
        }
    }
    Ok(extra)
}

/// TLS 1.2 and 1.3 are always both offered.
fn check_protocols(value: &str) -> Result {
    let too_old =
        value.split(',').map(str::trim).all(|name| !matches!(name, "TLSv1.2" | "TLSv1.3"));
    if too_old {
        return Err(config_error(format!(
            "`ssl.enabled.protocols` = `{value}`: only TLSv1.2 and TLSv1.3 are supported"
        )));
    }
    Ok(())
}
