//! gRPC's messages. In: the bytes of a message, whole. Out: the message, or a status. A request of too many parts is refused
//! before it is decoded, and one with an object of too many, or nested too deep, before it is read: what takes two bytes on the wire
//! can take fifty in memory.
//!
//! Must not say what is wrong inside of an object: whoever reads it does.

use super::DEPTH;
use super::field;
use super::proto::{Resource, RunFunctionRequest, RunFunctionResponse};
use prost::bytes::{Buf, Bytes};
use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{self, BufferSettings, DecodeBuf, EncodeBuf};

/// How many fields a request may have, those of objects not counted: a resource is about four. Twenty times what five hundred
/// observed and desired resources come to.
pub(super) const PARTS: usize = 100_000;

/// How many fields an object may have, of which an entry is four and an item of a list two. What Kubernetes stores is a megabyte
/// and a half at most, of which managed fields take about five bytes for each.
pub(super) const OBJECT_PARTS: usize = 400_000;
/// Messages within each other that are looked at, three for each level of an object: what is deeper is refused.
const MESSAGES: usize = 3 * (DEPTH + 2);
/// The least that one level of an object or a list takes: the key and the length of two messages.
const LEVEL_BYTES: usize = 4;

/// Prost's, with a look at what comes in, and with buffers that grow once: to the size of the message, which both ends know.
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Codec(PhantomData)
    }
}

impl<T, U> codec::Codec for Codec<T, U>
where
    T: prost::Message + Send + 'static,
    U: Bounded + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Encoder<T>;
    type Decoder = Decoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        Encoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        Decoder(PhantomData)
    }
}

/// Nothing is asked for before it is known how much is needed.
fn buffer() -> BufferSettings {
    const YIELD: usize = 32 << 10; // tonic's own, which counts for streams alone
    BufferSettings::new(0, YIELD)
}

pub struct Encoder<T>(PhantomData<T>);

impl<T: prost::Message> codec::Encoder for Encoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, message: T, bytes: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes.reserve(message.encoded_len());
        message.encode(bytes).map_err(|error| Status::internal(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffer()
    }
}

pub struct Decoder<U>(PhantomData<U>);

impl<U: Bounded> codec::Decoder for Decoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // All of it, and where it lies: tonic hands over a message in one piece.
        let bytes = bytes.copy_to_bytes(bytes.remaining());
        if U::has_too_many_parts(&bytes) {
            return Err(Status::resource_exhausted(format!(
                "the request has more than {PARTS} resources and parts of them; ask for fewer resources"
            )));
        }
        // A part takes a byte at least, here as there: nearly all messages are too short for so many.
        let is_large = bytes.len() > OBJECT_PARTS;
        let message = U::decode(bytes).map_err(|error| Status::internal(error.to_string()))?;
        if is_large && message.objects().any(is_too_large) {
            return Err(Status::resource_exhausted(format!(
                "an object of the request has more than {OBJECT_PARTS} parts, more than Kubernetes stores; leave it out"
            )));
        }
        if message.objects().any(is_too_deep) {
            return Err(Status::resource_exhausted(format!(
                "an object of the request is nested deeper than {DEPTH} levels, several times deeper than any of Kubernetes; leave it out"
            )));
        }
        Ok(Some(message))
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffer()
    }
}

/// A message that says of its bytes whether decoding them would take too much.
pub trait Bounded: prost::Message + Default {
    fn has_too_many_parts(bytes: &[u8]) -> bool;
    /// Each in the pieces in which it was written.
    fn objects(&self) -> impl Iterator<Item = &[Bytes]>;
}

impl Bounded for RunFunctionRequest {
    fn has_too_many_parts(bytes: &[u8]) -> bool {
        let mut left = PARTS;
        // A part takes a byte at least: nearly all requests are too short for so many.
        bytes.len() > PARTS && !Shape::Request.fits(bytes, &mut left, MESSAGES)
    }

    fn objects(&self) -> impl Iterator<Item = &[Bytes]> {
        let states = self.observed.iter().chain(&self.desired);
        let states = states.flat_map(|state| state.composite.iter().chain(state.resources.values()));
        let found =
            self.required_resources.values().chain(self.extra_resources.values()).flat_map(|found| &found.items);
        let objects = states.chain(found).map(|Resource { resource, .. }| resource);
        let schemas = self.required_schemas.values().map(|schema| &schema.openapi_v3);
        objects.chain(schemas).chain([&self.input, &self.context]).map(Vec::as_slice)
    }
}

