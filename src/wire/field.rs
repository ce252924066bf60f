//! Protobuf fields in and out of byte slices. In: bytes of a `google.protobuf.Struct`, `Value` or `ListValue`. Out:
//! their fields, as slices of the same bytes. Knows nothing of serde, and must not panic on any bytes.
//!
//! It follows the rules by which protobuf merges: of a repeated scalar the last wins, repeated messages are one message
//! in several [`Parts`], and what is unknown is skipped.

use super::error::Error;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Tags as the bytes that lead a field on the wire.
pub(super) mod key {
    pub const STRUCT_ENTRY: u8 = 0x0a;
    pub const ENTRY_NAME: u8 = 0x0a;
    pub const ENTRY_VALUE: u8 = 0x12;
    pub const LIST_ITEM: u8 = 0x0a;
    pub const NULL: u8 = 0x08;
    pub const NUMBER: u8 = 0x11;
    pub const STRING: u8 = 0x1a;
    pub const BOOL: u8 = 0x20;
    pub const STRUCT: u8 = 0x2a;
    pub const LIST: u8 = 0x32;
}

/// What a field holds, by its wire type.
enum Payload<'de> {
    Varint(u64),
    Double(f64),
    Bytes(&'de [u8]),
    Unused,
}

/// Takes the next field off `rest`, with its tag.
fn next<'de>(rest: &mut &'de [u8]) -> Result<Option<(u32, Payload<'de>)>, Error> {
    if rest.is_empty() {
        return Ok(None);
    }
    let (tag, wire_type) = match rest.split_first() {
        // Almost always: a tag below 16.
        Some((&key @ 0x08..0x80, after)) => {
            *rest = after;
            (u32::from(key >> 3), WireType::try_from(u64::from(key & 7))?)
        }
        _ => decode_key(rest)?,
    };
    let payload = match wire_type {
        WireType::Varint => Payload::Varint(decode_varint(rest)?),
        WireType::LengthDelimited => {
            let length = usize::try_from(decode_varint(rest)?).map_err(|_| Error::truncated())?;
            let (bytes, after) = rest.split_at_checked(length).ok_or_else(Error::truncated)?;
            *rest = after;
            Payload::Bytes(bytes)
        }
        WireType::SixtyFourBit => {
            let (bytes, after) = rest.split_first_chunk().ok_or_else(Error::truncated)?;
            *rest = after;
            Payload::Double(f64::from_le_bytes(*bytes))
        }
        WireType::StartGroup | WireType::EndGroup | WireType::ThirtyTwoBit => {
            skip_field(wire_type, tag, rest, DecodeContext::default())?;
            Payload::Unused
        }
    };
    Ok(Some((tag, payload)))
}

/// Takes the next field off `rest`, with its tag and its bytes, which it may have none of. Nothing where none can be read.
pub(super) fn part<'de>(rest: &mut &'de [u8]) -> Option<(u32, &'de [u8])> {
    match next(rest).ok()?? {
        (tag, Payload::Bytes(bytes)) => Some((tag, bytes)),
        (tag, _) => Some((tag, &[])),
    }
}

/// The same of the next field that has at least so many bytes; those before it are skipped.
pub(super) fn long_part<'de>(rest: &mut &'de [u8], least: usize) -> Option<(u32, &'de [u8])> {
    while rest.len() >= least {
        let (tag, content) = match *rest {
            // Almost always: a length-delimited field with a tag below 16.
            [key @ ..0x80, after @ ..] if key & 7 == WireType::LengthDelimited as u8 => {
                let mut after = after;
                let length = length(&mut after)?;
                let (content, after) = after.split_at_checked(length)?;
                *rest = after;
                (u32::from(key >> 3), content)
            }
            _ => part(rest)?,
        };
        if content.len() >= least {
            return Some((tag, content));
        }
    }
    None
}

/// Takes a length off `rest`, or nothing. This and the next two stand in the innermost loops of every step.
#[inline(always)]
fn length(rest: &mut &[u8]) -> Option<usize> {
    let (length, after) = match *rest {
        [low @ ..0x80, after @ ..] => (usize::from(*low), after),
        [low, high @ ..0x80, after @ ..] => (usize::from(low & 0x7f) | usize::from(*high) << 7, after),
        _ => return usize::try_from(decode_varint(rest).ok()?).ok(),
    };
    *rest = after;
    Some(length)
}

