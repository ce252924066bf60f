//! What is in a server and who reaches it: `FlexibleServersDatabase`, a `FlexibleServersConfiguration` for each setting and
//! a `FlexibleServersFirewallRule` for each address range. In: a generation. Out: resources.
//!
//! Settings are the claim's and a few of ours: Azure tunes a server by its size itself. A setting that is no longer said
//! keeps its value: the operator can write one, and never take it back (`GetSupportedOperations`).

use super::server::Member;
use super::{Owner, Settings, key, kind, sku};
use crate::api::plan::Plan;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::{Holds, Resource, name_of, postgresql, resource};
use crate::plan::parameters::{memory, milliseconds};
use crate::wire::Object;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Its object going never takes the data with it: only the server's does.
const KEEP: (&str, &str) = ("serviceoperator.azure.com/reconcile-policy", "detach-on-delete");

pub fn database(generation: &Generation) -> Resource {
    let spec = Database {
        azure_name: &generation.database().inside,
        owner: Owner { name: generation.name() },
        charset: "UTF8",
        collation: "en_US.utf8",
    };
    let mut database = resource(generation, key::DATABASE, kind::DATABASE, generation.name(), Holds::Archive, spec);
    let kept = json!({"metadata": {"annotations": {KEEP.0: KEEP.1}}});
    database.object = database.object.merge(&Object::of(&kept));
    database
}

/// A read replica begins with the server's and follows no change of them; it stops where it has fewer connections or
/// workers than the server.
pub fn settings(generation: &Generation, member: Member) -> Vec<Resource> {
    let of = |(name, value)| {
        let owner = Owner { name: member.name(generation) };
        let spec = Setting { azure_name: name, owner, source: "user-override", value };
        let object = format!("{}-{}", member.name(generation), dashed(name));
        resource(generation, &role(member, name), kind::SETTING, object, Holds::Nothing, spec)
    };
    all(&generation.plan, member).into_iter().map(of).collect()
}

/// The keys of the settings.
pub fn roles(plan: &Plan, member: Member) -> Vec<String> {
    all(plan, member).into_keys().map(|name| role(member, name)).collect()
}

fn role(member: Member, setting: &str) -> String {
    member.key_of(&format!("{}-{}", key::SETTING, dashed(setting)))
}

/// Clients come to the pooler of the server alone.
fn all(plan: &Plan, member: Member) -> BTreeMap<&str, String> {
    let mut all = values(plan);
    if matches!(member, Member::Primary) {
        all.extend(pooler(plan));
    }
    all
}

/// Of PgBouncer, which burstable servers do not have. Without a restart (Microsoft, "PgBouncer in Azure Database for
/// PostgreSQL").
fn pooler(plan: &Plan) -> BTreeMap<&'static str, String> {
    let Plan { terms, .. } = plan;
    let able = sku::of(terms.cpu, terms.memory).is_some_and(|sku| sku.tier != sku::BURSTABLE);
    let mut values = BTreeMap::new();
    if able {
        values.insert("pgbouncer.enabled", terms.pooling.is_some().to_string());
        values.extend(terms.pooling.as_ref().map(|pooling| ("pgbouncer.pool_mode", name_of(&pooling.mode))));
    }
    values
}

/// The values of PostgreSQL's settings in Azure's own writing.
pub fn values(plan: &Plan) -> BTreeMap<&str, String> {
    let logged = postgresql::log_settings(&plan.terms.monitoring).into_iter();
    let mut values: BTreeMap<&str, String> = map(logged.map(|(name, value)| (name, value.to_string())));
    // Without it nobody knows which statements are slow; Azure loads the library in any case.
    values.insert("pg_stat_statements.track", "top".into());
    values.extend(plan.terms.parameters.iter().map(|(name, value)| (name.as_str(), written(name, value))));
    values
}

/// Settings that PostgreSQL counts in pages of 8 kB; other amounts of memory it counts in kB (PostgreSQL 17,
/// `pg_settings.unit`).
const IN_PAGES: [&str; 2] = ["effective_cache_size", "shared_buffers"];

/// Azure takes bare numbers, in PostgreSQL's unit of the setting.
fn written(name: &str, value: &str) -> String {
    match (memory(value), milliseconds(value)) {
        (Some(bytes), _) if IN_PAGES.contains(&name) => (bytes.0 / (8 << 10)).to_string(),
        (Some(bytes), _) => (bytes.0 / (1 << 10)).to_string(),
        (None, Some(milliseconds)) => milliseconds.to_string(),
        (None, None) => value.into(),
    }
}

/// The cluster's own addresses, and those of the claim. Every server has a firewall of its own.
pub fn firewall(generation: &Generation, settings: &Settings, member: Member) -> Vec<Resource> {
    let asked = generation.plan.terms.access.cidrs.iter();
    let ranges: BTreeMap<(Ipv4Addr, Ipv4Addr), &String> =
        map(settings.cluster_addresses.iter().chain(asked).filter_map(|cidr| Some((range(cidr)?, cidr))));
    let of = |((first, last), cidr): ((Ipv4Addr, Ipv4Addr), &String)| {
        let role = member.key_of(&format!("{}-{}", key::FIREWALL, dashed(cidr)));
        let name = format!("{}-{}", member.name(generation), dashed(cidr));
        let spec = Rule {
            azure_name: format!("addresses-{}", dashed(cidr)),
            owner: Owner { name: member.name(generation) },
            start_ip_address: first.to_string(),
            end_ip_address: last.to_string(),
        };
        resource(generation, &role, kind::FIREWALL, name, Holds::Nothing, spec)
    };
    ranges.into_iter().map(of).collect()
}

/// The first and the last address. None: it is no range of IPv4.
pub fn range(cidr: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (address, length) = cidr.split_once('/')?;
    let first = u32::from(address.parse::<Ipv4Addr>().ok()?);
    let rest = u32::MAX.checked_shr(length.parse().ok().filter(|length| *length <= 32)?).unwrap_or(0);
    Some((Ipv4Addr::from(first & !rest), Ipv4Addr::from(first | rest)))
}

/// For keys and names.
fn dashed(text: &str) -> String {
    text.replace(['.', '_', '/'], "-")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Database<'a> {
    azure_name: &'a str,
    owner: Owner,
    charset: &'static str,
    collation: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Setting<'a> {
    azure_name: &'a str,
    owner: Owner,
    source: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    azure_name: String,
    owner: Owner,
    start_ip_address: String,
    end_ip_address: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_two_ends() {
        let ends = |cidr| range(cidr).map(|(first, last)| format!("{first} {last}"));
        assert_eq!(ends("10.20.0.0/16").as_deref(), Some("10.20.0.0 10.20.255.255"));
        assert_eq!(ends("10.20.30.40/32").as_deref(), Some("10.20.30.40 10.20.30.40"));
        assert_eq!(ends("0.0.0.0/0").as_deref(), Some("0.0.0.0 255.255.255.255"));
        for wrong in ["2001:db8::/32", "10.0.0.0", "10.0.0.0/33", "ten/8"] {
            assert_eq!(ends(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amounts_become_numbers_in_the_settings_own_unit() {
        let cases = [
            ("work_mem", "16MB", "16384"),
            ("shared_buffers", "2GB", "262144"),
            ("effective_cache_size", "8kB", "1"),
            ("statement_timeout", "30s", "30000"),
            ("max_connections", "200", "200"),
            ("jit", "off", "off"),
        ];
        for (name, value, expected) in cases {
            assert_eq!(written(name, value), expected, "{name} {value}");
        }
    }
}
