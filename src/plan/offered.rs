//! What the schema promises for later releases. In: a claim. Out: one problem for each field that this release cannot
//! serve, because what is accepted and ignored is lost. Must shrink: whoever builds a feature takes its line out.

use crate::api::claim::DatabaseSpec;
use crate::api::problem::Problem;

pub fn problems(spec: &DatabaseSpec) -> Vec<Problem> {
    let backup = spec.backup.clone().unwrap_or_default();
    let credentials = spec.credentials.clone().unwrap_or_default();
    let access = spec.access.clone().unwrap_or_default();
    let maintenance = spec.maintenance.clone().unwrap_or_default();
    let lifecycle = spec.lifecycle.clone().unwrap_or_default();
    let later = [
        ("spec.restore", spec.restore.is_some()),
        ("spec.backup.request", backup.request.is_some()),
        ("spec.credentials.rotation", credentials.rotation.is_some()),
        ("spec.access.console", access.console),
        ("spec.maintenance.windows", !maintenance.windows.is_empty()),
        ("spec.maintenance.timeZone", maintenance.time_zone.is_some()),
        ("spec.maintenance.autoUpgrade", maintenance.auto_upgrade == Some(true)),
        ("spec.maintenance.urgent", maintenance.urgent),
        ("spec.lifecycle.schedule", lifecycle.schedule.is_some()),
        ("spec.lifecycle.expires", lifecycle.expires.is_some()),
    ];
    let asked = later.into_iter().filter(|(_, asked)| *asked);
    asked.map(|(path, _)| Problem::new(path, "this release does not offer it yet", "leave it out")).collect()
}
