//! The instances of the application, from start to the last order.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use streams_core::{
    KafkaStreams, TopicPartition,
    client::embedded::EmbeddedCluster,
    config::StreamsConfig,
    runtime::StreamsMetrics,
    time::{Clock, SystemClock},
};
use tokio::{sync::oneshot, task::JoinSet};

use crate::{Failure, args::Args, feed::Fed, topology};

const APPLICATION_ID: &str = "high-value-orders";
/// Interval between checks of the progress.
const TICK_MS: u64 = 50;
const TICK: Duration = Duration::from_millis(TICK_MS);
/// Number of ticks between lines of progress if there is no terminal.
const PLAIN_TICKS: u32 = 10;

/// Results of a run, for the summary.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) elapsed: Duration,
    pub(crate) metrics: Vec<StreamsMetrics>,
}

/// Instances with their local state; a temporary state directory goes with them.
struct Running<'a> {
    args: &'a Args,
    cluster: &'a EmbeddedCluster,
    state_dir: PathBuf,
    temporary: bool,
    instances: Vec<Instance>,
    /// The runs of the instances; each ends when told to, or with an error.
    runs: JoinSet<streams_core::Result>,
    started: usize,
    closed: Vec<StreamsMetrics>,
}

/// A running instance, and its stop signal.
struct Instance {
    streams: Arc<KafkaStreams>,
    stop: oneshot::Sender<()>,
}

/// Runs the instances until all orders are processed and committed.
pub(crate) async fn run_until_done(
    args: &Args,
    cluster: &EmbeddedCluster,
    fed: &Fed,
) -> Result<Report, Failure> {
    let clock = SystemClock;
    let started_ms = clock.now_ms();
    let mut running = Running::new(args, cluster, started_ms);
    let done = running.run(fed).await;
    let closed = running.close_all().await;
    running.remove_temporary();
    done.and(closed)?;
    let elapsed = Duration::from_millis(u64::try_from(clock.now_ms() - started_ms).unwrap_or(0));
    Ok(Report { elapsed, metrics: running.closed })
}

impl<'a> Running<'a> {
    fn new(args: &'a Args, cluster: &'a EmbeddedCluster, now_ms: i64) -> Self {
        let temporary = args.application.state_dir.is_none();
        let state_dir = args.application.state_dir.clone().unwrap_or_else(|| {
            let name = format!("high-value-orders-{}-{now_ms}", std::process::id());
            std::env::temp_dir().join(name)
        });
        let (instances, runs, closed) = (Vec::new(), JoinSet::new(), Vec::new());
        Self { args, cluster, state_dir, temporary, instances, runs, started: 0, closed }
    }

    fn start_instance(&mut self) -> Result<(), Failure> {
        let config = config(self.args, &self.state_dir, self.started);
        let topology = topology::topology(&self.args.application)?;
        let streams = KafkaStreams::with_client_supplier(topology, config, self.cluster.clone())?;
        // The cluster is as old as this process: state of an earlier run belongs to topics that are
        // gone.
        streams.clean_up()?;
        let streams = Arc::new(streams);
        let (stop, stopped) = oneshot::channel();
        self.runs.spawn({
            let streams = streams.clone();
            async move { streams.run_until(stopped).await }
        });
        self.started += 1;
        self.instances.push(Instance { streams, stop });
        Ok(())
    }

