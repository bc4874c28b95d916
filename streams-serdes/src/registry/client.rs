//! The calls of a registry, and what they said: each schema is asked for once.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use streams_core::time::{Clock, SystemClock};

use super::{
    RegistryError, RegistryErrorKind, SchemaType,
    http::{Ask, Http},
};
use crate::schema_text::{Reference, SchemaText};

/// Time for which a refusal is remembered, so that a topic full of unreadable records does not ask
/// for each of them.
const REFUSAL_MS: i64 = 10_000;
/// Most refusals that are remembered; ids in damaged records may be any number.
const REFUSALS_MAX: usize = 1_000;
/// Longest chain of references, so that registries whose schemas refer to each other end in an
/// error.
const REFERENCES_DEPTH: usize = 32;

/// A registry, with what is known of it.
pub(crate) struct Client {
    http: Http,
    known: Mutex<HashMap<Question, Known>>,
    refused: Mutex<HashMap<Question, (RegistryError, i64)>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Question {
    /// The schema of an id.
    Schema(u32),
    /// The latest schema of a subject.
    Latest(String),
    /// The id of a schema of a subject, which is registered if it is not there, or not.
    Id { subject: String, schema: SchemaText, register: bool },
}

/// A schema as the registry has it.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) id: u32,
    pub(crate) schema: SchemaText,
    /// The format; Avro where the registry says none.
    pub(crate) kind: String,
}

/// The parts of the registry's answers that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    id: Option<u32>,
    version: Option<i32>,
    schema: Option<String>,
    schema_type: Option<String>,
    references: Option<Vec<Referred>>,
}

#[derive(Deserialize)]
struct Referred {
    name: String,
    subject: String,
    version: i32,
}

impl Client {
    pub(super) fn new(http: Http) -> Self {
        Self { http, known: Mutex::default(), refused: Mutex::default() }
    }

    pub(crate) fn urls(&self) -> &[String] {
        self.http.urls()
    }

    pub(crate) fn check(&self) -> Result<(), RegistryError> {
        self.http.call(Ask::Subjects, None).map(drop)
    }

    /// The schema of an id.
    pub(crate) fn schema(&self, id: u32) -> Result<Known, RegistryError> {
        self.once(Question::Schema(id), || {
            let answer = self.ask(Ask::SchemaOfId(id), None)?;
            self.known_of(id, answer, REFERENCES_DEPTH)
        })
    }

    /// The latest schema of a subject. It stays the latest for this process, as for Java's serdes.
    pub(crate) fn latest(&self, subject: &str) -> Result<Known, RegistryError> {
        self.once(Question::Latest(subject.to_owned()), || {
            let ask = Ask::Latest(subject);
            let answer = self.ask(ask, None)?;
            let id = answer.id.ok_or_else(|| incomplete(ask, "an id"))?;
            self.known_of(id, answer, REFERENCES_DEPTH)
        })
    }

    /// The id of a schema of a subject, with all that it refers to. `register` adds what is not
    /// there.
    pub(crate) fn id(
        &self,
        subject: &str,
        kind: SchemaType,
        schema: &SchemaText,
        register: bool,
    ) -> Result<Known, RegistryError> {
        let question =
            Question::Id { subject: subject.to_owned(), schema: schema.clone(), register };
        self.once(question, || {
            let ask = if register { Ask::Register(subject) } else { Ask::Lookup(subject) };
            let body = self.body(kind, schema, register)?;
            let answer = self.ask(ask, Some(&body))?;
            let id = answer.id.ok_or_else(|| incomplete(ask, "an id"))?;
            Ok(Known { id, schema: schema.clone(), kind: kind.name().to_owned() })
        })
    }

