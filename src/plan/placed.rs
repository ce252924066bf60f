//! The namespace in another cluster that a database is placed in. In: a pattern of the policy, a claim. Out: the namespace, and
//! the labels that it is made of; or what is wrong. Must not know how anything is delivered.
//!
//! Whoever may edit a claim may edit its labels. So what one tenant writes must not come to the namespace of another, which
//! [`problem`] and the rule about what stands behind a value are for, and no tenant to one of the cluster's own.

use super::Labels;
use crate::api::claim::Claim;
use crate::api::input::tier_defaults::ObjectDelivery;
use crate::api::plan::{ContainerLimits, NewNamespace};
use crate::api::problem::Problem;
use crate::api::quantity::{Bytes, Millicores};
use crate::schema::path;

/// Stands for the claim's own namespace.
const OWN: &str = "namespace";
/// Of a label of the DNS, as namespaces are called (RFC 1123).
const LONGEST: usize = 63;
/// Namespaces of the cluster's own, in which nobody's database is put: Kubernetes' and OpenShift's own beginnings, and the
/// ending by which operators call theirs.
const BEGINNINGS: [&str; 2] = ["kube-", "openshift"];
const NAMES: [&str; 2] = ["default", "kube"];
const ENDING: &str = "-system";

/// Where it goes, and by which labels; no namespace: the claim's own. `path`: of the delivery.
pub fn of(there: Option<&ObjectDelivery>, path: &str, claim: &Claim) -> Result<(Option<String>, Labels), Problem> {
    let Some(pattern) = there.and_then(|there| there.namespace.as_deref()) else { return Ok(Default::default()) };
    let path = format!("{path}.namespace");
    let (own, _) = claim.identity();
    let Pattern { before, parts } = Pattern::read(pattern).map_err(|wrong| policy(&path, wrong))?;
    let (mut namespace, mut labels) = (before.to_owned(), Labels::new());
    for (index, Part { label, behind }) in parts.iter().enumerate() {
        let value = match *label {
            OWN => own,
            label => claim.metadata.labels.get(label).ok_or_else(|| missing(label, pattern))?,
        };
        if *label != OWN {
            check(label, value)?;
            labels.insert((*label).into(), value.into());
        }
        let last = index + 1 == parts.len();
        if !last && format!("{value}{behind}").find(behind) != Some(value.len()) {
            return Err(ambiguous(label, value, behind, &path));
        }
        namespace.push_str(value);
        namespace.push_str(behind);
    }
    let wrong = match namespace.as_str() {
        long if long.len() > LONGEST => format!("{long} is longer than the {LONGEST} letters of a namespace"),
        taken if is_reserved(taken) => format!("{taken} is a namespace of the cluster's own"),
        _ => return Ok((Some(namespace), labels)),
    };
    match labels.is_empty() {
        true => Err(policy(&path, wrong)),
        false => Err(Problem::new("metadata.labels", wrong, format!("write what makes another one of {pattern}"))),
    }
}

/// The labels that a claim needs to go there.
pub fn labels(there: Option<&ObjectDelivery>) -> Vec<&str> {
    let pattern = there.and_then(|there| Pattern::read(there.namespace.as_deref()?).ok());
    let parts = pattern.map(|pattern| pattern.parts).unwrap_or_default();
    parts.into_iter().map(|part| part.label).filter(|label| *label != OWN).collect()
}

/// What is wrong with the policy itself, whoever claims.
pub fn problem(there: Option<&ObjectDelivery>, path: &str) -> Option<Problem> {
    let there = there?;
    if let Some(Err(wrong)) = there.namespace.as_deref().map(Pattern::read) {
        return Some(policy(&format!("{path}.namespace"), wrong));
    }
    let NewNamespace { labels, quota, limits, .. } = there.create_namespace.as_ref()?;
    let at = format!("{path}.createNamespace.labels");
    if let Some(problem) = super::labels::problems(labels, &at, "so the namespace would never be made").next() {
        return Some(problem);
    }
    let ContainerLimits { default, default_request, min, max } = limits.clone().unwrap_or_default();
    let amounts = [
        ("quota", quota),
        ("limits.default", &default),
        ("limits.defaultRequest", &default_request),
        ("limits.min", &min),
        ("limits.max", &max),
    ];
    let mut wrong = amounts.iter().flat_map(|(field, amounts)| {
        let not = |amount: &String| Bytes::parse(amount).is_err() && Millicores::parse(amount).is_err();
        amounts.iter().filter(move |(_, amount)| not(amount)).map(move |(of, amount)| (field, of, amount))
    });
    wrong.next().map(|(field, of, amount)| {
        let path = path::key(&format!("{path}.createNamespace.{field}"), of);
        Problem::new(path, format!("{amount:?} is no amount"), "the platform team writes one such as 8, 500m or 64Gi")
    })
}

