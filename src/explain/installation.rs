//! What of an installation is missing. In: the words with which Crossplane says that it cannot go on. Out: the same in one
//! sentence, and the fix. It knows words of Crossplane and of the API server, and must not guess at others.

/// What others install, by API group: its name, and whether it is the operator of an engine.
const GROUPS: [(&str, &str, bool); 27] = [
    ("postgresql.cnpg.io", "CloudNativePG", true),
    ("barmancloud.cnpg.io", "the barman-cloud plugin of CloudNativePG", true),
    ("acid.zalan.do", "Zalando's postgres-operator", true),
    ("stackgres.io", "StackGres", true),
    ("dbforpostgresql.azure.com", "Azure Service Operator", true),
    ("managedidentity.azure.com", "Azure Service Operator", true),
    ("mysql.oracle.com", "Oracle's MySQL operator", true),
    ("planetscale.com", "the Vitess operator", true),
    ("psmdb.percona.com", "the Percona Server for MongoDB operator", true),
    ("everest.percona.com", "Percona Everest", true),
    ("mongodbcommunity.mongodb.com", "MongoDB Controllers for Kubernetes", true),
    ("clickhouse.altinity.com", "the Altinity operator", true),
    ("clickhouse-keeper.altinity.com", "the Altinity operator", true),
    ("redis.redis.opstreelabs.in", "OT-CONTAINER-KIT's redis-operator", true),
    ("elasticsearch.k8s.elastic.co", "Elastic Cloud on Kubernetes", true),
    ("monitoring.coreos.com", "the Prometheus operator", false),
    ("external-secrets.io", "External Secrets", false),
    ("generators.external-secrets.io", "External Secrets", false),
    ("cert-manager.io", "cert-manager", false),
    ("cilium.io", "Cilium", false),
    ("kubernetes.crossplane.io", "provider-kubernetes", false),
    ("kubernetes.m.crossplane.io", "provider-kubernetes", false),
    ("redhatcop.redhat.io", "vault-config-operator", false),
    ("secrets.hashicorp.com", "Vault Secrets Operator", false),
    ("resources.teleport.dev", "the Teleport operator", false),
    ("snapshot.storage.k8s.io", "the snapshot controller", false),
    ("protection.crossplane.io", "Crossplane 2.0 or newer", false),
];

/// What is missing, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub what: String,
    pub fix: String,
}

/// `None`: something else is the matter.
pub fn missing(said: &str) -> Option<Missing> {
    kind(said).or_else(|| role(said)).or_else(|| function(said))
}

/// The same of the definition of our own kind, in the words of kubectl: `the server doesn't have a resource type "databases"`.
pub fn definition(said: &str) -> Option<Missing> {
    said.contains("doesn't have a resource type \"databases\"").then(|| Missing {
        what: "this cluster does not know our kind Database".into(),
        fix: "kubectl apply -k deploy/packages, whose Configuration brings it".into(),
    })
}

/// `no matches for kind "Cluster" in version "postgresql.cnpg.io/v1"`
fn kind(said: &str) -> Option<Missing> {
    let rest = after(said, "no matches for kind \"")?;
    let (kind, rest) = rest.split_once('"')?;
    let (version, _) = after(rest, "in version \"")?.split_once('"')?;
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let fix = match GROUPS.iter().find(|(known, ..)| *known == group) {
        Some((_, name, true)) => format!("install {name}, or choose another operator for the engine in the policy"),
        Some((_, name, false)) => format!("install {name}, or leave what needs it out of the policy"),
        None if group == crate::api::GROUP => "kubectl apply -k deploy, which brings the definition".into(),
        None => "install what brings that kind, or leave it out of the policy".into(),
    };
    Some(Missing { what: format!("this cluster has no kind {kind} of {version}"), fix })
}

