//! Dependencies allowed among the modules of a crate, where no compiler checks them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Modules of `streams-core` around the record path, lower ones first.
const LAYERS: [&str; 4] = ["processor", "topology", "task", "runtime"];

/// The lines of Rust files below `directory`, each with its file.
fn lines(directory: &Path, to: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            lines(&path, to);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            to.extend(text.lines().map(|line| (path.display().to_string(), line.to_owned())));
        }
    }
}

/// Nodes, topologies and tasks named each other, so none could be read or changed by itself.
#[test]
fn nodes_topologies_tasks_and_the_runtime_name_only_what_is_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../streams-core/src");
    for (at, layer) in LAYERS.iter().enumerate() {
        let mut found = Vec::new();
        lines(&source.join(layer), &mut found);
        assert!(!found.is_empty(), "{layer}");
        for above in LAYERS.iter().skip(at + 1) {
            let names = |line: &str| {
                let line = line.trim_start();
                let code = !line.starts_with("//");
                code && (line.contains(&format!("crate::{above}::"))
                    || line.starts_with(&format!("{above}::"))
                    || line.contains(&format!(" {above}::")))
            };
            let wrong: Vec<_> = found.iter().filter(|(_, line)| names(line)).collect();
            assert!(wrong.is_empty(), "{layer} names {above}: {wrong:#?}");
        }
    }
}

/// The files and folders of a folder of modules, each with the neighbours that it names.
fn neighbours(folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut modules = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name == "mod" {
            continue;
        }
        let mut found = Vec::new();
        if path.is_dir() {
            lines(&path, &mut found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(text.lines().map(|line| (name.clone(), line.to_owned())));
        }
        modules.insert(name, found);
    }
    let names: Vec<String> = modules.keys().cloned().collect();
    let is_named = |line: &str, name: &str| {
        let line = line.trim_start();
        let path = format!("{name}::");
        !line.starts_with("//")
            && (line.starts_with(&path) || line.contains(&format!("super::{path}")))
    };
    let named = modules.into_iter().map(|(module, lines)| {
        let others = names.iter().filter(|name| **name != module);
        let named = others.filter(|name| lines.iter().any(|(_, line)| is_named(line, name)));
        let named = named.cloned().collect();
        (module, named)
    });
    named.collect()
}

/// Parts of a thread named each other, so each had to be read with all others.
#[test]
fn files_of_the_runtime_name_each_other_in_one_direction() {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../streams-core/src/runtime");
    for folder in ["thread", "instance"] {
        let mut left = neighbours(&runtime.join(folder));
        assert!(left.values().any(|named| !named.is_empty()), "{folder}");
        // A file that names no other is in no circle.
        while let Some(free) = left.iter().find(|(_, named)| named.is_empty()) {
            let free = free.0.clone();
            left.remove(&free);
            for named in left.values_mut() {
                named.remove(&free);
            }
        }
        assert!(left.is_empty(), "{folder} has a circle among, or below, {left:#?}");
    }
}

#[test]
fn no_file_of_the_runtime_has_more_than_300_lines() {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../streams-core/src/runtime");
    let mut found = Vec::new();
    for folder in ["thread", "instance"] {
        lines(&runtime.join(folder), &mut found);
    }
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for (file, _) in &found {
        *files.entry(file).or_default() += 1;
    }
    let long: Vec<_> = files.iter().filter(|(_, lines)| **lines > 300).collect();
    assert!(long.is_empty(), "{long:?}");
}
