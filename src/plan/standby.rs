//! A second database in another region, which follows the first. In: claim, tier, the table of regions; later a plan. Out:
//! where it stands, or the problems; later the plan of the one that follows. Must not know an operator: features are data.

use super::{backup, capability, delivered, placed, unknown};
use crate::api::claim::{Claim, CredentialSource};
use crate::api::input::TierDefaults;
use crate::api::input::tier_defaults::{ObjectDelivery, Region, Tier};
use crate::api::plan::{Access, Backup, Delivery, Notes, Operator, Plan, Standby, Terms};
use crate::api::problem::Problem;
use crate::operators::{Features, name_of};

/// The database that it would follow.
#[derive(Clone, Copy)]
pub struct Followed<'a> {
    pub delivery: &'a Delivery,
    /// It stands in another namespace than its claim, by another name.
    pub is_placed: bool,
    pub backup: Option<&'a Backup>,
}

/// None where nobody asks for one, or where a problem was found.
pub fn resolve(
    claim: &Claim,
    policy: &TierDefaults,
    tier: &Tier,
    Followed { delivery: own, is_placed, backup }: Followed,
    (features, operator): (&Features, Operator),
    problems: &mut Vec<Problem>,
) -> Option<Standby> {
    let name = claim.spec.disaster_recovery.as_ref()?.region.as_ref()?;
    // A problem of `capability` already.
    features.standby?;
    let Region { object_delivery, destination } = find("region", name, claim, policy, tier, problems)?;
    let there = object_delivery.as_ref();
    let path = delivered::of_region(name);
    problems.extend(placed::problem(there, &path));
    let (namespace, _) = placed::of(there, &path, claim).map_err(|problem| problems.push(problem)).unwrap_or_default();
    let delivery = ObjectDelivery::delivery(there);
    if delivery == *own {
        let offered = tier.disaster_recovery.iter().flat_map(|offer| &offer.regions);
        let others = offered.filter(|other| *other != name).cloned().collect::<Vec<_>>();
        let right = match others.as_slice() {
            [] => "leave spec.disasterRecovery out".into(),
            others => format!("write one of {}", others.join(", ")),
        };
        let wrong = format!("{name} is where the database itself stands");
        problems.push(Problem::new("spec.disasterRecovery.region", wrong, right));
    }
    if !backup.is_some_and(|backup| backup.continuous) {
        let wrong = "a standby follows continuous backups, and there are none";
        let right = "write true in spec.backup.continuous, or leave spec.disasterRecovery out";
        problems.push(Problem::new("spec.disasterRecovery", wrong, right));
    }
    let path = format!("TierDefaults.regions.{name}.destination");
    let Some(found) = policy.destinations.get(destination) else {
        let wrong = format!("there is no destination {destination:?}");
        problems.push(Problem::new(path, wrong, "the platform team adds it to destinations"));
        return None;
    };
    if backup.is_some_and(|backup| backup.destination.path == found.path) {
        let wrong = format!("{} is where the backups of the database itself go", found.path);
        problems.push(Problem::new(path.clone(), wrong, "the platform team names another one"));
    }
    problems.extend(backup::access_problem(destination, found));
    problems.extend(capability::store_problem(path, found.store(), features, operator));
    let (own, _) = claim.identity();
    let namespace = namespace.filter(|namespace| namespace != own);
    if namespace.is_some() != is_placed {
        let wrong =
            "there the database would have another name, by which what stands beside its claim would not find it";
        let right = "the platform team has it placed in both regions, or in none";
        problems.push(Problem::new(format!("{}.namespace", delivered::of_region(name)), wrong, right));
    }
    Some(Standby { region: name.clone(), delivery, namespace, destination: found.clone() })
}

/// The region in which the database itself is to stand, with its name; none: where its environment says, or where a problem
/// was found.
pub fn primary<'a>(
    claim: &'a Claim,
    policy: &'a TierDefaults,
    tier: &Tier,
    features: &Features,
    problems: &mut Vec<Problem>,
) -> Option<(&'a str, &'a Region)> {
    let name = claim.spec.disaster_recovery.as_ref()?.primary.as_ref()?;
    features.standby?;
    let region = find("primary", name, claim, policy, tier, problems)?;
    problems.extend(placed::problem(region.object_delivery.as_ref(), &delivered::of_region(name)));
    Some((name, region))
}

/// A region that the claim's `field` names, and its environment may.
fn find<'a>(
    field: &str,
    name: &String,
    claim: &Claim,
    policy: &'a TierDefaults,
    tier: &Tier,
    problems: &mut Vec<Problem>,
) -> Option<&'a Region> {
    let environment = name_of(&claim.spec.environment);
    let offered = tier.disaster_recovery.iter().flat_map(|offer| &offer.regions);
    if !offered.clone().any(|region| region == name) {
        let what = format!("region in {environment}");
        problems.push(unknown(&format!("spec.disasterRecovery.{field}"), &what, name, offered.cloned()));
        return None;
    }
    let found = policy.regions.get(name);
    if found.is_none() {
        let path = format!("TierDefaults.environments.{environment}.disasterRecovery.regions");
        let wrong = format!("there is no region {name:?}");
        problems.push(Problem::new(path, wrong, "the platform team adds it to regions"));
    }
    found
}

