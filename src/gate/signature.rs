//! Who signed an approval. In: its spec and the platform's signers. Out: nothing, or why the signature does not count.
//!
//! What is signed is permanent: the canonical JSON (RFC 8785) of the spec without its signature, in the form of OpenSSH's
//! `PROTOCOL.sshsig`. Must not read files, ask an agent or look at the clock. `ssh-key` reads the forms and `ring`, the
//! library behind TLS here, does the arithmetic; P-521, which `ring` lacks, is `p521`'s.

use crate::api::approval::ApprovalSpec;
use crate::api::input::{Signer, SignerKey};
use p521::ecdsa::signature::Verifier;
use ring::signature::{self as verify, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use sha2::{Digest, Sha256};
use ssh_key::public::{EcdsaPublicKey, KeyData};
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, Mpint, SshSig};

/// For `ssh-keygen -Y sign -n`: no signature made for anything else counts here, and none made here elsewhere.
pub const NAMESPACE: &str = "db.platform.io/approval";
/// In characters; an RSA key of 8192 bits needs less than 3000.
const LONGEST: usize = 16384;

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("its signature cannot be read ({0}); make it with ssh-keygen -Y sign")]
    Unreadable(String),
    #[error("it is signed for the namespace {0:?}, not for {NAMESPACE:?}")]
    Namespace(String),
    #[error("it is signed by a key that belongs to no approver ({0})")]
    UnknownKey(String),
    #[error("it is signed by the key of {0}")]
    KeyOf(String),
    #[error("it is signed without touching the security key")]
    NobodyPresent,
    #[error("its signature is of another text: it was changed after it was signed, or not signed by that key")]
    Wrong,
}

/// What is signed: nothing before it, nothing after it, no line end.
pub fn canonical(spec: &ApprovalSpec) -> String {
    let unsigned = ApprovalSpec { signature: None, ..spec.clone() };
    // A `Value` keeps its keys sorted, whatever order the fields are declared in.
    serde_json::to_value(unsigned).map(|value| value.to_string()).unwrap_or_default()
}

/// Whether the approver of this spec has signed exactly it.
pub fn check(spec: &ApprovalSpec, signature: &str, signers: &[Signer]) -> Result<(), Flaw> {
    if signature.len() > LONGEST {
        return Err(Flaw::Unreadable(format!("it is longer than {LONGEST} characters")));
    }
    let signature = SshSig::from_pem(signature.trim()).map_err(|error| Flaw::Unreadable(error.to_string()))?;
    if signature.version() != SshSig::VERSION || !signature.reserved().is_empty() {
        return Err(Flaw::Unreadable("it is of an unknown version".into()));
    }
    if signature.namespace() != NAMESPACE {
        // Cut, because whoever wrote it may have written a lot.
        return Err(Flaw::Namespace(signature.namespace().chars().take(64).collect()));
    }
    let mut owners = signers.iter().filter(|signer| signer.key.data() == signature.public_key());
    match owners.next() {
        None => Err(Flaw::UnknownKey(signature.public_key().fingerprint(HashAlg::Sha256).to_string())),
        Some(Signer { approver, .. }) if *approver != spec.approver => Err(Flaw::KeyOf(approver.clone())),
        Some(Signer { key, .. }) => arithmetic(key, &signature, canonical(spec).as_bytes()),
    }
}

