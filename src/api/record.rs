//! `DatabaseRecord`: the applied plan, the only memory there is. In: what is observed under the key `record`, or found by
//! name. Out: generations. Written by the gate alone; must not be trusted unless it names the very database.

use super::destination::Destination;
use super::plan::{DatabaseName, Plan};
use super::status::RotationStage;
use super::{API_VERSION, claim::Composite};
use crate::map::map;
use crate::operators::name_of;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const KIND: &str = "DatabaseRecord";
/// The permanent key of the record among the composed resources.
pub const KEY: &str = "record";
/// The permanent label with the environment, which is fixed at creation: quotas ask for the records of one environment.
pub const ENVIRONMENT: &str = "db.platform.io/environment";
/// The number of the throw-away instance of a restore drill, which no generation has. Permanent.
pub const DRILL: u32 = 0;
/// The plan's schema. A record of a newer one is refused: after a downgrade its plan cannot be understood.
pub const SCHEMA: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseRecord {
    pub api_version: String,
    pub kind: String,
    pub metadata: RecordName,
    pub spec: Record,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordName {
    pub name: String,
    pub namespace: String,
    /// Written, never read.
    #[serde(skip_deserializing)]
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub schema: u32,
    /// What runs and serves.
    pub serving: Generation,
    /// Generations beside the one that serves, in the order of their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
    /// The highest number that was given to a generation beside the first, since none is given twice.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub highest: u32,
    /// The restores that were begun, by id: none begins twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restores: Vec<String>,
    /// The backups that were asked for, by token: each is made once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// Backups that were tried in a throw-away instance.
    #[serde(default, skip_serializing_if = "Drills::is_none")]
    pub drills: Drills,
    /// Once true, an absent database is lost, and no empty one is made in its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_ready: bool,
    /// Who approved the plan that runs; empty where nobody had to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
}

/// One life of the data, numbered from 1: a plan, and what only the record knows. This, and never a bare plan, is what operators compose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    pub number: u32,
    /// The UID that the database was first made with: every path in an object store carries it.
    pub lineage: String,
    pub plan: Plan,
    /// Where its data came from; none where it began empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The data of `source` is in it: from now on nothing may be restored into it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
    /// How its credentials are replaced; none where nobody ever asked for it. All generations have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// It follows `source` for as long as it stands, and takes no writes of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standby: bool,
    /// The number of the generation with which the database came to where it stands, see [`Generation::place`].
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub place: u32,
    /// A restore over its data that has not ended well (yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<Box<Overwrite>>,
}

/// A restore over the data of a generation, without a way back; `gate::overwrite` goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwrite {
    /// The id of the restore.
    pub restore: String,
    pub source: Source,
    pub written: Written,
}

/// What of the data is overwritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Written {
    /// Nothing, and nobody was told to.
    Not,
    /// Whatever the operator has got to: its object for the restore is composed, and was not seen yet.
    Soon,
    /// Some: that object was seen.
    Partly,
    /// Nobody knows how much, and the operator is told no more.
    Failed {
        /// In the operator's words.
        why: String,
    },
}

/// Where the rotation of an application's credentials stands; `gate::rotation` goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The number of the newest credentials; 0 are those that came with the database.
    pub turn: u32,
    pub stage: RotationStage,
    /// When the stage began, RFC 3339. What is settled counts from when applications got it.
    pub since: String,
}

/// A backup outside of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub token: String,
    /// The number of the generation that it is of.
    pub generation: u32,
    /// How long it is kept, RFC 3339; none: it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// How restore drills went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drills {
    /// The one that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Drill>,
    /// When the last that succeeded did, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<String>,
    /// The last one, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<DrillFailure>,
}

/// A throw-away instance, of the number [`DRILL`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drill {
    /// Rarely there, and large: without a box every record would be as large as two.
    pub generation: Box<Generation>,
    /// RFC 3339.
    pub since: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFailure {
    /// RFC 3339.
    pub at: String,
    pub why: String,
}

impl Drills {
    fn is_none(&self) -> bool {
        *self == Drills::default()
    }
}

/// A generation that does not serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    pub generation: Generation,
    pub fate: Fate,
}

