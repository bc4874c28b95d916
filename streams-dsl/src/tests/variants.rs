//! Every operator has every variant that its closures ask for, and the guide's table knows all of them.
//!
//! The rules are read off the sources: a method with a closure has a `try_` twin, and none has a twin that another
//! lacks.

use std::{collections::BTreeMap, fs, path::Path};

/// The methods of a handle, by name: whether they take closures that compute.
type Methods = BTreeMap<(String, String), bool>;

/// The operators of all handles, as the files of `operators` have them.
fn methods() -> Methods {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/operators");
    let mut methods = Methods::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let mut handle = None;
        for (at, _) in text.match_indices('\n') {
            let line = text.get(at + 1..).unwrap_or_default();
            if line.starts_with("impl") {
                handle = handle_of(line.split('{').next().unwrap_or_default());
            }
            let code = line.trim_start();
            let indent = line.find(|c: char| c != ' ').unwrap_or_default();
            let (Some(handle), Some(method)) = (&handle, code.strip_prefix("pub fn ")) else {
                continue;
            };
            if indent > 8 {
                continue;
            }
            let names = method.split(['<', '(', '[']).next().unwrap_or_default();
            let signature = method.split('{').next().unwrap_or_default();
            let computes = signature.contains("impl Fn(&") || signature.contains("(&self)");
            let twins: Vec<_> = names.split(',').map(|name| name.trim().to_owned()).collect();
            let is_pair = twins.len() > 1;
            for name in twins {
                methods.insert(
                    (handle.clone(), name),
                    computes && (is_pair || signature.contains("impl Fn(&")),
                );
            }
        }
    }
    methods
}

/// The public handle that an `impl` block is of.
fn handle_of(header: &str) -> Option<String> {
    let header = header.split("\nwhere").next()?.trim();
    if header.contains(" for ") {
        return None;
    }
    let name = header.rsplit("> ").next()?.split('<').next()?.trim();
    let handles = [
        "KStream",
        "KTable",
        "KGroupedStream",
        "KGroupedTable",
        "BranchedKStream",
        "CogroupedKStream",
    ];
    handles.contains(&name).then(|| name.to_owned())
}

/// The rows of the table that the guide is to have.
fn table() -> Vec<String> {
    let methods = methods();
    let has =
        |handle: &str, name: &str| methods.contains_key(&(handle.to_owned(), name.to_owned()));
    let mut rows = Vec::new();
    for (handle, name) in methods.keys() {
        if name.starts_with("try_")
            || name.ends_with("_with_key") && has(handle, name.trim_end_matches("_with_key"))
        {
            continue;
        }
        let with_key = format!("{name}_with_key");
        let keyed = if has(handle, &with_key) { format!("`{with_key}`") } else { String::new() };
        let twins = [name.clone(), with_key].into_iter().map(|name| format!("try_{name}"));
        let twins: Vec<_> =
            twins.filter(|name| has(handle, name)).map(|name| format!("`{name}`")).collect();
        rows.push(format!("| `{handle}` | `{name}` | {keyed} | {} |", twins.join(", ")));
    }
    rows
}

#[test]
fn each_method_with_a_closure_has_a_twin_whose_closure_can_fail() {
    let methods = methods();
    assert!(methods.len() > 50, "only {} methods were found", methods.len());
    for ((handle, name), computes) in &methods {
        if *computes && !name.starts_with("try_") {
            let twin = (handle.clone(), format!("try_{name}"));
            assert!(methods.contains_key(&twin), "`{handle}::{name}` has no twin `{}`", twin.1);
        }
        if let Some(plain) = name.strip_prefix("try_") {
            let plain = (handle.clone(), plain.to_owned());
            assert!(methods.contains_key(&plain), "`{handle}::{name}` has no plain twin");
        }
    }
}

#[test]
fn the_guide_has_all_operators_and_no_others() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/GUIDE.md");
    let guide = fs::read_to_string(guide).unwrap();
    let handles = ["| `K", "| `Branched", "| `Cogrouped"];
    let is_row = |line: &&str| handles.iter().any(|handle| line.starts_with(handle));
    let found: Vec<&str> = guide.lines().filter(is_row).collect();
    let wanted = table();
    assert_eq!(found, wanted, "the table of operators is to read\n{}", wanted.join("\n"));
}
