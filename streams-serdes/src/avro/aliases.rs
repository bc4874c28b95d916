//! Aliases: data that were written under earlier names.
//!
//! apache-avro finds a field by its name alone. So the schema that wrote gets the names of the one
//! that reads before anything is read by it, as Java's `Schema.applyAliases` does. It is not for
//! default values or promotions: those are the resolution's, which comes after. Two fields of a
//! record, or two types, never become one: where the writer has the new name itself, the old one
//! stays.

use std::collections::{HashMap, HashSet};

use apache_avro::{
    Error, Schema,
    schema::{DecimalSchema, InnerDecimalSchema, Name, RecordSchema, UuidSchema},
};

use super::schema::{each_mut, each_part, interned};

/// The schema `written_by` with the names of `reader` where that has aliases for its own; the bytes
/// that it stands for stay the same.
pub(super) fn apply_aliases(
    written_by: &'static Schema,
    reader: &'static Schema,
) -> Result<&'static Schema, Error> {
    let aliases = Aliases::of(reader);
    if std::ptr::eq(written_by, reader) || aliases.is_empty() {
        return Ok(written_by);
    }
    let types = aliases.changed_types(written_by);
    let mut renamed = written_by.clone();
    each_mut(&mut renamed, &mut |part| {
        if let Schema::Record(record) = part {
            aliases.rename_fields(record, &types);
        }
        if let Some(name) = name_mut(part)
            && let Some(new) = types.get(&name.fullname(None))
        {
            *name = Name::new(*new)?;
        }
        Ok(())
    })?;
    Ok(interned(renamed))
}

/// The aliases of a schema, by which others are renamed.
#[derive(Default)]
struct Aliases<'a> {
    /// Full names of types, by the full names that they had.
    types: HashMap<String, String>,
    /// Names of fields by those that they had, for each record by its full name.
    fields: HashMap<String, HashMap<&'a str, &'a str>>,
}

impl<'a> Aliases<'a> {
    fn of(reader: &'a Schema) -> Self {
        let mut found = Self::default();
        each_part(reader, &mut |part| {
            if let (Some(name), Some(aliases)) = (part.name(), part.aliases()) {
                let names = aliases.iter().map(|alias| (alias.fullname(None), name.fullname(None)));
                found.types.extend(names);
            }
            if let Schema::Record(record) = part {
                let fields = record.fields.iter().flat_map(|field| {
                    field.aliases.iter().map(|alias| (alias.as_str(), field.name.as_str()))
                });
                found.fields.insert(record.name.fullname(None), fields.collect());
            }
        });
        found
    }

    fn is_empty(&self) -> bool {
        self.types.is_empty() && self.fields.values().all(HashMap::is_empty)
    }

    /// The types of the writer that get another name, with that.
    fn changed_types(&self, written_by: &Schema) -> HashMap<String, &str> {
        let mut names = Vec::new();
        each_part(written_by, &mut |part| {
            if !matches!(part, Schema::Ref { .. })
                && let Some(name) = part.name()
            {
                names.push(name.fullname(None));
            }
        });
        changes(&names, |name| {
            let new = self.types.get(name)?;
            // A name without a namespace takes that of the record around it, so a type that loses
            // or gains one would not be found by others. It can be read under its old name as well.
            (new.contains('.') == name.contains('.')).then_some(new.as_str())
        })
    }

    fn rename_fields(&self, record: &mut RecordSchema, types: &HashMap<String, &str>) {
        let name = record.name.fullname(None);
        let found = self.fields.get(types.get(&name).copied().unwrap_or(&name));
        let found = found.or_else(|| self.fields.get(self.types.get(&name)?));
        let Some(aliases) = found else { return };
        let names: Vec<_> = record.fields.iter().map(|field| field.name.clone()).collect();
        let changes = changes(&names, |name| aliases.get(name).copied());
        for field in &mut record.fields {
            if let Some(new) = changes.get(&field.name) {
                (*new).clone_into(&mut field.name);
            }
        }
        let positions = record.fields.iter().enumerate();
        record.lookup = positions.map(|(at, field)| (field.name.clone(), at)).collect();
    }
}

/// The names that change, each with its new one, without those by which two names would be one.
fn changes<'a>(
    names: &[String],
    new_name: impl Fn(&str) -> Option<&'a str>,
) -> HashMap<String, &'a str> {
    let mut changes: HashMap<String, &'a str> =
        names.iter().filter_map(|name| Some((name.clone(), new_name(name)?))).collect();
    loop {
        let stay = names.iter().filter(|name| !changes.contains_key(*name));
        let mut taken: HashSet<&str> = stay.map(String::as_str).collect();
        let twice =
            names.iter().find(|name| changes.get(*name).is_some_and(|new| !taken.insert(new)));
        let Some(name) = twice else { return changes };
        changes.remove(name);
    }
}

