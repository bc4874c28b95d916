//! The list of all metrics of an instance at the time of a request.

use super::{
    super::{State, app::App, metrics::StreamsMetrics},
    clients,
    definitions::{self as is, Definition},
    figures::{InputFigures, TaskFigures, ThreadFigures},
    metric::Metric,
    sensor::{Sensor, float, signed},
};
use crate::{client::Flow, store::StoreUsage};

/// Data of an instance besides the figures of its threads.
pub(crate) struct Instance<'a> {
    pub(crate) app: &'a App,
    pub(crate) state: State,
    pub(crate) alive_threads: usize,
}

type Tag = (&'static str, String);

/// A list under construction.
struct List {
    metrics: Vec<Metric>,
}

impl List {
    fn add(&mut self, of: Definition, tags: &[Tag], value: f64) {
        let Definition { group, name, kind, description } = of;
        self.metrics.push(Metric { group, name, description, kind, tags: tags.to_vec(), value });
    }
}

/// All metrics of an instance.
pub(crate) fn list(of: &Instance<'_>) -> Vec<Metric> {
    let mut list = List { metrics: Vec::new() };
    list.instance(of);
    for client in of.app.clients.statistics() {
        clients::list(&client, |definition, tags, value| list.add(definition, tags, value));
    }
    let now_ms = of.app.clock.now_ms();
    for (thread, figures) in of.app.shared.figures() {
        let figures = figures.lock();
        let thread_id = ("thread-id", thread.clone());
        list.thread(&figures, std::slice::from_ref(&thread_id), now_ms);
        for (task, figures) in &figures.tasks {
            let tags = [thread_id.clone(), ("task-id", task.to_string())];
            list.task(figures, &tags, now_ms);
            list.inputs(&figures.inputs, &tags, &thread);
            for (store, usage) in &figures.stores {
                let [thread, task] = tags.clone();
                list.store(usage, &[thread, task, ("state-id", store.clone())]);
            }
        }
        for (task, remaining) in &figures.restoring {
            let tags = [thread_id.clone(), ("task-id", task.to_string())];
            list.add(is::TASK_RESTORE_REMAINING, &tags, signed(*remaining));
        }
        for (topic, Flow { records, bytes }) in &figures.written {
            let tags = [thread_id.clone(), ("topic-name", topic.to_string())];
            list.add(is::RECORDS_PRODUCED, &tags, float(*records));
            list.add(is::BYTES_PRODUCED, &tags, float(*bytes));
        }
    }
    list.metrics
}

impl List {
    fn instance(&mut self, Instance { app, state, alive_threads }: &Instance<'_>) {
        let tags = [("client-id", app.client_id())];
        let counted = app.shared.counters.snapshot();
        let StreamsMetrics { restored, standby_updates, corrupt_rows, dead_letters, .. } = counted;
        let budget = &app.settings.budget;
        let size = |size: usize| float(u64::try_from(size).unwrap_or(u64::MAX));
        self.add(is::CLIENT_STATE, &tags, f64::from(state.number()));
        self.add(is::ALIVE_THREADS, &tags, size(*alive_threads));
        self.add(is::FAILED_THREADS, &tags, float(counted.failed_threads));
        self.add(is::DEAD_LETTERS, &tags, float(dead_letters));
        self.add(is::OVERLAY_BYTES, &tags, size(budget.overlay_used()));
        self.add(is::OVERLAY_LIMIT, &tags, size(budget.overlay_limit()));
        self.add(is::RESTORED, &tags, float(restored));
        self.add(is::STANDBY_UPDATES, &tags, float(standby_updates));
        self.add(is::CORRUPT_ROWS, &tags, float(corrupt_rows));
    }

    fn thread(&mut self, figures: &ThreadFigures, tags: &[Tag], now_ms: i64) {
        self.add(is::THREAD_START, tags, signed(figures.started_ms));
        let (rate, total) = (is::PROCESS_RATE, is::PROCESS_TOTAL);
        let latency = (is::PROCESS_LATENCY_AVG, is::PROCESS_LATENCY_MAX);
        self.timed(&figures.process, (rate, total, latency, is::PROCESS_RATIO), tags, now_ms);
        let records = (is::PROCESS_RECORDS_AVG, is::PROCESS_RECORDS_MAX);
        self.spread(&figures.process_records, records, tags, now_ms);
        let (rate, total) = (is::POLL_RATE, is::POLL_TOTAL);
        let latency = (is::POLL_LATENCY_AVG, is::POLL_LATENCY_MAX);
        self.timed(&figures.poll, (rate, total, latency, is::POLL_RATIO), tags, now_ms);
        let records = (is::POLL_RECORDS_AVG, is::POLL_RECORDS_MAX);
        self.spread(&figures.poll_records, records, tags, now_ms);
        let (rate, total) = (is::COMMIT_RATE, is::COMMIT_TOTAL);
        let latency = (is::COMMIT_LATENCY_AVG, is::COMMIT_LATENCY_MAX);
        self.timed(&figures.commit, (rate, total, latency, is::COMMIT_RATIO), tags, now_ms);
        let (rate, total) = (is::PUNCTUATE_RATE, is::PUNCTUATE_TOTAL);
        let latency = (is::PUNCTUATE_LATENCY_AVG, is::PUNCTUATE_LATENCY_MAX);
        self.timed(&figures.punctuate, (rate, total, latency, is::PUNCTUATE_RATIO), tags, now_ms);
        self.add(is::TASKS_CREATED, tags, float(figures.tasks_created));
        self.add(is::TASKS_CLOSED, tags, float(figures.tasks_closed));
        self.add(is::REBALANCES, tags, float(figures.rebalances));
        let standing_still = u64::try_from(figures.standing_still).unwrap_or(u64::MAX);
        self.add(is::STANDING_STILL, tags, float(standing_still));
    }

    fn timed(
        &mut self,
        sensor: &Sensor,
        (rate, total, latency, ratio): (
            Definition,
            Definition,
            (Definition, Definition),
            Definition,
        ),
        tags: &[Tag],
        now_ms: i64,
    ) {
        let sampled = sensor.sampled(now_ms);
        self.add(rate, tags, sampled.rate);
        self.add(total, tags, float(sensor.total));
        self.add(ratio, tags, sampled.ratio);
        self.spread(sensor, latency, tags, now_ms);
    }

    fn spread(
        &mut self,
        sensor: &Sensor,
        (mean, max): (Definition, Definition),
        tags: &[Tag],
        now_ms: i64,
    ) {
        let sampled = sensor.sampled(now_ms);
        self.add(mean, tags, sampled.mean);
        self.add(max, tags, sampled.max);
    }

    fn task(&mut self, figures: &TaskFigures, tags: &[Tag], now_ms: i64) {
        self.add(is::TASK_PROCESS_TOTAL, tags, float(figures.processed));
        self.add(is::TASK_DROPPED, tags, float(figures.dropped));
        self.add(is::TASK_PUNCTUATIONS, tags, float(figures.punctuations));
        let lateness = (is::TASK_LATENESS_AVG, is::TASK_LATENESS_MAX);
        self.spread(&figures.lateness, lateness, tags, now_ms);
        let latency = (is::TASK_LATENCY_AVG, is::TASK_LATENCY_MAX);
        self.spread(&figures.latency, latency, tags, now_ms);
        self.add(is::TASK_LATENCY_MIN, tags, figures.latency.sampled(now_ms).min);
        let queued = figures.inputs.iter().map(|input| input.queued).sum();
        self.add(is::TASK_BUFFERED, tags, float(queued));
        let cached = figures.stores.iter().map(|(_, usage)| usage.cache_bytes).sum();
        self.add(is::TASK_CACHE_BYTES, tags, float(cached));
    }

    fn inputs(&mut self, inputs: &[InputFigures], [thread, task]: &[Tag; 2], client: &str) {
        for InputFigures { partition, consumed, lag, .. } in inputs {
            let topic = partition.topic.to_string();
            let tags = [thread.clone(), task.clone(), ("topic-name", topic.clone())];
            self.add(is::RECORDS_CONSUMED, &tags, float(consumed.records));
            self.add(is::BYTES_CONSUMED, &tags, float(consumed.bytes));
            let Some(lag) = lag else { continue };
            let client_id = ("client-id", format!("{client}-consumer"));
            let number = ("partition", partition.partition.to_string());
            self.add(is::RECORDS_LAG, &[client_id, ("topic", topic), number], signed(*lag));
        }
    }

    fn store(&mut self, usage: &StoreUsage, tags: &[Tag]) {
        let StoreUsage { gets, misses, puts, ranges, flushes, entries, cache_bytes } = *usage;
        for (definition, value) in [
            (is::STORE_GETS, gets),
            (is::STORE_MISSES, misses),
            (is::STORE_PUTS, puts),
            (is::STORE_RANGES, ranges),
            (is::STORE_FLUSHES, flushes),
            (is::STORE_ENTRIES, entries),
            (is::STORE_CACHE_BYTES, cache_bytes),
        ] {
            self.add(definition, tags, float(value));
        }
    }
}
