//! How serde sees a row and its fields.

use super::csv_record::CsvRow;
use super::infer::Guess;
use super::number::parse_f64;
use super::parse_error::{ParseError, Shown};
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::Cell;

/// In which way a struct was read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// Not as a struct.
    Other,
    ByName(&'static [&'static str]),
    /// `complete`: it asked for each of the fields it had announced.
    ByPosition {
        fields: &'static [&'static str],
        complete: bool,
    },
}

/// A whole row.
pub(super) struct RowDeserializer<'r, 'o> {
    row: CsvRow<'r>,
    outcome: &'o Cell<Outcome>,
    /// Reading by position may be tried.
    by_position: bool,
}

impl<'r, 'o> RowDeserializer<'r, 'o> {
    #[inline]
    pub(super) fn new(row: CsvRow<'r>, outcome: &'o Cell<Outcome>, by_position: bool) -> Self {
        RowDeserializer { row, outcome, by_position }
    }

    fn fields(&self) -> AllFields<'r> {
        AllFields { row: self.row, at: 0 }
    }

    fn first(&self) -> Field<'r> {
        Field { text: self.row.field(0).unwrap_or_default() }
    }
}

/// A type that is made of a single value reads the first field.
macro_rules! first_field {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, ParseError> {
            self.first().$method(visitor).map_err(|error| error.in_column(|| self.row.columns.label(0)))
        })*
    };
}

impl<'r> Deserializer<'r> for RowDeserializer<'r, '_> {
    type Error = ParseError;

    fn deserialize_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, ParseError> {
        if self.row.columns.names().is_some() { self.deserialize_map(visitor) } else { self.deserialize_seq(visitor) }
    }

    first_field! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_identifier
    }

    fn deserialize_option<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'r>>(self, _: &'static str, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'r>>(self, _: &'static str, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_seq(self.fields())
    }

    fn deserialize_tuple<V: Visitor<'r>>(self, _: usize, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_seq(self.fields())
    }

    fn deserialize_tuple_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ParseError> {
        visitor.visit_seq(self.fields())
    }

    fn deserialize_map<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, ParseError> {
        match self.row.columns.names() {
            Some(names) => visitor.visit_map(NamedFields { row: self.row, names, at: 0 }),
            None => Err(ParseError::new("a row without a header has no names; read it as a tuple or a struct")),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'r>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ParseError> {
        let row = self.row;
        if row.columns.names().is_none() {
            return visitor.visit_seq(self.fields());
        }
        if !self.by_position {
            self.outcome.set(Outcome::ByName(fields));
            return self.deserialize_map(visitor);
        }
        row.columns.by_position(fields, |columns| match columns {
            None => {
                self.outcome.set(Outcome::ByName(fields));
                self.deserialize_map(visitor)
            }
            Some(columns) => {
                let mut chosen = ChosenFields { row, columns, at: 0 };
                let value = visitor.visit_seq(&mut chosen);
                self.outcome.set(Outcome::ByPosition { fields, complete: chosen.at == columns.len() });
                value
            }
        })
    }

    fn deserialize_enum<V: Visitor<'r>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ParseError> {
        self.first().deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_unit()
    }
}

/// All fields in the order of the file.
struct AllFields<'r> {
    row: CsvRow<'r>,
    at: usize,
}

impl<'r> SeqAccess<'r> for AllFields<'r> {
    type Error = ParseError;

    fn next_element_seed<T: DeserializeSeed<'r>>(&mut self, seed: T) -> Result<Option<T::Value>, ParseError> {
        let Some(text) = self.row.field(self.at) else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Field { text }).map(Some).map_err(|error| error.in_column(|| self.row.columns.label(at)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.row.len() - self.at)
    }
}

/// The fields of a struct in the order of the struct.
struct ChosenFields<'r, 'c> {
    row: CsvRow<'r>,
    columns: &'c [usize],
    at: usize,
}

impl<'r> SeqAccess<'r> for &mut ChosenFields<'r, '_> {
    type Error = ParseError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'r>>(&mut self, seed: T) -> Result<Option<T::Value>, ParseError> {
        let Some(&column) = self.columns.get(self.at) else { return Ok(None) };
        self.at += 1;
        let Some(text) = self.row.field(column) else { return Ok(None) };
        seed.deserialize(Field { text }).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.columns.len() - self.at)
    }
}

