//! Options of a broker.

/// Options of a broker: by default one that listens without security, with the settings of
/// `scripts/kafka/server.properties`.
#[derive(Clone, Debug, Default)]
pub struct Options {
    secure: bool,
    three_nodes: bool,
    properties: String,
}

impl Options {
    /// It listens with TLS and SASL too, with certificates and users of its own.
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Three nodes, not one: each record is on all of them, and a write counts once two have it.
    /// Without security.
    #[must_use]
    pub fn three_nodes(mut self) -> Self {
        self.three_nodes = true;
        self
    }

    /// A setting by its name in the broker's properties, over those of the script.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.properties.extend([name, "=", value, "\n"]);
        self
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    pub(super) fn nodes(&self) -> u16 {
        if self.three_nodes { 3 } else { 1 }
    }

    pub(super) fn properties(&self) -> &str {
        &self.properties
    }
}
