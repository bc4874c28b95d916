//! `verify`: the figures of the output topics.

use streams_core::client::{ClientSupplier, clients_for};

use super::{reader::read_topic, settings};
use crate::{
    Failure,
    args::VerifyArgs,
    output::{self, OutputTopic},
    summary,
};

/// Reads the committed records of all output topics, writes them to files on request, and returns
/// the figures.
pub(crate) fn verify(args: &VerifyArgs) -> Result<String, Failure> {
    let files = args.output.as_deref().map(output::create).transpose()?;
    let config =
        settings::config("high-value-orders-verify", &args.bootstrap_server, &args.settings)?;
    let clients = clients_for(&config)?;
    let outputs = output::TOPICS.into_iter().map(|topic| read(&*clients, topic));
    let outputs = outputs.collect::<Result<Vec<_>, Failure>>()?;
    for file in files.into_iter().flatten() {
        file.write(&outputs)?;
    }
    Ok(summary::figures(&outputs, None))
}

fn read(clients: &dyn ClientSupplier, topic: &'static str) -> Result<OutputTopic, Failure> {
    let mut records = Vec::new();
    read_topic(clients, topic, |place, record| {
        let position = (record.timestamp, place.partition, record.offset);
        records.push(output::decode(topic, (record.key, record.value), position)?);
        Ok(())
    })
    .map_err(|error| format!("{error}; `feed` creates the topics, `run` writes them"))?;
    records.sort_by_key(|record| (record.partition, record.offset));
    Ok(OutputTopic { topic, records })
}
