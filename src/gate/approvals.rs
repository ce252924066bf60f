//! Who agreed. In: an operation, the approvals found for its digest, the time. Out: whether it is permitted, and of each
//! approval whether it counts. Must not trust the label that found them.

use super::digest::Operation;
use super::signature::{self, Flaw};
use crate::api::approval::{ApprovalName, ApprovalSpec, DatabaseApproval, Decision};
use crate::api::input::{Signatures, Signer};
use crate::map::sort;
use crate::observed::Answer;
use crate::wire::{Object, Undecodable};
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq)]
pub enum Permission {
    NotNeeded,
    NotAsked,
    Missing(Vec<Finding>),
    /// By these people.
    Given(Vec<String>),
}

/// One approval that was found: its own name, who made it, and whether it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub name: String,
    pub approver: String,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    InForce,
    /// With the approver's reason.
    Rejected(String),
    Expired(String),
    /// Valid for longer than the platform allows.
    TooLong(u32),
    NoTime(String),
    Unreadable(String),
    /// Of another digest, operation or database, whatever its label says.
    OfSomethingElse(&'static str),
    /// Made by whoever asked for the change.
    OfTheRequester,
    Unsigned,
    Signature(Flaw),
}

/// What an operation needs.
#[derive(Clone, Copy, Debug)]
pub struct Need<'a> {
    /// Different people; 0: nobody.
    pub approvers: u32,
    /// Who asked for the change, if the claim says so.
    pub requester: Option<&'a str>,
    /// The longest time from an approval's making to its end, in days.
    pub valid_days: u32,
    /// Whether one without a signature counts.
    pub signatures: Signatures,
    /// Whose signature counts.
    pub signers: &'a [Signer],
}

/// One rejection that is in force outweighs every approval.
pub fn permission(operation: &Operation, need: &Need, found: Answer<&[Object]>, now: Timestamp) -> Permission {
    if need.approvers == 0 {
        return Permission::NotNeeded;
    }
    let approvals = match found {
        Answer::NotAsked => return Permission::NotAsked,
        Answer::Nothing => &[],
        Answer::Found(approvals) => approvals,
    };
    let mut findings: Vec<Finding> = approvals.iter().map(|approval| judge(operation, need, approval, now)).collect();
    sort(&mut findings, |one, other| one.name.cmp(&other.name));
    let rejected = findings.iter().any(|finding| matches!(finding.verdict, Verdict::Rejected(_)));
    let mut approvers: Vec<String> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::InForce)
        .map(|finding| finding.approver.clone())
        .collect();
    sort(&mut approvers, Ord::cmp);
    approvers.dedup();
    if rejected || (approvers.len() as u64) < u64::from(need.approvers) {
        Permission::Missing(findings)
    } else {
        Permission::Given(approvers)
    }
}

fn judge(operation: &Operation, need: &Need, approval: &Object, now: Timestamp) -> Finding {
    let approval: DatabaseApproval = match approval.decode("approval") {
        Ok(approval) => approval,
        Err(error) => return unreadable(approval, &error),
    };
    let verdict = mismatch(operation, &approval).map_or_else(|| alone(&approval, need, now), Verdict::OfSomethingElse);
    Finding { name: approval.metadata.name.clone(), approver: approval.spec.approver.clone(), verdict }
}

/// As far as it can be told without the operation that it is for.
pub fn alone(approval: &DatabaseApproval, need: &Need, now: Timestamp) -> Verdict {
    let ApprovalSpec { approver, reason, .. } = &approval.spec;
    match (time(approval, need, now), approval.spec.decision) {
        (Some(verdict), _) => verdict,
        (None, Decision::Rejected) => Verdict::Rejected(reason.clone().unwrap_or_else(|| "no reason given".into())),
        (None, Decision::Approved) if need.requester == Some(approver) => Verdict::OfTheRequester,
        (None, Decision::Approved) => signed(&approval.spec, need),
    }
}

/// A rejection does not come here: it lets nothing run, so it needs no proof.
fn signed(spec: &ApprovalSpec, need: &Need) -> Verdict {
    match (&spec.signature, need.signatures) {
        (None, Signatures::Optional) => Verdict::InForce,
        (None, Signatures::Required) => Verdict::Unsigned,
        (Some(text), _) => match signature::check(spec, text, need.signers) {
            Ok(()) => Verdict::InForce,
            Err(flaw) => Verdict::Signature(flaw),
        },
    }
}

/// The cluster's schema should not have let it in.
fn unreadable(approval: &Object, error: &Undecodable) -> Finding {
    let name = approval.decode("approval").map(|named: Named| named.metadata.name).unwrap_or_default();
    Finding { name, approver: "somebody".into(), verdict: Verdict::Unreadable(error.to_string()) }
}

#[derive(Deserialize)]
struct Named {
    metadata: ApprovalName,
}

fn mismatch(operation: &Operation, approval: &DatabaseApproval) -> Option<&'static str> {
    let (namespace, name) = operation.database().identity();
    let spec = &approval.spec;
    if approval.metadata.namespace != namespace {
        Some("another namespace")
    } else if spec.database != name {
        Some("another database")
    } else if spec.operation != operation.kind() {
        Some("another operation")
    } else if operation.digest() != *spec.digest {
        Some("another plan")
    } else {
        None
    }
}

/// What is wrong with its time. A file that was never in a cluster has no time of making, so only its end counts.
fn time(approval: &DatabaseApproval, need: &Need, now: Timestamp) -> Option<Verdict> {
    let text = &approval.spec.expires;
    let Ok(expires) = text.parse::<Timestamp>() else { return Some(Verdict::NoTime(text.clone())) };
    let made = approval.metadata.creation_timestamp.as_deref().and_then(|made| made.parse::<Timestamp>().ok());
    let longest = i64::from(need.valid_days) * 24;
    if expires <= now {
        Some(Verdict::Expired(text.clone()))
    } else if made.and_then(|made| made.checked_add(longest.hours()).ok()).is_some_and(|latest| expires > latest) {
        Some(Verdict::TooLong(need.valid_days))
    } else {
        None
    }
}

impl Verdict {
    /// In words, which do not change while nothing changes.
    pub fn words(&self) -> String {
        match self {
            Verdict::InForce => "approved".into(),
            Verdict::Rejected(reason) => format!("rejected: {reason}"),
            Verdict::Expired(at) => format!("does not count: it expired at {at}"),
            Verdict::TooLong(days) => format!("does not count: it is valid for more than {days} days"),
            Verdict::NoTime(text) => format!("does not count: its expiry {text:?} is no time"),
            Verdict::Unreadable(why) => format!("does not count: {why}"),
            Verdict::OfSomethingElse(what) => format!("does not count: it is of {what}"),
            Verdict::Unsigned => "does not count: it is not signed, and the platform counts only signed ones".into(),
            Verdict::Signature(flaw) => format!("does not count: {flaw}"),
            Verdict::OfTheRequester => "does not count: who asks for a change cannot approve it".into(),
        }
    }
}

impl Finding {
    /// One sentence for the status.
    pub fn sentence(&self) -> String {
        let Finding { name, approver, verdict } = self;
        format!("{name} by {approver}: {}", verdict.words())
    }
}
