//! A check that a changelog topic keeps the rows that its store needs.

use crate::{Error, ErrorKind, Result, client::TopicDescription, store::StoreSpec};

/// Checks the `cleanup.policy` of a changelog topic. Returns a warning.
///
/// # Errors
/// `InvalidTopic` if the topic is not compacted, so that rows of a store without retention would be
/// lost.
pub(super) fn check_policy(
    topic: &str,
    found: &TopicDescription,
    spec: &StoreSpec,
) -> Result<Option<String>> {
    let (store, windows) = (&spec.name, spec.retention_ms.is_some());
    let Some(policy) = found.config.get("cleanup.policy") else {
        let text = format!(
            "changelog topic {topic} of store `{store}` has no cleanup.policy of its own, but the brokers', by which rows \
             are deleted as a rule and can't be restored; set it to compact"
        );
        return Ok(Some(text).filter(|_| !windows));
    };
    let has = |wanted: &str| policy.split(',').any(|name| name.trim() == wanted);
    let lost = "rows older than its retention are deleted and can't be restored";
    let is_asked_for = spec.changelog_config.contains_key("cleanup.policy");
    if !has("compact") && !windows && !is_asked_for {
        let text = format!(
            "changelog topic {topic} of store `{store}` has cleanup.policy={policy}: {lost}; set the topic's \
             cleanup.policy to compact"
        );
        return Err(Error::new(ErrorKind::InvalidTopic, text));
    }
    if has("delete") && !windows {
        return Ok(Some(format!(
            "changelog topic {topic} of store `{store}` has cleanup.policy={policy}: {lost}; set it to compact"
        )));
    }
    if !has("compact") {
        return Ok(Some(format!(
            "changelog topic {topic} of window store `{store}` has cleanup.policy={policy}: it keeps every update until \
             its retention is over, which makes restores long; set it to compact,delete"
        )));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::{serde::string, store::Stores};

    fn check(policy: &str, spec: &StoreSpec) -> Result<Option<String>> {
        let config = BTreeMap::from([("cleanup.policy".to_owned(), policy.to_owned())]);
        check_policy("app-names-changelog", &TopicDescription { partitions: 1, config }, spec)
    }

    #[test]
    fn a_changelog_that_forgets_rows_is_refused_where_no_row_may_go() {
        let names = Stores::key_value("names", string(), string()).spec;
        assert_eq!(check("compact", &names).unwrap(), None);
        let error = check("delete", &names).unwrap_err().to_string();
        for part in ["app-names-changelog", "`names`", "cleanup.policy=delete", "to compact"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(check("compact,delete", &names).unwrap().is_some());
        let policy = ("cleanup.policy".to_owned(), "delete".to_owned());
        let asked = StoreSpec { changelog_config: BTreeMap::from([policy]), ..names };
        assert!(check("delete", &asked).unwrap().is_some());
        let windows = Stores::window("windows", Duration::from_secs(1), string(), string()).spec;
        assert_eq!(check("compact, delete", &windows).unwrap(), None);
        assert_eq!(check("compact", &windows).unwrap(), None);
        assert!(check("delete", &windows).unwrap().unwrap().contains("compact,delete"));
        let unknown = TopicDescription { partitions: 1, config: BTreeMap::new() };
        assert!(check_policy("t", &unknown, &asked).unwrap().is_some());
        assert_eq!(check_policy("t", &unknown, &windows).unwrap(), None);
    }
}
