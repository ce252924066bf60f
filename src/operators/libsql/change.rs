//! What a change does to the running server. In: two plans. Out: the most severe class of all that differs. There is one pod:
//! whatever is new in it stops the database for a moment.

use crate::api::plan::{Backup, Plan};
use crate::api::status::Class;
use crate::operators::change::{self, Classes};

pub fn class(from: &Plan, to: &Plan) -> Class {
    let logged = |plan: &Plan| plan.terms.monitoring.log_level;
    let classes = Classes {
        version: upgrade(&from.terms.version, &to.terms.version),
        release: Class::Restart,
        replicas: Class::Refused,
        shards: Class::Refused,
        synchronous_replicas: Class::Refused,
        size: Class::Restart,
        storage: Class::Online,
        // One pod is never beside another.
        placement: Class::Online,
        backup: backup_change(from.terms.backup.as_ref(), to.terms.backup.as_ref()),
        pooling: Class::Refused,
        parameters: Class::Restart,
        extensions: Class::Refused,
        tls: Class::Refused,
        monitoring: if logged(from) == logged(to) { Class::Online } else { Class::Restart },
        hibernation: Class::Restart,
    };
    change::class(from, to, &classes)
}

fn upgrade(from: &str, to: &str) -> Class {
    let line = |text: &str| text.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>();
    match (line(from), line(to)) {
        (Some(from), Some(to)) if from == to => Class::None,
        (Some(from), Some(to)) if from < to => Class::Restart,
        _ => Class::Refused,
    }
}

/// What the server itself is told, where it replicates; dumps are the job's.
fn backup_change(from: Option<&Backup>, to: Option<&Backup>) -> Class {
    let told = |backup: Option<&Backup>| backup.filter(|it| it.continuous).map(|it| it.destination.clone());
    if told(from) == told(to) { Class::Online } else { Class::Restart }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use serde_json::{Value, json};

    /// The plan of a small claim in staging, and with `value` at `path`.
    fn changed(path: &str, value: Value) -> (Plan, Plan) {
        let from = example::plan("staging", json!({"engine": "sqlite"}));
        let to = example::changed(&from, path, value);
        (from, to)
    }

    #[test]
    fn each_term_has_its_class() {
        #[rustfmt::skip]
        let cases = [
            ("/terms/database/name",            json!("other"),              Class::Refused),
            ("/terms/version",                  json!("0.25"),               Class::Restart),
            ("/terms/version",                  json!("0.23"),               Class::Refused),
            ("/terms/version",                  json!("new"),                Class::Refused),
            ("/terms/replicas",                 json!(2),                    Class::Refused),
            ("/terms/cpu",                      json!("4"),                  Class::Restart),
            ("/terms/storage",                  json!("40Gi"),               Class::Online),
            ("/terms/storage",                  json!("10Gi"),               Class::Refused),
            ("/terms/storageClass",             json!("fast-ssd"),           Class::Refused),
            ("/terms/placement",                json!("Required"),           Class::Online),
            ("/terms/backup/schedule",          json!("0 3 * * *"),          Class::Online),
            ("/terms/backup/continuous",        json!(false),                Class::Restart),
            ("/terms/backup/destination/path",  json!("s3://other"),         Class::Restart),
            ("/terms/backup",                   Value::Null,                 Class::Restart),
            ("/terms/tls",                      json!(true),                 Class::Refused),
            ("/terms/monitoring",               json!({"silent": true}),     Class::Online),
            ("/terms/monitoring",               json!({"logLevel": "debug"}), Class::Restart),
            ("/terms/lifecycle",                json!({"hibernated": true}), Class::Restart),
            ("/notes/release",                  json!("other"),              Class::Restart),
        ];
        for (path, value, expected) in cases {
            let (from, to) = changed(path, value.clone());
            assert_eq!(class(&from, &to), expected, "{path}: {value}");
        }
    }
}
