//! What an application needs to connect: `Secret` `<name>-connection` in the form of the Service Binding specification 1.1
//! (<https://servicebinding.io/spec/core/1.1.0/>), made from the secret that the operator keeps.
//!
//! Values pass through and are in nothing but this object: no error, status or log has one. Once made it is never dropped,
//! and never half-built: while the operator's secret cannot be read, the one that is there stays as it is.

use super::{binding, escape, secret};
use crate::api::claim::CredentialSource;
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::{Answer, Observed};
use crate::operators::facts::{SecretKey, Username};
use crate::operators::{Facts, Holds, Resource, metadata};
use crate::wire::{Key, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const KEY: &str = "connection-secret";

/// Of the operator's secret, and of its certificate authority.
pub fn secrets(generation: &Generation, facts: &Facts) -> Vec<SecretKey> {
    if !composed_for(generation) {
        return vec![];
    }
    let credentials = &facts.credentials;
    let username = match &credentials.username {
        Username::Key(key) => Some(key),
        Username::Is(_) => None,
    };
    let keys = username.into_iter().chain([&credentials.password]);
    let keys = keys.map(|key| SecretKey { secret: credentials.secret.clone(), key: key.clone() });
    keys.chain(facts.certificate_authority.clone()).collect()
}

pub fn compose(generation: &Generation, facts: &Facts, observed: &Observed) -> Option<Resource> {
    if !composed_for(generation) {
        return None;
    }
    let data = match credentials(generation, facts, observed) {
        Ok(credentials) => data(generation, facts, observed, credentials),
        Err(_) => kept(observed)?,
    };
    let secret = Secret {
        api_version: "v1",
        kind: "Secret",
        metadata: metadata(generation, binding::name(generation, facts)),
        r#type: binding::kind(facts),
        data,
    };
    Some(Resource { key: Key(KEY.into()), holds: Holds::Credentials, object: Object::of(&secret) })
}

/// Why applications have no credentials yet, or no fresh ones.
pub fn problem(generation: &Generation, facts: &Facts, observed: &Observed) -> Option<String> {
    if !composed_for(generation) {
        return None;
    }
    credentials(generation, facts, observed).err()
}

/// Whether applications get a secret of ours, which stands beside the claim.
pub fn composed_for(generation: &Generation) -> bool {
    generation.plan.terms.credentials == CredentialSource::Secret
}

struct Account {
    username: String,
    password: String,
}

/// The error names the secret and the key, never a value.
fn credentials(generation: &Generation, facts: &Facts, observed: &Observed) -> Result<Account, String> {
    let keys = &facts.credentials;
    let name = &keys.secret;
    let found = match observed.objects(&secret(generation, name)) {
        Answer::Found([found, ..]) => found,
        Answer::Found([]) | Answer::NotAsked | Answer::Nothing => {
            return Err(format!("the operator has not made the secret {name} yet"));
        }
    };
    let found: Found = found.decode(name).map_err(|_| format!("the secret {name} is not of the form of a Secret"))?;
    let value = |key: &str| {
        let encoded = found.data.get(key).ok_or_else(|| format!("the secret {name} has no key {key}"))?;
        let bytes = STANDARD.decode(encoded).map_err(|_| format!("{key} of the secret {name} is not base64"))?;
        String::from_utf8(bytes).map_err(|_| format!("{key} of the secret {name} is no text"))
    };
    let username = match &keys.username {
        Username::Key(key) => value(key)?,
        Username::Is(name) => name.clone(),
    };
    Ok(Account { username, password: value(&keys.password)? })
}

fn data(
    generation: &Generation,
    facts: &Facts,
    observed: &Observed,
    Account { username, password }: Account,
) -> BTreeMap<String, String> {
    let escaped = format!("{}:{}", escape(&username), escape(&password));
    let values = binding::values(generation, facts, &binding::Account { username, password, escaped });
    let mut data: BTreeMap<String, String> =
        map(values.into_iter().map(|(key, value)| (key.into(), STANDARD.encode(value))));
    if let Some(found) = facts.certificate_authority.as_ref().and_then(|at| authority_of(generation, at, observed)) {
        data.extend(binding::AUTHORITY.map(|key| (key.into(), found.clone())));
    }
    data
}

/// The same for Crossplane to publish, as claims know it. Decoded.
pub fn details(generation: &Generation, facts: &Facts, observed: &Observed) -> BTreeMap<String, Bytes> {
    let Ok(account) = credentials(generation, facts, observed) else { return BTreeMap::new() };
    let decoded = |(key, value)| Some((key, STANDARD.decode(value).ok()?.into()));
    map(data(generation, facts, observed, account).into_iter().filter_map(decoded))
}

/// Still encoded. It is a help, so a secret without it is a secret all the same.
pub fn authority_of(generation: &Generation, at: &SecretKey, observed: &Observed) -> Option<String> {
    match observed.objects(&secret(generation, &at.secret)) {
        Answer::Found([found, ..]) => found.decode::<Found>(&at.secret).ok()?.data.remove(&at.key),
        Answer::Found([]) | Answer::NotAsked | Answer::Nothing => None,
    }
}

/// Whether it is this user's, as it stands there now.
pub fn signs_in(user: &str, observed: &Observed) -> bool {
    kept(observed).is_some_and(|data| data.get("username") == Some(&STANDARD.encode(user)))
}

/// What the secret has now, unread.
fn kept(observed: &Observed) -> Option<BTreeMap<String, String>> {
    let found: Found = observed.composed.get(&Key(KEY.into()))?.decode(KEY).ok()?;
    Some(found.data).filter(|data| !data.is_empty())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    api_version: &'static str,
    kind: &'static str,
    metadata: crate::operators::Metadata,
    r#type: String,
    /// Encoded in base64.
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators;
    use crate::plan::example;
    use serde_json::{Value, json};

    fn parts(secret: Option<Value>, before: Option<Value>) -> (Generation, Facts, Observed) {
        let generation = example::generation("prod", json!({"pooling": {"enabled": true}}));
        let operator = operators::of(generation.plan.terms.operator);
        let facts = operator.compose(&generation, &Default::default(), &Observed::default()).facts;
        let mut observed = Observed::default();
        let question = super::super::secret(&generation, &facts.credentials.secret);
        observed.found.insert(question.name(), secret.iter().map(Object::of).collect());
        observed.composed.extend(before.map(|before| (Key(KEY.into()), Object::of(&before))));
        (generation, facts, observed)
    }

    fn composed(secret: Option<Value>, before: Option<Value>) -> Option<BTreeMap<String, String>> {
        let (generation, facts, observed) = parts(secret, before);
        let resource = compose(&generation, &facts, &observed)?;
        Some(resource.object.decode::<Found>("secret").unwrap().data)
    }

    fn operators_secret(username: &str, password: &str) -> Value {
        json!({"data": {"username": STANDARD.encode(username), "password": STANDARD.encode(password)}})
    }

    #[test]
    fn it_has_the_form_of_a_service_binding() {
        let data = composed(Some(operators_secret("orders", "p@ss/w:rd")), None).unwrap();
        let text = |key: &str| String::from_utf8(STANDARD.decode(&data[key]).unwrap()).unwrap();
        assert_eq!(text("type"), "postgresql");
        assert_eq!(text("host"), "orders-primary.checkout.svc");
        assert_eq!(text("reader-host"), "orders-replica.checkout.svc");
        assert_eq!(text("pooler-host"), "orders-pooler.checkout.svc");
        assert_eq!(text("pooler-uri"), text("uri").replace("-primary", "-pooler"));
        assert_eq!(text("reader-port"), "5432");
        assert_eq!(text("password"), "p@ss/w:rd");
        let uri = "postgresql://orders:p%40ss%2Fw%3Ard@orders-primary.checkout.svc:5432/orders?sslmode=require";
        assert_eq!(text("uri"), uri);
    }

    #[test]
    fn claims_get_the_same_values_from_crossplane() {
        let (generation, facts, observed) = parts(Some(operators_secret("orders", "p@ss")), None);
        let details = details(&generation, &facts, &observed);
        assert_eq!(details["password"], "p@ss");
        assert_eq!(details["host"], "orders-primary.checkout.svc");
        let (generation, facts, observed) = parts(None, None);
        assert_eq!(super::details(&generation, &facts, &observed), BTreeMap::new());
    }

    #[test]
    fn it_is_never_half_built_and_never_dropped() {
        let before = json!({"data": {"password": "b2xk"}});
        let cases = [
            (None, "the operator has not made the secret orders-app yet"),
            (Some(json!({"data": {"username": "b3JkZXJz"}})), "the secret orders-app has no key password"),
            (
                Some(json!({"data": {"username": "b3JkZXJz", "password": "hunter2!"}})),
                "password of the secret orders-app is not base64",
            ),
            (Some(json!({"data": "hunter2!"})), "the secret orders-app is not of the form of a Secret"),
        ];
        for (secret, why) in cases {
            let (generation, facts, observed) = parts(secret.clone(), None);
            assert_eq!(problem(&generation, &facts, &observed).as_deref(), Some(why));
            assert!(!why.contains("hunter2"), "no value in a message");
            assert_eq!(composed(secret.clone(), None), None);
            let kept = composed(secret, Some(before.clone())).unwrap();
            assert_eq!(kept, BTreeMap::from([("password".into(), "b2xk".into())]));
        }
    }
}
