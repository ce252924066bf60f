//! The `FlexibleServer`, and one more for each read replica. In: a generation. Out: the first, which holds the data; and
//! the others once it is there, since Azure copies from a server that exists.

use super::{ArmId, LEAST_DAYS, PASSWORD, Settings, administrator, azure_name, health, key, kind, sku};
use crate::api::plan::Terms;
use crate::api::quantity::Bytes;
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators::{DATABASE, Holds, Resource, password, resource};
use crate::plan::schedule::days;
use crate::wire::Key;
use serde::Serialize;
use std::collections::BTreeMap;

/// Which server something stands in.
#[derive(Clone, Copy)]
pub enum Member {
    Primary,
    /// By its number, from 1.
    Replica(u32),
}

impl Member {
    pub fn key(self) -> String {
        match self {
            Member::Primary => key::SERVER.into(),
            Member::Replica(number) => format!("{}-{number}", key::REPLICA),
        }
    }

    /// The key of something in it.
    pub fn key_of(self, role: &str) -> String {
        match self {
            Member::Primary => role.into(),
            Member::Replica(_) => format!("{}-{role}", self.key()),
        }
    }

    pub fn name(self, generation: &Generation) -> String {
        match self {
            Member::Primary => generation.name(),
            Member::Replica(_) => format!("{}-{}", generation.name(), self.key()),
        }
    }

    pub fn azure_name(self, generation: &Generation) -> String {
        match self {
            Member::Primary => azure_name(generation),
            Member::Replica(number) => format!("{}-r{number}", azure_name(generation)),
        }
    }
}

pub fn primary(generation: &Generation, settings: &Settings) -> Resource {
    let terms = &generation.plan.terms;
    let tenant = settings.workload_identity.as_ref().map(|cluster| cluster.tenant.as_str());
    let entra = if tenant.is_some() { "Enabled" } else { "Disabled" };
    let spec = Spec {
        version: Some(&terms.version),
        administrator_login: Some(administrator(generation)),
        administrator_login_password: Some(SecretKey { name: password::secret(generation), key: PASSWORD }),
        auth_config: Some(AuthConfig { active_directory_auth: entra, password_auth: "Enabled", tenant_id: tenant }),
        backup: Some(Backup { backup_retention_days: retention(terms), geo_redundant_backup: "Disabled" }),
        high_availability: Some(HighAvailability { mode: availability(terms) }),
        ..spec(generation, settings, azure_name(generation))
    };
    resource(generation, key::SERVER, kind::SERVER, generation.name(), Holds::Data(terms.storage), spec)
}

/// Those that can be. One that is there stays, also while the server it copies is not ready.
pub fn due(generation: &Generation, observed: &Observed) -> impl Iterator<Item = Member> {
    let ready = health::is_ready(generation, observed);
    let there = |member: &Member| observed.composed.contains_key(&Key(generation.key(&member.key())));
    replicas(&generation.plan.terms).filter(move |member| ready || there(member))
}

pub fn replicas(terms: &Terms) -> impl Iterator<Item = Member> + use<> {
    (1..=replica_count(terms)).map(Member::Replica)
}

/// The server and its standby are two members already.
pub fn replica_count(terms: &Terms) -> u32 {
    terms.replicas.saturating_sub(2)
}

/// Azure makes backups in any case.
pub fn retention(terms: &Terms) -> u32 {
    terms.backup.as_ref().and_then(|backup| days(&backup.retention)).unwrap_or(LEAST_DAYS)
}

pub fn availability(terms: &Terms) -> &'static str {
    if terms.replicas > 1 { "ZoneRedundant" } else { "Disabled" }
}

pub fn replica(generation: &Generation, settings: &Settings, member: Member) -> Resource {
    let source = Source { group: "dbforpostgresql.azure.com", kind: kind::SERVER.1, name: generation.name() };
    let spec = Spec {
        create_mode: Some("Replica"),
        source_server_resource_reference: Some(source),
        ..spec(generation, settings, member.azure_name(generation))
    };
    resource(generation, &member.key(), kind::SERVER, member.name(generation), Holds::Nothing, spec)
}

/// What a replica is told as well.
fn spec<'a>(generation: &'a Generation, settings: &'a Settings, azure_name: String) -> Spec<'a> {
    let terms = &generation.plan.terms;
    Spec {
        azure_name,
        location: &settings.location,
        owner: ArmId { arm_id: &settings.resource_group },
        sku: sku::of(terms.cpu, terms.memory).map(|sku| Sku { name: sku.name, tier: sku.tier }),
        // It grows by the claim, so that what was approved is what there is.
        storage: Storage { storage_size_gb: terms.storage.0 / Bytes::GI, auto_grow: "Disabled" },
        network: settings.network.as_ref().map(|network| Network {
            delegated_subnet_resource_reference: ArmId { arm_id: &network.subnet },
            private_dns_zone_arm_resource_reference: ArmId { arm_id: &network.dns_zone },
        }),
        tags: map([(DATABASE.replace('/', "-"), terms.database.name.as_str())]),
        ..Spec::default()
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    azure_name: String,
    location: &'a str,
    owner: ArmId<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<Sku>,
    storage: Storage,
    #[serde(skip_serializing_if = "Option::is_none")]
    administrator_login: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    administrator_login_password: Option<SecretKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_config: Option<AuthConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<Backup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high_availability: Option<HighAvailability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_server_resource_reference: Option<Source>,
    tags: BTreeMap<String, &'a str>,
}

#[derive(Serialize)]
struct Sku {
    name: &'static str,
    tier: &'static str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Storage {
    #[serde(rename = "storageSizeGB")]
    storage_size_gb: u64,
    auto_grow: &'static str,
}

#[derive(Serialize)]
struct SecretKey {
    name: String,
    key: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthConfig<'a> {
    active_directory_auth: &'static str,
    password_auth: &'static str,
    /// Needed where Entra's accounts sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Backup {
    backup_retention_days: u32,
    geo_redundant_backup: &'static str,
}

#[derive(Serialize)]
struct HighAvailability {
    mode: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Network<'a> {
    delegated_subnet_resource_reference: ArmId<'a>,
    private_dns_zone_arm_resource_reference: ArmId<'a>,
}

#[derive(Serialize)]
struct Source {
    group: &'static str,
    kind: &'static str,
    name: String,
}