/// In pieces of a message, none of which nests deeper than all of it.
fn is_too_deep(pieces: &[Bytes]) -> bool {
    pieces.iter().any(|piece| Shape::Object.is_deeper(piece, DEPTH))
}

fn is_too_large(pieces: &[Bytes]) -> bool {
    let mut left = OBJECT_PARTS;
    let bytes: usize = pieces.iter().map(Bytes::len).sum();
    bytes > OBJECT_PARTS && !pieces.iter().all(|piece| Shape::Object.fits(piece, &mut left, MESSAGES))
}

/// Only who calls decodes it, and nobody here calls but tests.
impl Bounded for RunFunctionResponse {
    fn has_too_many_parts(_: &[u8]) -> bool {
        false
    }

    fn objects(&self) -> impl Iterator<Item = &[Bytes]> {
        std::iter::empty()
    }
}

/// Which message some bytes are. An entry of a map is a message, whose key is 1 and whose value is 2.
#[derive(Clone, Copy)]
enum Shape {
    Request,
    Meta,
    State,
    ResourceEntry,
    Resource,
    ResourcesEntry,
    Resources,
    CredentialsEntry,
    Credentials,
    CredentialData,
    SchemaEntry,
    Schema,
    Object,
    ObjectEntry,
    Value,
    List,
    /// One number in each byte, at most.
    Numbers,
}

impl Shape {
    /// What the field of that number is, where it has parts of its own.
    fn inside(self, tag: u32) -> Option<Shape> {
        Some(match (self, tag) {
            (Shape::Request, 1) => Shape::Meta,
            (Shape::Request, 2 | 3) => Shape::State,
            (Shape::Request, 6 | 8) => Shape::ResourcesEntry,
            (Shape::Request, 7) => Shape::CredentialsEntry,
            (Shape::Request, 9) => Shape::SchemaEntry,
            (Shape::Meta, 2) => Shape::Numbers,
            (Shape::State, 1) | (Shape::ResourceEntry, 2) | (Shape::Resources, 1) => Shape::Resource,
            (Shape::State, 2) => Shape::ResourceEntry,
            (Shape::ResourcesEntry, 2) => Shape::Resources,
            (Shape::CredentialsEntry, 2) => Shape::Credentials,
            (Shape::Credentials, 1) => Shape::CredentialData,
            (Shape::SchemaEntry, 2) => Shape::Schema,
            (Shape::Object, 1) => Shape::ObjectEntry,
            (Shape::ObjectEntry, 2) | (Shape::List, 1) => Shape::Value,
            (Shape::Value, 5) => Shape::Object,
            (Shape::Value, 6) => Shape::List,
            _ => return None,
        })
    }

    /// Takes what the message has off what is `left`. What cannot be read ends it: decoding says what is wrong.
    fn fits(self, bytes: &[u8], left: &mut usize, depth: usize) -> bool {
        if matches!(self, Shape::Numbers) {
            return take(left, bytes.len());
        }
        let mut rest = bytes;
        while let Some((tag, content)) = field::part(&mut rest) {
            let inside = self.inside(tag).filter(|_| depth > 0);
            if !take(left, 1) || inside.is_some_and(|inside| !inside.fits(content, left, depth - 1)) {
                return false;
            }
        }
        true
    }

    /// Whether an object or what is inside of it has more than so many levels. Nearly everything is too short for that, and not
    /// looked at.
    fn is_deeper(self, bytes: &[u8], levels: usize) -> bool {
        let levels = match self {
            Shape::Object | Shape::List => match levels.checked_sub(1) {
                Some(left) => left,
                None => return true,
            },
            _ => levels,
        };
        let mut rest = bytes;
        while let Some((tag, content)) = field::long_part(&mut rest, levels * LEVEL_BYTES) {
            if self.inside(tag).is_some_and(|inside| inside.is_deeper(content, levels)) {
                return true;
            }
        }
        false
    }
}

fn take(left: &mut usize, parts: usize) -> bool {
    let enough = *left >= parts;
    *left = left.saturating_sub(parts);
    enough
}
