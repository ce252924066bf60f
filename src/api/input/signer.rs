//! Whose signature counts. In: the gate's input. Out: public keys, parsed and strong enough. Must not verify anything.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Whether an approval without a signature counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Signatures {
    /// It does: admission has checked who made it. A signature that is there must be right all the same.
    #[default]
    Optional,
    /// It does not. A rejection needs no signature: it lets nothing run.
    Required,
}

/// One person's key; somebody with two keys is listed twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signer {
    /// As approvals name them in `spec.approver`.
    #[schemars(length(min = 1, max = 253))]
    pub approver: String,
    /// The public key as `ssh-keygen` writes it: `ssh-ed25519 AAAA...`.
    #[schemars(with = "String", length(min = 1, max = 4096))]
    pub key: SignerKey,
}

/// Ed25519, ECDSA on a NIST curve, RSA from 2048 to 8192 bits, or one of the two kinds of security key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignerKey(ssh_key::public::KeyData);

impl SignerKey {
    pub fn data(&self) -> &ssh_key::public::KeyData {
        &self.0
    }
}

impl TryFrom<String> for SignerKey {
    type Error = String;

    fn try_from(text: String) -> Result<SignerKey, String> {
        use ssh_key::public::KeyData;
        let example = "write a public key such as \"ssh-ed25519 AAAA...\"";
        let key = ssh_key::PublicKey::from_openssh(&text).map_err(|error| format!("is no key ({error}); {example}"))?;
        match key.key_data() {
            KeyData::Ed25519(_) | KeyData::Ecdsa(_) | KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => {}
            KeyData::Rsa(rsa) => match rsa.n.as_positive_bytes().map_or(0, bits) {
                2048..=8192 => {}
                bits => return Err(format!("is an RSA key of {bits} bits; use one of 2048 to 8192, or ed25519")),
            },
            other => return Err(format!("is a key of the kind {}; use ed25519, ecdsa or rsa", other.algorithm())),
        }
        Ok(SignerKey(key.key_data().clone()))
    }
}

impl From<SignerKey> for String {
    fn from(key: SignerKey) -> String {
        ssh_key::PublicKey::from(key.0).to_openssh().unwrap_or_default()
    }
}

fn bits(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len() * 8 - zeros
}

/// One key is one person's: with two names it would be two approvers.
pub fn signers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Signer>, D::Error> {
    let signers: Vec<Signer> = Vec::deserialize(deserializer)?;
    let mut owners = BTreeMap::new();
    for Signer { approver, key } in &signers {
        let owner = owners.entry(key.data()).or_insert(approver);
        if *owner != approver {
            let wrong = format!("the key of {owner} is also that of {approver}; one key belongs to one approver");
            return Err(serde::de::Error::custom(wrong));
        }
    }
    Ok(signers)
}
