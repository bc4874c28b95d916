//! `docs/JAVA-NAMES.md` gives the counterpart of every public name of Java, and no name that does
//! not exist.
//!
//! The list in `tests/compat` was taken from the Java archive, by `javap` of its public classes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The document's entry for each name.
fn table() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("docs/JAVA-NAMES.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let rows = rows.filter_map(|row| row.split_once("` | "));
    rows.map(|(java, here)| (java.to_owned(), here.to_owned())).collect()
}

/// All words of the code of the library, but not of its comments.
fn words() -> BTreeSet<String> {
    let mut folders =
        ["streams-core/src", "streams-dsl/src"].map(|folder| root().join(folder)).to_vec();
    let mut words = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                let code = code.flat_map(|line| line.split(|c| !is_word(c)));
                words.extend(code.map(str::to_owned));
            }
        }
    }
    words
}

#[test]
fn every_public_name_of_java_has_its_counterpart_or_a_reason() {
    let names = fs::read_to_string(root().join("tests/compat/java-4.3.1.txt")).unwrap();
    let names: BTreeSet<&str> = names.lines().collect();
    let table = table();
    let missing: Vec<_> = names.iter().filter(|name| !table.contains_key(**name)).collect();
    assert!(missing.is_empty(), "docs/JAVA-NAMES.md says nothing of {missing:?}");
    let unknown: Vec<_> = table.keys().filter(|name| !names.contains(&***name)).collect();
    assert!(unknown.is_empty(), "Java has no {unknown:?}");
}

#[test]
fn what_a_name_is_here_is_in_the_sources() {
    let words = words();
    for (java, here) in table() {
        for name in here.split('`').skip(1).step_by(2) {
            let last = name.rsplit("::").next().unwrap_or(name);
            let known = words.contains(last) || name.contains('.') || last == "Iterator";
            assert!(known, "`{java}` is to be `{name}` here, and there is no `{last}`");
        }
    }
}