/// `tenant-{org}-{project}`: what stands before the first label, and behind each.
struct Pattern<'a> {
    before: &'a str,
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    label: &'a str,
    behind: &'a str,
}

impl Pattern<'_> {
    fn read(pattern: &str) -> Result<Pattern<'_>, String> {
        let mut pieces = pattern.split('{');
        let before = pieces.next().unwrap_or_default();
        let part = |piece| match str::split_once(piece, '}') {
            Some((label, behind)) if !label.is_empty() => Ok(Part { label, behind }),
            _ => Err(format!("{pattern:?} has a brace without a label")),
        };
        let parts = pieces.map(part).collect::<Result<Vec<_>, _>>()?;
        let between = parts.iter().take(parts.len().saturating_sub(1));
        if between.clone().any(|part| part.behind.is_empty()) {
            return Err(format!(
                "{pattern:?} has two labels with nothing between them, so two tenants could meet in one"
            ));
        }
        let ends = (before, parts.last().map_or(before, |part| part.behind));
        let texts = std::iter::once(before).chain(parts.iter().map(|part| part.behind));
        let strange = !texts.flat_map(str::bytes).all(is_letter);
        if strange || ends.0.starts_with('-') || ends.1.ends_with('-') || pattern.is_empty() {
            return Err(format!("{pattern:?} makes no name of a namespace"));
        }
        Ok(Pattern { before, parts })
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

fn is_reserved(namespace: &str) -> bool {
    let begins = BEGINNINGS.iter().any(|beginning| namespace.starts_with(beginning));
    begins || NAMES.contains(&namespace) || namespace.ends_with(ENDING)
}

/// What of a value can stand in the name of a namespace.
fn check(label: &str, value: &str) -> Result<(), Problem> {
    let fits = !value.is_empty() && value.bytes().all(is_letter) && !value.starts_with('-') && !value.ends_with('-');
    let wrong = format!("{value:?} cannot stand in the name of a namespace");
    let right = "write a-z, 0-9 and -, with a letter or digit at both ends";
    if fits { Ok(()) } else { Err(Problem::new(at(label), wrong, right)) }
}

fn missing(label: &str, pattern: &str) -> Problem {
    let wrong = format!("it is missing, and the database goes to the namespace {pattern}");
    Problem::new(at(label), wrong, "write it")
}

/// `a-b` and `c` must not come where `a` and `b-c` do.
fn ambiguous(label: &str, value: &str, behind: &str, path: &str) -> Problem {
    let wrong = format!("{value:?} and what stands behind it could be another one, which ends at its first {behind:?}");
    match label {
        OWN => policy(path, format!("{{namespace}}: {wrong}")),
        label => Problem::new(at(label), wrong, format!("write one without {behind:?}")),
    }
}

fn policy(path: &str, wrong: String) -> Problem {
    Problem::new(path, wrong, "the platform team writes one such as tenant-{org}--{project}")
}

