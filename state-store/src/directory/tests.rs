use std::time::{Duration, UNIX_EPOCH};

use super::*;

fn open(base: &Path) -> StateDirectory {
    StateDirectory::open(base, "app").unwrap()
}

fn put_state(directory: &StateDirectory, task: &str) -> PathBuf {
    let path = directory.task_directory(task).unwrap();
    fs::write(path.join("CURRENT"), b"state").unwrap();
    path
}

/// The time of modification of a task's directory, as the clean-up is told the time.
fn modified_ms(path: &Path) -> i64 {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    i64::try_from(modified.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[test]
fn the_process_id_survives_a_restart() {
    let base = tempfile::tempdir().unwrap();
    let first = open(base.path()).process_id();
    let text = fs::read_to_string(base.path().join("app/kafka-streams-process-metadata")).unwrap();
    assert_eq!(text, format!("{{\"processId\":\"{first}\"}}"));
    assert_eq!(open(base.path()).process_id(), first);
}

#[test]
fn process_metadata_may_have_fields_of_a_later_version() {
    let base = tempfile::tempdir().unwrap();
    let id = "9a1b3c5d-0000-4000-8000-0123456789ab";
    fs::create_dir(base.path().join("app")).unwrap();
    let text = format!(r#"{{"processId": "{id}", "newField": {{"x": 1}}}}"#);
    fs::write(base.path().join("app/kafka-streams-process-metadata"), text).unwrap();
    assert_eq!(open(base.path()).process_id().to_string(), id);
}

#[test]
fn unreadable_process_metadata_is_replaced() {
    let base = tempfile::tempdir().unwrap();
    fs::create_dir(base.path().join("app")).unwrap();
    fs::write(base.path().join("app/kafka-streams-process-metadata"), b"{\"proc").unwrap();
    let replaced = open(base.path()).process_id();
    assert_eq!(open(base.path()).process_id(), replaced);
}

#[test]
fn a_directory_has_one_owner_also_within_a_process() {
    let base = tempfile::tempdir().unwrap();
    let first = open(base.path());
    let clone = first.clone();
    let refused = StateDirectory::open(base.path(), "app").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert!(refused.to_string().contains(&first.path().display().to_string()), "{refused}");
    StateDirectory::open(base.path(), "other-app").unwrap();
    drop(first);
    assert!(StateDirectory::open(base.path(), "app").is_err());
    drop(clone);
    open(base.path());
}

#[test]
fn names_that_would_leave_the_directory_are_refused() {
    let base = tempfile::tempdir().unwrap();
    for id in ["", "..", "a/b"] {
        let error = StateDirectory::open(base.path(), id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{id}");
    }
    let directory = open(base.path());
    for task in ["", "0", "_", "0_", "../0_1", "0_1/..", "a_1", "0_1_2"] {
        let error = directory.task_directory(task).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{task}");
        assert!(directory.remove_task(task).is_err());
    }
}

#[test]
fn only_tasks_with_state_are_listed() {
    let base = tempfile::tempdir().unwrap();
    let directory = open(base.path());
    put_state(&directory, "1_0");
    put_state(&directory, "0_3");
    directory.task_directory("0_4").unwrap();
    fs::write(directory.global_directory().unwrap().join("CURRENT"), b"state").unwrap();
    fs::write(directory.path().join("9_9"), b"a file").unwrap();
    assert_eq!(directory.list_tasks().unwrap(), ["0_3", "1_0"]);
}

#[test]
fn a_task_is_locked_by_one_owner_at_a_time() {
    let base = tempfile::tempdir().unwrap();
    let directory = open(base.path());
    assert!(directory.lock_task("0_0"));
    assert!(!directory.clone().lock_task("0_0"));
    directory.unlock_task("0_0");
    assert!(directory.lock_task("0_0"));
}

#[test]
fn the_clean_up_removes_what_is_old_and_not_owned() {
    let base = tempfile::tempdir().unwrap();
    let directory = open(base.path());
    let owned = put_state(&directory, "0_0");
    let unowned = put_state(&directory, "0_1");
    assert!(directory.lock_task("0_0"));
    let delay = Duration::from_secs(600);
    let touched_ms = modified_ms(&unowned);
    let removed = directory.remove_unowned(delay, touched_ms + 1_000).unwrap();
    assert!(removed.is_empty());
    let removed = directory.remove_unowned(delay, touched_ms + 700_000).unwrap();
    assert_eq!(removed, ["0_1"]);
    assert!(owned.exists() && !unowned.exists());
    assert!(directory.lock_task("0_1"), "a removed task can be taken again");
}

#[test]
fn releasing_a_task_counts_as_touching_it() {
    let base = tempfile::tempdir().unwrap();
    let directory = open(base.path());
    let path = put_state(&directory, "0_0");
    let old = UNIX_EPOCH + Duration::from_secs(1);
    for path in [path.join("CURRENT"), path.clone()] {
        File::open(path).unwrap().set_modified(old).unwrap();
    }
    assert_eq!(modified_ms(&path), 1_000);
    assert!(directory.lock_task("0_0"));
    directory.unlock_task("0_0");
    assert!(modified_ms(&path) > 1_000);
    assert_eq!(directory.list_tasks().unwrap(), ["0_0"]);
    assert_eq!(entry_names(&path).unwrap(), ["CURRENT"]);
}

#[test]
fn state_in_use_is_not_removed() {
    let base = tempfile::tempdir().unwrap();
    let directory = open(base.path());
    let path = put_state(&directory, "0_0");
    let global = directory.global_directory().unwrap();
    assert!(directory.lock_task("0_0"));
    assert_eq!(directory.remove_task("0_0").unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(directory.clean_up().unwrap_err().kind(), ErrorKind::Locked);
    assert!(path.exists() && global.exists());
    directory.unlock_task("0_0");
    directory.remove_task("0_0").unwrap();
    assert!(!path.exists());
    put_state(&directory, "0_1");
    directory.clean_up().unwrap();
    assert!(directory.list_tasks().unwrap().is_empty());
    assert!(!global.exists());
}
