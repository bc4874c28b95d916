//! Stores driven by commands in the values of the records.

use std::time::Duration;

use streams_core::{
    BoxError, Direction, Record, Result,
    processor::{Context, Processor},
    serde::string,
    store::{
        KeyValueStore, SessionStore, SessionWindow, StateStore, StoreBuilder, StoreRef, Stores,
        VersionPut, VersionedKeyValueStore, VersionedRecord, WindowStore,
    },
    topology::TopologyBuilder,
};

use super::{
    Built, Processors,
    processor::{Text, sink, source},
};
use crate::conformance::functions::text;

pub(super) const TOPOLOGIES: Processors = &[
    ("store-key-value", || commands(key_values(), key_value)),
    ("store-key-value-memory", || commands(key_values().in_memory(), key_value)),
    ("store-lru", || commands(Stores::lru_map("s", 3, string(), string()), key_value)),
    ("store-window", || commands(windows(), window)),
    ("store-window-memory", || commands(windows().in_memory(), window)),
    ("store-session", || commands(sessions(), session)),
    ("store-versioned", || commands(versions(), version)),
    ("store-session-memory", || commands(sessions().in_memory(), session)),
];

const WINDOW_MS: i64 = 10_000;

/// Rows that a command answers with: keys and values as texts.
type Rows = Vec<(String, String)>;

/// Runs one command, of these words, for the key of a record at this timestamp.
type Command<S> = fn(&mut S, &Call<'_>) -> Result<Rows, BoxError>;

/// A command with its words.
struct Call<'a> {
    key: &'a String,
    timestamp: i64,
    name: &'a str,
    words: Vec<&'a str>,
}

impl Call<'_> {
    /// The word at `index` behind the command's name.
    fn word(&self, index: usize) -> Result<&str, BoxError> {
        let word = self.words.get(index).copied();
        word.ok_or_else(|| format!("command {} lacks word {index}", self.name).into())
    }

    /// A key or value; `-` is null.
    fn nullable(&self, index: usize) -> Result<Option<String>, BoxError> {
        let word = self.word(index)?;
        Ok((word != "-").then(|| word.to_owned()))
    }

    fn time(&self, index: usize) -> Result<i64, BoxError> {
        Ok(self.word(index)?.parse()?)
    }

    /// One row under the record's key.
    fn row(&self, value: Option<&String>) -> Rows {
        vec![(self.key.clone(), text(value.map(String::as_str)).to_owned())]
    }
}

/// Forwards what a command answers.
struct Commands<S> {
    store: StoreRef<S>,
    command: Command<S>,
}

impl<S: StateStore> Processor<Text, Text, Text, Text> for Commands<S> {
    fn process(
        &mut self,
        record: Record<'_, Text, Text>,
        context: &mut Context<'_, Text, Text>,
    ) -> Result<(), BoxError> {
        let (Some(key), Some(value)) = (record.key, record.value) else {
            return Err("a command has a key and a value".into());
        };
        let mut words = value.split(' ');
        let name = words.next().unwrap_or_default();
        let call = Call { key, timestamp: record.timestamp, name, words: words.collect() };
        for (key, value) in (self.command)(context.store(self.store)?, &call)? {
            let (key, value) = (Some(key), Some(value));
            context.forward(record.with_key(&key).with_value(&value))?;
        }
        Ok(())
    }
}

fn commands<S: StateStore>(store: StoreBuilder<S>, command: Command<S>) -> Built {
    let mut builder = TopologyBuilder::new();
    let src = source(&mut builder, &["in"]);
    let store = builder.add_state_store(store);
    let p = builder.add_processor("p", move || Commands { store, command }, &[src]);
    builder.connect(p.id(), store);
    sink(&mut builder, "snk", "out", p);
    Ok(builder.build()?)
}

fn key_values() -> StoreBuilder<KeyValueStore<String, String>> {
    Stores::key_value("s", string(), string())
}

fn key_value(store: &mut KeyValueStore<String, String>, call: &Call<'_>) -> Result<Rows, BoxError> {
    let key = call.key;
    let rows = match call.name {
        "put" => {
            store.put(key, call.nullable(0)?)?;
            Vec::new()
        }
        "absent" => {
            let old = match call.nullable(0)? {
                Some(value) => store.put_if_absent(key, value)?,
                None => store.get(key)?.cloned(),
            };
            call.row(old.as_ref())
        }
        "get" => call.row(store.get(key)?),
        "delete" => call.row(store.delete(key)?.as_ref()),
        "range" | "back" => {
            let (from, to) = (call.nullable(0)?, call.nullable(1)?);
            let direction = direction(call.name == "back");
            store.range(from.as_ref(), to.as_ref(), direction)?.collect::<Result<_>>()?
        }
        "all" | "allback" => {
            store.all(direction(call.name == "allback"))?.collect::<Result<_>>()?
        }
        "prefix" => store.prefix_scan(call.word(0)?.as_bytes())?.collect::<Result<_>>()?,
        other => return Err(format!("there is no command {other}").into()),
    };
    Ok(rows)
}

