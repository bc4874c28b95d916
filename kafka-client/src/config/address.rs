//! The address of a broker.

use std::{fmt, str::FromStr};

use crate::{Error, ErrorKind};

/// A host and its port. Formatted as in `bootstrap.servers`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// Name or address; a v6 address has no brackets here.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
}

impl Address {
    /// The address in a broker's answer, whose port is an `i32` on the wire.
    pub(crate) fn from_wire(host: &str, port: i32) -> Result<Self, Error> {
        match u16::try_from(port) {
            Ok(port) if port > 0 && !host.is_empty() => Ok(Self { host: host.to_owned(), port }),
            _ => Err(Error::new(
                ErrorKind::Protocol,
                format!("a broker told an address that can't be: {host}:{port}"),
            )),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim();
        let parts = match trimmed.strip_prefix('[') {
            Some(rest) => rest.split_once("]:"),
            // With more than one colon and no brackets, the start of the port would be ambiguous.
            None => trimmed.rsplit_once(':').filter(|(host, _)| !host.contains(':')),
        };
        let address = parts.and_then(|(host, port)| {
            let port: u16 = port.parse().ok()?;
            let well_formed = !host.is_empty() && !host.contains(['[', ']', ' ', '/']) && port > 0;
            well_formed.then(|| Self { host: host.to_owned(), port })
        });
        address.ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                format!("bootstrap server '{text}' is not of the form host:port or [v6]:port"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports_are_read_and_printed_alike() {
        for text in ["localhost:9092", "10.0.0.1:1", "[::1]:9093", "b-1.example.com:65535"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let address: Address = " [fe80::1]:9092 ".parse().unwrap();
        assert_eq!((address.host.as_str(), address.port), ("fe80::1", 9092));
    }

    #[test]
    fn what_is_no_host_with_a_port_is_refused() {
        for text in [
            "",
            "localhost",
            "localhost:",
            ":9092",
            "::1:9092",
            "[::1]",
            "a:0",
            "a:65536",
            "a b:1",
            "ssl://a:1",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        }
    }

    #[test]
    fn a_port_from_the_wire_must_be_one() {
        assert!(Address::from_wire("a", 9092).is_ok());
        for (host, port) in [("a", -1), ("a", 0), ("a", 65_536), ("", 9092)] {
            assert_eq!(Address::from_wire(host, port).unwrap_err().kind(), ErrorKind::Protocol);
        }
    }
}
