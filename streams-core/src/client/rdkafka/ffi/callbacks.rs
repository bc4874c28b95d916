//! Callbacks of librdkafka: logs, errors, statistics, delivery reports, requests for a token.
//!
//! The opaque pointer of each call is the client's [`ClientEvents`], which the client keeps alive.
//! A panic would end the process, so neither this module nor `ClientEvents` panics.

use std::{
    ffi::{CString, c_char, c_int, c_void},
    ptr,
    sync::Arc,
};

use rdkafka::bindings::{
    rd_kafka_conf_enable_sasl_queue, rd_kafka_conf_set_dr_msg_cb, rd_kafka_conf_set_error_cb,
    rd_kafka_conf_set_log_cb, rd_kafka_conf_set_oauthbearer_token_refresh_cb,
    rd_kafka_conf_set_opaque, rd_kafka_conf_set_stats_cb, rd_kafka_conf_t, rd_kafka_message_t,
    rd_kafka_oauthbearer_set_token, rd_kafka_oauthbearer_set_token_failure, rd_kafka_opaque,
    rd_kafka_t,
};

use super::{Code, ErrorText, text_of};
use crate::client::{
    ClientKind, OAuthToken,
    rdkafka::{deliveries::Tag, events::ClientEvents, failure::is_refusal},
};

/// Makes the future client of `conf` report to `events`.
pub(super) fn register(conf: *mut rd_kafka_conf_t, kind: ClientKind, events: &Arc<ClientEvents>) {
    let opaque = Arc::as_ptr(events).cast_mut().cast::<c_void>();
    // SAFETY: `conf` is valid, and the creator of the client keeps `events` for as long as it
    // lives.
    unsafe {
        rd_kafka_conf_set_opaque(conf, opaque);
        rd_kafka_conf_set_log_cb(conf, Some(on_log));
        rd_kafka_conf_set_error_cb(conf, Some(on_error));
        rd_kafka_conf_set_stats_cb(conf, Some(on_statistics));
        if kind == ClientKind::Producer {
            rd_kafka_conf_set_dr_msg_cb(conf, Some(on_delivery));
        }
        if events.has_token_provider() {
            rd_kafka_conf_enable_sasl_queue(conf, 1);
            rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, Some(on_token_needed));
        }
    }
}

/// The events behind an opaque pointer.
///
/// # Safety
/// `opaque` is null or was given to [`register`], and its client lives.
unsafe fn events<'a>(opaque: *mut c_void) -> Option<&'a ClientEvents> {
    // SAFETY: the caller guarantees it.
    unsafe { opaque.cast::<ClientEvents>().as_ref() }
}

unsafe extern "C" fn on_log(
    client: *const rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    text: *const c_char,
) {
    if client.is_null() {
        return;
    }
    // SAFETY: the client lives while it calls, and both texts do.
    let (events, facility, text) =
        unsafe { (events(rd_kafka_opaque(client)), text_of(facility), text_of(text)) };
    if let Some(events) = events {
        events.log(level, &facility, &text);
    }
}

unsafe extern "C" fn on_error(
    _client: *mut rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: the client lives while it calls, and so does the text.
    let (events, reason) = unsafe { (events(opaque), text_of(reason)) };
    if let Some(events) = events {
        events.failed(Code::new(code), reason);
    }
}

unsafe extern "C" fn on_statistics(
    _client: *mut rd_kafka_t,
    report: *mut c_char,
    _length: usize,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: the client lives while it calls, and so does the text.
    let (events, report) = unsafe { (events(opaque), text_of(report)) };
    if let Some(events) = events {
        events.reported(&report);
    }
    // The text stays librdkafka's.
    0
}

unsafe extern "C" fn on_delivery(
    _client: *mut rd_kafka_t,
    message: *const rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: client and message live during the call. The code is read as a number, since a broker
    // may send one that the enumeration lacks.
    let (events, code, offset, tag) = unsafe {
        let code = (&raw const (*message).err).cast::<i32>().read();
        (events(opaque), Code::new(code), (*message).offset, (*message)._private.addr())
    };
    let Some(events) = events else { return };
    let tag = Tag::from_word(tag);
    if code.is_success() {
        events.delivered(tag.slot(), Ok(offset));
        return;
    }
    events.delivered(tag.slot(), Err(code));
    if !is_refusal(code) {
        return;
    }
    // The text that belongs to such a report is part of a response which librdkafka has already
    // freed. SAFETY: the message lives during the call, and so do its bytes.
    let (key, value) = unsafe {
        let key = bytes((*message).key, (*message).key_len);
        (key, bytes((*message).payload, (*message).len))
    };
    events.refused(tag, code, key, value);
}

/// The bytes at `start`, or `None` if it is null.
///
/// # Safety
/// `start` is null, or there are `length` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller guarantees it.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), length) })
}

unsafe extern "C" fn on_token_needed(
    client: *mut rd_kafka_t,
    _config: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: the client lives while it calls.
    let Some(events) = (unsafe { events(opaque) }) else { return };
    let failed = events.token().and_then(|token| set_token(client, &token)).err();
    let Some(reason) = failed else { return };
    tracing::warn!(client = %events.client_id(), "no OAUTHBEARER token: {reason}");
    let reason = CString::new(reason).unwrap_or_default();
    // SAFETY: client and text are valid.
    unsafe { rd_kafka_oauthbearer_set_token_failure(client, reason.as_ptr()) };
}

fn set_token(client: *mut rd_kafka_t, token: &OAuthToken) -> Result<(), String> {
    let null = |_| "the token or its principal has a null byte in it".to_owned();
    let value = CString::new(token.value.as_str()).map_err(null)?;
    let principal = CString::new(token.principal.as_str()).map_err(null)?;
    let mut text = ErrorText::new();
    // SAFETY: all pointers are valid, there are no extensions, and the buffer is as long as it
    // says.
    let code = unsafe {
        rd_kafka_oauthbearer_set_token(
            client,
            value.as_ptr(),
            token.expires_at_ms,
            principal.as_ptr(),
            ptr::null_mut(),
            0,
            text.as_mut_ptr(),
            ErrorText::LENGTH,
        )
    };
    if code as i32 == 0 { Ok(()) } else { Err(text.to_text()) }
}
