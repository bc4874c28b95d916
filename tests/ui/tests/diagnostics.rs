//! The compiler's messages for programs with mistakes, each in a file next to its case.
//!
//! The form of a message differs between versions of the compiler. The texts are those of
//! [`COMPILER`]; with another one the test reports that and passes. `TRYBUILD=overwrite cargo test
//! -p ui-tests` rewrites them.

use std::process::Command;

/// The version that the texts come from.
const COMPILER: &str = "rustc 1.95.0 ";

#[test]
fn mistakes_of_types_are_explained() {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    if !version.starts_with(COMPILER) {
        eprintln!("skipped: the texts are those of {COMPILER}, this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/cases/*.rs");
}
