//! One value: the serializer that serde drives.

use super::document::{DocumentSerializer, StructSerializer, VariantSerializer};
use super::special::{self, Special};
use super::{SerError, Writer};
use crate::bson::kind;
use crate::bson::{Decimal128, newtype};
use serde::Serialize;
use serde::ser::Serializer;
use std::fmt;

/// Writes the value of the element in work (or, at the top, the whole document).
pub(super) struct ElementSerializer<'w, 'b>(&'w mut Writer<'b>);

impl<'w, 'b> ElementSerializer<'w, 'b> {
    #[inline]
    pub(super) fn new(writer: &'w mut Writer<'b>) -> Self {
        ElementSerializer(writer)
    }
}

impl<'w, 'b> Serializer for ElementSerializer<'w, 'b> {
    type Ok = ();
    type Error = SerError;
    type SerializeSeq = DocumentSerializer<'w, 'b>;
    type SerializeTuple = DocumentSerializer<'w, 'b>;
    type SerializeTupleStruct = DocumentSerializer<'w, 'b>;
    type SerializeTupleVariant = VariantSerializer<'w, 'b>;
    type SerializeMap = DocumentSerializer<'w, 'b>;
    type SerializeStruct = StructSerializer<'w, 'b>;
    type SerializeStructVariant = VariantSerializer<'w, 'b>;

    /// As in the `bson` crate, so that what it reads back fits the same types.
    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), SerError> {
        self.0.fixed(kind::BOOL, [u8::from(value)])
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Result<(), SerError> {
        self.serialize_i32(value.into())
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> Result<(), SerError> {
        self.serialize_i32(value.into())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Result<(), SerError> {
        self.0.fixed(kind::INT32, value.to_le_bytes())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), SerError> {
        self.0.fixed(kind::INT64, value.to_le_bytes())
    }

    fn serialize_i128(self, value: i128) -> Result<(), SerError> {
        if let Ok(value) = i64::try_from(value) {
            return self.serialize_i64(value);
        }
        match Decimal128::from_i128(value) {
            Some(decimal) => self.0.fixed(kind::DECIMAL128, decimal.bytes()),
            None => Err(SerError::new(format_args!("{value} has more digits than the 34 of a decimal128"))),
        }
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<(), SerError> {
        self.serialize_i32(value.into())
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> Result<(), SerError> {
        self.serialize_i32(value.into())
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> Result<(), SerError> {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), SerError> {
        match i64::try_from(value) {
            Ok(value) => self.serialize_i64(value),
            Err(_) => Err(SerError::new(format_args!(
                "{value} is greater than {}, the greatest int64; emit it as a string or a Decimal128",
                i64::MAX
            ))),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<(), SerError> {
        match i128::try_from(value) {
            Ok(value) => self.serialize_i128(value),
            Err(_) => Err(SerError::new(format_args!("{value} has more digits than the 34 of a decimal128"))),
        }
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<(), SerError> {
        self.serialize_f64(value.into())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), SerError> {
        self.0.fixed(kind::DOUBLE, value.to_le_bytes())
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), SerError> {
        self.0.string(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), SerError> {
        self.0.string(value)
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), SerError> {
        self.0.binary(0, value)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), SerError> {
        self.0.set_kind(kind::NULL)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerError> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), SerError> {
        self.0.set_kind(kind::NULL)
    }

    #[inline]
    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), SerError> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), SerError> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), SerError> {
        if !newtype::is_special(name) {
            return value.serialize(self);
        }
        special::newtype(self.0, name, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        let mut document = DocumentSerializer::open(self.0, kind::DOCUMENT)?;
        document.field(variant, value)?;
        document.close()
    }

    #[inline]
    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, SerError> {
        DocumentSerializer::open(self.0, kind::ARRAY)
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, SerError> {
        self.serialize_seq(Some(len))
    }

    #[inline]
    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, SerError> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, SerError> {
        VariantSerializer::open(self.0, variant, kind::ARRAY)
    }

    #[inline]
    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, SerError> {
        DocumentSerializer::open(self.0, kind::DOCUMENT)
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Self::SerializeStruct, SerError> {
        StructSerializer::open(self.0, Special::named(name))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, SerError> {
        VariantSerializer::open(self.0, variant, kind::DOCUMENT)
    }

    /// Writes into the document without a string in between.
    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), SerError> {
        let writer = self.0;
        writer.string("")?;
        let length_at = writer.out.len() - 5;
        writer.out.truncate(length_at + 4);
        let mut text = TextWriter(writer);
        if fmt::Write::write_fmt(&mut text, format_args!("{value}")).is_err() {
            return Err(SerError::too_large());
        }
        writer.out.push(0);
        let length = writer.length_of(writer.out.len() - length_at - 4, 0)?;
        writer.out.written_mut()[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }
}

/// Appends text to a document, up to the size that a document may have.
struct TextWriter<'w, 'b>(&'w mut Writer<'b>);

impl fmt::Write for TextWriter<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.length_of(text.len(), 1).map_err(|_| fmt::Error)?;
        self.0.out.extend(text.as_bytes());
        Ok(())
    }
}
