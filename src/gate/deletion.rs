//! How a protected database goes. In: who tried to delete it, who agreed, how its last backup stands, what is observed of
//! the protection. Out: the next step of the way. Must not delete anything: Crossplane replays the attempt that was
//! refused, or the user deletes again.
//!
//! By approval, the way is: attempt, approval, last backup, armed, released. Each step is one run and looks at what is there,
//! so that an attempt or an approval that is taken back ends it anywhere. Without an approval the claim's own switch releases
//! it, after the last backup.

use super::approvals::Permission;
use crate::api::claim::{DeletionPolicy, Environment};
use crate::api::problem::Problem;
use crate::api::record::Record;
use crate::operators::name_of;

/// On a database that somebody tried to delete, also with a dry run; on a claim, Crossplane copies it to the composite.
pub const ATTEMPT: &str = "usage.crossplane.io/deletion-attempt-with-policy";

/// What opens the way.
#[derive(Clone, Debug)]
pub enum Way<'a> {
    Approval { attempted: bool, permission: &'a Permission },
    Switch { protected: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastBackup {
    NotNeeded,
    /// Also one that is not there yet.
    Running,
    Completed,
    Failed(String),
}

/// The `Usage` of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    Absent,
    Standing,
    /// When it goes, Crossplane carries out the attempt that it refused.
    Armed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Protected,
    AwaitingApproval,
    BackingUp,
    BackupFailed(String),
    Arming,
    Released,
}

/// What is wrong with a claim that switches the protection off where a deletion is approved instead.
pub fn no_switch(environment: Environment) -> Problem {
    Problem::new(
        "spec.lifecycle.deletionProtection",
        format!("in {} a deletion needs an approval", name_of(&environment)),
        "leave it out, delete the database, and have that approved",
    )
}

/// Once released, the protection is not put up again while attempt and approval stand: it would refuse the very deletion
/// that is replayed.
pub fn next(way: &Way, backup: LastBackup, protection: Protection) -> Next {
    let by_approval = match way {
        Way::Switch { protected: true } | Way::Approval { attempted: false, .. } => return Next::Protected,
        Way::Approval { permission: Permission::NotAsked, .. } => return Next::Protected,
        Way::Approval { permission: Permission::Missing(_), .. } => return Next::AwaitingApproval,
        Way::Approval { permission: Permission::Given(_) | Permission::NotNeeded, .. } => true,
        Way::Switch { protected: false } => false,
    };
    match (backup, protection) {
        (LastBackup::Running, _) => Next::BackingUp,
        (LastBackup::Failed(why), _) => Next::BackupFailed(why),
        (LastBackup::NotNeeded | LastBackup::Completed, Protection::Standing) if by_approval => Next::Arming,
        (LastBackup::NotNeeded | LastBackup::Completed, _) => Next::Released,
    }
}

/// Whether there is anything to back up before it goes, and a wish to.
pub fn backs_up(record: &Record, lost: bool) -> bool {
    record.serving.plan.terms.lifecycle.deletion_policy == DeletionPolicy::Snapshot && record.was_ready && !lost
}

/// What approvers read.
pub fn words(policy: DeletionPolicy) -> &'static str {
    match policy {
        DeletionPolicy::Delete => "deletes the database and its data, without a last backup",
        DeletionPolicy::Snapshot => "deletes the database and its data, after a last backup",
        DeletionPolicy::Retain => "deletes the database; its data stays in the namespace",
    }
}

impl Next {
    pub fn protects(&self) -> bool {
        *self != Next::Released
    }

    /// Whether the last backup is desired; it stays so until the database is gone, or it would go before.
    pub fn backs_up(&self) -> bool {
        !matches!(self, Next::Protected | Next::AwaitingApproval)
    }

    /// For the status, where there is something to say; `backup` is the last backup's name.
    pub fn sentence(&self, by_approval: bool, backup: Option<&str>) -> Option<String> {
        let name = backup.unwrap_or_default();
        match self {
            Next::Protected => None,
            Next::AwaitingApproval => Some(format!(
                "its deletion waits for an approval, see status.approval.deletion; to take it back, remove the annotation \
                 {ATTEMPT}"
            )),
            Next::BackingUp => Some(format!("the last backup {name} is made before it can be deleted")),
            Next::BackupFailed(why) => Some(format!(
                "the last backup {name} failed, so it is not deleted: {why}; try to delete it again, or write Delete or \
                 Retain into spec.lifecycle.deletionPolicy"
            )),
            Next::Arming => Some("it is being deleted".into()),
            Next::Released if by_approval => Some("it is being deleted".into()),
            Next::Released => backup.map(|name| format!("the last backup {name} is made, and it can be deleted")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_way_has_these_steps() {
        use {LastBackup::*, Protection::*};
        let (missing, given) = (Permission::Missing(vec![]), Permission::Given(vec!["anna".into()]));
        let approval = |attempted, permission| Way::Approval { attempted, permission };
        let switch = |protected| Way::Switch { protected };
        let failed = || Failed("no room".into());
        let cases = [
            (approval(false, &Permission::NotAsked), Running, Standing, Next::Protected),
            (approval(false, &given), Completed, Armed, Next::Protected), // the attempt was taken back
            (approval(true, &Permission::NotAsked), Completed, Standing, Next::Protected),
            (approval(true, &missing), Running, Standing, Next::AwaitingApproval),
            (approval(true, &missing), Completed, Armed, Next::AwaitingApproval), // the approval was taken back
            (approval(true, &missing), Completed, Absent, Next::AwaitingApproval), // and after it was released
            (approval(true, &given), Running, Standing, Next::BackingUp),
            (approval(true, &given), failed(), Standing, Next::BackupFailed("no room".into())),
            (approval(true, &given), failed(), Armed, Next::BackupFailed("no room".into())),
            (approval(true, &given), Completed, Standing, Next::Arming),
            (approval(true, &given), Completed, Armed, Next::Released),
            (approval(true, &given), Completed, Absent, Next::Released),
            (approval(true, &given), NotNeeded, Standing, Next::Arming),
            (switch(true), Completed, Standing, Next::Protected),
            (switch(false), Running, Standing, Next::BackingUp),
            (switch(false), failed(), Standing, Next::BackupFailed("no room".into())),
            (switch(false), Completed, Standing, Next::Released),
            (switch(false), NotNeeded, Absent, Next::Released),
        ];
        for (way, backup, protection, expected) in cases {
            assert_eq!(next(&way, backup.clone(), protection), expected, "{way:?} {backup:?} {protection:?}");
        }
    }
}