impl Beside {
    /// It follows the one that serves, and is to go on until it serves itself.
    pub fn follows(&self) -> bool {
        self.generation.standby && self.fate != Fate::Released
    }
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// It serves as soon as it is ready.
    #[serde(rename_all = "camelCase")]
    Next {
        /// The id of the restore.
        restore: String,
        approved_by: Vec<String>,
    },
    /// It stands in another region, and follows the one that serves.
    Standby,
    /// It stands there, follows the one that serves for the last time, and serves next.
    #[serde(rename_all = "camelCase")]
    Promoted {
        /// Without waiting for the one that serves to sleep.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        failover: bool,
        /// All that had to be so was seen to be so: from now on there is no way back. Remembered a run before anything is done, or
        /// a run that was cut off in the middle could leave it to the next one to set back what takes writes already.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        decided: bool,
        approved_by: Vec<String>,
    },
    /// It served before, sleeps, and can be gone back to until then, RFC 3339.
    Kept { until: String },
    /// It no longer counts as data, and goes as soon as that is observed.
    Released,
}

/// A backup, and whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    pub namespace: String,
    /// The database, and which of its generations.
    pub name: String,
    pub number: u32,
    pub lineage: String,
    /// Its release line.
    pub version: String,
    pub destination: Destination,
    /// What the operator calls the backup; none: the newest that will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// RFC 3339; none: as late as possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time: Option<String>,
    /// Its credentials are rotated, so that nobody may sign in as the user that comes with the data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rotated: bool,
}

impl DatabaseRecord {
    pub fn new(spec: Record) -> DatabaseRecord {
        let (namespace, name) = spec.serving.plan.terms.database.identity();
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let labels = map([(ENVIRONMENT.into(), name_of(&spec.serving.plan.terms.environment))]);
        let metadata = RecordName { name, namespace, labels };
        DatabaseRecord { api_version: API_VERSION.into(), kind: KIND.into(), metadata, spec }
    }

    /// Whether it is the record of this database, by its own name and by the plan inside.
    pub fn is_of(&self, composite: &Composite) -> bool {
        let named = (self.metadata.namespace.as_str(), self.metadata.name.as_str());
        let inside = self.spec.serving.plan.terms.database.identity();
        named == composite.identity() && inside == composite.identity()
    }
}

impl Record {
    /// Of a database that begins with this generation.
    pub fn of(serving: Generation) -> Record {
        Record {
            schema: SCHEMA,
            serving,
            beside: vec![],
            highest: 0,
            restores: vec![],
            asked: vec![],
            drills: Drills::default(),
            was_ready: false,
            approved_by: vec![],
        }
    }

    /// What serves next: a restore or a promotion is under way.
    pub fn next(&self) -> Option<&Beside> {
        self.beside.iter().find(|beside| beside.fate.serves_next())
    }

    /// What follows the one that serves from another region.
    pub fn standby(&self) -> Option<&Generation> {
        self.beside.iter().find(|beside| beside.follows()).map(|beside| &beside.generation)
    }

    /// A number that no generation has had.
    pub fn number(&mut self) -> u32 {
        let numbers = self.generations().map(|generation| generation.number);
        self.highest = numbers.max().unwrap_or_default().max(self.highest) + 1;
        self.highest
    }

    /// All that hold data, the serving one first.
    pub fn generations(&self) -> impl Iterator<Item = &Generation> {
        std::iter::once(&self.serving).chain(self.beside.iter().map(|beside| &beside.generation))
    }
}

impl Fate {
    pub fn serves_next(&self) -> bool {
        matches!(self, Fate::Next { .. } | Fate::Promoted { .. })
    }
}

impl Overwrite {
    /// Its operator's object, in keys and names. Permanent.
    pub fn part(&self) -> String {
        format!("restore-{}", crate::gate::on_demand::short(&self.restore))
    }
}

impl Rotation {
    /// What applications get.
    pub fn published(&self) -> u32 {
        if self.stage == RotationStage::Making { self.turn.saturating_sub(1) } else { self.turn }
    }

    /// The earliest that still work.
    pub fn earliest(&self) -> u32 {
        if self.stage == RotationStage::Settled { self.turn } else { self.turn.saturating_sub(1) }
    }
}

impl Source {
    /// A backup of what this generation is; none if it makes none.
    pub fn of(generation: &Generation, backup: Option<String>, point_in_time: Option<String>) -> Option<Source> {
        let terms = &generation.plan.terms;
        Some(Source {
            namespace: terms.database.namespace.clone(),
            name: terms.database.name.clone(),
            number: generation.number,
            lineage: generation.lineage.clone(),
            version: terms.version.clone(),
            destination: terms.backup.as_ref()?.destination.clone(),
            backup,
            point_in_time,
            rotated: generation.rotation.is_some(),
        })
    }