fn at(label: &str) -> String {
    path::key("metadata.labels", label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::{Value, json};

    fn there(pattern: &str) -> ObjectDelivery {
        serde_json::from_value(json!({"providerConfig": "west", "namespace": pattern})).unwrap()
    }

    fn placed(pattern: &str, labels: Value) -> Result<String, String> {
        let mut claim = example::claim("dev", json!({}));
        claim.metadata.labels = serde_json::from_value(labels).unwrap();
        let found = of(Some(&there(pattern)), "objectDelivery", &claim);
        found.map(|(namespace, _)| namespace.unwrap()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_pattern_makes_a_namespace_of_labels() {
        let labels = json!({"org": "acme", "example.org/project": "shop-eu"});
        let cases = [
            ("tenant-{org}-{example.org/project}", "tenant-acme-shop-eu"),
            ("{org}--{namespace}", "acme--checkout"),
            ("databases", "databases"),
            ("{namespace}", "checkout"),
            ("{org}-db", "acme-db"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(placed(pattern, labels.clone()), Ok(expected.into()), "{pattern}");
        }
        let claim = example::claim("dev", json!({}));
        assert_eq!(of(None, "", &claim), Ok((None, Labels::new())));
    }

    /// Where both are taken, different values make different namespaces.
    #[test]
    fn no_two_tenants_meet() {
        let values = ["a", "b", "a-b", "b-a", "a--b", "a-x", "x-b", "x", "a-x-x", "x-x-b"];
        for pattern in ["{org}-{project}", "{org}--{project}", "{org}-x-{project}", "t-{org}-{project}-db"] {
            let mut seen = std::collections::BTreeMap::new();
            for pair in values.iter().flat_map(|org| values.iter().map(move |project| (*org, *project))) {
                if let Ok(namespace) = placed(pattern, json!({"org": pair.0, "project": pair.1})) {
                    assert_eq!(seen.insert(namespace, pair), None, "{pattern} {pair:?}");
                }
            }
            assert!(seen.len() > values.len(), "{pattern}: {seen:?}");
        }
    }

    #[test]
    fn each_mistake_has_its_sentence() {
        let long = "a".repeat(60);
        let cases = [
            (
                "{org}-{project}",
                json!({"project": "shop"}),
                "metadata.labels.org: it is missing, and the database goes to the namespace {org}-{project}; write it",
            ),
            (
                "{example.org/org}",
                json!({}),
                "metadata.labels[\"example.org/org\"]: it is missing, and the database goes to the namespace \
                 {example.org/org}; write it",
            ),
            (
                "{org}",
                json!({"org": "Acme.eu"}),
                "metadata.labels.org: \"Acme.eu\" cannot stand in the name of a namespace; write a-z, 0-9 and -, with a \
                 letter or digit at both ends",
            ),
            (
                "{org}-{project}",
                json!({"org": "acme-eu", "project": "shop"}),
                "metadata.labels.org: \"acme-eu\" and what stands behind it could be another one, which ends at its first \
                 \"-\"; write one without \"-\"",
            ),
            (
                "{org}",
                json!({"org": "kube-public"}),
                "metadata.labels: kube-public is a namespace of the cluster's own; write what makes another one of {org}",
            ),
            (
                "{org}-{project}",
                json!({"org": "cnpg", "project": "system"}),
                "metadata.labels: cnpg-system is a namespace of the cluster's own; write what makes another one of \
                 {org}-{project}",
            ),
            (
                "default",
                json!({}),
                "objectDelivery.namespace: default is a namespace of the cluster's own; the platform team writes one such \
                 as tenant-{org}--{project}",
            ),
        ];
        for (pattern, labels, expected) in cases {
            assert_eq!(placed(pattern, labels), Err(expected.into()), "{pattern}");
        }
        let refused = placed("tenant-{org}", json!({"org": long})).unwrap_err();
        assert!(refused.starts_with("metadata.labels: tenant-aaa"), "{refused}");
        assert!(refused.contains(" is longer than the 63 letters of a namespace; write what makes"), "{refused}");
    }

    #[test]
    fn a_policy_is_wrong_whoever_claims() {
        let ending = "the platform team writes one such as tenant-{org}--{project}";
        let cases = [
            ("{org}{project}", "has two labels with nothing between them, so two tenants could meet in one"),
            ("{org", "has a brace without a label"),
            ("{}", "has a brace without a label"),
            ("Tenant-{org}", "makes no name of a namespace"),
            ("{org}-", "makes no name of a namespace"),
        ];
        for (pattern, wrong) in cases {
            let expected = format!("here.namespace: {pattern:?} {wrong}; {ending}");
            assert_eq!(problem(Some(&there(pattern)), "here").unwrap().to_string(), expected);
        }
        assert_eq!(problem(Some(&there("{org}-x")), "here"), None);
        let amount = |new: Value| {
            let there = json!({"providerConfig": "west", "createNamespace": new});
            problem(Some(&serde_json::from_value(there).unwrap()), "here").map(|problem| problem.to_string())
        };
        assert_eq!(amount(json!({"quota": {"limits.cpu": "500m", "limits.memory": "64Gi", "pods": "20"}})), None);
        assert_eq!(
            amount(json!({"limits": {"max": {"memory": "much"}}})).as_deref(),
            Some(
                "here.createNamespace.limits.max.memory: \"much\" is no amount; the platform team writes one such as \
                 8, 500m or 64Gi"
            )
        );
        let label = amount(json!({"labels": {"team": "the shop"}})).unwrap();
        let expected = "here.createNamespace.labels.team: \"the shop\" is no value of a label, so the namespace would never be made";
        assert!(label.starts_with(expected), "{label}");
    }
}
