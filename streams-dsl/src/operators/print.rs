//! `print`: Java's `KStreamPrint`.

use std::{convert::Infallible, io::Write};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use crate::{
    KStream, StreamEnd,
    options::{LineOf, Lines, Printed},
    plan::{Drawn, Lowering, Operator, Role, Sketch, Step, prefix},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Prints each record, for looking, and that is the end of it. Java's `print`.
    ///
    /// The thread waits until a line is written. An error of the file goes to the processing
    /// exception handler.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("orders").print(Printed::to_sys_out());
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-PRINTER-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn print(&self, printed: Printed<K, V>) -> StreamEnd {
        StreamEnd::of(self.step().then(Print(printed)))
    }
}

struct Print<K, V>(Printed<K, V>);

impl<K: Send + 'static, V: Send + 'static> Operator for Print<K, V> {
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let Printed { printer, label, line_of } = &self.0;
        let label = label.clone().unwrap_or_else(|| above.name.to_string());
        let line_of = line_of.clone();
        let lines = match printer.open() {
            Ok(lines) => lines,
            Err(error) => {
                sketch.problem(step.caller, format!("what is printed can't be written: {error}"));
                return None;
            }
        };
        let name = sketch.name(step, prefix::PRINTER);
        let node_name = name.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let (label, line_of, lines) = (label.clone(), line_of.clone(), lines.clone());
            let supplier = move || LinePrinter {
                label: label.clone(),
                line_of: line_of.clone(),
                lines: lines.clone(),
            };
            let node = lowering.processor(&node_name, supplier, &parents);
            lowering.forwards::<Infallible, Infallible>(node);
        };
        sketch.add(&name, Role::Other, &[above.node], step.caller, part);
        None
    }
}

/// Writes a line of each record.
struct LinePrinter<K, V> {
    label: String,
    line_of: LineOf<K, V>,
    lines: Lines,
}

impl<K, V> Processor<K, V, Infallible, Infallible> for LinePrinter<K, V> {
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        _context: &mut Context<'_, Infallible, Infallible>,
    ) -> Result<(), BoxError> {
        let line = (self.line_of)(record.key, record.value);
        let mut lines = self.lines.lock();
        writeln!(lines, "[{}]: {line}", self.label)?;
        Ok(lines.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Printed, StreamsBuilder, tests::effect};

    #[test]
    fn records_are_printed_under_a_label_or_the_name_of_the_node_above() {
        let directory = tempfile::tempdir().unwrap();
        let (plain, own) = (directory.path().join("plain"), directory.path().join("own"));
        let (to_plain, to_own) = (plain.clone(), own.clone());
        effect(
            move |b| {
                let s = b.stream::<String, Option<String>>("in");
                s.print(Printed::to_file(to_plain));
                let text = |key: &String, value: &Option<String>| {
                    format!("{key} is {}", value.as_deref().unwrap_or("gone"))
                };
                s.print(Printed::to_file(to_own).with_label("mine").with_key_value_mapper(text));
                s.to("out");
            },
            &[("in", "a", "x", 1), ("in", "b", "-", 2)],
        );
        let read = |path| std::fs::read_to_string(path).unwrap();
        let source = "KSTREAM-SOURCE-0000000000";
        let lines = format!("[{source}]: \"a\", Some(\"x\")\n[{source}]: \"b\", None\n");
        assert_eq!(read(plain), lines);
        assert_eq!(read(own), "[mine]: a is x\n[mine]: b is gone\n");
    }

    #[test]
    fn a_file_that_can_not_be_written_is_a_mistake_of_the_topology() {
        let directory = tempfile::tempdir().unwrap();
        let builder = StreamsBuilder::new();
        let s = builder.stream::<String, String>("in");
        s.print(Printed::to_file(directory.path().join("missing/file")));
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains("what is printed can't be written"), "{error}");
    }
}