const fn direction(backward: bool) -> Direction {
    if backward { Direction::Backward } else { Direction::Forward }
}

fn windows() -> StoreBuilder<WindowStore<String, String>> {
    Stores::window("s", Duration::from_secs(60), string(), string())
}

fn window(store: &mut WindowStore<String, String>, call: &Call<'_>) -> Result<Rows, BoxError> {
    let key = call.key;
    let backward = call.name.ends_with("back");
    match call.name {
        "put" => {
            store.put(key, call.nullable(0)?, call.timestamp)?;
            Ok(Vec::new())
        }
        "get" => Ok(call.row(store.fetch(key, call.time(0)?)?)),
        "fetch" | "back" => {
            let times = call.time(0)?..=call.time(1)?;
            let rows = store.fetch_range(key, times, direction(backward))?;
            Ok(rows.into_iter().map(|(start, value)| (format!("{key}@{start}"), value)).collect())
        }
        "keys" | "keysback" => {
            let (from, to) = (call.nullable(0)?, call.nullable(1)?);
            let times = call.time(2)?..=call.time(3)?;
            Ok(named(store.fetch_keys(from.as_ref(), to.as_ref(), times, direction(backward))?))
        }
        "times" => {
            let times = call.time(0)?..=call.time(1)?;
            Ok(named(store.fetch_all(times, Direction::Forward)?))
        }
        "all" | "allback" => Ok(named(store.all(direction(backward))?)),
        other => Err(format!("there is no command {other}").into()),
    }
}

fn sessions() -> StoreBuilder<SessionStore<String, String>> {
    Stores::session("s", Duration::from_secs(60), string(), string())
}

fn session(store: &mut SessionStore<String, String>, call: &Call<'_>) -> Result<Rows, BoxError> {
    let key = call.key;
    let window = || Ok::<_, BoxError>(SessionWindow::new(call.time(0)?, call.time(1)?));
    let direction = direction(call.name.ends_with("back"));
    let rows = match call.name {
        "put" => {
            store.put(key, window()?, call.nullable(2)?)?;
            Vec::new()
        }
        "remove" => {
            store.remove(key, window()?)?;
            Vec::new()
        }
        "get" => call.row(store.fetch_session(key, window()?)?),
        "find" | "findback" => {
            let found = store.find_sessions(key, call.time(0)?, call.time(1)?, direction)?;
            found.into_iter().map(|(window, value)| (session_name(key, window), value)).collect()
        }
        "keys" => {
            let (from, to) = (call.nullable(0)?, call.nullable(1)?);
            let times = (call.time(2)?, call.time(3)?);
            let found =
                store.find_sessions_of_keys(from.as_ref(), to.as_ref(), times, direction)?;
            let found = found.into_iter();
            found.map(|(key, window, value)| (session_name(&key, window), value)).collect()
        }
        "fetch" | "fetchback" => {
            let found = store.fetch(key, direction)?.into_iter();
            found.map(|(window, value)| (session_name(key, window), value)).collect()
        }
        other => return Err(format!("there is no command {other}").into()),
    };
    Ok(rows)
}

fn session_name(key: &str, SessionWindow { start, end }: SessionWindow) -> String {
    format!("{key}[{start},{end}]")
}

fn versions() -> StoreBuilder<VersionedKeyValueStore<String, String>> {
    Stores::versioned_key_value("s", Duration::from_secs(30), string(), string())
}

fn version(
    store: &mut VersionedKeyValueStore<String, String>,
    call: &Call<'_>,
) -> Result<Rows, BoxError> {
    let key = call.key;
    let row = |version: Option<VersionedRecord<String>>| {
        let text = version.map(|version| format!("{}@{}", version.value, version.timestamp));
        call.row(text.as_ref())
    };
    Ok(match call.name {
        "put" => {
            let code = match store.put(key, call.nullable(0)?, call.timestamp)? {
                VersionPut::Latest => -1,
                VersionPut::ValidTo(time) => time,
                VersionPut::TooOld => i64::MIN,
            };
            call.row(Some(&code.to_string()))
        }
        "delete" => row(store.delete(key, call.timestamp)?),
        "get" => row(store.get(key)?),
        "at" => row(store.get_as_of(key, call.time(0)?)?),
        other => return Err(format!("there is no command {other}").into()),
    })
}

/// Rows with their windows as texts.
fn named(rows: Vec<(String, i64, String)>) -> Rows {
    let name = |key, start| format!("{key}[{start},{}]", start + WINDOW_MS);
    rows.into_iter().map(|(key, start, value)| (name(key, start), value)).collect()
}
