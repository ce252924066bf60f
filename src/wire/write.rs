//! Writes values as wire bytes of a `google.protobuf.Value`, in one pass. In: anything serde can serialise. Out: bytes
//! appended to a buffer. Must not lose precision: a number that a double cannot hold is an error.

use super::{
    DEPTH,
    error::Error,
    field::{self, Kind, Parts, key},
    read::MAX_INTEGER,
};
use serde::ser::{self, Error as _, Serialize};

/// Writes one value at the end of `bytes`.
pub(super) fn value<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    value.serialize(Writer { bytes, depth: DEPTH, embedded: false })
}

struct Writer<'b> {
    bytes: &'b mut Vec<u8>,
    /// How many levels of lists and objects may still begin.
    depth: usize,
    /// Set for just an [`Object`](super::Object), which then hands over its bytes.
    embedded: bool,
}

impl<'b> Writer<'b> {
    fn double(self, number: f64) -> Result<(), Error> {
        if !number.is_finite() {
            return Err(Error::not_finite());
        }
        self.bytes.push(key::NUMBER);
        self.bytes.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }

    fn null(self) -> Result<(), Error> {
        self.bytes.extend([key::NULL, 0]);
        Ok(())
    }

    fn compound(self, kind: u8) -> Result<Compound<'b>, Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(Error::too_deep)?;
        let start = field::open(self.bytes, kind);
        Ok(Compound { bytes: self.bytes, depth, start, items: 0, entry: 0, variant: None })
    }

    /// An object whose only entry has the name of an enum's variant, up to that entry's value.
    fn variant(self, name: &str) -> Result<(Writer<'b>, [usize; 3]), Error> {
        let Compound { bytes, depth, start, .. } = self.compound(key::STRUCT)?;
        let [entry, value] = field::open_entry(bytes, name);
        Ok((Writer { bytes, depth, embedded: false }, [value, entry, start]))
    }

    fn variant_compound(self, name: &str, kind: u8) -> Result<Compound<'b>, Error> {
        let (writer, variant) = self.variant(name)?;
        Ok(Compound { variant: Some(variant), ..writer.compound(kind)? })
    }
}

impl<'b> ser::Serializer for Writer<'b> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'b>;
    type SerializeTuple = Compound<'b>;
    type SerializeTupleStruct = Compound<'b>;
    type SerializeTupleVariant = Compound<'b>;
    type SerializeMap = Compound<'b>;
    type SerializeStruct = Compound<'b>;
    type SerializeStructVariant = Compound<'b>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.bytes.extend([key::BOOL, u8::from(value)]);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.double(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.double(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.double(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        if value.unsigned_abs() > MAX_INTEGER as u64 {
            return Err(Error::custom(format!("{value} is beyond 2^53, to which whole numbers are exact")));
        }
        self.double(value as f64)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.double(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.double(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.double(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        if value > MAX_INTEGER as u64 {
            return Err(Error::custom(format!("{value} is beyond 2^53, to which whole numbers are exact")));
        }
        self.double(value as f64)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.double(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.double(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        field::put(self.bytes, key::STRING, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        if !self.embedded {
            return Err(Error::custom("is bytes, which JSON has not"));
        }
        field::put(self.bytes, key::STRUCT, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.null()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.null()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(Writer { embedded: name == super::embed::EMBEDDED, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let (Writer { bytes, depth, embedded }, opened) = self.variant(variant)?;
        value.serialize(Writer { bytes: &mut *bytes, depth, embedded }).map_err(|error| error.in_entry(variant))?;
        opened.into_iter().for_each(|start| field::close(bytes, start));
        Ok(())
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Compound<'b>, Error> {
        self.compound(key::LIST)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Compound<'b>, Error> {
        self.compound(key::LIST)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Compound<'b>, Error> {
        self.compound(key::LIST)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'b>, Error> {
        self.variant_compound(variant, key::LIST)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Compound<'b>, Error> {
        self.compound(key::STRUCT)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Compound<'b>, Error> {
        self.compound(key::STRUCT)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'b>, Error> {
        self.variant_compound(variant, key::STRUCT)
    }

    fn is_human_readable(&self) -> bool {
        !self.embedded
    }
}

/// A list or an object that is being written.
struct Compound<'b> {
    bytes: &'b mut Vec<u8>,
    depth: usize,
    /// Where its payload began.
    start: usize,
    /// How many items a list has so far.
    items: usize,
    /// Where the payload of the entry began of which the value is still to come.
    entry: usize,
    /// What to close after it, if it is the value of an enum's variant.
    variant: Option<[usize; 3]>,
}

impl Compound<'_> {
    fn inner<T: Serialize + ?Sized>(&mut self, key: u8, value: &T) -> Result<(), Error> {
        let start = field::open(self.bytes, key);
        value.serialize(Writer { bytes: &mut *self.bytes, depth: self.depth, embedded: false })?;
        field::close(self.bytes, start);
        Ok(())
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.inner(key::LIST_ITEM, value).map_err(|error| error.in_item(self.items))?;
        self.items += 1;
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        let entry = field::open_entry(self.bytes, name);
        value
            .serialize(Writer { bytes: &mut *self.bytes, depth: self.depth, embedded: false })
            .map_err(|error| error.in_entry(name))?;
        field::close_entry(self.bytes, entry);
        Ok(())
    }

    fn finish(self) -> Result<(), Error> {
        field::close(self.bytes, self.start);
        self.variant.into_iter().flatten().for_each(|start| field::close(self.bytes, start));
        Ok(())
    }
}

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Error;

    /// Writes the name as a value first, to learn what it is. Numbers and booleans become texts, as in JSON.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Error> {
        self.entry = field::open(self.bytes, key::STRUCT_ENTRY);
        name.serialize(Writer { bytes: &mut *self.bytes, depth: 0, embedded: false })?;
        if self.bytes[self.entry] == key::STRING {
            self.bytes[self.entry] = key::ENTRY_NAME;
            return Ok(());
        }
        let name = match Kind::of(&Parts::from(&self.bytes[self.entry..]))? {
            Kind::Number(number) => number.to_string(),
            Kind::Bool(truth) => truth.to_string(),
            _ => return Err(Error::custom("has a key that is no text")),
        };
        self.bytes.truncate(self.entry);
        field::put(self.bytes, key::ENTRY_NAME, name.as_bytes());
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if let Err(error) = self.inner(key::ENTRY_VALUE, value) {
            return Err(error.in_entry(field::name_of(&self.bytes[self.entry..])));
        }
        field::close(self.bytes, self.entry);
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeStruct for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeSeq for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        self.item(item)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeTuple for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        self.item(item)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        self.item(item)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        self.item(item)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}
