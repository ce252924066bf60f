//! The deletion of what runs, within step `production-approval`. In: the record, what is observed, who tried and who agreed.
//! Out: the Usages that stand, and how far it has come. Gathers the evidence for `gate::deletion`; must not decide.

use super::documents::Deletion;
use super::evidence::Evidence;
use super::{AWAIT, LAST_BACKUP, ask, desire};
use crate::api::approval::OperationKind;
use crate::api::claim;
use crate::api::problem::Problem;
use crate::api::record::Record;
use crate::api::status::{Class, Pending};
use crate::gate::approvals::Permission;
use crate::gate::deletion::{self, ATTEMPT, LastBackup, Next, Way};
use crate::gate::digest::Operation;
use crate::gate::protection;
use crate::observed::{Answer, Question};
use crate::operators::{self, BackupRun};
use crate::wire::{Key, Object, Undecodable};
use serde::Deserialize;

/// Desires what protects, and says how far the deletion has come and what it waits for.
pub(super) fn run(
    evidence: &mut Evidence,
    record: &Record,
    lost: bool,
) -> Result<(Deletion, Option<Pending>), Undecodable> {
    let terms = &record.serving.plan.terms;
    let by_approval = evidence.policy.gates(terms.environment, OperationKind::Delete);
    let claim = claim(evidence);
    let attempt = claim.as_ref().map(|claim| claim.text("claim", &["metadata", "annotations", ATTEMPT]));
    let attempted = attempt.transpose()?.flatten().is_some();
    let (permission, pending) = match by_approval && attempted {
        false => (Permission::NotAsked, None),
        true => {
            let uid = evidence.composite.metadata.uid.clone();
            let operation = Operation::Delete { database: &terms.database.at_home(), uid: &uid };
            let words = deletion::words(terms.lifecycle.deletion_policy);
            evidence.permission(terms.environment, operation, Class::DataLoss, vec![words.into()])
        }
    };
    let way = match by_approval {
        true => Way::Approval { attempted, permission: &permission },
        false => Way::Switch { protected: terms.lifecycle.deletion_protection },
    };
    let name = deletion::backs_up(record, lost).then(|| last_backup(evidence, record));
    let next =
        deletion::next(&way, stands(evidence, record, name.is_some())?, protection::observed(&evidence.observed)?);
    if next.protects() {
        let armed = next == Next::Arming;
        let composite = (&evidence.composite, &evidence.request.composite);
        let usages = protection::usages(composite, claim.as_ref(), record, &evidence.observed, by_approval, armed)?;
        for (key, usage) in usages {
            desire(evidence.request, &mut evidence.response, key, usage);
        }
    }
    if !matches!(next, Next::Protected | Next::Released) {
        evidence.response.ttl = Some(AWAIT);
    }
    let name = name.filter(|_| next.backs_up());
    let deletion = Deletion {
        message: next.sentence(by_approval, name.as_deref()),
        approved: by_approval && next.backs_up(),
        backup_failed: matches!(next, Next::BackupFailed(_)),
        last_backup: name,
    };
    Ok((deletion, pending))
}

/// What users delete: the composite, else the claim that it stands behind, once Crossplane has found it. Crossplane copies the
/// note of an attempt from the claim to the composite; what stands on that alone was an attempt on that alone, which stays
/// refused.
fn claim(evidence: &mut Evidence) -> Option<Object> {
    if evidence.composite.spec.claim_ref.is_none() {
        return Some(evidence.request.composite.clone());
    }
    let (namespace, name) = evidence.composite.identity();
    let question = Question::by_name(crate::api::API_VERSION, claim::KIND, namespace, name);
    ask(&mut evidence.response, &question);
    match evidence.observed.objects(&question) {
        Answer::NotAsked | Answer::Nothing => None,
        Answer::Found(found) => found.first().cloned(),
    }
}

/// The composite's UID keeps the next database of the same name from taking this one's last backup for its own. A dot stands
/// in no claim's name.
fn last_backup(evidence: &Evidence, record: &Record) -> String {
    let uid = &evidence.composite.metadata.uid;
    let name = format!("{}.last-{}", record.serving.name(), uid.split('-').next().unwrap_or_default());
    operators::of(record.serving.plan.terms.operator).backup_name(name)
}

fn stands(evidence: &Evidence, record: &Record, needed: bool) -> Result<LastBackup, Undecodable> {
    if !needed {
        return Ok(LastBackup::NotNeeded);
    }
    let key = Key(record.serving.key(LAST_BACKUP));
    let Some(backup) = evidence.observed.composed.get(&key) else { return Ok(LastBackup::Running) };
    Ok(match operators::of(record.serving.plan.terms.operator).backed_up(backup)? {
        BackupRun::Running => LastBackup::Running,
        BackupRun::Completed => LastBackup::Completed,
        BackupRun::Failed(why) => LastBackup::Failed(why),
    })
}

/// Where deletion is approved, the claim has no switch for it.
pub(super) fn switched_off(evidence: &Evidence, environment: crate::api::claim::Environment) -> Option<Problem> {
    let Switch { spec } = evidence.request.composite.decode("composite").unwrap_or_default();
    let off = spec.lifecycle.deletion_protection == Some(false);
    (off && evidence.policy.gates(environment, OperationKind::Delete)).then(|| deletion::no_switch(environment))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Switch {
    spec: SwitchSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SwitchSpec {
    lifecycle: SwitchLifecycle,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SwitchLifecycle {
    deletion_protection: Option<bool>,
}
