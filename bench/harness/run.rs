//! One run of one contender, from empty topics to its figures.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use bench::kafka::{Event, EventKind, Failure, Usage, ends};
use kafka_client::{Client, GroupMember, OffsetAndMetadata};
use serde::Serialize;
use streams_dsl::time::{Clock, SystemClock};

use crate::{
    contender::{Contender, Order, Running, Store},
    input::{Input, Sizes},
    topics::{self, Content, Written},
    workload::{Compared, Workload},
};

/// Share of the records after which a program counts as warm, in percent.
const WARM_PERCENT: u64 = 20;

/// Settings of all instances, by Java's names: large fetches, short linger, caches, a commit per
/// second.
const SETTINGS: &[(&str, &str)] = &[
    ("num.stream.threads", "1"),
    ("commit.interval.ms", "1000"),
    ("statestore.cache.max.bytes", "67108864"),
    ("repartition.purge.interval.ms", "3600000"),
    // The records are old; the results must be measured before they are deleted.
    ("windowstore.changelog.additional.retention.ms", "3153600000000"),
    ("producer.linger.ms", "5"),
    ("consumer.fetch.max.bytes", "67108864"),
    ("consumer.max.partition.fetch.bytes", "8388608"),
    ("max.poll.records", "5000"),
];

/// The surroundings of runs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// A client of the cluster.
    pub(crate) client: Client,
    /// The cluster's address.
    pub(crate) bootstrap: String,
    /// Directory of the broker.
    pub(crate) broker: PathBuf,
    /// Process id of the broker.
    pub(crate) broker_pid: u32,
    /// Directory of states and logs.
    pub(crate) work: PathBuf,
    /// Medium of the stores.
    pub(crate) store: Store,
    /// Numbers of records.
    pub(crate) sizes: Sizes,
}

/// Figures of one run, with units in their names; one JSON line of the results.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    /// Name of the workload.
    pub(crate) workload: String,
    /// Name of the contender.
    pub(crate) contender: &'static str,
    /// Number of the round, from 1.
    pub(crate) round: usize,
    /// Number of records by which figures are divided.
    pub(crate) records: u64,
    /// The figures.
    pub(crate) figures: BTreeMap<String, f64>,
    /// Amounts written to each topic; internal ones without the application id.
    pub(crate) topics: BTreeMap<String, Written>,
}

