//! A disk that is full.
//!
//! The disk is an in-memory file system of a few MiB, which requires the right to mount one;
//! without it the test reports that and passes.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use streams_core::{
    Error, ErrorKind, KafkaStreams, client::embedded::EmbeddedCluster, config::ProcessingGuarantee,
    runtime::State,
};

use super::{GUARANTEES, assert_says, one_partition};
use crate::harness::{
    PATIENCE, config, counting_topology, counts_of, eventually, last_counts, processed, produce,
};

const RECORDS: usize = 40_000;
/// Room for a quarter of the records besides the 4 MB that the engine reserves for its own files.
const DISK: &str = "12m";

/// A disk of a given size, until it is dropped.
struct Disk {
    path: PathBuf,
    _mount_point: tempfile::TempDir,
}

fn mount(options: &str, path: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path);
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

impl Disk {
    /// `None` if mounting is not permitted.
    fn new(size: &str) -> Option<Self> {
        let mount_point = tempfile::tempdir().unwrap();
        let path = mount_point.path().to_owned();
        let mounted = mount(&format!("size={size}"), &path);
        mounted.then_some(Self { path, _mount_point: mount_point })
    }

    fn resize(&self, size: &str) {
        assert!(mount(&format!("remount,size={size}"), &self.path));
    }

    /// Fills the disk to the last byte.
    fn fill(&self) {
        let mut ballast = fs::File::create(self.path.join("ballast")).unwrap();
        while ballast.write_all(&[0; 4_096]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, so that open files don't prevent it.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// Long keys, so that the store takes some 16 MB. They differ at the front, where the engine would
/// save common bytes.
fn key(number: usize) -> String {
    format!("{number:x<400}")
}

async fn started(
    cluster: &EmbeddedCluster,
    disk: &Disk,
    guarantee: ProcessingGuarantee,
) -> Result<KafkaStreams, Error> {
    let config = config(&disk.path, guarantee);
    let instance =
        KafkaStreams::with_client_supplier(counting_topology(true), config, cluster.clone())?;
    instance.start().await?;
    Ok(instance)
}

fn assert_full(error: &Error, disk: &Disk) {
    assert_eq!(error.kind(), ErrorKind::State, "{error}");
    let directory = format!("the disk that holds {}/app", disk.path.display());
    assert_says(error, &[&directory, "is full; free space there and restart"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_instance_and_counts_are_exact_once_there_is_room() {
    for guarantee in GUARANTEES {
        let Some(disk) = Disk::new(DISK) else {
            eprintln!("skipped: this user may not mount a file system");
            return;
        };
        let cluster = one_partition();
        for number in 0..RECORDS {
            produce(&cluster, "in", &key(number), "v", i64::try_from(number).unwrap());
        }
        let first = started(&cluster, &disk, guarantee).await.unwrap();
        // The engine writes when its buffers are some seconds old, and the next commit gets the
        // result.
        let mut again = 0;
        eventually("the disk is full", || {
            produce(&cluster, "in", &key(0), "v", 0);
            again += 1;
            first.state() == State::Error
        })
        .await;
        assert_full(&first.error().unwrap(), &disk);
        first.close(PATIENCE).await.unwrap();
        drop(first);

        // It stays so while the disk is full, however far a start comes.
        disk.fill();
        match started(&cluster, &disk, guarantee).await {
            Err(error) => assert_full(&error, &disk),
            Ok(second) => {
                eventually("the instance has failed", || second.state() == State::Error).await;
                assert_full(&second.error().unwrap(), &disk);
            }
        }

        disk.resize("200m");
        let third = started(&cluster, &disk, guarantee).await.unwrap();
        produce(&cluster, "in", &key(0), "v", 0);
        processed(&cluster, &["in"], &[&third]).await;
        third.close(PATIENCE).await.unwrap();
        let keys: Vec<String> = (0..RECORDS).chain(vec![0; again + 1]).map(key).collect();
        let expected = counts_of(keys.iter().map(String::as_str));
        assert!(last_counts(&cluster, "out") == expected, "{guarantee:?}: the counts differ");
    }
}
