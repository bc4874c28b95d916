//! `dead-letters`: the records that could not be processed, and another attempt at them.

use std::{collections::BTreeMap, fmt::Write};

use streams_core::{
    Headers, TopicPartition,
    client::{
        Admin, ClientSupplier, ProduceRecord, Producer, ProducerSettings, RecordView, clients_for,
    },
};

use super::{reader::read_topic, settings};
use crate::{Failure, args::DeadLettersArgs};

/// Prefix of the headers that give the reason for a dead letter.
const ERRORS: &str = "__streams.errors.";
/// Number of characters of a value that are shown.
const SHOWN_CHARS: usize = 120;

/// Lists the dead letters; on request, writes them to the topics that they came from, and deletes
/// them.
pub(crate) fn dead_letters(args: &DeadLettersArgs) -> Result<String, Failure> {
    let config =
        settings::config("high-value-orders-dead-letters", &args.bootstrap_server, &args.settings)?;
    let clients = clients_for(&config)?;
    let settings = ProducerSettings {
        client_id: "high-value-orders-dead-letters".to_owned(),
        ..ProducerSettings::default()
    };
    let mut resent = Resent { producer: clients.producer(&settings)?, pending: 0 };
    let (mut text, mut count) = (String::new(), 0_u64);
    let ends = read_topic(&*clients, &args.topic, |place, record| {
        let letter = Letter::of(record);
        writeln!(text, "{place}@{}: {letter}", record.offset)?;
        count += 1;
        if args.resend { resent.write(place, record, &letter) } else { Ok(()) }
    })?;
    if !args.resend {
        writeln!(text, "{count} dead letters in {}", args.topic)?;
        return Ok(text);
    }
    resent.flush()?;
    forget(&mut *clients.admin()?, ends)?;
    writeln!(text, "{count} dead letters written to where they came from, and deleted")?;
    Ok(text)
}

/// Deletes the letters before these offsets, so that another call does not write them again.
fn forget(admin: &mut dyn Admin, ends: BTreeMap<TopicPartition, i64>) -> Result<(), Failure> {
    let ends: Vec<_> = ends.into_iter().filter(|(_, end)| *end > 0).collect();
    admin.delete_records(&ends).wait().map_err(|error| {
        format!("the dead letters were written, but can't be deleted: another call writes them again: {error}").into()
    })
}

/// Description of a dead letter.
struct Letter {
    errors: BTreeMap<String, String>,
    key: String,
    value: String,
}

impl Letter {
    fn of(record: &RecordView<'_>) -> Self {
        let text = |bytes: Option<&[u8]>| {
            bytes.map_or("null".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let errors = record
            .headers()
            .filter_map(|(name, value)| Some((name.strip_prefix(ERRORS)?.to_owned(), text(value))));
        let value = text(record.value);
        let cut: String = value.chars().take(SHOWN_CHARS).collect();
        let value = if cut.len() < value.len() { cut + "…" } else { cut };
        Self { errors: errors.collect(), key: text(record.key), value }
    }

    fn error(&self, name: &str) -> &str {
        self.errors.get(name).map_or("?", String::as_str)
    }
}

impl std::fmt::Display for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (topic, partition) = (self.error("topic"), self.error("partition"));
        write!(f, "from {topic}-{partition}@{}: ", self.error("offset"))?;
        write!(f, "{} ({})", self.error("message"), self.error("exception"))?;
        write!(f, "; key {}, value {}", self.key.escape_debug(), self.value.escape_debug())
    }
}

/// Records in transit to their topics.
struct Resent {
    producer: Box<dyn Producer>,
    pending: u64,
}

impl Resent {
    /// Writes the unchanged record to the partition that it came from.
    fn write(
        &mut self,
        place: &TopicPartition,
        record: &RecordView<'_>,
        letter: &Letter,
    ) -> Result<(), Failure> {
        let unknown = || format!("{place}@{} does not say where it came from", record.offset);
        let topic = letter.errors.get("topic").ok_or_else(unknown)?;
        let partition = letter.error("partition").parse().map_err(|_| unknown())?;
        let mut headers = Headers::new();
        for (name, value) in record.headers().filter(|(name, _)| !name.starts_with(ERRORS)) {
            headers.add(name, value);
        }
        let (timestamp, key, value) = (record.timestamp, record.key, record.value);
        let to = TopicPartition::new(topic.as_str(), partition);
        let again = ProduceRecord { timestamp, key, value, headers: &headers };
        self.producer.append_to(&to, again)?;
        self.pending += 1;
        if self.pending < 1_000 { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        for report in self.producer.flush()? {
            let to = &report.topic_partition;
            report.result.map_err(|error| error.in_context(format!("writing to {to}")))?;
        }
        self.pending = 0;
        Ok(())
    }
}
