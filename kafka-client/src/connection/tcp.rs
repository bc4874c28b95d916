//! A stream of bytes to a broker: TCP, and TLS on it where the settings say so.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::tls::tls_error_kind;
use crate::{Error, ErrorKind, Result, config::Address};

/// Bytes both ways, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects, trying each address that the host name has.
pub(super) async fn connect(
    address: &Address,
    tls: Option<&TlsConnector>,
) -> Result<Box<dyn Stream>> {
    let stream = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(|error| broken("connecting failed", error))?;
    // Requests are small and wait for their answers: batching them in the kernel only delays.
    stream.set_nodelay(true).map_err(|error| broken("connecting failed", error))?;
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
    let stream = tls.connect(name, stream).await.map_err(|error| {
        broken("the TLS handshake failed (does the listener speak TLS?)", error)
    })?;
    Ok(Box::new(stream))
}

/// An error of a connection that carried no request yet.
pub(super) fn broken(what: &str, error: io::Error) -> Error {
    let kind = match tls_error_kind(&error) {
        Some(kind) => kind,
        None if error.kind() == io::ErrorKind::InvalidData => ErrorKind::Protocol,
        None => ErrorKind::Connection,
    };
    Error::with_source(kind, what, error)
}