impl Place {
    /// The settings of an instance, one `KEY=VALUE` for each.
    pub(crate) fn settings(
        &self,
        application: &str,
        own: &[(&'static str, &'static str)],
    ) -> Vec<String> {
        let mut settings: BTreeMap<&str, String> =
            SETTINGS.iter().chain(own).map(|(key, value)| (*key, (*value).to_owned())).collect();
        settings.insert("application.id", application.to_owned());
        settings.insert("bootstrap.servers", self.bootstrap.clone());
        settings
            .insert("state.dir", self.directory(application).join("state").display().to_string());
        settings.into_iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// Directory of an application's state and output.
    pub(crate) fn directory(&self, application: &str) -> PathBuf {
        self.work.join(application)
    }

    /// CPU time that the broker has used, in microseconds.
    pub(crate) fn broker_cpu_us(&self) -> Result<u64, Failure> {
        Ok(Usage::of_process(self.broker_pid)?.cpu_us)
    }

    /// Runs a workload on a contender. Returns figures, and contents of outputs.
    pub(crate) async fn run(
        &self,
        workload: &Workload,
        contender: &Contender,
        round: usize,
    ) -> Result<(Run, Vec<Content>), Failure> {
        let application = format!("{}-{}-{round}", workload.name, contender.name());
        let made: Vec<_> = workload
            .outputs
            .iter()
            .map(|(topic, _)| *topic)
            .filter(|topic| !topic.starts_with('-'))
            .collect();
        for topic in &made {
            topics::create(&self.client, topic).await?;
        }
        if workload.is_restore() {
            self.commit_ends(&application, Input::RowsTable.topic()).await?;
        }
        let total = workload.processed(self.sizes);
        let marks = [total * WARM_PERCENT / 100, total / 2, total];
        let mut settings = self.settings(&application, workload.settings);
        if *contender == Contender::Floor {
            settings.retain(|setting| {
                setting.starts_with("bootstrap.servers=") || setting.starts_with("state.dir=")
            });
        }
        let directory = self.directory(&application);
        let order = Order {
            topology: workload.topology,
            marks: &marks,
            settings: &settings,
            store: self.store,
            directory: &directory,
        };
        let broker_before = self.broker_cpu_us()?;
        let running = Running::start(contender, &order, SystemClock.now_ms() * 1_000)?;
        let started_us = running.started.0;
        let events = running.end().await?;
        let broker_us = self.broker_cpu_us()? - broker_before;
        let records = workload.records(self.sizes);
        let figures = if workload.is_restore() {
            restore_figures(&events, started_us, records)
        } else {
            figures(&events, started_us, records, total, workload.has_updates())
        };
        let mut figures = figures.ok_or_else(|| format!("{application}: events are missing"))?;
        figures.insert("broker_cpu_us_per_record".into(), per(broker_us, records));
        let topics = topics::written(&self.client, &self.broker, &application, &made).await?;
        let contents = self.contents(workload, &application).await?;
        topics::delete(&self.client, &application, &made).await?;
        remove(&directory)?;
        let (workload, contender) = (workload.name.to_owned(), contender.name());
        let topics = topics.into_iter().collect();
        Ok((Run { workload, contender, round, records, figures, topics }, contents))
    }

    async fn contents(
        &self,
        workload: &Workload,
        application: &str,
    ) -> Result<Vec<Content>, Failure> {
        let mut contents = Vec::new();
        for (topic, compared) in workload.outputs {
            let name = match topic.strip_prefix('-') {
                Some(_) => format!("{application}{topic}"),
                None => (*topic).to_owned(),
            };
            contents.push(topics::content(&self.client, &name, *compared).await?);
        }
        Ok(contents)
    }

    /// Commits the ends of a topic for a group without members, as if it had read it all.
    async fn commit_ends(&self, group: &str, topic: &str) -> Result<(), Failure> {
        let member = GroupMember {
            group_id: group.to_owned(),
            member_id: String::new(),
            epoch: -1,
            group_instance_id: None,
        };
        let ends = ends(&self.client, topic).await?;
        let offsets: Vec<_> = ends
            .into_iter()
            .map(|(partition, offset)| {
                (partition, OffsetAndMetadata { offset, ..OffsetAndMetadata::default() })
            })
            .collect();
        Ok(self.client.commit_offsets(&member, &offsets).await?)
    }
}

/// Removes a directory of a run.
pub(crate) fn remove(directory: &Path) -> Result<(), Failure> {
    Ok(fs::remove_dir_all(directory)?)
}

fn figures(
    events: &[Event],
    started_us: i64,
    records: u64,
    total: u64,
    has_updates: bool,
) -> Option<BTreeMap<String, f64>> {
    let at = |wanted: u64| {
        events.iter().find(|event| event.event == EventKind::Mark && event.processed >= wanted)
    };
    let (warm, half, last) = (at(total * WARM_PERCENT / 100)?, at(total / 2)?, at(total)?);
    let end = events.last()?;
    // Records of the input, in proportion of processed records to all records.
    let input = |from: &Event, to: &Event| {
        number(to.processed - from.processed) * number(records) / number(total)
    };
    let seconds = |from: &Event, to: &Event| micros(to.unix_us - from.unix_us) / 1e6;
    let cpu = |from: &Event, to: &Event| number(to.usage.cpu_us - from.usage.cpu_us);
    let mut figures = usage(end, records);
    let mut add = |name: &str, figure: f64| figures.insert(name.to_owned(), figure);
    add("cpu_us_per_record_warm", cpu(warm, last) / input(warm, last));
    add("records_per_s", input(warm, last) / seconds(warm, last));
    add("start_to_end_s", micros(last.unix_us - started_us) / 1e6);
    if has_updates {
        let disk = |from: &Event, to: &Event| {
            number(to.usage.disk_write_bytes - from.usage.disk_write_bytes) / 1e6
        };
        add("new_keys_cpu_us_per_record_warm", cpu(warm, half) / input(warm, half));
        add("updates_cpu_us_per_record", cpu(half, last) / input(half, last));
        add("updates_disk_write_mb", disk(half, last));
    }
    Some(figures)
}

/// A restore counts everything until the instance is running.
fn restore_figures(
    events: &[Event],
    started_us: i64,
    records: u64,
) -> Option<BTreeMap<String, f64>> {
    let running = events.iter().find(|event| event.event == EventKind::Running)?;
    let mut figures = usage(events.last()?, records);
    let seconds = micros(running.unix_us - started_us) / 1e6;
    figures.insert("restore_cpu_us_per_record".into(), per(running.usage.cpu_us, records));
    figures.insert("restore_s".into(), seconds);
    figures.insert("records_per_s".into(), number(records) / seconds);
    Some(figures)
}

fn usage(end: &Event, records: u64) -> BTreeMap<String, f64> {
    BTreeMap::from([
        ("cpu_us_per_record".to_owned(), per(end.usage.cpu_us, records)),
        ("rss_peak_mib".to_owned(), number(end.usage.rss_peak_kib) / 1024.0),
        ("disk_write_mb".to_owned(), number(end.usage.disk_write_bytes) / 1e6),
    ])
}

fn per(amount: u64, records: u64) -> f64 {
    number(amount) / number(records)
}

#[expect(clippy::cast_precision_loss, reason = "figures have three digits")]
pub(crate) fn number(amount: u64) -> f64 {
    amount as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures have three digits")]
fn micros(amount: i64) -> f64 {
    amount as f64
}

/// The floors: the cost of reading, writing and storing the records of the texts alone.
pub(crate) fn floors(store: Store) -> Vec<Workload> {
    let floor = |name, outputs| Workload {
        name,
        topology: name,
        inputs: &[Input::Texts],
        outputs,
        passes: 1,
        settings: &[],
    };
    let mut floors = vec![floor("consume", &[]), floor("produce", &[("out", Compared::Multiset)])];
    if store == Store::Rocksdb {
        floors.push(floor("store", &[]));
    }
    floors
}
