//! How a database is. In: what an operator's file made of its resources' statuses. Out: one state, and the sentence that
//! says why. Must not say ready because something is missing.

use crate::operators::BackupRun;
use crate::wire::{Key, Undecodable};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    pub state: State,
    pub ready_replicas: u32,
    /// The version that runs, as the operator says.
    pub version: Option<String>,
    /// Readiness of each resource of the operator.
    pub resources: BTreeMap<Key, bool>,
    pub storage: Storage,
    pub backup: BackupHealth,
}

/// Every state but `Ready` says why in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Ready,
    /// Not there (yet).
    Absent,
    Progressing(String),
    /// Serves, but not as planned.
    Degraded(String),
    Failed(String),
    Hibernated,
}

impl State {
    /// While its data is restored nothing of it serves. `run`: how the restore stands; `said`: in the operator's words.
    pub fn restoring(self, run: Option<BackupRun>, said: Option<&str>) -> State {
        match (self, run) {
            (State::Ready, Some(BackupRun::Completed)) => State::Ready,
            (_, Some(BackupRun::Failed(why))) => State::Failed(format!("the restore failed: {why}")),
            (State::Ready, Some(BackupRun::Running)) => {
                let said = said.map(|said| format!(": {said}")).unwrap_or_default();
                State::Progressing(format!("its data is being restored{said}"))
            }
            (State::Ready, None) => State::Progressing("its data is not being restored yet".into()),
            (State::Hibernated, _) => State::Progressing("it sleeps, and its data is not restored yet".into()),
            (State::Degraded(why), _) => State::Progressing(why),
            (other, _) => other,
        }
    }

    /// What it waits for.
    pub fn why(&self) -> Option<&str> {
        match self {
            State::Ready => None,
            State::Hibernated => Some("it sleeps"),
            State::Absent => Some("it does not exist yet"),
            State::Progressing(why) | State::Degraded(why) | State::Failed(why) => Some(why),
        }
    }
}

/// The volumes, compared with the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Every member has a volume of the planned size.
    AsPlanned,
    NotYet(String),
    /// Nobody can say, for instance because the volumes are in another cluster.
    Unknown(String),
}

/// Times are RFC 3339, as the operator writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupHealth {
    pub state: BackupState,
    /// Whether the log goes where it is to, also while the database sleeps; as planned where no operator says so.
    pub archive: BackupState,
    pub last_success: Option<String>,
    pub last_failure: Option<String>,
    pub first_recoverable: Option<String>,
}

/// Schedule, archive and backups, compared with the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupState {
    /// Also where the plan has none.
    AsPlanned,
    NotYet(String),
    /// Something that was tried has failed.
    Trouble(String),
    /// They are made, but nobody says how they went.
    Unknown(String),
}

impl BackupState {
    /// None: all is as planned.
    pub fn why(&self) -> Option<&str> {
        match self {
            BackupState::AsPlanned => None,
            BackupState::NotYet(why) | BackupState::Trouble(why) | BackupState::Unknown(why) => Some(why),
        }
    }

    /// Something is still missing or wrong, and it would be seen if it no longer were.
    pub fn is_awaited(&self) -> bool {
        matches!(self, BackupState::NotYet(_) | BackupState::Trouble(_))
    }
}

impl BackupHealth {
    pub fn of(state: BackupState) -> BackupHealth {
        let archive = BackupState::AsPlanned;
        BackupHealth { state, archive, last_success: None, last_failure: None, first_recoverable: None }
    }
}

impl Health {
    pub fn absent() -> Health {
        Health {
            state: State::Absent,
            ready_replicas: 0,
            version: None,
            resources: BTreeMap::new(),
            storage: Storage::NotYet("there are no volumes yet".into()),
            backup: BackupHealth::of(BackupState::NotYet("there are no backups yet".into())),
        }
    }

    /// A status of a shape that we do not know is a state to show, no reason to stop everything.
    pub fn unreadable(why: &Undecodable) -> Health {
        Health { state: State::Failed(why.to_string()), ..Health::absent() }
    }

    /// There is data: from now on its absence is a loss.
    pub fn has_served(&self) -> bool {
        matches!(self.state, State::Ready | State::Degraded(_) | State::Hibernated)
    }

    /// Everything is as planned, so that only a change of what is observed can change the report.
    pub fn is_settled(&self) -> bool {
        let sized = !matches!(self.storage, Storage::NotYet(_));
        let awaited = self.backup.state.is_awaited();
        matches!(self.state, State::Ready | State::Hibernated) && sized && !awaited
    }
}
