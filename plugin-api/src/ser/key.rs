//! Keys of maps: strings, and what has one obvious spelling as a string.

use super::{SerError, Writer};
use serde::Serialize;
use serde::ser::{Impossible, Serializer};
use std::fmt;

/// Writes the key of the next element.
pub(super) struct KeySerializer<'w, 'b>(&'w mut Writer<'b>);

impl<'w, 'b> KeySerializer<'w, 'b> {
    pub(super) fn new(writer: &'w mut Writer<'b>) -> Self {
        KeySerializer(writer)
    }
}

fn refused<T>(what: &str) -> Result<T, SerError> {
    Err(SerError::new(format_args!("{what} cannot be the key of a document; use a string or a number")))
}

/// Keys whose spelling is that of `to_string`.
macro_rules! spelled {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, key: $type) -> Result<(), SerError> {
            self.0.key(&key.to_string())
        })*
    };
}

impl Serializer for KeySerializer<'_, '_> {
    type Ok = ();
    type Error = SerError;
    type SerializeSeq = Impossible<(), SerError>;
    type SerializeTuple = Impossible<(), SerError>;
    type SerializeTupleStruct = Impossible<(), SerError>;
    type SerializeTupleVariant = Impossible<(), SerError>;
    type SerializeMap = Impossible<(), SerError>;
    type SerializeStruct = Impossible<(), SerError>;
    type SerializeStructVariant = Impossible<(), SerError>;

    fn is_human_readable(&self) -> bool {
        true
    }

    spelled! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_char: char,
    }

    fn serialize_f32(self, _: f32) -> Result<(), SerError> {
        refused("a floating-point number")
    }

    fn serialize_f64(self, _: f64) -> Result<(), SerError> {
        refused("a floating-point number")
    }

    fn serialize_str(self, key: &str) -> Result<(), SerError> {
        self.0.key(key)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), SerError> {
        refused("a byte string")
    }

    fn serialize_none(self) -> Result<(), SerError> {
        refused("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, key: &T) -> Result<(), SerError> {
        key.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), SerError> {
        refused("null")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), SerError> {
        refused(name)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), SerError> {
        self.0.key(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, key: &T) -> Result<(), SerError> {
        key.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), SerError> {
        refused(name)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, SerError> {
        refused("a sequence")
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, SerError> {
        refused("a tuple")
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, SerError> {
        refused(name)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, SerError> {
        refused(name)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, SerError> {
        refused("a map")
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeStruct, SerError> {
        refused(name)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, SerError> {
        refused(name)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, key: &T) -> Result<(), SerError> {
        self.0.key(&key.to_string())
    }
}
