//! Every operator has every variant that its closures ask for, and the guide's table is made of
//! them.
//!
//! The rules are read off the sources: a method with a closure has a `try_` twin, and none has a
//! twin that another lacks. So is the table, which `make operators` writes: an operator costs its
//! own file and its line in the list of modules, and no row by hand; a row that is missing is found.

use std::{collections::BTreeMap, env, fs, path::Path};

/// The variable of the environment that asks for the guide's table to be written.
const WRITE: &str = "KAFKA_STREAMS_WRITE_OPERATORS";

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

/// Returns whether a line of the guide is a row of the table.
fn is_row(line: &str) -> bool {
    ["| `K", "| `Branched", "| `Cogrouped"].iter().any(|handle| line.starts_with(handle))
}

/// The guide's page with these rows in place of those that it has.
fn with_rows(page: &str, rows: &[String]) -> String {
    let (head, rest) = page.split_at(page.find("\n|---").expect("there is a table") + 1);
    let (rule, rest) = rest.split_at(rest.find('\n').unwrap_or(rest.len()));
    let tail: Vec<_> = rest.lines().skip(1).filter(|line| !is_row(line)).collect();
    let lines = [rule].into_iter().chain(rows.iter().map(String::as_str)).chain(tail);
    format!("{head}{}\n", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_guide_has_each_operator_as_its_file_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/src/operators.md");
    let page = fs::read_to_string(&path).unwrap();
    let written = with_rows(&page, &table());
    if env::var_os(WRITE).is_some() {
        fs::write(path, written).unwrap();
        return;
    }
    let rows = |page: &str| page.lines().filter(|line| is_row(line)).map(str::to_owned).collect();
    let (found, wanted): (Vec<_>, Vec<_>) = (rows(&page), rows(&written));
    assert_eq!(found, wanted, "`make operators` writes the table anew");
}

#[test]
fn the_written_table_has_all_operators_in_order() {
    let page = "# Operators\n\n| on | operator |\n|---|---|\n| `KOld` | `gone` |\n\nThe end.\n";
    let rows = table();
    let written = with_rows(page, &rows);
    let found: Vec<&str> = written.lines().filter(|line| is_row(line)).collect();
    assert_eq!(found, rows);
    assert!(written.starts_with("# Operators\n\n| on | operator |\n|---|---|\n| `"));
    assert!(written.ends_with(" |\n\nThe end.\n"));
}