/// `User "system:serviceaccount:crossplane-system:crossplane" cannot get resource "clusters" in API group
/// "postgresql.cnpg.io" in the namespace "checkout"`
fn role(said: &str) -> Option<Missing> {
    let rest = after(said, "is forbidden: User \"")?;
    let (user, rest) = rest.split_once("\" cannot ")?;
    let (verb, rest) = rest.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once('"')?;
    let group = after(rest, "in API group \"").and_then(|rest| rest.split_once('"')).map_or("", |(group, _)| group);
    let name = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let fix = "kubectl apply -k deploy, which brings Crossplane's role for this release".into();
    Some(Missing { what: format!("{user} may not {verb} {name}"), fix })
}

fn function(said: &str) -> Option<Missing> {
    let missing = |what: &str, fix: &str| Some(Missing { what: what.into(), fix: fix.into() });
    if said.contains("cannot find an active FunctionRevision") {
        return missing("the function is not installed", "kubectl apply -k deploy/packages");
    }
    let silent = ["code = Unavailable", "code = DeadlineExceeded", "has an empty status.endpoint"];
    if said.contains("cannot run Function") && silent.iter().any(|words| said.contains(words)) {
        let fix =
            "kubectl -n crossplane-system get pods -l pkg.crossplane.io/function=function-database-function-database";
        return missing("the function does not answer; what runs goes on, and changes wait", fix);
    }
    None
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a live Crossplane 2.4 said it.
    const SAID: [(&str, &str, &str); 7] = [
        (
            "cannot compose resources: cannot run pipeline step \"production-approval\": fetching resources for \
             postgresql.cnpg.io/Cluster/checkout/orders: cannot get required resource by name: no matches for kind \
             \"Cluster\" in version \"postgresql.cnpg.io/v1\"",
            "this cluster has no kind Cluster of postgresql.cnpg.io/v1",
            "install CloudNativePG, or choose another operator for the engine in the policy",
        ),
        (
            "no matches for kind \"PodMonitor\" in version \"monitoring.coreos.com/v1\"",
            "this cluster has no kind PodMonitor of monitoring.coreos.com/v1",
            "install the Prometheus operator, or leave what needs it out of the policy",
        ),
        (
            "no matches for kind \"DatabaseRecord\" in version \"db.platform.io/v1\"",
            "this cluster has no kind DatabaseRecord of db.platform.io/v1",
            "kubectl apply -k deploy, which brings the definition",
        ),
        (
            "clusters.postgresql.cnpg.io \"orders\" is forbidden: User \"system:serviceaccount:crossplane-system:crossplane\" \
             cannot patch resource \"clusters\" in API group \"postgresql.cnpg.io\" in the namespace \"checkout\"",
            "system:serviceaccount:crossplane-system:crossplane may not patch clusters.postgresql.cnpg.io",
            "kubectl apply -k deploy, which brings Crossplane's role for this release",
        ),
        (
            "secrets is forbidden: User \"crossplane\" cannot list resource \"secrets\" in API group \"\" at the cluster scope",
            "crossplane may not list secrets",
            "kubectl apply -k deploy, which brings Crossplane's role for this release",
        ),
        (
            "cannot run Composition pipeline step \"tier-defaults\": cannot run Function: cannot find an active FunctionRevision",
            "the function is not installed",
            "kubectl apply -k deploy/packages",
        ),
        (
            "cannot run Composition pipeline step \"tier-defaults\": cannot run Function \"function-database-function-database\": \
             rpc error: code = DeadlineExceeded desc = latest balancer error: connection error",
            "the function does not answer; what runs goes on, and changes wait",
            "kubectl -n crossplane-system get pods -l pkg.crossplane.io/function=function-database-function-database",
        ),
    ];

    #[test]
    fn what_is_missing_is_named_with_the_fix() {
        for (said, what, fix) in SAID {
            assert_eq!(missing(said), Some(Missing { what: what.into(), fix: fix.into() }), "{said}");
        }
    }

    #[test]
    fn other_words_are_left_alone() {
        for said in ["", "is forbidden: User \"", "no matches for kind \"Cluster", "storage only grows; write 10Gi"] {
            assert_eq!(missing(said), None, "{said}");
        }
    }
}
