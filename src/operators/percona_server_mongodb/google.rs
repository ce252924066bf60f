//! The key of Google Cloud Storage as the operator reads it: a `Secret` with an account's address and its private key, made
//! from the platform's file of a service account (its 1.22, `GetPBMStorageGCSConfig`). In: where backups go, and the
//! platform's secret once Crossplane has found it. Out: the resource.
//!
//! Values pass through into that secret and nowhere else.

use crate::api::destination::{Destination, DestinationAccess, GoogleKey};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::{Answer, Observed, Question};
use crate::operators::Resource;
use crate::operators::aws_files::{self, Found};
use crate::wire::Key;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The platform's secret.
pub fn question(generation: &Generation) -> Option<Question> {
    let GoogleKey { name, .. } = key(generation.destination()?)?;
    Some(Question::by_name("v1", "Secret", &generation.database().namespace, name))
}

/// Why there is none yet; the one that is there is also kept when the platform's can no longer be read.
pub fn missing(generation: &Generation, observed: &Observed) -> Option<String> {
    let made = observed.composed.contains_key(&Key(generation.key(aws_files::KEY)));
    let GoogleKey { name, key } = key(generation.destination()?).filter(|_| !made)?;
    Some(format!(
        "the key of the object store is not handed on yet, which the secret {name} must hold as {key}: the file of a \
         service account"
    ))
}

pub fn compose(generation: &Generation, observed: &Observed) -> Option<Resource> {
    key(generation.destination()?)?;
    aws_files::handed_on(generation, account(generation, observed), observed)
}

fn key(destination: &Destination) -> Option<&GoogleKey> {
    match &destination.access {
        DestinationAccess::GoogleKey(key) => Some(key),
        _ => None,
    }
}

/// Encoded.
fn account(generation: &Generation, observed: &Observed) -> Option<BTreeMap<String, String>> {
    let GoogleKey { name, key } = key(generation.destination()?)?;
    let Answer::Found([secret, ..]) = observed.objects(&question(generation)?) else { return None };
    let secret: Found = secret.decode(name).ok()?;
    let file = STANDARD.decode(secret.data.get(key)?).ok()?;
    let Account { client_email, private_key } = serde_json::from_slice(&file).ok()?;
    let keys = [("GCS_CLIENT_EMAIL", client_email), ("GCS_PRIVATE_KEY", private_key)];
    Some(map(keys.into_iter().map(|(key, value)| (key.into(), STANDARD.encode(value)))))
}

/// A service account's file, as far as anybody looks.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use crate::wire::Object;
    use serde_json::{Value, json};

    #[test]
    fn the_address_and_the_key_are_taken_out_of_the_file() {
        let mut generation = example::generation("staging", json!({"engine": "mongodb"}));
        let destination = &mut generation.plan.terms.backup.as_mut().unwrap().destination;
        destination.access = DestinationAccess::GoogleKey(GoogleKey { name: "store".into(), key: "file".into() });
        let composed = |file: Value| {
            let data = json!({"data": {"file": STANDARD.encode(file.to_string())}});
            let mut observed = Observed::default();
            observed.found.insert(question(&generation).unwrap().name(), vec![Object::of(&data)]);
            compose(&generation, &observed).map(|secret| secret.object.decode::<Value>("secret").unwrap())
        };
        let file = json!({"type": "service_account", "client_email": "backup@company", "private_key": "-----BEGIN"});
        let secret = composed(file).unwrap();
        assert_eq!(secret["metadata"]["name"], "orders-backup-files");
        assert_eq!(secret["data"]["GCS_CLIENT_EMAIL"], STANDARD.encode("backup@company"));
        assert_eq!(secret["data"]["GCS_PRIVATE_KEY"], STANDARD.encode("-----BEGIN"));
        assert_eq!(composed(json!({"type": "external_account"})), None, "it is no such file");
        assert!(missing(&generation, &Observed::default()).unwrap().contains("store must hold as file"));
    }
}
