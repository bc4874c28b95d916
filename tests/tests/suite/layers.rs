//! What may know what among the modules of a crate, where no compiler says so.

use std::{fs, path::Path};

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

/// Nodes, topologies and tasks named each other, so that none could be read or changed by itself.
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
