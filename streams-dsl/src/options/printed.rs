//! Printing of a stream: destination and format.

use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use parking_lot::Mutex;

/// Writer of the lines, which all tasks of an instance share.
pub(crate) type Lines = Arc<Mutex<Box<dyn Write + Send>>>;

/// Function that makes a line of a record.
pub(crate) type LineOf<K, V> = Arc<dyn Fn(&K, &V) -> String + Send + Sync>;

/// Destination of the lines.
#[derive(Clone)]
pub(crate) enum Printer {
    Stdout,
    File(PathBuf),
    Writer(Lines),
}

impl Printer {
    /// The writer of the lines.
    pub(crate) fn open(&self) -> io::Result<Lines> {
        let writer: Box<dyn Write + Send> = match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::File(path) => Box::new(std::fs::File::create(path)?),
            Self::Writer(writer) => return Ok(writer.clone()),
        };
        Ok(Arc::new(Mutex::new(writer)))
    }
}

/// Destination and format of printed records: one line per record, `[label]: key, value`. Java's
/// `Printed`; a name is given by `named` after [`print`](crate::KStream::print).
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

    /// Prints each record after the label as `mapper` writes it, instead of in its `Debug` form.
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
