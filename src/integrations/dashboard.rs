//! Grafana's dashboards: one for each operator, out of the signals that its facts state, with the database as a variable. In:
//! the facts of a database that is called `$database` in `$namespace`. Out: JSON as Grafana imports it (schema 39). They are
//! files and not composed: one serves every database. Must not state a metric itself.

use crate::operators::Facts;
use crate::operators::facts::Signal;
use serde_json::{Value, json};

/// Height and width of a panel; a row has 24 columns.
const HEIGHT: u32 = 8;
const WIDTH: u32 = 12;

/// `title`: engine and operator. The identifier is permanent: people link to it.
pub fn dashboard(title: &str, identifier: &str, facts: &Facts) -> Value {
    let panels = panels(facts).into_iter().enumerate().map(|(at, panel)| place(at, panel)).collect::<Vec<_>>();
    json!({
        "uid": identifier,
        "title": title,
        "tags": ["database", facts.service_type],
        "schemaVersion": 39,
        "editable": false,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
            variable("namespace", "label_values(kube_pod_info, namespace)"),
            {"name": "database", "type": "textbox", "label": "Database"},
        ]},
        "panels": panels,
    })
}

fn variable(name: &str, query: &str) -> Value {
    json!({
        "name": name, "type": "query", "label": "Namespace", "refresh": 2, "sort": 1, "query": query,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
    })
}

fn panels(facts: &Facts) -> Vec<Value> {
    let of = |signal| facts.signals.get(&signal).cloned();
    let used = of(Signal::VolumeFree).zip(of(Signal::VolumeSize)).map(|(free, size)| format!("1 - {free} / {size}"));
    let failures = of(Signal::ArchiveFailures).map(|failures| format!("sum(increase({failures}[15m]))"));
    let queries = of(Signal::Queries).map(|queries| format!("sum by (pod) (rate({queries}[5m]))"));
    let shown = [
        ("Members that answer", of(Signal::MembersUp), "short"),
        ("Connections in use", of(Signal::ConnectionsUsed), "percentunit"),
        ("Queries per second", queries, "reqps"),
        ("Longest transaction", of(Signal::LongestTransaction), "s"),
        (
            "Slow queries per second",
            of(Signal::SlowQueries).map(|slow| format!("sum by (pod) (rate({slow}[5m]))")),
            "reqps",
        ),
        ("Time that a query takes", of(Signal::QueryTime), "s"),
        ("Storage in use", used, "percentunit"),
        ("Replication lag", of(Signal::ReplicationLag), "s"),
        ("Age of the last backup", of(Signal::BackupAge), "s"),
        ("Failed attempts to archive", failures, "short"),
        ("Transaction ids in use", of(Signal::TransactionIdsUsed), "percentunit"),
        ("Certificate expires in", of(Signal::CertificateExpires), "s"),
    ];
    shown.into_iter().filter_map(|(title, expression, unit)| Some(panel(title, &expression?, unit))).collect()
}

fn panel(title: &str, expression: &str, unit: &str) -> Value {
    json!({
        "type": "timeseries",
        "title": title,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [{"refId": "A", "expr": expression}],
    })
}

fn place(at: usize, mut panel: Value) -> Value {
    let at = u32::try_from(at).unwrap_or_default();
    panel["id"] = (at + 1).into();
    panel["gridPos"] = json!({"x": at % 2 * WIDTH, "y": at / 2 * HEIGHT, "w": WIDTH, "h": HEIGHT});
    panel
}
