//! Whole requests. In: any bytes. Out: nothing, or a panic: we read another request than prost with everything decoded,
//! or answer with what nobody can read.

use function_database::pipeline;
use function_database::wire::{self, proto};
use prost::Message;

/// The protocol as everybody else has it.
#[expect(clippy::enum_variant_names, reason = "generated, with the names of the protocol")]
mod plain {
    include!(concat!(env!("OUT_DIR"), "/plain/apiextensions.r#fn.proto.v1.rs"));
}

/// What prost reads we read too, and as the same. What we read gets an answer, the same each time; where prost could read
/// the request it can read the answer.
pub fn check(bytes: &[u8]) {
    let theirs = plain::RunFunctionRequest::decode(bytes).ok();
    let ours = match proto::RunFunctionRequest::decode(bytes) {
        Ok(ours) => ours,
        Err(error) => return assert!(theirs.is_none(), "prost reads it, we say {error}"),
    };
    if let Some(theirs) = &theirs {
        let ours = plain::RunFunctionRequest::decode(&ours.encode_to_vec()[..]).expect("prost read it before");
        assert_eq!(ours.encode_to_vec(), theirs.encode_to_vec(), "{ours:?} is not {theirs:?}");
    }
    let now = "2026-11-21T12:00:00Z".parse().expect("a time");
    let answer = || wire::encode(pipeline::run(&wire::decode(ours.clone()), now)).encode_to_vec();
    let answered = answer();
    assert_eq!(answered, answer());
    let read = plain::RunFunctionResponse::decode(&answered[..]);
    assert!(theirs.is_none() || read.is_ok(), "prost read the request, and not the answer: {read:?}");
}
