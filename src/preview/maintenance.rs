//! Whether an edit waits for a maintenance window. In: the plan that runs and the wanted one. Out: that, with the windows, in
//! words. Must not ask for the time: nobody knows when an edit is merged, and approved.
//!
//! What runs is taken to have served. Whether it sleeps by its schedule just then, only its time tells.

use crate::api::claim::Window;
use crate::api::plan::{self, Plan};
use crate::gate::waiting;
use crate::operators::name_of;
use schemars::JsonSchema;
use serde::Serialize;

/// Of what disturbs clients.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Maintenance {
    pub waits: bool,
    /// Of the plan that runs, such as `Sunday at 02:00 for 4h (UTC)`; none: at any time.
    pub windows: Vec<String>,
    /// The same in a sentence.
    pub words: String,
}

/// None: nobody is disturbed, so it comes at once.
pub fn of_edit(from: &Plan, to: &Plan) -> Option<Maintenance> {
    let held = waiting::held(from, to)?;
    let windows = windows(&from.terms.maintenance);
    let when = windows.join(", ");
    let (waits, words) = match held.quiet {
        _ if windows.is_empty() => (false, "does not wait: what runs has no maintenance window".into()),
        _ if from.terms.lifecycle.hibernated => {
            (false, format!("does not wait for the maintenance window, because what runs sleeps: {when}"))
        }
        _ if to.requests.urgent => {
            (false, format!("does not wait for the maintenance window, because it is urgent: {when}"))
        }
        None => (true, format!("waits for the maintenance window: {when}; spec.maintenance.urgent skips it")),
        Some(_) => (
            true,
            format!(
                "what the claim asks for comes at once, what the platform renews waits for the maintenance window: {when}; \
                 spec.maintenance.urgent skips it"
            ),
        ),
    };
    Some(Maintenance { waits, windows, words })
}

/// It disturbs at its end, whenever that is.
pub fn of_restore(from: &Plan) -> Option<Maintenance> {
    let windows = windows(&from.terms.maintenance);
    let words = "does not wait for the maintenance window: connections break once the restored data is ready".into();
    (!windows.is_empty()).then_some(Maintenance { waits: false, windows, words })
}

fn windows(maintenance: &plan::Maintenance) -> Vec<String> {
    let zone = maintenance.time_zone.as_deref().unwrap_or("UTC");
    let words =
        |Window { day, start, duration }: &Window| format!("{} at {start} for {duration} ({zone})", name_of(day));
    maintenance.windows.iter().map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example::plan;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn what_disturbs_says_whether_it_waits() {
        let window = "Sunday at 02:00 for 4h (UTC)";
        let large = json!({"size": "large"});
        let skips = "; spec.maintenance.urgent skips it";
        let not = "does not wait";
        let cases = [
            (
                "prod",
                json!({}),
                large.clone(),
                Some((true, format!("waits for the maintenance window: {window}{skips}"))),
            ),
            (
                "prod",
                json!({}),
                json!({"size": "large", "maintenance": {"urgent": true}}),
                Some((false, format!("{not} for the maintenance window, because it is urgent: {window}"))),
            ),
            (
                "prod",
                json!({"lifecycle": {"hibernated": true}}),
                large,
                Some((false, format!("{not} for the maintenance window, because what runs sleeps: {window}"))),
            ),
            ("prod", json!({}), json!({"replicas": 5}), None),
            (
                "dev",
                json!({}),
                json!({"size": "medium"}),
                Some((false, format!("{not}: what runs has no maintenance window"))),
            ),
            (
                "prod",
                json!({"maintenance": {"windows": [{"day": "Monday", "start": "03:30", "duration": "90m"}], "timeZone": "Europe/Oslo"}}),
                json!({"size": "large"}),
                Some((true, format!("waits for the maintenance window: Monday at 03:30 for 90m (Europe/Oslo){skips}"))),
            ),
        ];
        for (environment, from, to, expected) in cases {
            let found = of_edit(&plan(environment, from), &plan(environment, to));
            assert_eq!(found.map(|it| (it.waits, it.words)), expected);
        }
        let (from, mut to) = (plan("prod", json!({})), plan("prod", json!({"replicas": 5})));
        to.notes.release = "newer".into();
        let found = of_edit(&from, &to).unwrap();
        assert!(found.waits && found.words.starts_with("what the claim asks for comes at once"), "{found:?}");
    }
}
