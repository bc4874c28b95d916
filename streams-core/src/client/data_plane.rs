//! Choice of the client that carries the records.

use std::sync::Arc;

use super::{ClientSupplier, native::NativeSupplier, rdkafka::RdKafkaSupplier};
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
    let valid = config.validate().map_err(|cause| {
        Error::with_source(ErrorKind::Config, "the clients can't be made", cause)
    })?;
    Ok(match valid.data_plane() {
        DataPlane::Native => Arc::new(NativeSupplier::new(config)?),
        DataPlane::RdKafka => Arc::new(RdKafkaSupplier::new(config)?),
    })
}