fn arithmetic(key: &SignerKey, signature: &SshSig, text: &[u8]) -> Result<(), Flaw> {
    let signed = SshSig::signed_data(NAMESPACE, signature.hash_alg(), text).map_err(|_| Flaw::Wrong)?;
    let bytes = signature.signature_bytes();
    match (key.data(), signature.algorithm()) {
        (KeyData::Ed25519(key), Algorithm::Ed25519) => ring(&verify::ED25519, &key.0, &signed, bytes),
        (KeyData::Ecdsa(key), Algorithm::Ecdsa { curve }) if key.curve() == curve => ecdsa(key, &signed, bytes),
        (KeyData::Rsa(key), Algorithm::Rsa { hash: Some(hash) }) => {
            let parameters = match hash {
                HashAlg::Sha256 => &verify::RSA_PKCS1_2048_8192_SHA256,
                HashAlg::Sha512 => &verify::RSA_PKCS1_2048_8192_SHA512,
                _ => return Err(Flaw::Wrong),
            };
            let (n, e) = key.n.as_positive_bytes().zip(key.e.as_positive_bytes()).ok_or(Flaw::Wrong)?;
            RsaPublicKeyComponents { n, e }.verify(parameters, &signed, bytes).map_err(|_| Flaw::Wrong)
        }
        (KeyData::SkEd25519(key), Algorithm::SkEd25519) => {
            let (signature, signed) = security_key(key.application(), &signed, bytes)?;
            ring(&verify::ED25519, &key.public_key().0, &signed, signature)
        }
        (KeyData::SkEcdsaSha2NistP256(key), Algorithm::SkEcdsaSha2NistP256) => {
            let (signature, signed) = security_key(key.application(), &signed, bytes)?;
            ecdsa(&EcdsaPublicKey::NistP256(*key.ec_point()), &signed, signature)
        }
        _ => Err(Flaw::Wrong),
    }
}

fn ring(algorithm: &'static dyn VerificationAlgorithm, key: &[u8], signed: &[u8], bytes: &[u8]) -> Result<(), Flaw> {
    UnparsedPublicKey::new(algorithm, key).verify(signed, bytes).map_err(|_| Flaw::Wrong)
}

fn ecdsa(key: &EcdsaPublicKey, signed: &[u8], bytes: &[u8]) -> Result<(), Flaw> {
    let size = match key.curve() {
        EcdsaCurve::NistP256 => 32,
        EcdsaCurve::NistP384 => 48,
        EcdsaCurve::NistP521 => 66,
    };
    let fixed = two_numbers(bytes, size).ok_or(Flaw::Wrong)?;
    match key.curve() {
        EcdsaCurve::NistP256 => ring(&verify::ECDSA_P256_SHA256_FIXED, key.as_sec1_bytes(), signed, &fixed),
        EcdsaCurve::NistP384 => ring(&verify::ECDSA_P384_SHA384_FIXED, key.as_sec1_bytes(), signed, &fixed),
        EcdsaCurve::NistP521 => {
            let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(key.as_sec1_bytes()).map_err(|_| Flaw::Wrong)?;
            let signature = p521::ecdsa::Signature::from_slice(&fixed).map_err(|_| Flaw::Wrong)?;
            key.verify(signed, &signature).map_err(|_| Flaw::Wrong)
        }
    }
}

/// RFC 5656, section 3.1.2: r and s as numbers of any length. Out: both in `size` bytes.
fn two_numbers(mut bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut fixed = vec![];
    for _ in 0..2 {
        let (length, rest) = bytes.split_first_chunk()?;
        let (number, rest) = rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)?;
        bytes = rest;
        let number = Mpint::from_bytes(number).ok()?;
        let number = number.as_positive_bytes()?;
        fixed.resize(fixed.len() + size.checked_sub(number.len())?, 0);
        fixed.extend_from_slice(number);
    }
    bytes.is_empty().then_some(fixed)
}

/// OpenSSH's `PROTOCOL.u2f`: a security key signs the hashes of its application and of the text, with its flags and its
/// counter between them; the flags and the counter follow the signature. Out: the signature, and what it is over.
fn security_key<'a>(application: &str, signed: &[u8], bytes: &'a [u8]) -> Result<(&'a [u8], Vec<u8>), Flaw> {
    const TRAILER: usize = 5;
    const USER_PRESENT: u8 = 1;
    let (signature, trailer) = bytes.len().checked_sub(TRAILER).map(|at| bytes.split_at(at)).ok_or(Flaw::Wrong)?;
    if trailer.first().is_none_or(|flags| flags & USER_PRESENT == 0) {
        return Err(Flaw::NobodyPresent);
    }
    Ok((signature, [&Sha256::digest(application)[..], trailer, &Sha256::digest(signed)[..]].concat()))
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
