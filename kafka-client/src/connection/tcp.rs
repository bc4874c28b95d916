//! A stream of bytes to a broker: TCP, with TLS on top if the settings ask for it.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{handshake::Handshake, tls::tls_error_kind};
use crate::{Error, ErrorKind, Result, config::Address};

/// Time for which an answer without TLS is awaited from a broker.
const PLAINTEXT_WAIT: Duration = Duration::from_secs(2);

/// A stream in both directions, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects, trying each address of the host name.
pub(super) async fn connect(
    address: &Address,
    tls: Option<&TlsConnector>,
) -> Result<Box<dyn Stream>> {
    let stream = dial(address).await?;
    let Some(tls) = tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(address.host.clone()).map_err(|error| {
        Error::with_source(
            ErrorKind::Invalid,
            format!("'{}' can't be the name in a certificate", address.host),
            error,
        )
    })?;
    match tls.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => {
            let error = broken("the TLS handshake failed (does the listener speak TLS?)", error);
            Err(if error.kind() == ErrorKind::Connection && speaks_plaintext(address).await {
                let text = "the listener answers without TLS; set security.protocol to PLAINTEXT or SASL_PLAINTEXT, or \
                            name the port of a listener with TLS";
                Error::with_source(ErrorKind::Protocol, text, error)
            } else {
                error
            })
        }
    }
}

async fn dial(address: &Address) -> Result<TcpStream> {
    let stream = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(|error| broken("connecting failed", error))?;
    // Requests are small and wait for their answers: batching them in the kernel only adds delay.
    stream.set_nodelay(true).map_err(|error| broken("connecting failed", error))?;
    Ok(stream)
}

/// Returns whether a broker answers there without TLS. A broker that expects no TLS closes the
/// connection silently, like one that is being stopped: only the answer distinguishes a wrong
/// setting from an outage.
async fn speaks_plaintext(address: &Address) -> bool {
    let asked = async {
        let mut stream = dial(address).await.ok()?;
        Handshake::new(&mut stream, "").broker_versions().await.ok()
    };
    timeout(PLAINTEXT_WAIT, asked).await.is_ok_and(|answer| answer.is_some())
}

/// An error of a connection that has carried no request yet.
pub(super) fn broken(what: &str, error: io::Error) -> Error {
    let kind = match tls_error_kind(&error) {
        Some(kind) => kind,
        None if error.kind() == io::ErrorKind::InvalidData => ErrorKind::Protocol,
        None => ErrorKind::Connection,
    };
    Error::with_source(kind, what, error)
}
