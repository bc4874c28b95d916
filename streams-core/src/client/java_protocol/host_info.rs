//! The address of an instance.

use std::fmt;

/// Longest host name that is accepted; DNS has no longer ones.
const HOST_LENGTH_MAX: usize = 255;

/// Address at which other instances reach one: its `application.server`. Java's `HostInfo`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct HostInfo {
    pub(in super::super) host: String,
    pub(in super::super) port: i32,
}

impl HostInfo {
    /// Parses `host:port`, also `[v6]:port`; `None` if it is neither.
    pub(in super::super) fn parse(endpoint: &str) -> Option<Self> {
        let (host, port) = endpoint.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse::<u16>().ok()?;
        let fits = !host.is_empty() && host.len() <= HOST_LENGTH_MAX;
        fits.then(|| Self { host: host.to_owned(), port: port.into() })
    }
}

impl fmt::Display for HostInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        let host = HostInfo::parse("host-1:8080").unwrap();
        assert_eq!((host.host.as_str(), host.port), ("host-1", 8080));
        assert_eq!(HostInfo::parse("[::1]:80").unwrap().host, "::1");
        for wrong in ["", "host", ":80", "host:", "host:70000"] {
            assert_eq!(HostInfo::parse(wrong), None, "{wrong}");
        }
    }
}