    /// Resolves the references that are sent with a schema to their versions, each of which is
    /// registered or looked up first.
    fn body(
        &self,
        kind: SchemaType,
        schema: &SchemaText,
        register: bool,
    ) -> Result<Value, RegistryError> {
        let references: Result<Vec<Value>, RegistryError> = schema
            .referred()
            .iter()
            .map(|reference| {
                let version = self.version(kind, reference, register)?;
                Ok(json!({"name": reference.name, "subject": reference.subject, "version": version}))
            })
            .collect();
        let mut body = json!({"schema": schema.as_str(), "schemaType": kind.name()});
        if let (references, Value::Object(fields)) = (references?, &mut body)
            && !references.is_empty()
        {
            fields.insert("references".to_owned(), Value::Array(references));
        }
        Ok(body)
    }

    /// The version of a referred schema in its subject. A registration says the id alone, so it is
    /// looked up behind it.
    fn version(
        &self,
        kind: SchemaType,
        reference: &Reference,
        register: bool,
    ) -> Result<i32, RegistryError> {
        let Reference { subject, schema, .. } = reference;
        if register {
            self.id(subject, kind, schema, true)?;
        }
        let ask = Ask::Lookup(subject);
        let answer = self.ask(ask, Some(&self.body(kind, schema, register)?))?;
        answer.version.ok_or_else(|| incomplete(ask, "a version"))
    }

    fn known_of(&self, id: u32, answer: Answer, depth: usize) -> Result<Known, RegistryError> {
        let kind = answer.schema_type.clone().unwrap_or_else(|| "AVRO".to_owned());
        Ok(Known { id, schema: self.with_references(id, answer, depth)?, kind })
    }

    fn with_references(
        &self,
        id: u32,
        answer: Answer,
        depth: usize,
    ) -> Result<SchemaText, RegistryError> {
        let text = answer.schema.ok_or_else(|| incomplete(Ask::SchemaOfId(id), "a schema"))?;
        let mut schema = SchemaText::new(text);
        for Referred { name, subject, version } in answer.references.unwrap_or_default() {
            let Some(depth) = depth.checked_sub(1) else {
                let text = format!(
                    "the schema of id {id} refers to others that refer to others, without an end"
                );
                return Err(RegistryError::new(RegistryErrorKind::Unexpected, text));
            };
            let answer = self.ask(Ask::Version(&subject, version), None)?;
            schema = schema.reference(name, subject, self.with_references(id, answer, depth)?);
        }
        Ok(schema)
    }

    fn ask(&self, ask: Ask<'_>, body: Option<&Value>) -> Result<Answer, RegistryError> {
        let answer = self.http.call(ask, body)?;
        serde_json::from_value(answer).map_err(|error| incomplete(ask, &error.to_string()))
    }

    /// The answer to a question, from memory if it was asked before. What the registry refused is
    /// refused for a while without asking; that it could not be reached is not remembered.
    fn once(
        &self,
        question: Question,
        ask: impl FnOnce() -> Result<Known, RegistryError>,
    ) -> Result<Known, RegistryError> {
        if let Some(known) = self.known.lock().get(&question) {
            return Ok(known.clone());
        }
        let now_ms = SystemClock.now_ms();
        if let Some((error, until_ms)) = self.refused.lock().get(&question)
            && now_ms < *until_ms
        {
            return Err(error.clone());
        }
        match ask() {
            Ok(known) => {
                self.known.lock().insert(question, known.clone());
                Ok(known)
            }
            Err(error) => {
                if error.kind() != RegistryErrorKind::Unreachable {
                    let mut refused = self.refused.lock();
                    if refused.len() >= REFUSALS_MAX {
                        refused.clear();
                    }
                    refused.insert(question, (error.clone(), now_ms + REFUSAL_MS));
                }
                Err(error)
            }
        }
    }
}

fn incomplete(ask: Ask<'_>, what: &str) -> RegistryError {
    let text =
        format!("the schema registry's answer to {ask:?} is without what is expected: {what}");
    RegistryError::new(RegistryErrorKind::Unexpected, text)
}
