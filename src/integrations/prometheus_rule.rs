//! Alerts for the Prometheus operator: one `PrometheusRule` (monitoring.coreos.com/v1, Prometheus operator 0.80 and newer),
//! made of the signals that the engine's facts state. What an engine has no signal for has no alert. The names of alerts
//! are permanent: people route by them.

use crate::api::plan::DatabaseName;
use crate::api::record::Generation;
use crate::map::map;
use crate::operators::facts::{Labels, Signal};
use crate::operators::{Facts, Holds, Metadata, Resource, metadata, name_of};
use crate::plan::calendar::longest_pause;
use crate::wire::{Key, Object};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// What the Prometheus object selects rules by, such as `release: prometheus`.
    pub labels: Labels,
    /// Where runbooks are; the alert's name is added. None if left out.
    #[schemars(regex(pattern = r"^https?://\S+$"), length(max = 256))]
    pub runbook_url: Option<String>,
    /// Connections in use, in percent of those that the database takes.
    #[schemars(range(min = 1, max = 100))]
    pub connections_percent: u32,
    /// Age of the longest transaction in seconds.
    #[schemars(range(min = 1))]
    pub longest_transaction_seconds: u32,
    /// How many queries a minute may be slow, where the engine counts those: MySQL calls slow what takes `long_query_time`.
    #[schemars(range(min = 1))]
    pub slow_queries_per_minute: u32,
    /// How long a query may take in milliseconds, the mean of five minutes, where the engine measures that.
    #[schemars(range(min = 1))]
    pub query_milliseconds: u32,
    /// How far replicas are behind, in seconds.
    #[schemars(range(min = 1))]
    pub replication_lag_seconds: u32,
    /// Room left on a volume, in percent of its size.
    #[schemars(range(min = 1, max = 99))]
    pub volume_free_percent: u32,
    /// Age of the last backup in hours; for each day on which the schedule makes none, a day more.
    #[schemars(range(min = 1))]
    pub backup_age_hours: u32,
    /// True where kube-state-metrics reads claims as examples/monitoring says: then the age of the last backup is known also where
    /// an operator has no metric of it.
    pub claim_metrics: bool,
    /// What is left of a certificate's life, in days; cert-manager renews it when a third is left.
    #[schemars(range(min = 1))]
    pub certificate_days: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            labels: Labels::new(),
            runbook_url: None,
            connections_percent: 80,
            longest_transaction_seconds: 300,
            slow_queries_per_minute: 10,
            query_milliseconds: 1000,
            replication_lag_seconds: 60,
            volume_free_percent: 15,
            backup_age_hours: 24,
            claim_metrics: false,
            certificate_days: 14,
        }
    }
}

pub fn compose(generation: &Generation, facts: &Facts, settings: &Settings) -> Resource {
    let mut metadata = metadata(generation, generation.name());
    metadata.labels.extend(settings.labels.clone());
    let rules = alerts(generation, facts, settings).into_iter().map(|alert| rule(generation, settings, alert));
    let rule = PrometheusRule {
        api_version: "monitoring.coreos.com/v1",
        kind: "PrometheusRule",
        metadata,
        spec: Spec { groups: [Group { name: "database", rules: rules.collect() }] },
    };
    Resource { key: Key(generation.key("prometheus-rule")), holds: Holds::Nothing, object: Object::of(&rule) }
}

struct Alert {
    name: &'static str,
    severity: &'static str,
    expression: String,
    /// How long it must hold, so that a restart wakes nobody.
    lasting: &'static str,
    summary: &'static str,
    /// With the value.
    description: String,
}

