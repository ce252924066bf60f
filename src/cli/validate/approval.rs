//! Approvals, before they are merged. In: an approval's document, the claims beside it, the gate's input. Out: why it would
//! not count, in the words of the database's status. Must not guess: a change cannot be known without what runs.

use super::{Finding, Policy};
use crate::cli::documents::Document;
use function_database::api::approval::{DIGEST_LABEL, DatabaseApproval, OperationKind, REQUESTED_BY};
use function_database::api::claim::Claim;
use function_database::gate::approvals::{Need, Verdict, alone};
use function_database::gate::digest::{Digest, Operation};
use function_database::plan;
use function_database::wire::Object;
use jiff::Timestamp;

/// What the schema cannot say. An approval that cannot be read at all is the schema's to tell.
pub fn findings(document: &Document, claims: &[Claim], policy: &Policy, now: Timestamp) -> Vec<Finding> {
    let read = Object::try_of(&document.value).and_then(|object| object.decode::<DatabaseApproval>(""));
    let Ok(mut approval) = read else { return vec![] };
    let mut found = vec![];
    let mut say = |path: &str, what: String| found.push(Finding::new(document, path, format!("{path}: {what}")));
    let label = approval.spec.digest.get(..32).unwrap_or_default();
    if document.value["metadata"]["labels"][DIGEST_LABEL] != label {
        say("metadata.labels", format!("without the label {DIGEST_LABEL}: {label} nobody finds it; write it"));
    }
    // It was never in a cluster, so it begins to count now at the earliest.
    approval.metadata.creation_timestamp.get_or_insert_with(|| now.to_string());
    let namespace = Some(approval.metadata.namespace.as_str()).filter(|it| !it.is_empty()).unwrap_or("default");
    let of_it = |claim: &&Claim| claim.identity() == (namespace, approval.spec.database.as_str());
    let claims: Vec<&Claim> = claims.iter().filter(of_it).collect();
    let mut requesters = claims.iter().filter_map(|claim| claim.metadata.annotations.get(REQUESTED_BY));
    let gate = &policy.gate;
    let need = Need {
        approvers: 1,
        requester: requesters.find(|requester| **requester == approval.spec.approver).map(String::as_str),
        valid_days: gate.valid_days,
        signatures: gate.signatures,
        signers: &gate.signers,
    };
    let verdict = alone(&approval, &need, now);
    match &verdict {
        Verdict::InForce | Verdict::Rejected(_) => {}
        Verdict::Expired(_) | Verdict::TooLong(_) | Verdict::NoTime(_) => say("spec.expires", verdict.words()),
        Verdict::Unsigned | Verdict::Signature(_) => say("spec.signature", verdict.words()),
        Verdict::OfTheRequester => say("spec.approver", verdict.words()),
        Verdict::Unreadable(_) | Verdict::OfSomethingElse(_) => say("spec", verdict.words()),
    }
    if approval.spec.operation == OperationKind::Create {
        let plans = claims.iter().filter_map(|claim| plan::resolve(claim, &policy.tiers).ok());
        let digests: Vec<Digest> = plans.map(|plan| Operation::Create { plan: &plan.terms }.digest()).collect();
        let other = !digests.iter().any(|digest| *digest == *approval.spec.digest);
        if let Some(digest) = digests.first().filter(|_| other) {
            say(
                "spec.digest",
                format!("does not count: it is of another plan; the claim as it stands here has {digest}"),
            );
        }
    }
    found
}
