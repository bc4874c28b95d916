//! A process whose output is kept and which can be stopped in all the ways a process stops.
//!
//! A thread per stream reads its output, so that it never waits for a full pipe. All waits have a
//! time-out and fail with the end of the output.

use std::{
    io::{self, BufRead, BufReader, Error, ErrorKind, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::Builder,
    time::Duration,
};

/// Lines of output that an error shows.
const TAIL: usize = 40;

/// Longest time that a killed process may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// Signals that can be sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks it to end: SIGTERM.
    Terminate,
    /// Ends it at once, as a crash would: SIGKILL.
    Kill,
    /// Suspends it: SIGSTOP.
    Stop,
    /// Lets it go on: SIGCONT.
    Continue,
}

/// A process of a program, with what it printed. Dropping it kills the process.
#[derive(Debug)]
pub struct Process {
    name: String,
    id: u32,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Lines of the output: a flag for those of the standard error, and the text.
    lines: Vec<(bool, String)>,
    /// The status, once the process has ended and all that it printed was read.
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; `name` is how messages call it.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn spawn(name: &str, mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let shared = Arc::new(Shared::default());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let process = Self { name: name.to_owned(), id: child.id(), shared: shared.clone() };
        Builder::new()
            .name(format!("{name} waiter"))
            .spawn(move || shared.follow(child, stdout, stderr))?;
        Ok(process)
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The lines it printed so far on the standard output.
    pub fn stdout(&self) -> Vec<String> {
        self.printed(false)
    }

    /// The lines it printed so far on the standard error.
    pub fn stderr(&self) -> Vec<String> {
        self.printed(true)
    }

    /// Waits until it has printed a line that contains `text`, on either stream, and gives that
    /// line.
    ///
    /// # Errors
    /// With the end of its output: it ended without the line, or `timeout` passed.
    pub fn wait_for_line(&self, text: &str, timeout: Duration) -> io::Result<String> {
        let found = |state: &State| {
            state.lines.iter().map(|(_, line)| line).find(|line| line.contains(text)).cloned()
        };
        let state =
            self.wait_while(timeout, |state| found(state).is_none() && state.ended.is_none());
        match (found(&state), state.ended) {
            (Some(line), _) => Ok(line),
            (None, Some(status)) => Err(self.error(
                &state,
                ErrorKind::Other,
                &format!("ended with {status} before {text:?}"),
            )),
            (None, None) => {
                let problem = format!("did not print {text:?} within {timeout:?}");
                Err(self.error(&state, ErrorKind::TimedOut, &problem))
            }
        }
    }

    /// Waits until it has ended and all that it printed was read.
    ///
    /// # Errors
    /// With the end of its output: `timeout` passed.
    pub fn wait(&self, timeout: Duration) -> io::Result<ExitStatus> {
        let state = self.wait_while(timeout, |state| state.ended.is_none());
        let problem =
            || self.error(&state, ErrorKind::TimedOut, &format!("did not end within {timeout:?}"));
        state.ended.ok_or_else(problem)
    }

    /// Waits until it has ended with status 0, and gives its standard output.
    ///
    /// # Errors
    /// With the end of its output: `timeout` passed, or it ended otherwise.
    pub fn succeed(&self, timeout: Duration) -> io::Result<String> {
        let status = self.wait(timeout)?;
        if status.success() {
            return Ok(self.stdout().join("\n"));
        }
        Err(self.error(&self.shared.lock(), ErrorKind::Other, &format!("ended with {status}")))
    }

    /// Returns whether it runs, suspended or not.
    pub fn is_running(&self) -> bool {
        self.shared.lock().ended.is_none()
    }

    /// Sends a signal; nothing happens if the process has ended.
    ///
    /// # Errors
    /// The signal can't be sent.
    pub fn signal(&self, what: Signal) -> io::Result<()> {
        if self.is_running() { signal(self.id, what) } else { Ok(()) }
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// The signal can't be sent, or `timeout` passed.
    pub fn terminate(&self, timeout: Duration) -> io::Result<ExitStatus> {
        self.signal(Signal::Terminate)?;
        self.wait(timeout)
    }

    /// Kills it, as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// The signal can't be sent, or the process is still there after half a minute.
    pub fn kill(&self) -> io::Result<ExitStatus> {
        self.signal(Signal::Kill)?;
        self.wait(KILL_TIMEOUT)
    }

    fn printed(&self, of_stderr: bool) -> Vec<String> {
        let state = self.shared.lock();
        let lines = state.lines.iter().filter(|(stderr, _)| *stderr == of_stderr);
        lines.map(|(_, line)| line.clone()).collect()
    }

    fn wait_while(
        &self,
        timeout: Duration,
        waiting: impl Fn(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, timeout, |state| waiting(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn error(&self, state: &State, kind: ErrorKind, problem: &str) -> Error {
        let from = state.lines.len().saturating_sub(TAIL);
        let tail: Vec<&str> =
            state.lines.iter().skip(from).map(|(_, line)| line.as_str()).collect();
        Error::new(kind, format!("{} {problem}; it printed last:\n{}", self.name, tail.join("\n")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{error}");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads both streams to their ends, then learns the status.
    fn follow(
        self: Arc<Self>,
        mut child: Child,
        stdout: Option<impl Read>,
        stderr: Option<impl Read + Send + 'static>,
    ) {
        let shared = self.clone();
        let reader = Builder::new().spawn(move || shared.read(stderr, true));
        self.read(stdout, false);
        if let Ok(reader) = reader {
            // A reader that panicked has read what it could.
            let _ = reader.join();
        }
        // Without a status the waits run into their time-outs, and say so.
        if let Ok(status) = child.wait() {
            self.lock().ended = Some(status);
        }
        self.changed.notify_all();
    }

    fn read(&self, stream: Option<impl Read>, of_stderr: bool) {
        let Some(stream) = stream else { return };
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.lock().lines.push((of_stderr, text));
            self.changed.notify_all();
            line.clear();
        }
    }
}

/// Sends a signal to a process by the system's own command, for the standard library can only kill.
pub(super) fn signal(id: u32, what: Signal) -> io::Result<()> {
    let name = match what {
        Signal::Terminate => "-TERM",
        Signal::Kill => "-KILL",
        Signal::Stop => "-STOP",
        Signal::Continue => "-CONT",
    };
    let output = Command::new("kill").args([name, &id.to_string()]).output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(Error::other(format!("kill {name} {id} failed: {}", text.trim())))
}
