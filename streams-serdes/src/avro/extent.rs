//! The extent of a datum, found before apache-avro reads it.
//!
//! apache-avro takes a string, a boolean or a union that is cut off for a null, reserves room for
//! as many items as a length claims, and recurses as deep as the bytes lead it. So the bytes are
//! followed by the schema first: they must be one whole datum, within limits.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use apache_avro::{
    Schema,
    schema::{DecimalSchema, InnerDecimalSchema, UuidSchema},
};

/// How deep types that contain themselves may lie within each other, as for JSON.
pub(super) const DEPTH_MAX: usize = 128;
/// Number of items without any bytes, such as nulls, in all arrays of a datum. Nothing else bounds
/// it.
const EMPTY_ITEMS_MAX: usize = 1 << 16;
/// Bytes of the longest number.
const VARINT_BYTES_MAX: usize = 10;

/// What stands in the bytes of data of one schema.
#[derive(Debug)]
pub(super) struct Extent {
    root: Shape,
    /// The named types, to which others refer.
    named: Vec<Shape>,
}

#[derive(Clone, Debug)]
enum Shape {
    /// Always the same number of bytes.
    Fixed(usize),
    Varint,
    /// A length, and as many bytes.
    Bytes,
    /// The same, but not without any.
    Decimal,
    Array(Box<Shape>),
    Map(Box<Shape>),
    Union(Vec<Shape>),
    Record(Vec<Shape>),
    /// One of the named types.
    Named(usize),
}

/// Bytes that are no datum of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoDatum {
    /// They end within a value.
    Short,
    /// As many are left behind the value.
    Left(usize),
    Number,
    /// A length below zero.
    Length(i64),
    /// A decimal without bytes, which is no number.
    NoNumber,
    /// A union has no such variant.
    Variant(i64),
    EmptyItems,
    Deep,
}

impl Extent {
    /// Follows a schema that holds all types to which it refers.
    pub(super) fn new(schema: &Schema) -> Self {
        let mut names = HashMap::new();
        let mut named = Vec::new();
        let root = shape(schema, &mut names, &mut named);
        Self { root, named }
    }

    /// Checks that the bytes are one datum, and nothing besides. Returns how deep it refers to named
    /// types within each other.
    ///
    /// # Errors
    /// Says why they are not.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<usize, NoDatum> {
        let mut rest = Rest { bytes, named: &self.named, empty_items: 0, deepest: 0 };
        rest.skip(&self.root, 0)?;
        match rest.bytes.len() {
            0 => Ok(rest.deepest),
            left => Err(NoDatum::Left(left)),
        }
    }

    /// Returns whether a type contains itself, so that a datum may be deeper than its schema.
    pub(super) fn contains_itself(&self) -> bool {
        (0..self.named.len()).any(|place| {
            let (mut seen, mut next) = (HashSet::new(), vec![place]);
            while let Some(shape) = next.pop().and_then(|at| self.named.get(at)) {
                let mut found = Vec::new();
                references(shape, &mut found);
                if found.contains(&place) {
                    return true;
                }
                next.extend(found.into_iter().filter(|at| seen.insert(*at)));
            }
            false
        })
    }
}

/// The named types to which a shape refers.
fn references(shape: &Shape, found: &mut Vec<usize>) {
    match shape {
        Shape::Named(place) => found.push(*place),
        Shape::Array(inner) | Shape::Map(inner) => references(inner, found),
        Shape::Union(parts) | Shape::Record(parts) => {
            for part in parts {
                references(part, found);
            }
        }
        Shape::Fixed(_) | Shape::Varint | Shape::Bytes | Shape::Decimal => {}
    }
}

fn shape(schema: &Schema, names: &mut HashMap<String, usize>, named: &mut Vec<Shape>) -> Shape {
    // What refers to a type within itself finds its place, which is filled when it is known whole.
    let place = match schema {
        Schema::Ref { name } => {
            let known = names.get(&name.fullname(None));
            return known.map_or(Shape::Fixed(0), |place| Shape::Named(*place));
        }
        _ => schema.name().map(|name| {
            named.push(Shape::Fixed(0));
            names.insert(name.fullname(None), named.len() - 1);
            named.len() - 1
        }),
    };
    let shape = match schema {
        Schema::Null | Schema::Ref { .. } => Shape::Fixed(0),
        Schema::Boolean => Shape::Fixed(1),
        Schema::Float => Shape::Fixed(4),
        Schema::Double => Shape::Fixed(8),
        Schema::Fixed(fixed)
        | Schema::Duration(fixed)
        | Schema::Uuid(UuidSchema::Fixed(fixed))
        | Schema::Decimal(DecimalSchema { inner: InnerDecimalSchema::Fixed(fixed), .. }) => {
            Shape::Fixed(fixed.size)
        }
        Schema::Bytes
        | Schema::String
        | Schema::BigDecimal
        | Schema::Uuid(UuidSchema::Bytes | UuidSchema::String) => Shape::Bytes,
        Schema::Decimal(DecimalSchema { inner: InnerDecimalSchema::Bytes, .. }) => Shape::Decimal,
        Schema::Array(array) => Shape::Array(Box::new(shape(&array.items, names, named))),
        Schema::Map(map) => Shape::Map(Box::new(shape(&map.types, names, named))),
        Schema::Union(union) => {
            Shape::Union(union.variants().iter().map(|part| shape(part, names, named)).collect())
        }
        Schema::Record(record) => {
            let fields = record.fields.iter();
            Shape::Record(fields.map(|field| shape(&field.schema, names, named)).collect())
        }
        Schema::Int
        | Schema::Long
        | Schema::Enum(_)
        | Schema::Date
        | Schema::TimeMillis
        | Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => Shape::Varint,
    };
    if let Some(slot) = place.and_then(|place| named.get_mut(place)) {
        slot.clone_from(&shape);
    }
    shape
}

