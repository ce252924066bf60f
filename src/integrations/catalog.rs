//! Marks by which other tools find what belongs to a database: Backstage's Kubernetes plugin by `backstage.io/kubernetes-id`,
//! cost tools by owner and system. In: a generation. Out: labels and annotations for everything composed. What such tools read
//! on the claim itself (`terasky.backstage.io/...`, `argocd/app-name`) its author writes: a function cannot. Must not set a
//! label by which ArgoCD tracks what is its own.

use crate::api::record::Generation;
use crate::operators::facts::Labels;
use crate::plan::labels;
use crate::wire::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// TeraSky's ingestor would make a component of each part of a database (`KubernetesDataProvider.ts` of its June 2026).
const NO_COMPONENT: &str = "terasky.backstage.io/exclude-from-catalog";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The label under which cost tools look for the owner, such as team; none if left out.
    #[schemars(regex(pattern = r"^([a-z0-9.-]+/)?[A-Za-z0-9][A-Za-z0-9_.-]*$"), length(max = 128))]
    pub owner_label: Option<String>,
}

/// A patch of each resource.
pub fn marks(generation: &Generation, settings: &Settings) -> Object {
    let labels = labels(generation, settings);
    Object::of(&json!({"metadata": {"labels": labels, "annotations": {NO_COMPONENT: "true"}}}))
}

fn labels(generation: &Generation, settings: &Settings) -> Labels {
    let notes = &generation.plan.notes;
    let mut labels = Labels::from([("backstage.io/kubernetes-id".into(), generation.database().identity().1.into())]);
    labels.extend(notes.system.as_deref().and_then(value).map(|system| ("app.kubernetes.io/part-of".into(), system)));
    let owner = notes.owner.as_deref().and_then(value);
    labels.extend(settings.owner_label.clone().zip(owner));
    labels
}

/// The last part of an entity reference such as `group:default/checkout`, where a label can hold it.
fn value(reference: &str) -> Option<String> {
    let name = reference.rsplit(['/', ':']).next()?;
    labels::is_word(name).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn a_label_holds_the_name_of_an_entity_or_nothing() {
        let cases = [
            ("group:default/checkout", Some("checkout")),
            ("checkout", Some("checkout")),
            ("group:checkout-web", Some("checkout-web")),
            ("group:default/", None),
            ("shop of shops", None),
            ("-shop", None),
        ];
        for (reference, expected) in cases {
            assert_eq!(value(reference).as_deref(), expected, "{reference}");
        }
    }
}