/// Takes the length-delimited field that begins with `key` off `rest`, or nothing.
#[inline(always)]
fn delimited<'de>(rest: &mut &'de [u8], key: u8) -> Option<&'de [u8]> {
    let (first, mut after) = rest.split_first()?;
    if *first != key {
        return None;
    }
    let length = length(&mut after)?;
    let (bytes, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

/// The only field, which begins with `key`.
#[inline(always)]
fn only(mut bytes: &[u8], key: u8) -> Option<&[u8]> {
    delimited(&mut bytes, key).filter(|_| bytes.is_empty())
}

/// One message that lies in one or, rarely, several places, which read as if they were one after the other.
#[derive(Clone, Debug)]
pub(super) enum Parts<'de> {
    One(&'de [u8]),
    Several(Vec<&'de [u8]>),
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Parts::One(&[])
    }
}

impl<'de> From<&'de [u8]> for Parts<'de> {
    fn from(bytes: &'de [u8]) -> Self {
        Parts::One(bytes)
    }
}

impl<'de> Parts<'de> {
    pub fn iter(&self) -> impl Iterator<Item = &'de [u8]> {
        let parts = match self {
            Parts::One(bytes) => std::slice::from_ref(bytes),
            Parts::Several(parts) => parts,
        };
        parts.iter().copied()
    }

    fn and(self, part: &'de [u8]) -> Self {
        match self {
            Parts::One([]) => Parts::One(part),
            Parts::One(bytes) => Parts::Several(vec![bytes, part]),
            Parts::Several(mut parts) => {
                parts.push(part);
                Parts::Several(parts)
            }
        }
    }

    /// The bytes of the message, if they lie in one place.
    pub fn whole(&self) -> Option<&'de [u8]> {
        match self {
            Parts::One(bytes) => Some(bytes),
            Parts::Several(_) => None,
        }
    }

    /// How many bytes the message has.
    pub fn len(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }

    /// The bytes of the message, copied.
    pub fn to_vec(&self) -> Vec<u8> {
        self.iter().flatten().copied().collect()
    }

    /// Visits the fields with tag 1, in order, of a message of which only those matter.
    fn each(&self, mut visit: impl FnMut(&'de [u8]) -> Result<(), Error>) -> Result<(), Error> {
        for mut rest in self.iter() {
            while let Some(bytes) = delimited(&mut rest, key::STRUCT_ENTRY) {
                visit(bytes)?;
            }
            while let Some((tag, payload)) = next(&mut rest)? {
                match (tag, payload) {
                    (1, Payload::Bytes(bytes)) => visit(bytes)?,
                    (1, _) => return Err(Error::wire_type()),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// An entry of an object.
#[derive(Default)]
pub(super) struct Entry<'de> {
    pub name: &'de str,
    pub value: Parts<'de>,
}

impl<'de> Entry<'de> {
    /// Name and value, as every encoder writes them.
    #[inline(always)]
    fn plain(mut rest: &'de [u8]) -> Option<(&'de [u8], &'de [u8])> {
        let name = delimited(&mut rest, key::ENTRY_NAME)?;
        Some((name, only(rest, key::ENTRY_VALUE)?))
    }

    fn read(mut rest: &'de [u8]) -> Result<Self, Error> {
        if let Some((name, value)) = Entry::plain(rest) {
            return Ok(Entry { name: std::str::from_utf8(name)?, value: value.into() });
        }
        let mut entry = Entry { name: "", value: Parts::default() };
        while let Some((tag, payload)) = next(&mut rest)? {
            match (tag, payload) {
                (1, Payload::Bytes(name)) => entry.name = std::str::from_utf8(name)?,
                (2, Payload::Bytes(part)) => entry.value = entry.value.and(part),
                (1 | 2, _) => return Err(Error::wire_type()),
                _ => {}
            }
        }
        Ok(entry)
    }
}

/// The entries of a `Struct`, sorted by name. Of several with one name, the last wins.
pub(super) fn entries<'de>(fields: &Parts<'de>) -> Result<Vec<Entry<'de>>, Error> {
    let mut entries: Vec<Entry> = Vec::with_capacity(8);
    let mut sorted = true;
    fields.each(|bytes| {
        let entry = Entry::read(bytes)?;
        sorted &= entries.last().is_none_or(|last| last.name < entry.name);
        entries.push(entry);
        Ok(())
    })?;
    if sorted {
        return Ok(entries);
    }
    entries.sort_by(|left, right| left.name.cmp(right.name));
    entries.dedup_by(|later, earlier| {
        let same = later.name == earlier.name;
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    Ok(entries)
}

/// The value of the entry of that name in a `Struct`.
pub(super) fn entry<'de>(fields: &Parts<'de>, name: &str) -> Result<Option<Parts<'de>>, Error> {
    if let Some(value) = fields.whole().and_then(|bytes| plain_entry(bytes, name.as_bytes())) {
        return Ok(value.map(Parts::One));
    }
    let mut found = None;
    fields.each(|bytes| {
        let entry = Entry::read(bytes)?;
        if entry.name == name {
            found = Some(entry.value);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The same of an object as every encoder writes it; nothing if it is written otherwise.
fn plain_entry<'de>(mut rest: &'de [u8], name: &[u8]) -> Option<Option<&'de [u8]>> {
    let mut found = None;
    while !rest.is_empty() {
        let (other, value) = Entry::plain(delimited(&mut rest, key::STRUCT_ENTRY)?)?;
        if other == name {
            found = Some(value);
        }
    }
    Some(found)
}

/// The text to which names lead through objects as every encoder writes them; nothing if they are written otherwise, or
/// if what stands there is no text.
pub(super) fn plain_text<'de>(mut fields: &'de [u8], path: &[&str]) -> Option<Option<&'de str>> {
    let (last, way) = path.split_last()?;
    for name in way {
        let Some(value) = plain_entry(fields, name.as_bytes())? else { return Some(None) };
        fields = only(value, key::STRUCT)?;
    }
    let Some(value) = plain_entry(fields, last.as_bytes())? else { return Some(None) };
    std::str::from_utf8(only(value, key::STRING)?).ok().map(Some)
}

/// The name with which the bytes of an entry begin.
pub(super) fn name_of(mut entry: &[u8]) -> &str {
    match next(&mut entry) {
        Ok(Some((1, Payload::Bytes(name)))) => std::str::from_utf8(name).unwrap_or_default(),
        _ => "",
    }
}

/// The items of a `ListValue`.
pub(super) fn items<'de>(values: &Parts<'de>) -> Result<Vec<&'de [u8]>, Error> {
    let mut items = Vec::new();
    values.each(|bytes| {
        items.push(bytes);
        Ok(())
    })?;
    Ok(items)
}

