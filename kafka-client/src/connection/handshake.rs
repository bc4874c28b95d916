//! Setup of a connection before others may use it: versions, then authentication.
//!
//! One request at a time, and no time limit of its own: the opener of the connection sets one for
//! the whole setup.

use std::collections::HashMap;

use bytes::Bytes;
use kafka_protocol::{
    messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, ResponseHeader},
    protocol::{Decodable, HeaderVersion, Request, StrBytes, VersionRange, buf::ByteBuf},
};
use tokio::io::AsyncWriteExt;

use super::{
    frame::{correlation_id, decode_response, encode_request, read_frame},
    tcp::{Stream, broken},
};
use crate::{
    Error, ErrorKind, Result,
    error::{api_name, check_code},
};

/// Code with which a broker answers an `ApiVersions` whose version it does not know.
const UNSUPPORTED_VERSION: i16 = 35;

/// The versions of each API that a broker offers.
#[derive(Debug)]
pub(super) struct BrokerVersions {
    apis: HashMap<i16, VersionRange>,
    /// Levels of the features that the cluster has agreed on.
    features: HashMap<String, i16>,
}

impl BrokerVersions {
    /// The newest version that the codec, the caller and the broker know.
    ///
    /// # Errors
    /// `Protocol` if there is none.
    pub(super) fn newest_common<R: Request>(&self, max_version: i16) -> Result<i16> {
        let offered = self.apis.get(&R::KEY).ok_or_else(|| {
            let is_for_clients = self.apis.contains_key(&MetadataRequest::KEY);
            let text = if is_for_clients {
                "the broker does not offer this request"
            } else {
                "this is no client port of a broker, but a controller's; correct bootstrap.servers"
            };
            Error::new(ErrorKind::Protocol, text)
        })?;
        let wanted = VersionRange { min: R::VERSIONS.min, max: R::VERSIONS.max.min(max_version) };
        let common = wanted.intersect(offered);
        if common.is_empty() {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!("the broker offers versions {offered}, wanted is one of {wanted}"),
            ));
        }
        Ok(common.max)
    }

    /// Level of a feature; 0 if the cluster does not have it.
    pub(super) fn feature_level(&self, feature: &str) -> i16 {
        self.features.get(feature).copied().unwrap_or(0)
    }
}

/// A connection that is being set up.
pub(super) struct Handshake<'a> {
    stream: &'a mut dyn Stream,
    client_id: &'a str,
    next_correlation_id: i32,
}

impl<'a> Handshake<'a> {
    pub(super) fn new(stream: &'a mut dyn Stream, client_id: &'a str) -> Self {
        Self { stream, client_id, next_correlation_id: 0 }
    }

    /// The next correlation id for the connection.
    pub(super) fn next_correlation_id(&self) -> i32 {
        self.next_correlation_id
    }

    /// Requests the versions that the broker offers.
    pub(super) async fn broker_versions(&mut self) -> Result<BrokerVersions> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("kafka-streams-rust"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let frame = self.exchange(&request, 3).await?;
        let answer = match api_versions_answer(frame)? {
            Some(answer) => answer,
            // The broker is older than version 3. Every broker knows version 0.
            None => self.call(&ApiVersionsRequest::default(), 0).await?,
        };
        check_code(answer.error_code, "ApiVersions", None)?;
        let versions = answer.api_keys.iter().map(|offered| {
            (offered.api_key, VersionRange { min: offered.min_version, max: offered.max_version })
        });
        let features = answer.finalized_features.iter();
        let features =
            features.map(|feature| (feature.name.to_string(), feature.max_version_level));
        Ok(BrokerVersions { apis: versions.collect(), features: features.collect() })
    }

    /// Sends a request and reads its answer.
    pub(super) async fn call<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response> {
        let frame = self.exchange(request, version).await?;
        decode_response::<R>(frame, version)
    }

    async fn exchange<R: Request>(&mut self, request: &R, version: i16) -> Result<Bytes> {
        let api = api_name::<R>();
        let id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let frame = encode_request(request, version, id, self.client_id)?;
        self.stream
            .write_all(&frame)
            .await
            .map_err(|error| broken(&format!("sending {api} failed"), error))?;
        self.stream
            .flush()
            .await
            .map_err(|error| broken(&format!("sending {api} failed"), error))?;
        let answer = read_frame(&mut self.stream)
            .await
            .map_err(|error| broken(&format!("no answer to {api}"), error))?;
        if correlation_id(&answer) != Some(id) {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!("the answer to {api} is to another request"),
            ));
        }
        Ok(answer)
    }
}

/// The answer to `ApiVersions` version 3; `None` if the broker does not know that version: it then
/// answers in version 0.
fn api_versions_answer(mut frame: Bytes) -> Result<Option<ApiVersionsResponse>> {
    let malformed = |error| {
        Error::with_source(ErrorKind::Protocol, "the answer to ApiVersions can't be read", error)
    };
    let mut body = frame.clone();
    ResponseHeader::decode(&mut body, ApiVersionsResponse::header_version(3)).map_err(malformed)?;
    if body.try_peek_bytes(0..2).is_ok_and(|code| *code == UNSUPPORTED_VERSION.to_be_bytes()) {
        return Ok(None);
    }
    let header = ResponseHeader::decode(&mut frame, ApiVersionsResponse::header_version(3));
    header.and_then(|_| ApiVersionsResponse::decode(&mut frame, 3)).map(Some).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{HeartbeatRequest, JoinGroupRequest};

    use super::*;

    fn offering(api_key: i16, min: i16, max: i16) -> BrokerVersions {
        let apis = HashMap::from([(api_key, VersionRange { min, max })]);
        BrokerVersions { apis, features: HashMap::new() }
    }

    #[test]
    fn the_newest_version_that_all_know_is_taken() {
        let versions = offering(HeartbeatRequest::KEY, 2, 3);
        assert_eq!(versions.newest_common::<HeartbeatRequest>(i16::MAX).unwrap(), 3);
        assert_eq!(versions.newest_common::<HeartbeatRequest>(2).unwrap(), 2);
        let versions = offering(HeartbeatRequest::KEY, 0, 99);
        assert_eq!(versions.newest_common::<HeartbeatRequest>(i16::MAX).unwrap(), 4);
    }

    #[test]
    fn without_a_common_version_the_request_is_refused() {
        let versions = offering(HeartbeatRequest::KEY, 3, 4);
        let error = versions.newest_common::<HeartbeatRequest>(2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        let error = versions.newest_common::<JoinGroupRequest>(9).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }

    #[test]
    fn a_port_without_metadata_is_told_from_an_old_broker() {
        // A controller of KRaft votes, and serves no client.
        let controller = offering(52, 0, 2);
        let error = controller.newest_common::<JoinGroupRequest>(9).unwrap_err();
        assert!(error.to_string().contains("a controller's"), "{error}");
        let old = offering(MetadataRequest::KEY, 0, 9);
        let error = old.newest_common::<JoinGroupRequest>(9).unwrap_err();
        assert!(error.to_string().contains("does not offer"), "{error}");
    }

    #[test]
    fn a_broker_too_old_for_version_3_is_recognised() {
        // Correlation id, code 35, no API keys: as Kafka 2.3 answers.
        let frame = Bytes::from_static(&[0, 0, 0, 0, 0, 35, 0, 0, 0, 0]);
        assert!(api_versions_answer(frame).unwrap().is_none());
        let error = api_versions_answer(Bytes::from_static(&[0, 0, 0, 0, 0])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}
