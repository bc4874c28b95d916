//! Making clients.

use std::{fmt::Debug, sync::Arc};

use super::{Admin, Consumer, JoinGroup, Lease, Membership, Producer};
use crate::Result;

/// Which records of transactions a consumer sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All records, those of open and aborted transactions too.
    #[default]
    ReadUncommitted,
    /// Only records outside of transactions or of committed ones.
    ReadCommitted,
}

/// Where to begin a source topic without a committed offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record that is still there; the default of Kafka Streams.
    #[default]
    Earliest,
    /// Behind the last record.
    Latest,
    /// Nowhere: it is an error.
    None,
}

/// What a consumer reads. Java's `KafkaClientSupplier` has a method for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsumerRole {
    /// The inputs of tasks; `main.consumer.` has its settings.
    #[default]
    Main,
    /// Changelogs; `restore.consumer.` has its settings.
    Restore,
    /// The topics of global stores; `global.consumer.` has its settings.
    Global,
}

/// How a consumer is made.
#[derive(Clone, Debug, Default)]
pub struct ConsumerSettings {
    /// Name of the client, for messages and quotas.
    pub client_id: String,
    /// Which records it sees.
    pub isolation: IsolationLevel,
    /// What it reads, which chooses the settings that are its own.
    pub role: ConsumerRole,
}

/// How a producer is made.
#[derive(Clone, Debug, Default)]
pub struct ProducerSettings {
    /// Name of the client, for messages and quotas.
    pub client_id: String,
    /// The transactional id, for exactly-once.
    pub transactional_id: Option<String>,
    /// The membership for which it writes.
    pub lease: Lease,
    /// Whether each record is sent in a batch of its own, so that one which is refused takes no others with it.
    pub one_by_one: bool,
}

/// Makes the clients of one cluster. Cheap to share; Java's `KafkaClientSupplier`.
pub trait ClientSupplier: Send + Sync + Debug {
    /// A consumer with nothing assigned.
    ///
    /// # Errors
    /// `Config` if settings are refused, `Unavailable` if the cluster can't be reached.
    fn consumer(&self, settings: &ConsumerSettings) -> Result<Box<dyn Consumer>>;

    /// A producer; with a transactional id it must be initialised before use.
    ///
    /// # Errors
    /// `Config` if settings are refused, `Unavailable` if the cluster can't be reached.
    fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>>;

    /// An admin client.
    ///
    /// # Errors
    /// `Config` if settings are refused, `Unavailable` if the cluster can't be reached.
    fn admin(&self) -> Result<Box<dyn Admin>>;

    /// A member that joins with its first heartbeat.
    ///
    /// # Errors
    /// `Config` if settings are refused, `Unavailable` if the cluster can't be reached.
    fn membership(&self, join: JoinGroup) -> Result<Box<dyn Membership>>;
}

/// One supplier for several instances.
impl<C: ClientSupplier + ?Sized> ClientSupplier for Arc<C> {
    fn consumer(&self, settings: &ConsumerSettings) -> Result<Box<dyn Consumer>> {
        (**self).consumer(settings)
    }

    fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>> {
        (**self).producer(settings)
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        (**self).admin()
    }

    fn membership(&self, join: JoinGroup) -> Result<Box<dyn Membership>> {
        (**self).membership(join)
    }
}
