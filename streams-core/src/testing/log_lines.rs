//! The log lines of a piece of code, for tests that count them.

use std::{
    fmt::{Debug, Write as _},
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

#[derive(Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line =
            Line { fields: event.metadata().level().to_string(), message: String::new() };
        event.record(&mut line);
        self.0.lock().push(format!("{} {}", line.fields, line.message));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line {
    fields: String,
    message: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let done = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        done.expect("a string takes all");
    }
}

/// Lines that this thread logs while `body` runs, one text per line: level, fields, message.
pub(crate) fn lines_of(body: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let written = lines.0.clone();
    tracing::subscriber::with_default(lines, body);
    std::mem::take(&mut *written.lock())
}
