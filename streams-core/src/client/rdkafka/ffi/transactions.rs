//! A producer's transactions.

use std::{
    ffi::{CStr, CString, c_char},
    ptr::{self, NonNull},
    time::Duration,
};

use rdkafka::bindings::{
    rd_kafka_abort_transaction, rd_kafka_begin_transaction, rd_kafka_commit_transaction,
    rd_kafka_consumer_group_metadata_destroy, rd_kafka_consumer_group_metadata_new_with_genid,
    rd_kafka_consumer_group_metadata_t, rd_kafka_error_destroy, rd_kafka_error_is_fatal,
    rd_kafka_error_is_retriable, rd_kafka_error_string, rd_kafka_error_t,
    rd_kafka_error_txn_requires_abort, rd_kafka_init_transactions, rd_kafka_mem_malloc,
    rd_kafka_send_offsets_to_transaction, rd_kafka_topic_partition_list_add,
    rd_kafka_topic_partition_list_destroy, rd_kafka_topic_partition_list_new,
    rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_set_leader_epoch,
};

use super::{Client, Code, millis, text_of};
use crate::{
    TopicPartition,
    client::{GroupMetadata, OffsetAndMetadata},
};

/// Reason why a transactional call failed.
#[derive(Clone, Debug)]
pub(in super::super) struct TransactionFailure {
    pub(in super::super) code: Code,
    pub(in super::super) text: String,
    /// True if the producer can't be used any more.
    pub(in super::super) is_fatal: bool,
    /// True if the same call may be repeated.
    pub(in super::super) is_retriable: bool,
    /// True if the transaction can only be aborted.
    pub(in super::super) requires_abort: bool,
}

impl TransactionFailure {
    /// The failure of a call that has not returned.
    pub(in super::super) fn timed_out(text: &str) -> Self {
        Self { code: Code::TIMED_OUT, ..Self::invalid(text) }
    }

    fn invalid(text: &str) -> Self {
        Self {
            code: Code::FATAL,
            text: text.to_owned(),
            is_fatal: false,
            is_retriable: false,
            requires_abort: true,
        }
    }
}

/// The result of a call; takes the error that it returned.
///
/// # Safety
/// `error` is null or an error that belongs to the caller.
unsafe fn outcome(error: *mut rd_kafka_error_t) -> Result<(), TransactionFailure> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error is valid, read, and then destroyed, once. The text is copied before.
    unsafe {
        let failure = TransactionFailure {
            code: Code::of_error(error),
            text: text_of(rd_kafka_error_string(error)),
            is_fatal: rd_kafka_error_is_fatal(error) != 0,
            is_retriable: rd_kafka_error_is_retriable(error) != 0,
            requires_abort: rd_kafka_error_txn_requires_abort(error) != 0,
        };
        rd_kafka_error_destroy(error);
        Err(failure)
    }
}

impl Client {
    pub(in super::super) fn init_transactions(
        &self,
        wait: Duration,
    ) -> Result<(), TransactionFailure> {
        // SAFETY: the handle is valid; the error is ours.
        unsafe { outcome(rd_kafka_init_transactions(self.as_ptr(), millis(wait))) }
    }

    pub(in super::super) fn begin_transaction(&self) -> Result<(), TransactionFailure> {
        // SAFETY: the handle is valid; the error is ours.
        unsafe { outcome(rd_kafka_begin_transaction(self.as_ptr())) }
    }

    pub(in super::super) fn commit_transaction(
        &self,
        wait: Duration,
    ) -> Result<(), TransactionFailure> {
        // SAFETY: the handle is valid; the error is ours.
        unsafe { outcome(rd_kafka_commit_transaction(self.as_ptr(), millis(wait))) }
    }

    pub(in super::super) fn abort_transaction(
        &self,
        wait: Duration,
    ) -> Result<(), TransactionFailure> {
        // SAFETY: the handle is valid; the error is ours.
        unsafe { outcome(rd_kafka_abort_transaction(self.as_ptr(), millis(wait))) }
    }

    pub(in super::super) fn send_offsets(
        &self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupIdentity,
        wait: Duration,
    ) -> Result<(), TransactionFailure> {
        let list = OffsetList::new(offsets)
            .ok_or_else(|| TransactionFailure::invalid("a topic's name has a null byte in it"))?;
        let (client, wait) = (self.as_ptr(), millis(wait));
        let (list, group) = (list.0.as_ptr(), group.0.as_ptr());
        // SAFETY: handle, list and group are valid and are only read; the error is ours.
        unsafe { outcome(rd_kafka_send_offsets_to_transaction(client, list, group, wait)) }
    }
}

/// Identity of the committing member, in librdkafka's form.
pub(in super::super) struct GroupIdentity(NonNull<rd_kafka_consumer_group_metadata_t>);

impl GroupIdentity {
    /// `None` if a name has a null byte in it.
    pub(in super::super) fn new(group: &GroupMetadata) -> Option<Self> {
        let group_id = CString::new(group.group_id.as_str()).ok()?;
        let member_id = CString::new(group.member_id.as_str()).ok()?;
        let instance_id = group.group_instance_id.as_deref().map(CString::new).transpose().ok()?;
        // SAFETY: all texts are valid and are copied; a null instance id stands for none.
        let identity = unsafe {
            rd_kafka_consumer_group_metadata_new_with_genid(
                group_id.as_ptr(),
                group.member_epoch,
                member_id.as_ptr(),
                instance_id.as_deref().map_or(ptr::null::<c_char>(), CStr::as_ptr),
            )
        };
        NonNull::new(identity).map(Self)
    }
}

// SAFETY: it is memory of its own, bound to no thread.
unsafe impl Send for GroupIdentity {}

impl Drop for GroupIdentity {
    fn drop(&mut self) {
        // SAFETY: it is ours and not used again.
        unsafe { rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) };
    }
}

/// Offsets with their metadata, in librdkafka's form.
struct OffsetList(NonNull<rd_kafka_topic_partition_list_t>);

impl OffsetList {
    /// `None` if a topic's name has a null byte in it.
    fn new(offsets: &[(TopicPartition, OffsetAndMetadata)]) -> Option<Self> {
        let size = i32::try_from(offsets.len()).unwrap_or(0);
        // SAFETY: the call has no preconditions; the list grows if the size is too small.
        let list = Self(NonNull::new(unsafe { rd_kafka_topic_partition_list_new(size) })?);
        for (partition, OffsetAndMetadata { offset, metadata, leader_epoch }) in offsets {
            let topic = CString::new(&*partition.topic).ok()?;
            // SAFETY: the list is valid, the name is copied, and the element lives until the next
            // is added. Its metadata is memory of librdkafka's, which frees it with the list; it is
            // as long as the copied bytes.
            unsafe {
                let added = rd_kafka_topic_partition_list_add(
                    list.0.as_ptr(),
                    topic.as_ptr(),
                    partition.partition,
                );
                (*added).offset = *offset;
                if let Some(epoch) = leader_epoch {
                    rd_kafka_topic_partition_set_leader_epoch(added, *epoch);
                }
                if metadata.is_empty() {
                    continue;
                }
                let copy = rd_kafka_mem_malloc(ptr::null_mut(), metadata.len());
                if !copy.is_null() {
                    ptr::copy_nonoverlapping(metadata.as_ptr(), copy.cast(), metadata.len());
                    (*added).metadata = copy;
                    (*added).metadata_size = metadata.len();
                }
            }
        }
        Some(list)
    }
}

impl Drop for OffsetList {
    fn drop(&mut self) {
        // SAFETY: it is ours and not used again.
        unsafe { rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) };
    }
}
