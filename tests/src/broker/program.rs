//! The orders application as a process, in Rust and in Java, and clients of it in Python.

use std::{
    env,
    io::{self, Error},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use super::{Process, scripts};

/// Starts the example `high-value-orders` with these arguments, as `["run", "--bootstrap-server",
/// …]`.
///
/// It is built first, with the features that this crate has.
///
/// # Errors
/// It can't be built or started; cargo's message is on the standard error.
pub fn high_value_orders(arguments: &[&str]) -> io::Result<Process> {
    let mut command = Command::new(built()?);
    command.args(arguments);
    Process::spawn("high-value-orders", command)
}

/// Starts the same application on Java's Kafka Streams, which takes the options of the Rust
/// program's `run`.
///
/// Each change of its state is a line `state NAME`.
///
/// # Errors
/// The script can't be started. What fails later, such as building it, is in the process's output.
pub fn java_orders(arguments: &[&str]) -> io::Result<Process> {
    let mut command = Command::new(scripts().join("kafka-interop.sh"));
    command.args(arguments);
    Process::spawn("orders in Java", command)
}

/// Starts a program of `tests/interop/python` with these arguments.
///
/// # Errors
/// The script can't be started. What fails later, such as fetching Python's client, is in the
/// process's output.
pub fn python_client(program: &str, arguments: &[&str]) -> io::Result<Process> {
    let mut command = Command::new(scripts().join("kafka-python.sh"));
    command.arg(scripts().join("../tests/interop/python").join(program)).args(arguments);
    Process::spawn(program, command)
}

/// Path of the program, built at most once per process.
fn built() -> io::Result<PathBuf> {
    static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &*built {
        return Ok(path.clone());
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The whole workspace, as everywhere: one set of features, so that nothing is compiled twice.
    cargo.args(["build", "--quiet", "--workspace", "--bins"]);
    if !cfg!(feature = "rocksdb") {
        cargo.args(["--no-default-features", "--features", "examples/rdkafka,tests/rdkafka"]);
    }
    // Cargo tells a test of its package. Build scripts that see this would run again, and all that
    // depends on them would be compiled again, here and by the next command.
    let of_the_test =
        |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|own| name.starts_with(own));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_the_test)) {
        cargo.env_remove(name);
    }
    let programs = beside_this_test()?;
    if let Some(target) = programs.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    let status = cargo.current_dir(scripts()).stdin(Stdio::null()).status()?;
    if !status.success() {
        return Err(Error::other(format!("building high-value-orders ended with {status}")));
    }
    let path = programs.join("high-value-orders");
    *built = Some(path.clone());
    Ok(path)
}

/// The directory of programs, which has a directory of tests in it.
fn beside_this_test() -> io::Result<PathBuf> {
    let test = env::current_exe()?;
    let directory = test.ancestors().find(|path| path.join("deps").is_dir());
    directory.map(Into::into).ok_or_else(|| Error::other("this is no test that cargo runs"))
}
