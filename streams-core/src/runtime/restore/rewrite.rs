//! Rewrites a lost changelog from the local state, one page of rows at a time.
//!
//! Invariant: the database records that the changelog must be rewritten until all of it is. With
//! exactly-once each page is a transaction with an id used only for rewriting this changelog:
//! records of an abandoned producer must not come after newer rows. With at-least-once the task's
//! owner notices such rows, and rewrites them.

use std::ops::Bound;

use state_store::{Direction, WriteBatch};

use super::{super::app::App, beginning::Local};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{Collector, Lease, ProducerSettings},
    store::{ChangelogWriter, LogOrder, StateStore},
    task::TaskDatabases,
};

/// Number of rows that are written before their reports are awaited.
const PAGE_ROWS: usize = 5_000;

/// A changelog that is being rewritten.
pub(super) struct Rewrite {
    store: Box<dyn StateStore>,
    collector: Box<Collector>,
    transactional: bool,
    /// Local key of the last row that was written.
    last: Option<Vec<u8>>,
    rows: u64,
    next_offset: Option<i64>,
}

impl Rewrite {
    /// Begins with the first row.
    ///
    /// # Errors
    /// Errors of the store, or `Unavailable` if no producer can be made.
    pub(super) fn new(
        app: &App,
        (index, databases): (usize, &TaskDatabases),
        changelog: &TopicPartition,
        client_id: String,
        lease: Lease,
    ) -> Result<Self> {
        let def = app.topology.stores.get(index).ok_or_else(|| {
            Error::new(ErrorKind::Fatal, format!("the topology has no store {index}"))
        })?;
        let store = databases.open_store(index, def, &app.settings)?;
        let transactional_id = app.exactly_once().then(|| format!("{changelog}-rewrite"));
        let transactional = transactional_id.is_some();
        let settings =
            ProducerSettings { client_id, transactional_id, lease, ..ProducerSettings::default() };
        let mut producer = app.clients.producer(&settings)?;
        if transactional {
            producer.init_transactions()?;
        }
        let collector = Box::new(Collector::new(producer));
        Ok(Self { store, collector, transactional, last: None, rows: 0, next_offset: None })
    }

    /// Writes the next rows. Returns whether these were the last.
    ///
    /// # Errors
    /// Errors of the producer or the database. The rewriting must then start again.
    pub(super) fn write_page(&mut self, local: &Local<'_>, now_ms: i64) -> Result<bool> {
        let from = self.last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = local.database.range(local.id, from, Bound::Unbounded, Direction::Forward)?;
        let keys = rows.take(PAGE_ROWS).map(|row| row.map(|(key, _)| key));
        let keys = keys.collect::<Result<Vec<_>, state_store::Error>>()?;
        if self.transactional {
            self.collector.producer().begin_transaction()?;
        }
        let (mut no_rows, slot) = (WriteBatch::new(), self.collector.slot(local.partition)?);
        for key in &keys {
            // Index entries of a store are not in the changelog.
            let Some(logged) = local.spec.format.to_changelog_key(key) else { continue };
            let changelog = Some((slot, &mut *self.collector));
            let mut writer = ChangelogWriter {
                batch: &mut no_rows,
                changelog,
                position: None,
                order: LogOrder::default(),
            };
            self.store.log_again(logged, now_ms, &mut writer)?;
        }
        for report in self.collector.flush()? {
            let base = report.result?;
            self.next_offset = Some(base + i64::try_from(report.records).unwrap_or(0));
        }
        if self.transactional {
            self.collector.producer().commit_transaction()?;
        }
        let is_last = keys.len() < PAGE_ROWS;
        self.rows += u64::try_from(keys.len()).unwrap_or(0);
        self.last = keys.into_iter().next_back().or(self.last.take());
        Ok(is_last)
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The offset after the last row; `None` if there was none.
    pub(super) fn next_offset(&self) -> Option<i64> {
        self.next_offset
    }
}