fn alerts(generation: &Generation, facts: &Facts, settings: &Settings) -> Vec<Alert> {
    let members = u64::from(generation.plan.terms.replicas) * u64::from(generation.plan.terms.shards);
    let of = |signal| facts.signals.get(&signal).map(String::as_str);
    let mut alerts = vec![];
    let mut alert = |name, severity, expression: Option<String>, lasting, summary, description: &str| {
        let description = description.to_string();
        alerts.extend(expression.map(|expression| Alert { name, severity, expression, lasting, summary, description }));
    };
    let up = of(Signal::MembersUp);
    alert(
        "DatabaseDown",
        "critical",
        up.map(|up| format!("({up}) == 0")),
        "2m",
        "no member of the database answers",
        "0 members answer",
    );
    alert(
        "DatabaseMembersDown",
        "warning",
        up.filter(|_| members > 1).map(|up| format!("0 < ({up}) < {members}")),
        "10m",
        "some members of the database do not answer",
        &format!("{{{{ $value }}}} of {members} members answer"),
    );
    let percent = settings.connections_percent;
    alert(
        "DatabaseConnections",
        "warning",
        of(Signal::ConnectionsUsed).map(|used| format!("({used}) * 100 > {percent}")),
        "5m",
        "the database runs out of connections",
        "{{ $value | printf \"%.0f\" }} % of the connections are in use",
    );
    let seconds = settings.longest_transaction_seconds;
    alert(
        "DatabaseSlowQueries",
        "warning",
        of(Signal::LongestTransaction).map(|longest| format!("({longest}) > {seconds}")),
        "5m",
        "a transaction runs for very long",
        "the longest one has been running for {{ $value | humanizeDuration }}",
    );
    let most = settings.slow_queries_per_minute;
    alert(
        "DatabaseSlowQueries",
        "warning",
        of(Signal::SlowQueries).map(|slow| format!("sum(rate({slow}[5m])) * 60 > {most}")),
        "5m",
        "many queries are slow",
        "{{ $value | printf \"%.0f\" }} a minute take longer than the engine's own limit",
    );
    let milliseconds = settings.query_milliseconds;
    alert(
        "DatabaseSlowQueries",
        "warning",
        of(Signal::QueryTime).map(|time| format!("({time}) * 1000 > {milliseconds}")),
        "5m",
        "queries are slow",
        "the mean one takes {{ $value | printf \"%.0f\" }} ms",
    );
    let seconds = settings.replication_lag_seconds;
    alert(
        "DatabaseReplicationLag",
        "warning",
        of(Signal::ReplicationLag).map(|lag| format!("({lag}) > {seconds}")),
        "5m",
        "a replica is behind",
        "the slowest one is {{ $value | humanizeDuration }} behind",
    );
    let (free, size) = (of(Signal::VolumeFree), of(Signal::VolumeSize));
    let percent = settings.volume_free_percent;
    alert(
        "DatabaseVolumeFilling",
        "warning",
        // A full volume stops a database, so both count: little room, and a trend that leads there within four days.
        free.zip(size).map(|(free, size)| {
            format!("({free} / {size}) * 100 < {percent} and predict_linear({free}[6h], 4 * 24 * 3600) < 0")
        }),
        "1h",
        "a volume will be full within four days",
        "{{ $labels.persistentvolumeclaim }} has {{ $value | printf \"%.0f\" }} % left",
    );
    alert(
        "DatabaseVolumeFull",
        "critical",
        free.zip(size).map(|(free, size)| format!("({free} / {size}) * 100 < 3")),
        "5m",
        "a volume is all but full",
        "{{ $labels.persistentvolumeclaim }} has {{ $value | printf \"%.1f\" }} % left",
    );
    // What is made on Sundays only is not missing on Mondays.
    let pause = generation.plan.terms.backup.as_ref().map_or(1, |backup| longest_pause(&backup.schedule));
    let hours = settings.backup_age_hours.saturating_add(24 * pause.saturating_sub(1));
    alert(
        "DatabaseBackupMissing",
        "critical",
        backup_age(generation, facts, settings).map(|age| format!("({age}) > {hours} * 3600")),
        // The next one may take longer than the last one did.
        "2h",
        "there is no recent backup",
        "the last one is {{ $value | humanizeDuration }} old",
    );
    alert(
        "DatabaseArchiveFailing",
        "critical",
        of(Signal::ArchiveFailures).map(|failures| format!("sum(increase({failures}[15m])) > 0")),
        "15m",
        "the log cannot be archived, so nothing newer can be restored and the volume fills",
        "{{ $value | printf \"%.0f\" }} attempts failed within 15 minutes",
    );
    alert(
        "DatabaseTransactionIds",
        "critical",
        of(Signal::TransactionIdsUsed).map(|used| format!("({used}) * 100 > 50")),
        "1h",
        "the database runs out of transaction ids, because vacuum does not keep up",
        "{{ $value | printf \"%.0f\" }} % are used",
    );
    let days = settings.certificate_days;
    alert(
        "DatabaseCertificateExpiring",
        "critical",
        of(Signal::CertificateExpires).map(|left| format!("({left}) < {days} * 24 * 3600")),
        "1h",
        "the certificate of the servers is about to end, and nobody renews it",
        "it ends in {{ $value | humanizeDuration }}",
    );
    alerts
}

