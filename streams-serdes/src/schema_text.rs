//! The text of a schema, with the texts of those that it refers to.

/// A schema as it is registered: its text, and the schemas that it refers to.
///
/// ```
/// use streams_serdes::SchemaText;
///
/// let customer = r#"{"type": "record", "name": "shop.Customer", "fields": [{"name": "id", "type": "string"}]}"#;
/// let order = r#"{"type": "record", "name": "shop.Order", "fields": [{"name": "by", "type": "shop.Customer"}]}"#;
/// let order = SchemaText::new(order).reference("shop.Customer", "customers-value", customer);
/// assert_eq!(order.references().count(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaText {
    text: String,
    references: Vec<Reference>,
}

/// A schema that another one refers to by a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reference {
    /// The name in the referring text: Avro's full name, Protobuf's file of an import, JSON
    /// Schema's `$ref`.
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) schema: SchemaText,
}

impl SchemaText {
    /// A schema that refers to no other one.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), references: Vec::new() }
    }

    /// Says what `name` in the text stands for: `schema`, which is registered as `subject`. The
    /// name is Avro's full name, the file that a Protobuf file imports, or what `$ref` says in JSON
    /// Schema.
    #[must_use]
    pub fn reference(
        mut self,
        name: impl Into<String>,
        subject: impl Into<String>,
        schema: impl Into<SchemaText>,
    ) -> Self {
        let (name, subject, schema) = (name.into(), subject.into(), schema.into());
        self.references.push(Reference { name, subject, schema });
        self
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Names and schemas that the text refers to directly.
    pub fn references(&self) -> impl Iterator<Item = (&str, &SchemaText)> {
        self.references.iter().map(|reference| (&*reference.name, &reference.schema))
    }

    pub(crate) fn referred(&self) -> &[Reference] {
        &self.references
    }

    /// Names and texts of everything that is referred to, also by what is referred to; each name
    /// once, first what others refer to.
    #[cfg(any(feature = "avro", feature = "json-schema"))]
    pub(crate) fn all_references(&self) -> Vec<(&str, &str)> {
        fn add<'a>(schema: &'a SchemaText, found: &mut Vec<(&'a str, &'a str)>) {
            for reference in &schema.references {
                add(&reference.schema, found);
                if found.iter().all(|(name, _)| *name != reference.name) {
                    found.push((&reference.name, &reference.schema.text));
                }
            }
        }
        let mut found = Vec::new();
        add(self, &mut found);
        found
    }
}

impl From<&str> for SchemaText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for SchemaText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

#[cfg(feature = "avro")]
impl From<&apache_avro::Schema> for SchemaText {
    /// The schema's JSON, as for one that is derived from a type.
    fn from(schema: &apache_avro::Schema) -> Self {
        // A schema is plain JSON: maps with text keys, which always can be written.
        Self::new(serde_json::to_string(schema).unwrap_or_default())
    }
}
