//! How a message becomes bytes on a connection. In: a message. Out: what prost makes of it. Must not know what is in it.

use prost::Message;
use std::marker::PhantomData;
use tonic::codec::BufferSettings;
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// Bytes: nearly all messages fit, so that no buffer grows by copying what is in it. The C library takes less than 128 KiB
/// from what it has and asks the kernel for more.
const BUFFER: usize = 64 << 10;
/// Bytes after which tonic, of a stream, sends what it has: its own default.
const SEND_AT: usize = 32 << 10;

/// [`ProstCodec`] with larger buffers.
pub struct Codec<Encode, Decode>(PhantomData<(Encode, Decode)>);

impl<Encode, Decode> Default for Codec<Encode, Decode> {
    fn default() -> Self {
        Codec(PhantomData)
    }
}

impl<Encode, Decode> tonic::codec::Codec for Codec<Encode, Decode>
where
    Encode: Message + Send + 'static,
    Decode: Message + Default + Send + 'static,
{
    type Encode = Encode;
    type Decode = Decode;
    type Encoder = ProstEncoder<Encode>;
    type Decoder = ProstDecoder<Decode>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<Encode, Decode>::raw_encoder(BufferSettings::new(BUFFER, SEND_AT))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<Encode, Decode>::raw_decoder(BufferSettings::new(BUFFER, SEND_AT))
    }
}