/// The bytes that have not been followed yet.
struct Rest<'a> {
    bytes: &'a [u8],
    named: &'a [Shape],
    /// Number of items without any bytes so far.
    empty_items: usize,
    deepest: usize,
}

impl Rest<'_> {
    fn skip(&mut self, shape: &Shape, depth: usize) -> Result<(), NoDatum> {
        self.deepest = self.deepest.max(depth);
        match shape {
            Shape::Fixed(length) => self.skip_bytes(*length),
            Shape::Varint => self.number().map(drop),
            Shape::Bytes => self.skip_counted().map(drop),
            Shape::Decimal => match self.skip_counted()? {
                0 => Err(NoDatum::NoNumber),
                _ => Ok(()),
            },
            Shape::Array(item) => self.skip_blocks(|rest| rest.skip(item, depth)),
            Shape::Map(value) => self.skip_blocks(|rest| {
                rest.skip(&Shape::Bytes, depth)?;
                rest.skip(value, depth)
            }),
            Shape::Union(variants) => {
                let index = self.number()?;
                let variant = usize::try_from(index).ok().and_then(|index| variants.get(index));
                self.skip(variant.ok_or(NoDatum::Variant(index))?, depth)
            }
            Shape::Record(fields) => fields.iter().try_for_each(|field| self.skip(field, depth)),
            Shape::Named(_) if depth >= DEPTH_MAX => Err(NoDatum::Deep),
            Shape::Named(place) => match self.named.get(*place) {
                Some(shape) => self.skip(shape, depth + 1),
                None => Ok(()),
            },
        }
    }

    /// Skips the blocks of an array or a map, up to the one of no items.
    fn skip_blocks(
        &mut self,
        mut skip_item: impl FnMut(&mut Self) -> Result<(), NoDatum>,
    ) -> Result<(), NoDatum> {
        loop {
            let count = self.number()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                // The length of the block in bytes follows.
                self.number()?;
            }
            for _ in 0..count.unsigned_abs() {
                let before = self.bytes.len();
                skip_item(self)?;
                if self.bytes.len() == before {
                    self.empty_items += 1;
                    if self.empty_items > EMPTY_ITEMS_MAX {
                        return Err(NoDatum::EmptyItems);
                    }
                }
            }
        }
    }

    /// Skips a length and as many bytes, and returns it.
    fn skip_counted(&mut self) -> Result<usize, NoDatum> {
        let length = self.number()?;
        let length = usize::try_from(length).map_err(|_| NoDatum::Length(length))?;
        self.skip_bytes(length)?;
        Ok(length)
    }

    fn skip_bytes(&mut self, length: usize) -> Result<(), NoDatum> {
        self.bytes = self.bytes.get(length..).ok_or(NoDatum::Short)?;
        Ok(())
    }

    /// Takes a zigzag varint.
    fn number(&mut self) -> Result<i64, NoDatum> {
        let mut number: u64 = 0;
        for (at, byte) in self.bytes.iter().enumerate().take(VARINT_BYTES_MAX) {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.bytes = self.bytes.get(at + 1..).unwrap_or_default();
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(if self.bytes.len() < VARINT_BYTES_MAX { NoDatum::Short } else { NoDatum::Number })
    }
}

impl fmt::Display for NoDatum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the bytes end within the value"),
            Self::Left(bytes) => write!(f, "{bytes} bytes are left behind the value"),
            Self::Number => write!(f, "a number is longer than {VARINT_BYTES_MAX} bytes"),
            Self::Length(length) => write!(f, "a string or bytes have the length {length}"),
            Self::NoNumber => f.write_str("a decimal has no bytes"),
            Self::Variant(index) => write!(f, "a union has no variant {index}"),
            Self::EmptyItems => {
                write!(f, "arrays have more than {EMPTY_ITEMS_MAX} items without any bytes")
            }
            Self::Deep => {
                write!(f, "values of a type lie more than {DEPTH_MAX} deep within each other")
            }
        }
    }
}