/// What a `Value` is, one level deep.
#[derive(Clone, Debug)]
pub(super) enum Kind<'de> {
    Null,
    Number(f64),
    String(&'de str),
    Bool(bool),
    Object(Parts<'de>),
    List(Parts<'de>),
}

impl<'de> Kind<'de> {
    /// Reads a `Value`. An empty one is null; of several kinds the last wins, and a kind we do not know is no kind.
    pub fn of(value: &Parts<'de>) -> Result<Self, Error> {
        match value.whole().and_then(Kind::plain) {
            Some(kind) => kind,
            None => Kind::merged(value),
        }
    }

    /// A value of one of the kinds that hold anything, as every encoder writes it.
    fn plain(bytes: &'de [u8]) -> Option<Result<Self, Error>> {
        Some(match *bytes.first()? {
            key::STRING => std::str::from_utf8(only(bytes, key::STRING)?).map(Kind::String).map_err(Error::from),
            key::STRUCT => Ok(Kind::Object(only(bytes, key::STRUCT)?.into())),
            key::LIST => Ok(Kind::List(only(bytes, key::LIST)?.into())),
            _ => return None,
        })
    }

    fn merged(value: &Parts<'de>) -> Result<Self, Error> {
        let mut kind = Kind::Null;
        for mut rest in value.iter() {
            while let Some((tag, payload)) = next(&mut rest)? {
                kind = match (tag, payload, kind) {
                    (1, Payload::Varint(_), _) => Kind::Null,
                    (2, Payload::Double(number), _) => Kind::Number(number),
                    (3, Payload::Bytes(text), _) => Kind::String(std::str::from_utf8(text)?),
                    (4, Payload::Varint(truth), _) => Kind::Bool(truth != 0),
                    (5, Payload::Bytes(part), Kind::Object(parts)) => Kind::Object(parts.and(part)),
                    (5, Payload::Bytes(part), _) => Kind::Object(part.into()),
                    (6, Payload::Bytes(part), Kind::List(parts)) => Kind::List(parts.and(part)),
                    (6, Payload::Bytes(part), _) => Kind::List(part.into()),
                    (1..=6, _, _) => return Err(Error::wire_type()),
                    (_, _, kind) => kind,
                }
            }
        }
        Ok(kind)
    }
}

/// Appends the entries of a `Struct`, without those of that name.
pub(super) fn put_others(bytes: &mut Vec<u8>, fields: &Parts<'_>, name: &str) -> Result<(), Error> {
    fields.each(|entry| {
        if Entry::read(entry)?.name != name {
            put(bytes, key::STRUCT_ENTRY, entry);
        }
        Ok(())
    })
}

/// Appends a length-delimited field up to its payload, which takes so many bytes.
pub(super) fn begin(bytes: &mut Vec<u8>, key: u8, payload: usize) {
    bytes.push(key);
    prost::encoding::encode_varint(payload as u64, bytes);
}

/// Appends a length-delimited field.
pub(super) fn put(bytes: &mut Vec<u8>, key: u8, payload: &[u8]) {
    begin(bytes, key, payload.len());
    bytes.extend_from_slice(payload);
}

/// How many bytes a length-delimited field takes, its key below 16.
pub(super) fn size(payload: usize) -> usize {
    1 + prost::encoding::encoded_len_varint(payload as u64) + payload
}

/// Appends an entry of a `Struct` up to its value, which takes so many bytes.
pub(super) fn begin_entry(bytes: &mut Vec<u8>, name: &str, value: usize) {
    begin(bytes, key::STRUCT_ENTRY, size(name.len()) + size(value));
    put(bytes, key::ENTRY_NAME, name.as_bytes());
    begin(bytes, key::ENTRY_VALUE, value);
}

/// Begins a length-delimited field of which the length is not known yet. Returns where its payload begins.
pub(super) fn open(bytes: &mut Vec<u8>, key: u8) -> usize {
    bytes.extend_from_slice(&[key, 0]);
    bytes.len()
}

/// Ends the field whose payload began at `start`: writes its length, moving the payload if that takes more than a byte.
pub(super) fn close(bytes: &mut Vec<u8>, start: usize) {
    let length = (bytes.len() - start) as u64;
    if length < 0x80 {
        bytes[start - 1] = length as u8;
        return;
    }
    let extra = prost::encoding::encoded_len_varint(length) - 1;
    make_room(bytes, start, extra);
    prost::encoding::encode_varint(length, &mut &mut bytes[start - 1..start + extra]);
}

/// Moves what begins at `start` up, a chunk at a time from the end: C libraries may do it byte by byte (musl does).
fn make_room(bytes: &mut Vec<u8>, start: usize, extra: usize) {
    const CHUNK: usize = 64;
    let mut end = bytes.len();
    bytes.resize(end + extra, 0);
    while let Some(chunk) = bytes[start..end].last_chunk::<CHUNK>().copied() {
        end -= CHUNK;
        bytes[end + extra..end + extra + CHUNK].copy_from_slice(&chunk);
    }
    bytes.copy_within(start..end, start + extra);
}

/// Begins an entry of a `Struct`, up to its value. Returns where entry and value begin.
pub(super) fn open_entry(bytes: &mut Vec<u8>, name: &str) -> [usize; 2] {
    let entry = open(bytes, key::STRUCT_ENTRY);
    put(bytes, key::ENTRY_NAME, name.as_bytes());
    [entry, open(bytes, key::ENTRY_VALUE)]
}

/// Ends the entry, after its value.
pub(super) fn close_entry(bytes: &mut Vec<u8>, [entry, value]: [usize; 2]) {
    close(bytes, value);
    close(bytes, entry);
}
