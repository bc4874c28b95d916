//! The trait of a store of the program's own.

use super::{CommittedRows, StoreChanges};
use crate::BoxError;

/// A store of the program's own: any in-memory structure that consists of rows, such as an index, a
/// sketch or a ranking. Java's `StateStore`, with its `StateRestoreCallback`.
///
/// The library keeps a copy of its rows, with keys and values as bytes, in the task's database (in
/// RocksDB, or in memory) and in the changelog. When a task starts, a new store is made and gets
/// the committed rows. Each commit asks it for its changes, and writes them to both, with the input
/// offsets. If the work since the last commit is dropped, so is the store, and a new one gets the
/// committed rows: nothing in it needs to be undone. Its structure must therefore follow from its
/// rows.
///
/// Described by [`Stores::custom`](crate::store::Stores::custom). Processors get it as a
/// [`CustomStateStore`](super::CustomStateStore), and call its own methods. Caching has no effect
/// on it, and its memory is not part of the memory budget.
///
/// ```
/// use std::collections::{BTreeMap, BTreeSet, HashMap};
/// use streams_core::{
///     BoxError, Record, config::StreamsConfig, processor::Context, serde,
///     store::{CustomStore, StoreChanges, Stores},
///     testing::TopologyTestDriver,
///     topology::{SinkOptions, SourceOptions, TopologyBuilder},
/// };
///
/// /// Players by their scores.
/// #[derive(Default)]
/// struct Ranking {
///     scores: HashMap<String, i64>,
///     by_score: BTreeSet<(i64, String)>,
///     /// Players whose scores are not committed, with the timestamps of the records that changed them.
///     changed: BTreeMap<String, i64>,
/// }
///
/// impl Ranking {
///     fn add(&mut self, player: &str, points: i64, timestamp: i64) {
///         let score = self.scores.get(player).copied().unwrap_or_default() + points;
///         self.set(player.to_owned(), score);
///         self.changed.insert(player.to_owned(), timestamp);
///     }
///
///     fn set(&mut self, player: String, score: i64) {
///         if let Some(before) = self.scores.insert(player.clone(), score) {
///             self.by_score.remove(&(before, player.clone()));
///         }
///         self.by_score.insert((score, player));
///     }
///
///     fn first(&self) -> Option<&String> {
///         self.by_score.last().map(|(_, player)| player)
///     }
/// }
///
/// impl CustomStore for Ranking {
///     fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), BoxError> {
///         self.set(String::from_utf8(key.to_vec())?, i64::from_be_bytes(value.try_into()?));
///         Ok(())
///     }
///
///     fn flush(&mut self, changes: &mut StoreChanges<'_>) -> Result<(), BoxError> {
///         for (player, timestamp) in std::mem::take(&mut self.changed) {
///             let score = self.scores.get(&player).copied().unwrap_or_default();
///             changes.put(player.as_bytes(), &score.to_be_bytes(), timestamp)?;
///         }
///         Ok(())
///     }
/// }
///
/// let mut builder = TopologyBuilder::new();
/// let source = SourceOptions::new(["points"], serde::string(), serde::long());
/// let source = builder.add_source("source", source);
/// let ranking = builder.add_state_store(Stores::custom("ranking", Ranking::default));
/// let rank = move || {
///     move |record: Record<'_, String, i64>, context: &mut Context<'_, String, String>| {
///         let timestamp = context.timestamp();
///         let ranking = context.store(ranking)?;
///         ranking.add(record.key, *record.value, timestamp);
///         let first = ranking.first().cloned().unwrap_or_default();
///         context.forward(record.with_value(&first)).map_err(BoxError::from)
///     }
/// };
/// let node = builder.add_processor("rank", rank, &[source]);
/// builder.connect(node.id(), ranking);
/// builder.add_sink("sink", SinkOptions::topic("leaders", serde::string(), serde::string()), &[node]);
///
/// let driver = TopologyTestDriver::new(&builder.build()?, StreamsConfig::new("app", "unused:9092"))?;
/// let mut points = driver.input_topic("points", serde::string(), serde::long());
/// points.pipe_input("ann".into(), 3, 0)?;
/// points.pipe_input("bob".into(), 5, 1)?;
/// let leaders = driver.output_topic("leaders", serde::string(), serde::string());
/// assert_eq!(leaders.read_key_values_to_list()?[1].1, "bob");
/// # Ok::<(), streams_core::Error>(())
/// ```
pub trait CustomStore: Send + 'static {
    /// Fills a new store from the committed rows, before the first record: calls
    /// [`restore`](Self::restore) for each of them, in the order of their keys. A store that does
    /// not hold all of its rows in memory keeps a clone of `rows` instead, and reads them as
    /// needed.
    ///
    /// # Errors
    /// Any error; the task does not start.
    fn init(&mut self, rows: &CommittedRows) -> Result<(), BoxError> {
        rows.for_each(|key, value| self.restore(key, value))
    }

    /// Takes a committed row: the last value of its key. Deleted keys are not reported.
    ///
    /// # Errors
    /// Any error, for example if the bytes can't be read; the task does not start.
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), BoxError>;

    /// Reports the rows that have changed since the last call, each once, with their current
    /// values. Called at each commit before which a processor had access to the store.
    ///
    /// # Errors
    /// Any error, for example if a value can't be written; it fails the commit.
    fn flush(&mut self, changes: &mut StoreChanges<'_>) -> Result<(), BoxError>;

    /// Called when the commit has taken the changes of `flush`: they are among the
    /// [`CommittedRows`] from now on, and if the commit fails after all, the store is dropped. A
    /// store that does not keep those rows has nothing to do.
    fn committed(&mut self) {}
}
