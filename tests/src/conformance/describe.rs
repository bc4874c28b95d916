//! Comparing `describe()` texts: lists of several names are sets.

/// The text with the names of each list in alphabetical order.
pub(super) fn canonical(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(canonical_line).collect();
    lines.join("\n")
}

fn canonical_line(line: &str) -> String {
    for arrow in ["--> ", "<-- "] {
        if let Some((before, names)) = line.split_once(arrow) {
            return format!("{before}{arrow}{}", sorted(names));
        }
    }
    if let Some((before, rest)) = line.split_once(": [")
        && let Some((names, after)) = rest.split_once(']')
    {
        return format!("{before}: [{}]{after}", sorted(names));
    }
    line.to_owned()
}

fn sorted(names: &str) -> String {
    let mut names: Vec<&str> = names.split(", ").collect();
    names.sort_unstable();
    names.join(", ")
}

/// The topics that the sinks of each sub-topology write, by their names in the text. The
/// sub-topologies of global stores have no tasks, and are left out.
pub(super) fn sink_topics(text: &str) -> Vec<Vec<String>> {
    let mut subtopologies: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let is_global = line.ends_with("for global store (will not generate tasks)");
        if line.trim_start().starts_with("Sub-topology: ") && !is_global {
            subtopologies.push(Vec::new());
        }
        let topic =
            line.trim_start().strip_prefix("Sink: ").and_then(|sink| sink.split_once("(topic: "));
        if let (Some((_, topic)), Some(last)) = (topic, subtopologies.last_mut()) {
            last.push(topic.trim_end_matches(')').to_owned());
        }
    }
    subtopologies
}
