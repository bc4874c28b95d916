//! An instance of this library that runs a workload.

use std::{io::stdin, thread, time::Duration};

use bench::kafka::{EventKind, Failure};
use streams_dsl::{KafkaStreams, StreamsConfig, runtime::State};
use tokio::sync::oneshot;

use crate::{Args, print, topologies};

/// Interval at which the count of processed records is checked, as in Java's twin.
const CHECK: Duration = Duration::from_millis(5);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the workload to its end.
pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let config = StreamsConfig::from_entries(args.settings.iter().cloned());
    let topology = topologies::of(&args.workload, &config)?;
    let streams = KafkaStreams::new(topology, config)?;
    streams.start().await?;
    let mut told = args.records.is_none().then(told_to_end).transpose()?;
    let mut marks = args.mark.iter().copied().peekable();
    let mut was_running = false;
    loop {
        tokio::time::sleep(CHECK).await;
        if let Some(error) = streams.error() {
            return Err(error.into());
        }
        let processed = streams.metrics().processed;
        if !was_running && streams.state() == State::Running {
            was_running = true;
            print(EventKind::Running, processed)?;
        }
        while marks.next_if(|mark| *mark <= processed).is_some() {
            print(EventKind::Mark, processed)?;
        }
        let is_told = told.as_mut().is_some_and(|told| told.try_recv().is_ok());
        if is_told || args.records.is_some_and(|records| processed >= records) {
            break;
        }
    }
    let processed = streams.metrics().processed;
    streams.close(CLOSE_TIMEOUT).await?;
    print(EventKind::End, processed)
}

/// Reports a line on the standard input. The thread that waits for it ends with the process.
fn told_to_end() -> Result<oneshot::Receiver<()>, Failure> {
    let (tell, told) = oneshot::channel();
    thread::Builder::new().name("standard-input".to_owned()).spawn(move || {
        // An input that ends without a line, or can't be read, means the same; and nobody may be
        // listening any more.
        let _ = stdin().read_line(&mut String::new());
        let _ = tell.send(());
    })?;
    Ok(told)
}