/// All fields by the names of their columns.
struct NamedFields<'r> {
    row: CsvRow<'r>,
    names: &'r [String],
    at: usize,
}

impl<'r> MapAccess<'r> for NamedFields<'r> {
    type Error = ParseError;

    fn next_key_seed<K: DeserializeSeed<'r>>(&mut self, seed: K) -> Result<Option<K::Value>, ParseError> {
        match self.names.get(self.at) {
            Some(name) if self.at < self.row.len() => seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some),
            _ => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'r>>(&mut self, seed: V) -> Result<V::Value, ParseError> {
        let at = self.at;
        self.at += 1;
        let text = self.row.field(at).unwrap_or_default();
        seed.deserialize(Field { text }).map_err(|error| error.in_column(|| self.row.columns.label(at)))
    }
}

/// One field.
#[derive(Clone, Copy)]
struct Field<'r> {
    text: &'r str,
}

impl Field<'_> {
    #[cold]
    fn unfit(self, what: &str, range: impl std::fmt::Display) -> ParseError {
        if self.text.is_empty() {
            return ParseError::new(format_args!("is empty where {what} is expected"));
        }
        ParseError::new(format_args!("{} is not {what}{range}", Shown(self.text)))
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty;)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
            match self.text.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(self.unfit(
                    "a whole number",
                    format_args!(" from {} to {}", <$type>::MIN, <$type>::MAX),
                )),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Field<'de> {
    type Error = ParseError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        match Guess::of(self.text) {
            Guess::Null => visitor.visit_borrowed_str(""),
            Guess::Bool(value) => visitor.visit_bool(value),
            Guess::Int(value) => visitor.visit_i64(value),
            Guess::Float(value) => visitor.visit_f64(value),
            Guess::Text(text) => visitor.visit_borrowed_str(text),
        }
    }

    whole_numbers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        match self.text {
            "true" | "True" | "TRUE" => visitor.visit_bool(true),
            "false" | "False" | "FALSE" => visitor.visit_bool(false),
            _ => Err(self.unfit("true or false", "")),
        }
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        match self.text.parse() {
            Ok(value) => visitor.visit_f32(value),
            Err(_) => Err(self.unfit("a number", "")),
        }
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        match parse_f64(self.text) {
            Some(value) => visitor.visit_f64(value),
            None => Err(self.unfit("a number", "")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        let mut chars = self.text.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => visitor.visit_char(only),
            _ => Err(self.unfit("a single character", "")),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_borrowed_str(self.text)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_borrowed_bytes(self.text.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_borrowed_bytes(self.text.as_bytes())
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        if self.text.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        if self.text.is_empty() { visitor.visit_unit() } else { Err(self.unfit("empty", "")) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ParseError> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ParseError> {
        visitor.visit_enum(self)
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParseError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        seq tuple tuple_struct map struct identifier
    }
}

/// A field as a unit variant.
impl<'r> EnumAccess<'r> for Field<'r> {
    type Error = ParseError;
    type Variant = UnitOnly;

    fn variant_seed<V: DeserializeSeed<'r>>(self, seed: V) -> Result<(V::Value, UnitOnly), ParseError> {
        seed.deserialize(StrDeserializer::<ParseError>::new(self.text)).map(|variant| (variant, UnitOnly))
    }
}

/// A field has no place for the content of a variant.
struct UnitOnly;

impl<'r> VariantAccess<'r> for UnitOnly {
    type Error = ParseError;

    fn unit_variant(self) -> Result<(), ParseError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'r>>(self, _: T) -> Result<T::Value, ParseError> {
        Err(ParseError::custom("a field holds no variant with content"))
    }

    fn tuple_variant<V: Visitor<'r>>(self, _: usize, _: V) -> Result<V::Value, ParseError> {
        Err(ParseError::custom("a field holds no variant with content"))
    }

    fn struct_variant<V: Visitor<'r>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, ParseError> {
        Err(ParseError::custom("a field holds no variant with content"))
    }
}
