//! The table of keys as Markdown, for the documentation of operations.

use std::fmt::Write as _;

use super::entry::{DefaultValue, Entry, Importance};
use super::{table, unsupported};

/// Renders all keys, the old names, and the keys of Java that do not exist here.
pub(super) fn render() -> String {
    let mut text = String::new();
    for (title, importance) in [
        ("High importance", Importance::High),
        ("Medium importance", Importance::Medium),
        ("Low importance", Importance::Low),
    ] {
        let _ = write!(
            text,
            "### {title}\n\n| Key | Default | Values | Meaning |\n|---|---|---|---|\n"
        );
        for entry in table::all().filter(|entry| entry.importance == importance) {
            text.push_str(&row(entry));
        }
        text.push('\n');
    }
    text.push_str(PREFIXES);
    text.push_str("\n### Old names\n\n| Old name | Key |\n|---|---|\n");
    for entry in table::all() {
        for old in entry.old_names {
            let _ = writeln!(text, "| `{old}` | `{}` |", entry.key);
        }
    }
    text.push_str(
        "\n### Keys of Java that cannot be set\n\n| Key | Accepted values | Why | Instead |\n\
         |---|---|---|---|\n",
    );
    for key in unsupported::ALL {
        let accepts: Vec<String> = key
            .accepts
            .iter()
            .map(|value| if value.is_empty() { "none".into() } else { format!("`{value}`") })
            .collect();
        let accepts = if accepts.is_empty() { "–".to_owned() } else { accepts.join(", ") };
        let _ = writeln!(text, "| `{}` | {accepts} | {} | {} |", key.key, key.why, key.instead);
    }
    text
}

/// Writing into a string cannot fail, so this file drops the results of `write!`.
fn row(entry: &Entry) -> String {
    let default = match entry.default {
        DefaultValue::Required => "required".to_owned(),
        DefaultValue::Null => "none".to_owned(),
        DefaultValue::Value("") => "empty".to_owned(),
        DefaultValue::Value(value) | DefaultValue::Computed(value) => format!("`{value}`"),
    };
    format!("| `{}` | {default} | {} | {} |\n", entry.key, entry.kind.describe(), entry.doc)
}

const PREFIXES: &str = "\
### Prefixes

| Prefix | Goes to |
|---|---|
| `consumer.` | every consumer |
| `main.consumer.`, `restore.consumer.`, `global.consumer.` | one consumer; wins over `consumer.` |
| `producer.` | the producers |
| `admin.` | the admin client |
| `topic.` | the internal topics |
| `client.tag.` | the tags of this instance |

A client's key without a prefix goes to every client that knows it.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_row_with_four_cells() {
        let text = render();
        for entry in table::all() {
            let start = format!("| `{}` |", entry.key);
            let row = text.lines().find(|line| line.starts_with(&start)).unwrap_or_default();
            assert_eq!(row.matches('|').count(), 5, "{}: {row}", entry.key);
        }
    }

    #[test]
    fn old_names_and_unsupported_keys_are_listed() {
        let text = render();
        assert!(text.contains("| `cache.max.bytes.buffering` | `statestore.cache.max.bytes` |\n"));
        for key in unsupported::ALL {
            assert!(text.contains(&format!("| `{}` |", key.key)), "{}", key.key);
        }
    }

    #[test]
    fn the_page_of_settings_has_every_row() {
        let page = include_str!("../../../docs/SETTINGS.md");
        for line in render().lines() {
            assert!(page.contains(line), "docs/SETTINGS.md lacks: {line}");
        }
    }
}
