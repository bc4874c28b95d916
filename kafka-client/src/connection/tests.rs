//! Connections against a scripted broker, over an in-memory pipe and with time that advances by
//! itself.

use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::{
    messages::{
        ApiVersionsRequest, ApiVersionsResponse, HeartbeatRequest, HeartbeatResponse,
        JoinGroupRequest, RequestHeader, ResponseHeader, SaslAuthenticateRequest,
        SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
        api_versions_response::ApiVersion,
    },
    protocol::{Decodable, Encodable, HeaderVersion, StrBytes},
};
use tokio::io::DuplexStream;

use super::*;
use crate::{SaslConfig, SecurityProtocol};

/// The other end of a connection.
struct Broker(DuplexStream);

/// A request as the broker sees it.
struct Asked {
    key: i16,
    version: i16,
    id: i32,
    body: Bytes,
}

impl Broker {
    async fn asked(&mut self) -> Asked {
        let mut frame = read_frame(&mut self.0).await.unwrap();
        let (key, version) = (frame.clone().get_i16(), frame.slice(2..).get_i16());
        let header_version = match key {
            SaslHandshakeRequest::KEY => SaslHandshakeRequest::header_version(version),
            _ => HeartbeatRequest::header_version(version.max(4)),
        };
        let header = RequestHeader::decode(&mut frame, header_version).unwrap();
        Asked { key, version, id: header.correlation_id, body: frame }
    }

    async fn answer<M: Encodable + HeaderVersion>(&mut self, id: i32, version: i16, message: &M) {
        let mut body = BytesMut::new();
        let header = ResponseHeader::default().with_correlation_id(id);
        header.encode(&mut body, M::header_version(version)).unwrap();
        message.encode(&mut body, version).unwrap();
        self.send(&body).await;
    }

    async fn send(&mut self, body: &[u8]) {
        let mut frame = BytesMut::new();
        frame.put_u32(u32::try_from(body.len()).unwrap());
        frame.put_slice(body);
        self.0.write_all(&frame).await.unwrap();
    }

    /// Answers the request for versions: heartbeats up to version 4, and SASL.
    async fn tell_versions(&mut self) {
        let asked = self.asked().await;
        assert_eq!((asked.key, asked.version), (ApiVersionsRequest::KEY, 3));
        let offered = [
            (HeartbeatRequest::KEY, 0, 4),
            (SaslHandshakeRequest::KEY, 0, 1),
            (SaslAuthenticateRequest::KEY, 0, 2),
        ];
        let offered = offered.map(|(key, min, max)| {
            ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max)
        });
        let versions = ApiVersionsResponse::default().with_api_keys(offered.to_vec());
        self.answer(asked.id, 3, &versions).await;
    }
}

fn config() -> ClientConfig {
    ClientConfig::new(["unused:1"])
}

/// A connection that is set up, and its broker.
async fn connected() -> (Connection, Broker) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut broker = Broker(theirs);
    let (config, meter) = (config(), Arc::default());
    let (connection, ()) =
        tokio::join!(Connection::begin(Box::new(ours), &config, &meter), broker.tell_versions());
    (connection.unwrap(), broker)
}

async fn heartbeat(connection: &Connection) -> Result<i16> {
    let request = HeartbeatRequest::default();
    let answer = connection.call(&request, i16::MAX, Duration::ZERO).await;
    answer.map(|answer: HeartbeatResponse| answer.error_code)
}

