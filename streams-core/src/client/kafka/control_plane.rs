//! The only place where synchronous callers meet the asynchronous client.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use kafka_client::{Client, ClientConfig};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
    time::timeout,
};

use super::{ClassicMembership, KafkaAdmin, StreamsMembership, convert};
use crate::{
    Error, ErrorKind, Result,
    client::{Admin, Answer, JoinGroup, Membership},
    config::GroupProtocol,
    time::Clock,
};

/// Time allowed for a call beyond the client's own limit: it ends by itself before.
const SLACK: Duration = Duration::from_secs(5);

/// Group membership, committed offsets and admin calls of one cluster. Cheap to clone.
///
/// It owns a runtime with one thread, so that its calls work on any thread, also within another
/// runtime, and heartbeats continue whatever the application's threads do.
#[derive(Clone)]
pub(crate) struct ControlPlane {
    client: Client,
    runtime: Arc<OwnRuntime>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ControlPlane({:?})", self.client)
    }
}

/// A runtime that may be dropped anywhere, including within another one.
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl ControlPlane {
    /// Creates a control plane that connects with its first call.
    ///
    /// # Errors
    /// `Config` if the settings can't be right, `Fatal` if the system can't start a thread.
    pub(crate) fn new(config: ClientConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        config.validate().map_err(|cause| {
            Error::with_source(ErrorKind::Config, "wrong settings of the clients", cause)
        })?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("kafka-control")
            .enable_all()
            .build()
            .map_err(|cause| {
                let text = "the operating system starts no thread for the control plane";
                Error::with_source(ErrorKind::Fatal, text, cause)
            })?;
        let runtime = Arc::new(OwnRuntime(Some(runtime)));
        Ok(Self { client: Client::new(config), runtime, clock })
    }

    /// An admin client.
    pub(crate) fn admin(&self) -> Box<dyn Admin> {
        Box::new(KafkaAdmin::new(self.clone()))
    }

    /// A member that joins with its first heartbeat, in the protocol that it asks for.
    ///
    /// # Errors
    /// `Config` if its settings can't be right.
    pub(crate) fn membership(&self, join: JoinGroup) -> Result<Box<dyn Membership>> {
        if join.group_id.is_empty() {
            return Err(Error::new(ErrorKind::Config, "a group id must not be empty"));
        }
        Ok(match join.group_protocol {
            GroupProtocol::Classic => Box::new(ClassicMembership::new(self.clone(), join)?),
            GroupProtocol::Streams => Box::new(StreamsMembership::new(self.clone(), join)?),
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The runtime of background tasks.
    pub(super) fn handle(&self) -> Result<&Handle> {
        let runtime = self.runtime.0.as_ref();
        runtime
            .map(Runtime::handle)
            .ok_or_else(|| Error::new(ErrorKind::InvalidState, "the control plane has ended"))
    }

    /// Begins a call, which continues whether its answer is taken or not. The answer comes within
    /// the client's time limit for a call, with `Timeout` at the latest.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        call: impl Future<Output = kafka_client::Result<T>> + Send + 'static,
    ) -> Answer<T> {
        let handle = match self.handle() {
            Ok(handle) => handle,
            Err(error) => return Answer::ready(Err(error)),
        };
        let limit = self.client.config().api_timeout().saturating_add(SLACK);
        let (sender, receiver) = oneshot::channel();
        handle.spawn(async move {
            // The caller may have stopped waiting.
            let _ = sender.send(timeout(limit, call).await);
        });
        // The call needs the runtime for as long as somebody waits for it.
        let runtime = Arc::clone(&self.runtime);
        Answer::later(async move {
            let answered = receiver.await;
            drop(runtime);
            match answered {
                Ok(Ok(answer)) => answer.map_err(convert),
                Ok(Err(_)) => {
                    let text = format!("the cluster gave no answer within {limit:?}");
                    Err(Error::new(ErrorKind::Timeout, text))
                }
                Err(_) => {
                    let text = "a call of the control plane ended without an answer";
                    Err(Error::new(ErrorKind::Fatal, text))
                }
            }
        })
    }
}
