//! How dynamic credentials get into the namespace: as `NAME-connection`, in the form of a Service Binding. In: one database in
//! Vault. Out: the resources of whichever operator the platform has. Must not hold a value: what stands here are templates.

use super::super::external_secret::{Part, account};
use super::super::{binding, resource};
use super::statements::Level;
use super::{Delivery, Vault};
use crate::map::entries;
use crate::operators::Resource;
use serde_json::json;

/// Permanent.
pub const DYNAMIC: &str = "vault-dynamic-secret";
pub const EXTERNAL: &str = "vault-external-secret";
const AUTH: &str = "vault-auth";
const GENERATOR: &str = "vault-generator";
/// The condition of the Vault Secrets Operator (`VaultDynamicSecret`).
pub const SYNCED: &str = "SecretSynced";
/// In percent of a credential's life: what is left is for whoever still uses the old one.
const RENEWED_AFTER: u32 = 67;

pub fn compose(vault: &Vault) -> Vec<Resource> {
    match vault.settings.delivery {
        Delivery::VaultSecretsOperator => vec![auth(vault), dynamic(vault)],
        Delivery::ExternalSecrets => vec![generator(vault), external(vault)],
    }
}

fn auth(vault: &Vault) -> Resource {
    let spec = json!({
        "method": "kubernetes",
        "mount": vault.settings.kubernetes_mount,
        "kubernetes": {"role": vault.named(Level::Application), "serviceAccount": vault.settings.service_account},
    });
    let kind = ("secrets.hashicorp.com/v1beta1", "VaultAuth");
    resource(vault.generation, AUTH, kind, vault.generation.database().name.clone(), &spec)
}

/// It gives the credentials back to Vault when the database goes; those that were replaced end by themselves.
fn dynamic(vault: &Vault) -> Resource {
    let secret = |name: &str| format!("get .Secrets {name:?}");
    let account = binding::Account {
        username: format!("{{{{ {} }}}}", secret("username")),
        password: format!("{{{{ {} }}}}", secret("password")),
        escaped: ["username", "password"].map(|name| format!("{{{{ {} | urlquery }}}}", secret(name))).join(":"),
    };
    let values = binding::values(vault.generation, vault.facts, &account);
    let templates = entries(values.into_iter().map(|(key, text)| (key.into(), json!({"text": text}))));
    let spec = json!({
        "vaultAuthRef": vault.generation.database().name,
        "mount": vault.settings.database_mount,
        "path": format!("creds/{}", vault.named(Level::Application)),
        "renewalPercent": RENEWED_AFTER,
        "revoke": true,
        "destination": {
            "name": binding::name(vault.generation, vault.facts),
            "create": true,
            "type": binding::kind(vault.facts),
            "transformation": {"excludeRaw": true, "excludes": [".*"], "templates": templates},
        },
    });
    let kind = ("secrets.hashicorp.com/v1beta1", "VaultDynamicSecret");
    resource(vault.generation, DYNAMIC, kind, vault.generation.database().name.clone(), &spec)
}

/// It makes a user each time it is asked, and gives none back: they end by themselves.
fn generator(vault: &Vault) -> Resource {
    let account = &vault.settings.service_account;
    let spec = json!({
        "path": format!("/{}", vault.path(Level::Application)),
        "method": "GET",
        "provider": {
            "server": vault.settings.server,
            "auth": {"kubernetes": {
                "mountPath": vault.settings.kubernetes_mount,
                "role": vault.named(Level::Application),
                "serviceAccountRef": {"name": account},
            }},
        },
    });
    let kind = ("generators.external-secrets.io/v1alpha1", "VaultDynamicSecret");
    resource(vault.generation, GENERATOR, kind, vault.generation.database().name.clone(), &spec)
}

fn external(vault: &Vault) -> Resource {
    let facts = vault.facts;
    let values = binding::values(vault.generation, facts, &account(Part::Named("username"), Part::Named("password")));
    let name = binding::name(vault.generation, facts);
    let generator = json!({
        "apiVersion": "generators.external-secrets.io/v1alpha1",
        "kind": "VaultDynamicSecret",
        "name": vault.generation.database().name,
    });
    let spec = json!({
        "refreshInterval": format!("{}s", vault.settings.minutes * 60 * RENEWED_AFTER / 100),
        "target": {
            "name": name,
            "creationPolicy": "Owner",
            "deletionPolicy": "Retain",
            "template": {"engineVersion": "v2", "type": binding::kind(facts), "data": values},
        },
        "dataFrom": [{"sourceRef": {"generatorRef": generator}}],
    });
    resource(vault.generation, EXTERNAL, ("external-secrets.io/v1", "ExternalSecret"), name, &spec)
}