/// Without a metric of the operator's, what the claim's status says; before the first backup, since there is a claim. Where
/// kube-state-metrics does not read claims after all, the alert says so by being there.
fn backup_age(generation: &Generation, facts: &Facts, settings: &Settings) -> Option<String> {
    let DatabaseName { namespace, name, .. } = generation.database();
    let of = |metric: &str| format!(r#"max(database_{metric}{{namespace="{namespace}",database="{name}"}})"#);
    let by_claim = settings.claim_metrics && generation.plan.terms.backup.is_some();
    let of_claim = || format!("time() - ({} or {} or vector(0))", of("last_backup_seconds"), of("created_seconds"));
    facts.signals.get(&Signal::BackupAge).cloned().or_else(|| by_claim.then(of_claim))
}

fn rule(generation: &Generation, settings: &Settings, alert: Alert) -> Rule {
    let plan = &generation.plan;
    let database = &plan.terms.database;
    let mut labels = map([
        ("severity", alert.severity.to_string()),
        ("namespace", database.namespace.clone()),
        ("database", database.name.clone()),
        ("environment", name_of(&plan.terms.environment)),
    ]);
    labels.extend(plan.notes.owner.clone().map(|owner| ("owner", owner)));
    let at = format!("{}/{}", database.namespace, database.name);
    let mut annotations =
        map([("summary", format!("{at}: {}", alert.summary)), ("description", format!("{at}: {}", alert.description))]);
    let runbook = settings.runbook_url.as_ref();
    annotations.extend(runbook.map(|url| ("runbook_url", format!("{}/{}", url.trim_end_matches('/'), alert.name))));
    Rule { alert: alert.name, expr: alert.expression, r#for: alert.lasting, labels, annotations }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrometheusRule {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Serialize)]
struct Spec {
    groups: [Group; 1],
}

#[derive(Serialize)]
struct Group {
    name: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Rule {
    alert: &'static str,
    expr: String,
    r#for: &'static str,
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::plan::Operator;
    use crate::api::status::BackupStatus;
    use crate::observed::Observed;
    use crate::operators;
    use crate::plan::example;
    use serde_json::{Value, json};

    fn of(environment: &str, changes: Value) -> Vec<Alert> {
        let generation = example::generation(environment, changes);
        let operator = operators::of(generation.plan.terms.operator);
        let facts = operator.compose(&generation, &Default::default(), &Observed::default()).facts;
        alerts(&generation, &facts, &Settings::default())
    }

    fn names(environment: &str, changes: Value) -> Vec<&'static str> {
        of(environment, changes).into_iter().map(|alert| alert.name).collect()
    }

    #[test]
    fn a_backup_is_missing_when_the_schedule_would_have_made_one() {
        for (schedule, hours) in [("0 2 * * *", 24), ("0 2 * * 0", 168)] {
            let alerts = of("prod", json!({"backup": {"schedule": schedule}}));
            let missing = alerts.iter().find(|alert| alert.name == "DatabaseBackupMissing").unwrap();
            assert!(missing.expression.ends_with(&format!("> {hours} * 3600")), "{}", missing.expression);
        }
    }

    #[test]
    fn alerts_are_of_what_there_is() {
        let all = [
            "DatabaseDown",
            "DatabaseMembersDown",
            "DatabaseConnections",
            "DatabaseSlowQueries",
            "DatabaseReplicationLag",
            "DatabaseVolumeFilling",
            "DatabaseVolumeFull",
            "DatabaseBackupMissing",
            "DatabaseArchiveFailing",
            "DatabaseTransactionIds",
        ];
        assert_eq!(names("prod", json!({})), all);
        let alone = names("dev", json!({"backup": {"enabled": false}}));
        let absent =
            ["DatabaseMembersDown", "DatabaseReplicationLag", "DatabaseBackupMissing", "DatabaseArchiveFailing"];
        assert_eq!(alone, all.into_iter().filter(|name| !absent.contains(name)).collect::<Vec<_>>());
    }

    #[test]
    fn the_metrics_of_claims_are_those_of_the_charts_values() {
        let generation = example::generation_on(Operator::Zalando, "prod", json!({}));
        let operator = operators::of(Operator::Zalando);
        let facts = operator.compose(&generation, &Default::default(), &Observed::default()).facts;
        assert_eq!(backup_age(&generation, &facts, &Settings::default()), None, "only where somebody reads claims");
        let settings = Settings { claim_metrics: true, ..Settings::default() };
        let age = backup_age(&generation, &facts, &settings).unwrap();

        let values = include_str!("../../examples/monitoring/kube-state-metrics.yaml");
        let values: Value = serde_saphyr::from_str(values).unwrap();
        let resource = &values["customResourceState"]["config"]["spec"]["resources"][0];
        assert_eq!(
            resource["labelsFromPath"],
            json!({"namespace": ["metadata", "namespace"], "database": ["metadata", "name"]})
        );
        let metrics = resource["metrics"].as_array().unwrap();
        for metric in metrics {
            let series = format!(
                r#"{}_{}{{namespace="checkout",database="orders"}}"#,
                resource["metricNamePrefix"].as_str().unwrap(),
                metric["name"].as_str().unwrap(),
            );
            assert!(age.contains(&series), "{series} is not in {age}");
        }
        let status = BackupStatus { last_success: Some("2026-11-21T02:00:00Z".into()), ..Default::default() };
        let claim = json!({"status": {"backup": status}, "metadata": {"creationTimestamp": "2026-11-01T00:00:00Z"}});
        for metric in metrics {
            let path = metric["each"]["gauge"]["path"].as_array().unwrap();
            let value = path.iter().fold(&claim, |value, name| &value[name.as_str().unwrap()]);
            assert!(value.is_string(), "{path:?}");
        }
        let own = example::generation("prod", json!({}));
        let facts =
            operators::of(Operator::CloudNativePG).compose(&own, &Default::default(), &Observed::default()).facts;
        assert!(backup_age(&own, &facts, &settings).unwrap().contains("barman_cloud"), "the operator's own goes first");
    }
}
