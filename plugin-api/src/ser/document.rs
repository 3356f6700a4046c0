//! Documents and arrays: elements one after another.

use super::element::ElementSerializer;
use super::key::KeySerializer;
use super::special::Special;
use super::{SerError, Writer};
use crate::bson::kind;
use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant,
};

/// An open document or array.
pub(super) struct DocumentSerializer<'w, 'b> {
    writer: &'w mut Writer<'b>,
    start: usize,
    /// Elements so far: the key of the next one of an array.
    count: u32,
    /// Its `_id` is the document's identity.
    top: bool,
}

impl<'w, 'b> DocumentSerializer<'w, 'b> {
    #[inline]
    pub(super) fn open(writer: &'w mut Writer<'b>, kind: u8) -> Result<Self, SerError> {
        let top = writer.depth == 0;
        let start = writer.open(kind)?;
        Ok(DocumentSerializer { writer, start, count: 0, top })
    }

    #[inline]
    pub(super) fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), SerError> {
        self.writer.key(key)?;
        let element_at = self.writer.type_at;
        let written = value.serialize(ElementSerializer::new(self.writer));
        if let Err(error) = written {
            return Err(error.below(key));
        }
        if self.top && key == "_id" {
            return self.writer.own_id(element_at);
        }
        Ok(())
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        let mut digits = [0; 10];
        let key = decimal(self.count, &mut digits);
        self.count += 1;
        self.field(key, value)
    }

    #[inline]
    pub(super) fn close(self) -> Result<(), SerError> {
        self.writer.close(self.start)
    }
}

/// `number` in decimal digits.
#[inline]
fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &str {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    std::str::from_utf8(&digits[at..]).unwrap_or_default()
}

impl SerializeSeq for DocumentSerializer<'_, '_> {
    type Ok = ();
    type Error = SerError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.element(value)
    }

    #[inline]
    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl SerializeTuple for DocumentSerializer<'_, '_> {
    type Ok = ();
    type Error = SerError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.element(value)
    }

    #[inline]
    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl SerializeTupleStruct for DocumentSerializer<'_, '_> {
    type Ok = ();
    type Error = SerError;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.element(value)
    }

    #[inline]
    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl SerializeMap for DocumentSerializer<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerError> {
        key.serialize(KeySerializer::new(self.writer))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        let element_at = self.writer.type_at;
        let value_at = self.writer.out.len();
        let written = value.serialize(ElementSerializer::new(self.writer));
        let key = self.writer.out.written().get(element_at + 1..value_at - 1).unwrap_or_default();
        if let Err(error) = written {
            return Err(error.below(&String::from_utf8_lossy(key)));
        }
        if self.top && key == b"_id" {
            return self.writer.own_id(element_at);
        }
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

/// A struct, which may stand for a value that serde does not know.
pub(super) struct StructSerializer<'w, 'b> {
    document: DocumentSerializer<'w, 'b>,
    special: Option<Special>,
    /// Where the type of the element stands that this struct is the value of.
    type_at: usize,
}

impl<'w, 'b> StructSerializer<'w, 'b> {
    #[inline]
    pub(super) fn open(writer: &'w mut Writer<'b>, special: Option<Special>) -> Result<Self, SerError> {
        if special.is_some() && writer.depth == 0 {
            return Err(SerError::not_a_document("a single value"));
        }
        let type_at = writer.type_at;
        Ok(StructSerializer { document: DocumentSerializer::open(writer, kind::DOCUMENT)?, special, type_at })
    }
}

impl SerializeStruct for StructSerializer<'_, '_> {
    type Ok = ();
    type Error = SerError;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), SerError> {
        self.document.field(key, value)
    }

    #[inline]
    fn end(self) -> Result<(), SerError> {
        let StructSerializer { document, special, type_at } = self;
        let DocumentSerializer { writer, start, .. } = document;
        writer.close(start)?;
        match special {
            None => Ok(()),
            Some(special) => special.rewrite(writer, type_at, start),
        }
    }
}

/// A variant with content: `{ "Variant": content }`, both open.
pub(super) struct VariantSerializer<'w, 'b> {
    outer: usize,
    inner: DocumentSerializer<'w, 'b>,
}

impl<'w, 'b> VariantSerializer<'w, 'b> {
    pub(super) fn open(writer: &'w mut Writer<'b>, variant: &'static str, kind: u8) -> Result<Self, SerError> {
        let outer = writer.open(kind::DOCUMENT)?;
        writer.key(variant)?;
        Ok(VariantSerializer { outer, inner: DocumentSerializer::open(writer, kind)? })
    }

    fn close(self) -> Result<(), SerError> {
        let DocumentSerializer { writer, start, .. } = self.inner;
        writer.close(start)?;
        writer.close(self.outer)
    }
}

impl SerializeTupleVariant for VariantSerializer<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.inner.element(value)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

impl SerializeStructVariant for VariantSerializer<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), SerError> {
        self.inner.field(key, value)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}
