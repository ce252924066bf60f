//! What a claim asks of the platform's surroundings: Vault, External Secrets and so on. In: a claim and its tier. Out: one
//! problem for each thing that nothing here serves. Must not know how it is served: that is step `integrate`.

use crate::api::claim::{CredentialSource, DatabaseSpec};
use crate::api::input::tier_defaults::{Offer, Tier};
use crate::api::plan::Delivery;
use crate::api::problem::Problem;
use crate::operators::name_of;

pub fn problems(spec: &DatabaseSpec, tier: &Tier) -> Vec<Problem> {
    let credentials = spec.credentials.clone().unwrap_or_default();
    // The tier's own default is on offer, or nobody could claim anything.
    let source = credentials.source.filter(|source| *source != tier.credentials);
    let from = |asked| source == Some(asked);
    let asked = [
        ("spec.credentials.source", from(CredentialSource::ExternalSecret), Offer::ExternalSecret),
        ("spec.credentials.source", from(CredentialSource::VaultDynamic), Offer::VaultDynamic),
        ("spec.access.console", spec.access.as_ref().is_some_and(|access| access.console), Offer::Console),
        ("spec.credentials.consul", credentials.consul.is_some(), Offer::Consul),
    ];
    let missing = asked.into_iter().filter(|(_, asked, offer)| *asked && !tier.offers.contains(offer));
    missing
        .map(|(path, _, offer)| {
            let wrong = format!("{} is not set up in {}", name_of(&offer), name_of(&spec.environment));
            Problem::new(path, wrong, "leave it out; the platform team can offer it")
        })
        .collect()
}

/// Why credentials of this source cannot be replaced again and again.
pub fn rotation(spec: &DatabaseSpec, delivery: &Delivery, source: CredentialSource) -> Option<Problem> {
    spec.credentials.as_ref().and_then(|credentials| credentials.rotation.as_ref())?;
    let (wrong, right) = match source {
        CredentialSource::Operator => {
            ("the operator's own secret cannot change its user", "write the source Secret or ExternalSecret")
        }
        CredentialSource::VaultDynamic => ("users that Vault makes live for an hour as it is", "leave it out"),
        CredentialSource::Secret | CredentialSource::ExternalSecret if *delivery != Delivery::Direct => {
            ("in another cluster, also that of a standby, nobody sees whether the next user works", "leave it out")
        }
        CredentialSource::Secret | CredentialSource::ExternalSecret => return None,
    };
    Some(Problem::new("spec.credentials.rotation", wrong, right))
}