    /// The name of the generation's main resource.
    pub fn generation(&self) -> String {
        numbered(&self.name, self.number)
    }

    /// The folder of that generation, see `Generation::folder`.
    pub fn folder(&self) -> String {
        folder(&self.namespace, &self.name, &self.lineage, self.number)
    }
}

impl Generation {
    /// What begins empty.
    pub fn first(lineage: impl Into<String>, plan: Plan) -> Generation {
        Generation::begun(1, lineage, plan, None)
    }

    /// What has only just begun: empty, or to be made of `source`.
    pub fn begun(number: u32, lineage: impl Into<String>, plan: Plan, source: Option<Source>) -> Generation {
        let lineage = lineage.into();
        let (restored, rotation, standby, overwrite) = (false, None, false, None);
        Generation { number, lineage, plan, source, restored, rotation, standby, place: first(), overwrite }
    }

    /// The name of its main resource: the database's, with `-g2` and so on for what a restore made, `-g0` for a drill.
    pub fn name(&self) -> String {
        numbered(&self.plan.terms.database.name, self.number)
    }

    /// The permanent key of one of its resources.
    pub fn key(&self, role: &str) -> String {
        numbered(role, self.number)
    }

    /// The permanent key of what all generations share where the database stands. A promotion takes it elsewhere, where the
    /// same key would be another object.
    pub fn shared_key(&self, role: &str) -> String {
        numbered(role, self.place())
    }

    /// The number of the generation with which the database came to where it stands: 1, or that of the standby which was
    /// promoted there.
    pub fn place(&self) -> u32 {
        if self.standby { self.number } else { self.place }
    }

    /// It followed another one, and took its place.
    pub fn is_promoted(&self) -> bool {
        !self.standby && self.place == self.number && self.place != first()
    }

    pub fn database(&self) -> &DatabaseName {
        &self.plan.terms.database
    }

    /// Its own folder below the path of a destination, `NAMESPACE/NAME/LINEAGE` by where it stands, with `-g2` and so on for
    /// what a restore made. The lineage keeps a new database of an old name out of the old one's backups, the number two generations that
    /// write at the same time out of each other's. Permanent.
    pub fn folder(&self) -> String {
        let DatabaseName { namespace, name, .. } = self.database();
        folder(namespace, name, &self.lineage, self.number)
    }

    /// It is thrown away as soon as it is known to work.
    pub fn is_drill(&self) -> bool {
        self.number == DRILL
    }

    /// Where it is backed up to; of what makes no backups, where its data comes from.
    pub fn destination(&self) -> Option<&Destination> {
        let backup = self.plan.terms.backup.as_ref().map(|backup| &backup.destination);
        backup.or(self.awaited().map(|source| &source.destination))
    }

    /// What is still to be restored into it.
    pub fn awaited(&self) -> Option<&Source> {
        self.source.as_ref().filter(|_| !self.restored)
    }

    /// What the operator is to overwrite its data with now.
    pub fn overwritten(&self) -> Option<&Overwrite> {
        self.overwrite.as_deref().filter(|overwrite| matches!(overwrite.written, Written::Soon | Written::Partly))
    }
}

fn folder(namespace: &str, name: &str, lineage: &str, number: u32) -> String {
    format!("{namespace}/{name}/{}", numbered(lineage, number))
}

fn first() -> u32 {
    1
}

fn is_first(number: &u32) -> bool {
    *number == first()
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn numbered(name: &str, number: u32) -> String {
    if number == 1 { name.into() } else { format!("{name}-g{number}") }
}

/// The number of a generation of this name; none if it is none of this database.
pub fn number_of(database: &str, generation: &str) -> Option<u32> {
    match generation.strip_prefix(database)? {
        "" => Some(1),
        ending => ending.strip_prefix("-g")?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_known_by_its_name() {
        let names = [("orders", Some(1)), ("orders-g2", Some(2)), ("orders-g12", Some(12))];
        let others = [("invoices", None), ("orders-gx", None), ("orders2", None)];
        for (name, expected) in names.into_iter().chain(others) {
            assert_eq!(number_of("orders", name), expected, "{name}");
        }
    }
}