    async fn run(&mut self, fed: &Fed) -> Result<(), Failure> {
        for _ in 0..self.args.instances {
            self.start_instance()?;
        }
        let bar = progress_bar(fed.total);
        let mut replace = self.args.replace_midway;
        let mut tick = 0_u32;
        loop {
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                // The instances are closed, and a temporary state directory is removed, on the way
                // out.
                _ = tokio::signal::ctrl_c() => return Err("interrupted".into()),
                Some(ended) = self.runs.join_next() => {
                    ended??;
                    return Err("an instance has ended before the last order".into());
                }
            }
            let metrics = self.metrics();
            let processed: u64 = metrics.iter().map(|metrics| metrics.processed).sum();
            let produced: u64 = metrics.iter().map(|metrics| metrics.produced).sum();
            bar.set_position(fed.orders.load(Ordering::Relaxed));
            tick += 1;
            let rate = processed * 1_000 / (u64::from(tick) * TICK_MS);
            let tasks = self.tasks();
            let progress = format!("{processed} in, {produced} out, {rate}/s, tasks {tasks}");
            if bar.is_hidden() && tick.is_multiple_of(PLAIN_TICKS) {
                eprintln!("{}/{} orders fed, {progress}", bar.position(), fed.total);
            }
            bar.set_message(progress);
            if replace && processed > fed.total {
                replace = false;
                self.replace_first().await?;
            }
            if fed.done.load(Ordering::SeqCst) && self.all_committed()? {
                break fed.check_complete()?;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Stops an instance and starts another: tasks move, results do not change.
    async fn replace_first(&mut self) -> Result<(), Failure> {
        let first = self.instances.remove(0);
        self.stop(first).await?;
        self.start_instance()
    }

    /// Tells an instance to stop, and waits until one has ended: that one, or one that has failed.
    async fn stop(&mut self, instance: Instance) -> Result<(), Failure> {
        // Nobody is listening any more if the instance has ended by itself.
        let _ = instance.stop.send(());
        let ended = self.runs.join_next().await;
        self.closed.push(instance.streams.metrics());
        ended.map_or(Ok(()), |ended| Ok(ended??))
    }

    fn metrics(&self) -> Vec<StreamsMetrics> {
        let running = self.instances.iter().map(|instance| instance.streams.metrics());
        self.closed.iter().copied().chain(running).collect()
    }

    /// Active tasks by instance, as in `6+6`.
    fn tasks(&self) -> String {
        let count = |instance: &Instance| {
            let threads = instance.streams.metadata_for_local_threads();
            threads.iter().map(|thread| thread.active_tasks.len()).sum::<usize>().to_string()
        };
        self.instances.iter().map(count).collect::<Vec<_>>().join("+")
    }

    /// Returns whether the group has committed everything in the topics that it reads.
    fn all_committed(&self) -> Result<bool, Failure> {
        let committed = self.cluster.committed(APPLICATION_ID);
        let inputs = self.cluster.topics().into_keys().filter(|topic| {
            topic == topology::ORDERS
                || topic == topology::CUSTOMERS
                || topic.ends_with("-repartition")
        });
        for topic in inputs {
            for partition in 0..self.args.partitions {
                let end = self.cluster.end_offset(&topic, partition)?;
                let place = TopicPartition::new(topic.as_str(), partition);
                let offset = committed.get(&place).map_or(0, |committed| committed.offset);
                if offset < end {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn close_all(&mut self) -> Result<(), Failure> {
        let mut failed = None;
        for instance in std::mem::take(&mut self.instances) {
            failed = self.stop(instance).await.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }

    fn remove_temporary(&self) {
        if self.temporary && self.state_dir.exists() {
            // It is in the system's directory for temporary files: what is left there does no harm.
            let _ = std::fs::remove_dir_all(&self.state_dir);
        }
    }
}

fn config(args: &Args, state_dir: &Path, instance: usize) -> StreamsConfig {
    StreamsConfig::new(APPLICATION_ID, "embedded:9092")
        .client_id(format!("instance-{instance}"))
        .state_dir(state_dir.join(format!("instance-{instance}")))
        .num_stream_threads(usize::from(args.application.threads))
        .num_standby_replicas(usize::from(args.application.standbys))
        .processing_guarantee(args.application.guarantee.into())
        .commit_interval(Duration::from_millis(100))
        .poll_interval(Duration::from_millis(10))
}

fn progress_bar(total: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{elapsed_precise} {bar:30} {pos}/{len} orders fed, {msg}");
    let bar = ProgressBar::new(total);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
