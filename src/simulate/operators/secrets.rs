//! Who makes secrets: External Secrets 2 with its generators, and cert-manager 1. In: their resources. Out: secrets with
//! made-up values, and conditions (external-secrets `apis/externalsecrets/v1`, cert-manager `types_certificate.go`).
//!
//! A certificate is never renewed, and nobody reads what somebody else's store holds.

use super::Turn;
use super::objects::{MADE_UP, encoded, name, secret};
use crate::render::object;
use crate::simulate::store::{Id, set_condition, text};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// cert-manager's own, when nobody says how long.
const LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Made once, and again when it is gone.
pub fn external_secret(turn: &mut Turn, id: &Id) {
    let external = turn.get(id);
    let target = &external["spec"]["target"];
    let made = target["name"].as_str().unwrap_or(&id.name);
    if turn.beside(id, "v1", "Secret", made).is_null() {
        let template = &target["template"];
        let texts = template["data"].as_object().into_iter().flatten();
        // Whatever stands in braces would be a value of the generator.
        let value = |text: &str| if text.contains("{{") { MADE_UP.to_owned() } else { text.to_owned() };
        let values: Vec<(String, String)> = texts.map(|(key, text)| (key.clone(), value(self::text(text)))).collect();
        let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let mut made = secret(&external, made, &values);
        if let Some(kind) = template["type"].as_str() {
            object(&mut made).insert("type".into(), kind.into());
        }
        turn.store.put(made, turn.now);
    }
    ready(turn, id);
}

pub fn ready(turn: &mut Turn, id: &Id) {
    let external = turn.get(id);
    let mut status = external["status"].clone();
    let ready = json!({"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced"});
    set_condition(&mut status, ready, turn.now);
    let generation = &external["metadata"]["generation"];
    object(&mut status).insert("syncedResourceVersion".into(), format!("{generation}-made-up").into());
    object(&mut status).entry("refreshTime").or_insert_with(|| turn.now.to_string().into());
    turn.set_status(id, status);
}

/// The secret has no owner: cert-manager leaves it when the certificate goes (its `--enable-certificate-owner-ref`).
pub fn certificate(turn: &mut Turn, id: &Id) {
    let certificate = turn.get(id);
    let made = text(&certificate["spec"]["secretName"]);
    if turn.beside(id, "v1", "Secret", made).is_null() {
        let data = encoded(&[("tls.crt", MADE_UP), ("tls.key", MADE_UP), ("ca.crt", MADE_UP)]);
        let secret: Value = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": data,
            "metadata": {"name": made, "namespace": id.namespace, "annotations": {"cert-manager.io/certificate-name": name(&certificate)}},
        });
        turn.store.put(secret, turn.now);
    }
    let mut status = certificate["status"].clone();
    let message = "Certificate is up to date and has not expired";
    let ready = json!({"type": "Ready", "status": "True", "reason": "Ready", "message": message});
    set_condition(&mut status, ready, turn.now);
    let fields = object(&mut status);
    fields.entry("revision").or_insert_with(|| 1.into());
    fields.entry("notAfter").or_insert_with(|| (turn.now + LIFE).to_string().into());
    turn.set_status(id, status);
}
