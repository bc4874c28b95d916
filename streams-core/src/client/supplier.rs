//! The maker of clients.

use std::{fmt::Debug, sync::Arc};

use super::{Admin, ClientStatistics, Consumer, JoinGroup, Lease, Membership, Producer};
use crate::Result;

/// Visibility of transactional records for a consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All records, including those of open and aborted transactions.
    #[default]
    ReadUncommitted,
    /// Only records outside transactions or of committed ones.
    ReadCommitted,
}

/// Start position in a source topic without a committed offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record that still exists; the default of Kafka Streams.
    #[default]
    Earliest,
    /// After the last record.
    Latest,
    /// Nowhere: it is an error.
    None,
}

/// The role of a consumer. Java's `KafkaClientSupplier` has a method for each.
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

/// Settings of a consumer.
#[derive(Clone, Debug, Default)]
pub struct ConsumerSettings {
    /// Name of the client, for messages and quotas.
    pub client_id: String,
    /// Visibility of transactional records.
    pub isolation: IsolationLevel,
    /// Its role, which chooses role-specific settings.
    pub role: ConsumerRole,
}

/// Settings of a producer.
#[derive(Clone, Debug, Default)]
pub struct ProducerSettings {
    /// Name of the client, for messages and quotas.
    pub client_id: String,
    /// The transactional id, for exactly-once.
    pub transactional_id: Option<String>,
    /// The membership for which it writes.
    pub lease: Lease,
    /// True if each record is sent in its own batch, so that a refused one takes no others with it.
    pub one_by_one: bool,
}

/// Makes the clients of one cluster. Cheap to share; Java's `KafkaClientSupplier`.
pub trait ClientSupplier: Send + Sync + Debug {
    /// A consumer without assigned partitions.
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

    /// Figures of the living clients' connections, if they are kept.
    fn statistics(&self) -> Vec<ClientStatistics> {
        Vec::new()
    }
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

    fn statistics(&self) -> Vec<ClientStatistics> {
        (**self).statistics()
    }
}