/// The plan of the one that follows: as large as the other, since it is to serve in its place, and with nothing around it,
/// since until then nobody connects. What is inside comes with the data.
pub fn plan(followed: &Plan) -> Option<Plan> {
    let terms = terms(&followed.terms)?;
    let notes = Notes { new_namespace: followed.notes.standby_namespace.clone(), ..followed.notes.clone() };
    Some(Plan { terms, requests: Default::default(), notes })
}

/// The same of terms alone.
pub fn terms(followed: &Terms) -> Option<Terms> {
    Some(following(moved(followed, followed.standby.as_ref()?)))
}

/// The same terms where the standby stands.
pub fn moved(terms: &Terms, standby: &Standby) -> Terms {
    let Standby { delivery, namespace, destination, .. } = standby.clone();
    let mut moved = terms.clone();
    moved.database = terms.database.placed(namespace.as_deref());
    moved.delivery = delivery;
    moved.backup = moved.backup.map(|backup| Backup { destination, ..backup });
    moved
}

/// What of these terms holds for as long as it follows.
pub fn following(mut terms: Terms) -> Terms {
    terms.standby = None;
    // It commits nothing that a replica could have before anybody hears of it.
    terms.synchronous_replicas = 0;
    terms.pooling = None;
    terms.extensions.clear();
    terms.credentials = CredentialSource::Operator;
    terms.rotation = None;
    terms.consul = None;
    terms.access = Access::default();
    // A ConfigMap of its own would have to stand there.
    terms.monitoring.queries = None;
    // Whoever sleeps falls behind.
    terms.lifecycle.hibernated = false;
    terms.lifecycle.schedule = None;
    terms.lifecycle.expires = None;
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::claim::Environment;
    use crate::plan::{self, example};
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    /// The shipped policy with two regions for staging, and what `claims` say of `changes` to it.
    fn resolved(changes: &dyn Fn(&mut TierDefaults), claim: Value) -> Result<Plan, Vec<String>> {
        let mut policy = example::policy();
        example::with_regions(&mut policy);
        changes(&mut policy);
        let found = plan::resolve(&example::claim("staging", claim), &policy);
        found.map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
    }

    fn west() -> Value {
        json!({"disasterRecovery": {"region": "west"}, "backup": {"continuous": true}})
    }

    #[test]
    fn it_stands_where_its_region_is() {
        let plan = resolved(&|_| {}, west()).unwrap();
        let standby = plan.terms.standby.clone().unwrap();
        let cluster: Delivery = serde_json::from_value(json!({"object": {"providerConfig": "west"}})).unwrap();
        assert_eq!((standby.region.as_str(), standby.delivery), ("west", cluster));
        assert_eq!(standby.destination.path, "s3://company-database-backups-west/databases");
        assert_eq!(plan.notes.recovery_time.as_deref(), Some("30m"));
        let without = resolved(&|_| {}, json!({"backup": {"continuous": true}})).unwrap();
        assert_eq!((without.terms.standby, without.notes.recovery_time), (None, None));
    }

    #[test]
    fn each_mistake_has_its_sentence() {
        let here = |policy: &mut TierDefaults| policy.regions.get_mut("west").unwrap().object_delivery = None;
        let same = |policy: &mut TierDefaults| policy.regions.get_mut("west").unwrap().destination = "default".into();
        let none = |policy: &mut TierDefaults| policy.regions.get_mut("west").unwrap().destination = "no".into();
        let gone = |policy: &mut TierDefaults| drop(policy.regions.remove("west"));
        let keys = |policy: &mut TierDefaults| {
            policy.destinations.get_mut("west").unwrap().path = "gs://company-database-backups-west".into();
        };
        let off =
            |policy: &mut TierDefaults| policy.environments.values_mut().for_each(|it| it.disaster_recovery = None);
        let placed = |policy: &mut TierDefaults| in_namespaces(policy, &["west"]);
        let mut turns = west();
        turns["credentials"] = json!({"source": "Secret", "rotation": {"interval": "30d"}});
        let case = |changes: &dyn Fn(&mut TierDefaults), claim| resolved(changes, claim).unwrap_err();
        let north = json!({"disasterRecovery": {"region": "north"}, "backup": {"continuous": true}});
        assert_eq!(
            [
                case(&|_| {}, north.clone()),
                case(&off, north),
                case(&|_| {}, json!({"disasterRecovery": {"region": "west"}, "backup": {"continuous": false}})),
                case(&|_| {}, json!({"disasterRecovery": {"region": "west"}, "backup": {"enabled": false}})),
                case(&|_| {}, json!({"disasterRecovery": {"region": "west"}, "engine": "mysql"})),
                case(&here, west()),
                case(&same, west()),
                case(&none, west()),
                case(&gone, west()),
                case(&keys, west()),
                case(&placed, west()),
                case(&|_| {}, turns),
            ]
            .concat(),
            [
                "spec.disasterRecovery.region: there is no region in staging \"north\"; write one of west, east",
                "spec.disasterRecovery.region: there is no region in staging \"north\"; leave it out: the platform offers none",
                "spec.disasterRecovery: a standby follows continuous backups, and there are none; write true in \
                 spec.backup.continuous, or leave spec.disasterRecovery out",
                "spec.disasterRecovery: a standby follows continuous backups, and there are none; write true in \
                 spec.backup.continuous, or leave spec.disasterRecovery out",
                "spec.disasterRecovery: InnoDBCluster has no standby in another region; leave it out",
                "spec.disasterRecovery.region: west is where the database itself stands; write one of east",
                "TierDefaults.regions.west.destination: s3://company-database-backups/databases is where the backups of the \
                 database itself go; the platform team names another one",
                "TierDefaults.regions.west.destination: there is no destination \"no\"; the platform team adds it to \
                 destinations",
                "TierDefaults.environments.staging.disasterRecovery.regions: there is no region \"west\"; the platform team \
                 adds it to regions",
                "TierDefaults.destinations.west.access: Google Cloud Storage does not take these keys; write googleKey, or \
                 workloadIdentity",
                "TierDefaults.regions.west.objectDelivery.namespace: there the database would have another name, by which what \
                 stands beside its claim would not find it; the platform team has it placed in both regions, or in none",
                "spec.credentials.rotation: in another cluster, also that of a standby, nobody sees whether the next user works; \
                 leave it out",
            ]
        );
    }

    /// A namespace for each tenant in these regions.
    fn in_namespaces(policy: &mut TierDefaults, regions: &[&str]) {
        for region in regions {
            let there = json!({"providerConfig": region, "namespace": "of-{namespace}"});
            policy.regions.get_mut(*region).unwrap().object_delivery = serde_json::from_value(there).unwrap();
        }
    }

    #[test]
    fn it_has_the_name_of_what_it_follows() {
        let from_east =
            json!({"disasterRecovery": {"primary": "east", "region": "west"}, "backup": {"continuous": true}});
        for regions in [&[][..], &["east", "west"]] {
            let followed = resolved(&|policy| in_namespaces(policy, regions), from_east.clone()).unwrap();
            assert_eq!(plan(&followed).unwrap().terms.database.name, followed.terms.database.name);
        }
        for regions in [["east"], ["west"]] {
            let refused = resolved(&|policy| in_namespaces(policy, &regions), from_east.clone()).unwrap_err().concat();
            assert!(refused.starts_with("TierDefaults.regions.west.objectDelivery.namespace: "), "{refused}");
        }
    }

    #[test]
    fn its_own_region_is_the_one_that_labels_choose() {
        let mut policy = example::policy();
        example::with_regions(&mut policy);
        let row = json!([{"matchLabels": {"region": "west"}, "objectDelivery": {"providerConfig": "west"}}]);
        let tier = policy.environments.get_mut(&Environment::Staging).unwrap();
        tier.deliveries = serde_json::from_value(row).unwrap();
        let mut claim = example::claim("staging", west());
        claim.metadata.labels.insert("region".into(), "west".into());
        let problems = plan::resolve(&claim, &policy).unwrap_err();
        assert_eq!(
            problems.to_string().trim(),
            "spec.disasterRecovery.region: west is where the database itself stands; write one of east"
        );
    }

    #[test]
    fn nobody_connects_to_what_follows() {
        let mut claim = west();
        claim["pooling"] = json!({"enabled": true});
        claim["extensions"] = json!(["pgvector"]);
        claim["lifecycle"] = json!({"hibernated": true, "expires": "2027-01-31"});
        claim["access"] = json!({"roles": [{"name": "reporting", "privileges": "read"}], "allowedNamespaces": ["web"]});
        let followed = resolved(&|_| {}, claim).unwrap();
        let Plan { terms, notes, .. } = plan(&followed).unwrap();
        assert_eq!((terms.replicas, terms.memory, terms.storage), {
            let Terms { replicas, memory, storage, .. } = followed.terms;
            (replicas, memory, storage)
        });
        assert_eq!((terms.synchronous_replicas, &terms.access, terms.standby), (0, &Access::default(), None));
        assert!(terms.pooling.is_none() && terms.extensions.is_empty() && !terms.lifecycle.hibernated);
        assert_eq!(terms.backup.unwrap().destination.path, "s3://company-database-backups-west/databases");
        assert_eq!(notes, followed.notes);
    }
}
