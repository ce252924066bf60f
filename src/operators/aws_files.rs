//! The keys of the object store for operators whose tools read them from AWS' own files: one `Secret` with `config` and
//! `credentials` (<https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>), made from the platform's. In: a
//! generation, where it is backed up to, and the platform's secret once Crossplane has found it. Out: the resource.
//!
//! Values pass through into that secret and nowhere else. Must not know an operator.

use super::{Holds, Metadata, Resource, metadata};
use crate::api::destination::{Destination, KeySecret};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::{Answer, Observed, Question};
use crate::wire::{Key, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Permanent.
pub const KEY: &str = "backup-files";
/// In both files.
pub const PROFILE: &str = "default";
/// The file with the keys.
pub const CREDENTIALS: &str = "credentials";

/// The name of the secret with the files.
pub fn secret(generation: &Generation) -> String {
    format!("{}-backup-files", generation.name())
}

/// The platform's secret; none where the pods have an identity of their own.
pub fn question(generation: &Generation, destination: &Destination) -> Option<Question> {
    let KeySecret { name, .. } = destination.access.s3_keys()?;
    Some(Question::by_name("v1", "Secret", &generation.database().namespace, name))
}

/// Why there is no secret with files, which is also kept when the platform's can no longer be read.
pub fn missing(generation: &Generation, destination: &Destination, observed: &Observed) -> Option<String> {
    let made = observed.composed.contains_key(&Key(generation.key(KEY)));
    let KeySecret { name, access_key_id, secret_access_key } = destination.access.s3_keys().filter(|_| !made)?;
    Some(format!(
        "the keys of the object store are not handed on yet, which the secret {name} must hold as {access_key_id} and \
         {secret_access_key}"
    ))
}

pub fn compose(generation: &Generation, destination: &Destination, observed: &Observed) -> Option<Resource> {
    handed_on(generation, files(generation, destination, observed), observed)
}

/// Never half-built: while the platform's secret cannot be read, the one that is there stays as it is.
pub fn handed_on(
    generation: &Generation,
    data: Option<BTreeMap<String, String>>,
    observed: &Observed,
) -> Option<Resource> {
    let key = Key(generation.key(KEY));
    let made = || observed.composed.get(&key)?.decode::<Found>(&key.0).ok().map(|found| found.data);
    let data = data.or_else(made).filter(|data| !data.is_empty())?;
    let metadata = metadata(generation, secret(generation));
    let secret = Secret { api_version: "v1", kind: "Secret", metadata, r#type: "Opaque", data };
    Some(Resource { object: Object::of(&secret), holds: Holds::Archive, key })
}

/// Encoded.
fn files(generation: &Generation, destination: &Destination, observed: &Observed) -> Option<BTreeMap<String, String>> {
    let KeySecret { name, access_key_id, secret_access_key } = destination.access.s3_keys()?;
    let Answer::Found([secret, ..]) = observed.objects(&question(generation, destination)?) else { return None };
    let secret: Found = secret.decode(name).ok()?;
    let value = |key: &str| {
        let bytes = STANDARD.decode(secret.data.get(key)?).ok()?;
        String::from_utf8(bytes).ok().map(|text| text.trim().to_string())
    };
    let (id, access_key) = (value(access_key_id)?, value(secret_access_key)?);
    let region = destination.region.as_deref().map(|region| format!("region={region}\n")).unwrap_or_default();
    let credentials = format!("[{PROFILE}]\naws_access_key_id={id}\naws_secret_access_key={access_key}\n");
    let files = [("config", format!("[{PROFILE}]\n{region}")), (CREDENTIALS, credentials)];
    Some(map(files.into_iter().map(|(file, text)| (file.into(), STANDARD.encode(text)))))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    r#type: &'static str,
    data: BTreeMap<String, String>,
}

/// A secret, encoded.
#[derive(Deserialize)]
pub struct Found {
    #[serde(default)]
    pub data: BTreeMap<String, String>,
}
