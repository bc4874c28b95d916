//! The maker of clients.

#[cfg(feature = "rdkafka")]
use std::time::Duration;
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

#[cfg(feature = "rdkafka")]
impl ConsumerSettings {
    /// Visibility of transactional records: more is not shown than the application asked for.
    pub(super) fn isolation_or(&self, configured: Option<IsolationLevel>) -> IsolationLevel {
        match self.isolation {
            IsolationLevel::ReadCommitted => IsolationLevel::ReadCommitted,
            IsolationLevel::ReadUncommitted => configured.unwrap_or_default(),
        }
    }
}

#[cfg(feature = "rdkafka")]
impl ProducerSettings {
    /// Longest time that a record may take, at most `asked`: nothing is written once its
    /// transaction has ended, or others have the tasks of its writer.
    pub(super) fn delivery_timeout(
        &self,
        asked: Duration,
        transaction_timeout: Duration,
    ) -> Duration {
        let most = match self.transactional_id {
            Some(_) => Some(transaction_timeout),
            None => self.lease.delivery(),
        };
        most.map_or(asked, |most| most.min(asked))
    }
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

#[cfg(all(test, feature = "rdkafka"))]
mod tests {
    use super::*;

    #[test]
    fn a_record_may_be_on_its_way_for_as_long_as_its_writer_is_sure_of_the_tasks() {
        let seconds = Duration::from_secs;
        let timeout =
            |settings: ProducerSettings| settings.delivery_timeout(seconds(120), seconds(10));
        let lease = Lease::new(Duration::from_millis(1_500), || None);
        let of_member = ProducerSettings { lease, ..ProducerSettings::default() };
        assert_eq!(timeout(of_member), Duration::from_millis(1_500));
        let transactional_id = Some("id".to_owned());
        let transactional = ProducerSettings { transactional_id, ..ProducerSettings::default() };
        assert_eq!(timeout(transactional), seconds(10));
        assert_eq!(timeout(ProducerSettings::default()), seconds(120), "no member's");
    }

    #[test]
    fn aborted_records_are_shown_only_where_both_allow_it() {
        let isolation = |isolation, configured| {
            ConsumerSettings { isolation, ..ConsumerSettings::default() }.isolation_or(configured)
        };
        let (committed, all) = (IsolationLevel::ReadCommitted, IsolationLevel::ReadUncommitted);
        assert_eq!(isolation(committed, Some(all)), committed);
        assert_eq!(isolation(all, Some(committed)), committed);
        assert_eq!(isolation(all, None), all);
    }
}
