//! Choice of the client that carries the records.

use std::sync::Arc;

use super::{ClientSupplier, TokenProvider, native::NativeSupplier, rdkafka::RdKafkaSupplier};
use crate::{
    Error, ErrorKind, Result,
    config::{DataPlane, StreamsConfig},
};

/// The clients of the cluster in a configuration, with the consumers and producers chosen by its
/// `client.data.plane`. Does not connect yet.
///
/// # Errors
/// `Config`, naming every wrong key of the application or the first one of the clients.
pub fn clients_for(config: &StreamsConfig) -> Result<Arc<dyn ClientSupplier>> {
    Ok(match data_plane(config)? {
        DataPlane::Native => Arc::new(NativeSupplier::new(config)?),
        DataPlane::RdKafka => Arc::new(RdKafkaSupplier::new(config)?),
    })
}

/// The same, with tokens for the SASL mechanism OAUTHBEARER. `provider` is called from threads of
/// the clients for each connection; fetch and renew tokens elsewhere.
///
/// # Errors
/// The errors of [`clients_for`].
pub fn clients_with_tokens(
    config: &StreamsConfig,
    provider: TokenProvider,
) -> Result<Arc<dyn ClientSupplier>> {
    Ok(match data_plane(config)? {
        DataPlane::Native => Arc::new(NativeSupplier::with_token_provider(config, provider)?),
        DataPlane::RdKafka => Arc::new(RdKafkaSupplier::with_token_provider(config, provider)?),
    })
}

fn data_plane(config: &StreamsConfig) -> Result<DataPlane> {
    let valid = config.validate().map_err(|cause| {
        Error::with_source(ErrorKind::Config, "the clients can't be made", cause)
    })?;
    Ok(valid.data_plane())
}
