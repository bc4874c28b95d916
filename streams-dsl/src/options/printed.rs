//! Where and how a stream is printed.

use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use parking_lot::Mutex;

/// What lines are written to, by all tasks of an instance.
pub(crate) type Lines = Arc<Mutex<Box<dyn Write + Send>>>;

/// What makes a line of a record.
pub(crate) type LineOf<K, V> = Arc<dyn Fn(&K, &V) -> String + Send + Sync>;

/// Where lines go.
#[derive(Clone)]
pub(crate) enum Printer {
    Stdout,
    File(PathBuf),
    Writer(Lines),
}

impl Printer {
    /// What lines are written to.
    pub(crate) fn open(&self) -> io::Result<Lines> {
        let writer: Box<dyn Write + Send> = match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::File(path) => Box::new(std::fs::File::create(path)?),
            Self::Writer(writer) => return Ok(writer.clone()),
        };
        Ok(Arc::new(Mutex::new(writer)))
    }
}

/// Where the records of a stream are printed, and how: each a line, `[label]: key, value`. Java's `Printed`; its name is
/// said behind [`print`](crate::KStream::print).
///
/// ```
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let orders = builder.stream::<String, i64>("orders");
/// orders.print(Printed::to_sys_out().with_label("orders")).named("show");
/// assert!(builder.build()?.describe().contains("Processor: show"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
pub struct Printed<K, V> {
    pub(crate) printer: Printer,
    pub(crate) label: Option<String>,
    pub(crate) line_of: LineOf<K, V>,
}

impl<K: fmt::Debug, V: fmt::Debug> Printed<K, V> {
    fn new(printer: Printer) -> Self {
        let line_of = Arc::new(|key: &K, value: &V| format!("{key:?}, {value:?}"));
        Self { printer, label: None, line_of }
    }

    /// Prints to the standard output.
    pub fn to_sys_out() -> Self {
        Self::new(Printer::Stdout)
    }

    /// Prints to a file, which is made anew when the topology is built.
    pub fn to_file(path: impl Into<PathBuf>) -> Self {
        Self::new(Printer::File(path.into()))
    }

    /// Prints to a writer.
    pub fn to_writer(writer: impl Write + Send + 'static) -> Self {
        Self::new(Printer::Writer(Arc::new(Mutex::new(Box::new(writer)))))
    }
}

impl<K, V> Printed<K, V> {
    /// Begins each line with this label, instead of the name of the node above.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Makes what is behind the label of each record, instead of its `Debug` form.
    #[must_use]
    pub fn with_key_value_mapper(
        mut self,
        mapper: impl Fn(&K, &V) -> String + Send + Sync + 'static,
    ) -> Self {
        self.line_of = Arc::new(mapper);
        self
    }
}

impl<K, V> fmt::Debug for Printed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Printed(label: {:?})", self.label)
    }
}