#[tokio::test(start_paused = true)]
async fn answers_reach_those_who_asked_even_out_of_order() {
    let (connection, mut broker) = connected().await;
    let script = async {
        let first = broker.asked().await;
        let second = broker.asked().await;
        assert_eq!((first.key, first.version), (HeartbeatRequest::KEY, 4));
        broker.answer(second.id, 4, &HeartbeatResponse::default().with_error_code(2)).await;
        broker.answer(first.id, 4, &HeartbeatResponse::default().with_error_code(1)).await;
    };
    let (first, second, ()) = tokio::join!(heartbeat(&connection), heartbeat(&connection), script);
    assert_eq!((first.unwrap(), second.unwrap()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_times_out_and_ends_the_connection() {
    let (connection, _broker) = connected().await;
    let started = Instant::now();
    let error = heartbeat(&connection).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer to Heartbeat within 30s");
    assert_eq!((error.kind(), started.elapsed()), (ErrorKind::Timeout, Duration::from_secs(30)));
    assert!(!connection.is_usable());
    assert_eq!(heartbeat(&connection).await.unwrap_err().kind(), ErrorKind::Connection);
}

/// A suspended member must not write when others have its work.
#[tokio::test(start_paused = true)]
async fn a_request_whose_time_is_over_is_not_sent_however_it_was_held_up() {
    let (connection, mut broker) = connected().await;
    let connection = Arc::new(connection);
    let (request, limit) = (HeartbeatRequest::default(), Duration::from_secs(9));
    let late = connection.send(&request, 3, limit, Instant::now()).unwrap();
    let not_after = Instant::now() + Duration::from_secs(1);
    let in_time = connection.send(&request, 4, limit, not_after).unwrap();
    let script = async {
        let asked = broker.asked().await;
        assert_eq!(asked.version, 4, "the late one was sent");
        broker.answer(asked.id, 4, &HeartbeatResponse::default()).await;
    };
    let (late, in_time, ()) = tokio::join!(late, in_time, script);
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Connection);
    in_time.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broker_may_hold_an_answer_back_for_the_time_it_was_given() {
    let (connection, mut broker) = connected().await;
    let script = async {
        let asked = broker.asked().await;
        tokio::time::sleep(Duration::from_secs(80)).await;
        broker.answer(asked.id, 4, &HeartbeatResponse::default()).await;
    };
    let request = HeartbeatRequest::default();
    let call = connection.call(&request, i16::MAX, Duration::from_secs(60));
    let (answer, ()) = tokio::join!(call, script);
    assert_eq!(answer.unwrap().error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_broken_connection_the_effect_of_what_was_sent_is_unknown() {
    let (connection, mut broker) = connected().await;
    let script = async {
        broker.asked().await;
        drop(broker);
    };
    let (answer, ()) = tokio::join!(heartbeat(&connection), script);
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(heartbeat(&connection).await.unwrap_err().kind(), ErrorKind::Connection);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_nothing_and_bytes_that_are_no_answer_end_the_connection() {
    for garbage in [&[0, 0, 0, 99, 0][..], b"SSH-2.0-OpenSSH_9.6\r\n"] {
        let (connection, mut broker) = connected().await;
        let script = async {
            broker.asked().await;
            broker.send(garbage).await;
        };
        let (answer, ()) = tokio::join!(heartbeat(&connection), script);
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Protocol);
        assert!(!connection.is_usable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_the_connection_in_order() {
    let (connection, mut broker) = connected().await;
    let gone = timeout(Duration::from_secs(1), heartbeat(&connection)).await;
    assert!(gone.is_err());
    let script = async {
        let abandoned = broker.asked().await;
        let asked = broker.asked().await;
        broker.answer(abandoned.id, 4, &HeartbeatResponse::default().with_error_code(9)).await;
        broker.answer(asked.id, 4, &HeartbeatResponse::default().with_error_code(7)).await;
    };
    let (answer, ()) = tokio::join!(heartbeat(&connection), script);
    assert_eq!(answer.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_broker_does_not_offer_is_not_sent() {
    let (connection, _broker) = connected().await;
    let request = JoinGroupRequest::default();
    let error = connection.call(&request, i16::MAX, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(connection.is_usable());
}

/// Sets up a connection with PLAIN; the broker gives this answer to the credentials.
async fn authenticated(answer: SaslAuthenticateResponse) -> Result<Connection> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut broker = Broker(theirs);
    let mut config = config();
    config.security.protocol = SecurityProtocol::SaslPlaintext;
    config.security.sasl =
        Some(SaslConfig::Plain { user: "alice".into(), password: "wonder".into() });
    let script = async {
        broker.tell_versions().await;
        let asked = broker.asked().await;
        let offered = vec![StrBytes::from_static_str("PLAIN")];
        let handshake = SaslHandshakeResponse::default().with_mechanisms(offered);
        broker.answer(asked.id, 1, &handshake).await;
        let mut asked = broker.asked().await;
        let request = SaslAuthenticateRequest::decode(&mut asked.body, 2).unwrap();
        assert_eq!(&request.auth_bytes[..], b"\0alice\0wonder");
        broker.answer(asked.id, 2, &answer).await;
        // The script ends here, and with it the broker: the connection is already set up.
    };
    let meter = Arc::default();
    tokio::join!(Connection::begin(Box::new(ours), &config, &meter), script).0
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_names_mechanism_and_user_only() {
    let refusal = SaslAuthenticateResponse::default()
        .with_error_code(58)
        .with_error_message(Some(StrBytes::from_static_str("Invalid username or password")));
    let error = authenticated(refusal).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert_eq!(
        error.to_string(),
        "authenticating by PLAIN as alice: SaslAuthenticate: SASL_AUTHENTICATION_FAILED (58): \
         Invalid username or password"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_renewed_before_its_session_ends() {
    let answer = SaslAuthenticateResponse::default().with_session_lifetime_ms(100_000);
    let connection = authenticated(answer).await.unwrap();
    assert_eq!(connection.renew_at, Some(Instant::now() + Duration::from_secs(85)));
    let unlimited = authenticated(SaslAuthenticateResponse::default()).await.unwrap();
    assert_eq!(unlimited.renew_at, None);
}
