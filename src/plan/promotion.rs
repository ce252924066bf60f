//! A standby that becomes the database. In: what runs, and what is wanted. Out: whether that is what is wanted, what it does, or
//! why it cannot be. Must not know how: `gate::promotion` does it.

use super::standby;
use crate::api::plan::{Plan, Standby, Terms};
use crate::api::problem::{Problem, Problems};
use crate::api::status::Class;
use crate::map::set;
use serde_json::Value;

/// What is promoted: what is wanted stands where it does.
pub fn of<'a>(runs: &'a Plan, wanted: &Plan) -> Option<&'a Standby> {
    let standby = runs.terms.standby.as_ref()?;
    let Terms { database, delivery, .. } = &wanted.terms;
    let place = runs.terms.database.placed(standby.namespace.as_deref());
    ((&standby.delivery, &place) == (delivery, database)).then_some(standby)
}

/// Whether it is one that does not wait for what runs.
pub fn is_failover(runs: &Plan, wanted: &Plan) -> bool {
    wanted.requests.failover && of(runs, wanted).is_some()
}

/// What it does, if it does nothing else.
pub fn class(runs: &Plan, wanted: &Plan, standby: &Standby) -> Result<Class, Problems> {
    let right = "make the rest of the edit before it, or after it";
    let mut problems = vec![];
    // What follows next is no part of it.
    let expected = Terms { standby: wanted.terms.standby.clone(), ..standby::moved(&runs.terms, standby) };
    let others = different(&expected, &wanted.terms);
    if !others.is_empty() {
        let wrong = format!("a promotion changes nothing else, and this edit changes {}", others.join(", "));
        problems.push(Problem::new("spec.disasterRecovery.primary", wrong, right));
    }
    if wanted.requests.restore != runs.requests.restore {
        let wrong = "a promotion changes nothing else, and this edit asks for a restore";
        problems.push(Problem::new("spec.restore", wrong, right));
    }
    match problems.is_empty() {
        true if wanted.requests.failover => Ok(Class::DataLoss),
        true => Ok(Class::Failover),
        false => Err(Problems(problems)),
    }
}

/// The names of those that differ.
fn different(one: &Terms, other: &Terms) -> Vec<String> {
    let [one, other] = [one, other].map(|terms| serde_json::to_value(terms).unwrap_or_default());
    let names = |terms: &Value| terms.as_object().map(|terms| terms.keys().cloned().collect()).unwrap_or_default();
    let names = set([names(&one), names(&other)].into_iter().flat_map(|names: Vec<String>| names));
    names.into_iter().filter(|name| one.get(name) != other.get(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{example, resolve, transition};
    use serde_json::json;

    fn plan(recovery: Value, more: Value) -> Result<Plan, Problems> {
        let mut policy = example::policy();
        example::with_regions(&mut policy);
        let mut changes = more;
        changes["disasterRecovery"] = recovery;
        resolve(&example::claim("prod", changes), &policy)
    }

    fn followed() -> Plan {
        plan(json!({"region": "west"}), json!({})).unwrap()
    }

    #[test]
    fn it_is_told_by_where_the_standby_stands() {
        let west = plan(json!({"primary": "west"}), json!({})).unwrap();
        assert_eq!(west.terms.delivery.place(), "the cluster of west");
        let destination = &west.terms.backup.as_ref().unwrap().destination.path;
        assert_eq!(
            destination, "s3://company-database-backups-west/databases",
            "its backups go where that region's go"
        );
        let runs = followed();
        assert_eq!(of(&runs, &west).unwrap().region, "west");
        assert_eq!(of(&runs, &runs), None);
        assert_eq!(of(&west, &runs), None, "the way back needs a standby as well");
        let next = plan(json!({"primary": "west", "region": "east"}), json!({})).unwrap();
        assert_eq!(transition(&runs, &next), Ok(Class::Failover), "what follows next is no part of it");
    }

    #[test]
    fn it_says_what_it_loses() {
        for (mode, class) in [
            (Value::Null, Class::Failover),
            (json!("Switchover"), Class::Failover),
            (json!("Failover"), Class::DataLoss),
        ] {
            let wanted = plan(json!({"primary": "west", "promotion": mode}), json!({})).unwrap();
            assert_eq!(transition(&followed(), &wanted), Ok(class));
            assert_eq!(is_failover(&followed(), &wanted), class == Class::DataLoss);
        }
        let nothing = plan(json!({"region": "west", "promotion": "Failover"}), json!({})).unwrap();
        assert_eq!((transition(&followed(), &nothing), is_failover(&followed(), &nothing)), (Ok(Class::None), false));
    }

    #[test]
    fn each_mistake_has_its_sentence() {
        let refused = |recovery: Value, more: Value| {
            let found = plan(recovery, more).and_then(|wanted| transition(&followed(), &wanted));
            found.unwrap_err().to_string()
        };
        let right = "make the rest of the edit before it, or after it";
        let cases = [
            (
                json!({"primary": "west"}),
                json!({"replicas": 5, "parameters": {"work_mem": "8MB"}}),
                format!(
                    "spec.disasterRecovery.primary: a promotion changes nothing else, and this edit changes parameters, \
                     replicas; {right}"
                ),
            ),
            (
                json!({"primary": "west"}),
                json!({"version": "18"}),
                format!(
                    "spec.disasterRecovery.primary: a promotion changes nothing else, and this edit changes version; {right}"
                ),
            ),
            (
                json!({"primary": "west"}),
                json!({"restore": {"id": "one"}}),
                format!("spec.restore: a promotion changes nothing else, and this edit asks for a restore; {right}"),
            ),
            (
                json!({"primary": "east"}),
                json!({}),
                "spec.disasterRecovery.primary: it runs in this cluster, and data does not move to another one; leave it out \
                 again; to move, first ask for a standby there, in spec.disasterRecovery.region"
                    .into(),
            ),
            (
                json!({"primary": "west", "region": "west"}),
                json!({}),
                "TierDefaults.regions.west.destination: s3://company-database-backups-west/databases is where the backups of \
                 the database itself go; the platform team names another one\nspec.disasterRecovery.region: west is where the \
                 database itself stands; write one of east"
                    .into(),
            ),
            (
                json!({"primary": "north"}),
                json!({}),
                "spec.disasterRecovery.primary: there is no region in prod \"north\"; write one of west, east".into(),
            ),
            (
                json!({}),
                json!({}),
                "spec.disasterRecovery: it names no region; write region, primary or both".into(),
            ),
            (
                json!({"primary": "west"}),
                json!({"engine": "mysql"}),
                "spec.disasterRecovery: InnoDBCluster has no standby in another region; leave it out".into(),
            ),
        ];
        for (recovery, more, expected) in cases {
            let found = refused(recovery.clone(), more.clone());
            assert!(found.trim().contains(&expected), "{recovery} {more}\n{found}\n{expected}");
        }
    }
}
