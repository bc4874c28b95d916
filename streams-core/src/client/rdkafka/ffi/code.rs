//! librdkafka's error codes: those of the protocol and, below zero, its own.

use std::{
    ffi::{CStr, c_char},
    fmt,
};

use rdkafka::bindings::{rd_kafka_error_t, rd_kafka_resp_err_t as Native};

// The bindings use an enumeration here, but a broker may send a code that it lacks.
unsafe extern "C" {
    fn rd_kafka_err2name(code: i32) -> *const c_char;
    fn rd_kafka_err2str(code: i32) -> *const c_char;
    fn rd_kafka_error_code(error: *const rd_kafka_error_t) -> i32;
}

/// An error code; 0 is success.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Code(i32);

impl Code {
    pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: Self =
        Self(Native::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART as i32);
    pub(crate) const PARTITION_EOF: Self = Self(Native::RD_KAFKA_RESP_ERR__PARTITION_EOF as i32);
    pub(crate) const QUEUE_FULL: Self = Self(Native::RD_KAFKA_RESP_ERR__QUEUE_FULL as i32);
    pub(crate) const ALL_BROKERS_DOWN: Self =
        Self(Native::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN as i32);
    pub(crate) const TIMED_OUT: Self = Self(Native::RD_KAFKA_RESP_ERR__TIMED_OUT as i32);
    pub(crate) const FATAL: Self = Self(Native::RD_KAFKA_RESP_ERR__FATAL as i32);

    /// The code with this number.
    pub(crate) const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The code of an error.
    ///
    /// # Safety
    /// `error` is a valid error.
    pub(super) unsafe fn of_error(error: *const rd_kafka_error_t) -> Self {
        // SAFETY: the caller guarantees it.
        Self(unsafe { rd_kafka_error_code(error) })
    }

    pub(crate) fn is_success(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn number(self) -> i32 {
        self.0
    }

    /// librdkafka's description of it.
    pub(crate) fn text(self) -> String {
        // SAFETY: takes any number and returns a string that lives for ever.
        unsafe { CStr::from_ptr(rd_kafka_err2str(self.0)) }.to_string_lossy().into_owned()
    }
}

impl fmt::Display for Code {
    /// Kafka's name with the number, as `NOT_COORDINATOR (16)`; librdkafka's own begin with an
    /// underscore.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: takes any number and returns a string that lives for the call.
        let name = unsafe { CStr::from_ptr(rd_kafka_err2name(self.0)) };
        write!(f, "{} ({})", name.to_string_lossy(), self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