impl std::error::Error for NoDatum {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, bytes: &[u8]) -> Result<(), NoDatum> {
        Extent::new(&Schema::parse_str(schema).unwrap()).check(bytes).map(drop)
    }

    #[test]
    fn each_type_has_its_extent() {
        for (schema, bytes) in [
            (r#""null""#, &b""[..]),
            (r#""boolean""#, b"\x01"),
            (r#""int""#, b"\x80\x01"),
            (r#""double""#, b"12345678"),
            (r#""string""#, b"\x06abc"),
            (r#"{"type": "bytes", "logicalType": "decimal", "precision": 9}"#, b"\x02a"),
            (r#"{"type": "fixed", "name": "F", "size": 3}"#, b"abc"),
            (r#"{"type": "enum", "name": "E", "symbols": ["A", "B"]}"#, b"\x02"),
            (r#"{"type": "long", "logicalType": "timestamp-millis"}"#, b"\x02"),
            (r#"["null", "string"]"#, b"\x02\x02a"),
            (r#"{"type": "array", "items": "int"}"#, b"\x04\x02\x02\x01\x02\x02\0"),
            (r#"{"type": "map", "values": "float"}"#, b"\x02\x02k1234\0"),
        ] {
            assert_eq!(check(schema, bytes), Ok(()), "{schema}");
            let longer = [bytes, b"x"].concat();
            assert_eq!(check(schema, &longer), Err(NoDatum::Left(1)), "{schema}");
            if let Some((_, shorter)) = bytes.split_last() {
                let shorter = &bytes[..shorter.len()];
                assert_eq!(check(schema, shorter), Err(NoDatum::Short), "{schema}");
            }
        }
    }

    #[test]
    fn a_type_is_found_where_it_is_referred_to() {
        let schema = r#"{"type": "record", "name": "a.Pair", "fields": [
            {"name": "one", "type": {"type": "fixed", "name": "Two", "size": 2}},
            {"name": "other", "type": "Two"}]}"#;
        assert_eq!(check(schema, b"abcd"), Ok(()));
        assert_eq!(check(schema, b"abc"), Err(NoDatum::Short));
    }

    #[test]
    fn what_no_writer_wrote_is_told() {
        assert_eq!(check(r#"["null"]"#, b"\x02"), Err(NoDatum::Variant(1)));
        assert_eq!(check(r#""bytes""#, b"\x01"), Err(NoDatum::Length(-1)));
        let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 9}"#;
        assert_eq!(check(decimal, b"\0"), Err(NoDatum::NoNumber));
        assert_eq!(check(r#""long""#, &[0x80; 10]), Err(NoDatum::Number));
        let nulls = r#"{"type": "array", "items": "null"}"#;
        assert_eq!(check(nulls, b"\x80\x80\x08\0"), Ok(()));
        assert_eq!(check(nulls, b"\x82\x80\x08\0"), Err(NoDatum::EmptyItems));
    }

    #[test]
    fn items_without_bytes_are_counted_over_all_arrays_and_by_any_name() {
        let arrays = r#"{"type": "array", "items": {"type": "array", "items": "null"}}"#;
        let half = b"\x80\x80\x04\0";
        assert_eq!(check(arrays, &[b"\x04", &half[..], half, b"\0"].concat()), Ok(()));
        let more = [b"\x06", &half[..], half, b"\x02\0", b"\0"].concat();
        assert_eq!(check(arrays, &more), Err(NoDatum::EmptyItems));
        let named = r#"{"type": "record", "name": "Outer", "fields": [
            {"name": "one", "type": {"type": "record", "name": "Empty", "fields": []}},
            {"name": "many", "type": {"type": "array", "items": "Empty"}}]}"#;
        let claims_very_many = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\0";
        assert_eq!(check(named, claims_very_many), Err(NoDatum::EmptyItems));
    }

    #[test]
    fn a_type_that_contains_itself_is_told_from_one_that_is_used_twice() {
        let extent = |schema: &str| Extent::new(&Schema::parse_str(schema).unwrap());
        let twice = r#"{"type": "record", "name": "Pair", "fields": [
            {"name": "one", "type": {"type": "fixed", "name": "Two", "size": 2}},
            {"name": "other", "type": "Two"}]}"#;
        assert!(!extent(twice).contains_itself());
        let through_another = r#"{"type": "record", "name": "Tree", "fields": [
            {"name": "branch", "type": {"type": "record", "name": "Branch", "fields": [
                {"name": "trees", "type": {"type": "array", "items": "Tree"}}]}}]}"#;
        assert!(extent(through_another).contains_itself());
    }

    #[test]
    fn values_lie_within_each_other_to_a_limit() {
        let list = r#"{"type": "record", "name": "List", "fields": [
            {"name": "next", "type": ["null", "List"]}]}"#;
        let mut bytes = vec![2; DEPTH_MAX];
        bytes.push(0);
        assert_eq!(check(list, &bytes), Ok(()));
        bytes.insert(0, 2);
        assert_eq!(check(list, &bytes), Err(NoDatum::Deep));
    }
}
