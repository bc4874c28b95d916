//! A schema registry in the process, for tests: as much of Confluent's API as serdes use, over HTTP
//! or HTTPS on the loopback.
#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// One registry. It answers until it is dropped; `set_down` makes it refuse.
pub(crate) struct StandIn {
    url: String,
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The requests so far, as `GET /subjects`.
    asked: Mutex<Vec<String>>,
    /// Schemas by id, which begin with 1.
    schemas: Mutex<Vec<Value>>,
    /// Ids by subject, in order of their versions.
    subjects: Mutex<BTreeMap<String, Vec<usize>>>,
    /// Subjects that take no further schema.
    closed: Mutex<Vec<String>>,
    /// The header that requests must have.
    authorization: Mutex<Option<String>>,
    down: AtomicBool,
    ended: AtomicBool,
}

impl StandIn {
    pub(crate) fn start() -> Self {
        Self::serve("http", |mut stream, state| state.serve(&mut stream))
    }

    pub(crate) fn start_tls(tls: ServerConfig) -> Self {
        let tls = Arc::new(tls);
        Self::serve("https", move |stream, state| {
            let connection = ServerConnection::new(tls.clone()).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            let served = state.serve(&mut stream);
            stream.conn.send_close_notify();
            // Without a handshake there is nobody to tell.
            drop(stream.flush());
            // What the client still sends must not make the system forget what it was told.
            stream.sock.shutdown(Shutdown::Write)?;
            io::copy(&mut stream.sock, &mut io::sink())?;
            served
        })
    }

    fn serve(
        scheme: &str,
        serve: impl Fn(TcpStream, &State) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (state, serve) = (Arc::new(State::default()), Arc::new(serve));
        let served = state.clone();
        let accept = move || {
            for stream in listener.incoming() {
                if served.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (state, serve) = (served.clone(), serve.clone());
                let serve = move || drop(serve(stream.unwrap(), &state));
                std::thread::Builder::new().name("stand-in".to_owned()).spawn(serve).unwrap();
            }
        };
        std::thread::Builder::new().name("stand-in".to_owned()).spawn(accept).unwrap();
        Self { url: format!("{scheme}://{address}"), address, state }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Registers a schema, as another program does, and returns its id.
    pub(crate) fn register(&self, subject: &str, schema: &Value) -> u32 {
        let (_, answer) = self.state.register(subject, schema);
        answer["id"].as_u64().unwrap().try_into().unwrap()
    }

    /// Refuses what is not the same as what the subject has, as incompatible.
    pub(crate) fn close_subject(&self, subject: &str) {
        self.state.closed.lock().unwrap().push(subject.to_owned());
    }

    pub(crate) fn demand(&self, authorization: &str) {
        *self.state.authorization.lock().unwrap() = Some(authorization.to_owned());
    }

    /// Answers that the service is unavailable, or answers again.
    pub(crate) fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::SeqCst);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

impl State {
    /// One request per connection.
    fn serve(&self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        // As servers do that are sent TLS, or anything else.
        if reader.fill_buf()?.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            return write!(
                reader.get_mut(),
                "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
            );
        }
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let (mut length, mut authorization) = (0, None);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => authorization = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let body = serde_json::from_slice(&body).unwrap_or_default();
        self.asked.lock().unwrap().push(format!("{method} {path}"));
        let (status, answer) = if self.down.load(Ordering::SeqCst) {
            (503, json!({"error_code": 50301, "message": "down"}))
        } else if self.refuses(authorization.as_deref()) {
            (401, json!({"error_code": 40101, "message": "who are you"}))
        } else {
            self.answer(method, path, &body)
        };
        let answer = answer.to_string();
        write!(
            reader.get_mut(),
            "HTTP/1.1 {status} -\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
            answer.len()
        )
    }

    fn refuses(&self, authorization: Option<&str>) -> bool {
        let demanded = self.authorization.lock().unwrap();
        demanded.as_deref().is_some_and(|demanded| Some(demanded) != authorization)
    }

    fn answer(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (method, &parts[..]) {
            ("GET", ["subjects"]) => (200, json!([])),
            ("GET", ["schemas", "ids", id]) => self.by_id(id.parse().unwrap()),
            ("GET", ["subjects", subject, "versions", version]) => {
                self.by_version(subject, version)
            }
            ("POST", ["subjects", subject, "versions"]) => self.register(subject, body),
            ("POST", ["subjects", subject]) => self.look_up(subject, body),
            _ => (404, json!("no such path")),
        }
    }

    fn by_id(&self, id: usize) -> (u16, Value) {
        let found = id.checked_sub(1).and_then(|at| self.schemas.lock().unwrap().get(at).cloned());
        found.map_or_else(
            || (404, json!({"error_code": 40403, "message": "no schema"})),
            |schema| (200, schema),
        )
    }

    fn by_version(&self, subject: &str, version: &str) -> (u16, Value) {
        let ids = self.subjects.lock().unwrap().get(subject).cloned().unwrap_or_default();
        let at = version.parse().unwrap_or(ids.len());
        let Some(id) = at.checked_sub(1).and_then(|at| ids.get(at)) else {
            return (404, json!({"error_code": 40401, "message": "no subject"}));
        };
        let (status, mut schema) = self.by_id(*id);
        schema["id"] = json!(id);
        schema["version"] = json!(at);
        (status, schema)
    }

    fn look_up(&self, subject: &str, body: &Value) -> (u16, Value) {
        let subjects = self.subjects.lock().unwrap();
        let Some(ids) = subjects.get(subject) else {
            return (404, json!({"error_code": 40401, "message": "no subject"}));
        };
        let schemas = self.schemas.lock().unwrap();
        match ids.iter().position(|id| schemas[id - 1] == *body) {
            Some(at) => (200, json!({"id": ids[at], "version": at + 1})),
            None => (404, json!({"error_code": 40403, "message": "no such schema"})),
        }
    }

    fn register(&self, subject: &str, body: &Value) -> (u16, Value) {
        if let (200, found) = self.look_up(subject, body) {
            return (200, found);
        }
        if self.closed.lock().unwrap().iter().any(|closed| closed == subject) {
            return (
                409,
                json!({"error_code": 409, "message": "reader field is missing a default"}),
            );
        }
        let mut schemas = self.schemas.lock().unwrap();
        let id = schemas.iter().position(|schema| schema == body).unwrap_or_else(|| {
            schemas.push(body.clone());
            schemas.len() - 1
        }) + 1;
        self.subjects.lock().unwrap().entry(subject.to_owned()).or_default().push(id);
        (200, json!({"id": id}))
    }
}