fn name_mut(schema: &mut Schema) -> Option<&mut Name> {
    match schema {
        Schema::Ref { name } => Some(name),
        Schema::Record(record) => Some(&mut record.name),
        Schema::Enum(symbols) => Some(&mut symbols.name),
        Schema::Fixed(fixed)
        | Schema::Duration(fixed)
        | Schema::Uuid(UuidSchema::Fixed(fixed))
        | Schema::Decimal(DecimalSchema { inner: InnerDecimalSchema::Fixed(fixed), .. }) => {
            Some(&mut fixed.name)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::schema::parse, *};
    use crate::schema_text::SchemaText;

    fn schema(text: &str) -> &'static Schema {
        parse(&SchemaText::new(text)).unwrap()
    }

    /// The writer's schema as it is read by, in canonical form.
    fn applied(written_by: &str, reader: &str) -> String {
        apply_aliases(schema(written_by), schema(reader)).unwrap().canonical_form()
    }

    fn canonical(text: &str) -> String {
        schema(text).canonical_form()
    }

    #[test]
    fn a_schema_without_aliases_changes_nothing() {
        let one = schema(r#"{"type": "record", "name": "A", "fields": []}"#);
        let other = schema(r#"{"type": "record", "name": "B", "fields": []}"#);
        assert!(std::ptr::eq(apply_aliases(one, other).unwrap(), one));
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_renamed_wherever_it_does() {
        let list = |name, next, more| {
            format!(
                r#"{{"type": "record", "name": "{name}", "fields": [
                    {{"name": "{next}", "type": ["null", "{name}"]{more}}}]}}"#
            )
        };
        let reader = r#"{"type": "record", "name": "a.List", "aliases": ["Chain"], "fields": [
            {"name": "next", "type": ["null", "a.List"], "aliases": ["rest"]}]}"#;
        let found = applied(&list("a.Chain", "rest", ""), reader);
        assert_eq!(found, canonical(&list("a.List", "next", "")));
    }

    #[test]
    fn enums_and_fixed_types_are_renamed_with_what_refers_to_them() {
        let text = |suit: &str, sum: &str, aliases: bool| {
            let with = |name: &str| {
                if aliases { format!(r#""aliases": ["{name}"],"#) } else { String::new() }
            };
            format!(
                r#"{{"type": "record", "name": "Hand", "fields": [
                    {{"name": "a", "type": {{"type": "enum", "name": "{suit}", {} "symbols": ["X"]}}}},
                    {{"name": "b", "type": {{"type": "fixed", "name": "{sum}", {} "size": 16,
                        "logicalType": "decimal", "precision": 4}}}},
                    {{"name": "c", "type": {{"type": "array", "items": "{suit}"}}}},
                    {{"name": "d", "type": {{"type": "map", "values": "{sum}"}}}}]}}"#,
                with("Colour"),
                with("Total")
            )
        };
        let found = applied(&text("Colour", "Total", false), &text("Suit", "Sum", true));
        assert_eq!(found, canonical(&text("Suit", "Sum", false)));
    }

    #[test]
    fn an_alias_is_no_second_field_of_a_name_that_the_writer_has() {
        let record = |fields: &[&str]| {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| {
                    let (name, aliases) = field.split_once(' ').unwrap_or((field, "[]"));
                    format!(r#"{{"name": "{name}", "type": "int", "aliases": {aliases}}}"#)
                })
                .collect();
            format!(r#"{{"type": "record", "name": "R", "fields": [{}]}}"#, fields.join(","))
        };
        for (written_by, reader, expected) in [
            (&["old", "new"][..], &[r#"new ["old"]"#][..], &["old", "new"][..]),
            (&["one", "two"], &[r#"new ["two", "one"]"#], &["new", "two"]),
            // Each field moved to the next name.
            (&["a", "b"], &[r#"b ["a"]"#, r#"c ["b"]"#], &["b", "c"]),
            // The name was given up, and is that of another field now.
            (&["a"], &["a", r#"b ["a"]"#], &["b"]),
            (&["a", "b"], &["a", r#"b ["a"]"#], &["a", "b"]),
        ] {
            let found = applied(&record(written_by), &record(reader));
            assert_eq!(found, canonical(&record(expected)), "{written_by:?} by {reader:?}");
        }
    }

    #[test]
    fn a_type_does_not_get_the_name_of_another_one_of_the_writer() {
        let union = |first: &str, second: &str| {
            format!(
                r#"[{{"type": "record", "name": "{first}", "fields": [{{"name": "x", "type": "int"}}]}},
                    {{"type": "record", "name": "{second}", "fields": [{{"name": "x", "type": "int"}}]}}]"#
            )
        };
        let reader = r#"{"type": "record", "name": "New", "aliases": ["Old", "Older"], "fields": [
            {"name": "y", "type": "int", "aliases": ["x"]}]}"#;
        let renamed = |first, second| union(first, second).replace('x', "y");
        assert_eq!(applied(&union("Old", "New"), reader), canonical(&renamed("Old", "New")));
        assert_eq!(applied(&union("Older", "Old"), reader), canonical(&renamed("New", "Old")));
    }

    #[test]
    fn an_alias_may_be_of_another_namespace_or_of_none() {
        let record = |name: &str, field: &str| {
            format!(
                r#"{{"type": "record", "name": "{name}", "fields": [{{"name": "{field}", "type": "int"}}]}}"#
            )
        };
        let reader = r#"{"type": "record", "name": "shop.Order", "aliases": ["Sale", "old.Sale", ".Sale"],
            "fields": [{"name": "new", "type": "int", "aliases": ["was"]}]}"#;
        let expected = canonical(&record("shop.Order", "new"));
        assert_eq!(applied(&record("shop.Sale", "was"), reader), expected);
        assert_eq!(applied(&record("old.Sale", "was"), reader), expected);
        assert_eq!(applied(&record("Sale", "was"), reader), canonical(&record("Sale", "new")));
        let other = canonical(&record("other.Sale", "was"));
        assert_eq!(applied(&record("other.Sale", "was"), reader), other);
    }
}
