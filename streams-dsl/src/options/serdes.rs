//! Serdes as options, written once.

/// `with_serdes` and its halves, for a handle of keys `K` and values `V`: they are said behind an
/// operator.
macro_rules! serde_options {
    ($(#[$doc:meta])*) => {
        $(#[$doc])*
        #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
        pub fn with_serdes(self, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
            self.with_key_serde(key).with_value_serde(value)
        }

        /// Like [`with_serdes`](Self::with_serdes), for the keys.
        #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
        pub fn with_key_serde(self, serde: SerdeRef<K>) -> Self {
            self.step.set_key_serde(serde);
            self
        }

        /// Like [`with_serdes`](Self::with_serdes), for the values.
        #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
        pub fn with_value_serde(self, serde: SerdeRef<V>) -> Self {
            self.step.set_value_serde(serde);
            self
        }
    };
}

/// `with` and its halves, for a description with fields `key_serde` and `value_serde`.
macro_rules! serde_fields {
    () => {
        /// Reads and writes keys and values with these serdes.
        #[must_use]
        pub fn with(self, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
            self.with_key_serde(key).with_value_serde(value)
        }

        /// Reads and writes keys with this serde.
        #[must_use]
        pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
            self.key_serde = Some(serde);
            self
        }

        /// Reads and writes values with this serde.
        #[must_use]
        pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
            self.value_serde = Some(serde);
            self
        }
    };
}

pub(crate) use {serde_fields, serde_options};
