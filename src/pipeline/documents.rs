//! What steps leave for each other in the pipeline's context. In: a context. Out: typed documents, each with a version.
//! Must not guess: a missing or foreign document is said in one sentence that names the step.

use super::stop::Stop;
use crate::api::input::Step;
use crate::api::plan::Plan;
use crate::api::problem::Problems;
use crate::api::record::Record;
use crate::api::status::{ApprovalStatus, Waiting};
use crate::gate::Standing;
use crate::integrations::Access;
use crate::operators::Facts;
use crate::plan::quota::Quota;
use crate::wire::{Condition, Context, Object, Response};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Steps of two releases can meet in one pipeline while a package is being upgraded.
const VERSION: u32 = 1;

pub trait Document: Serialize + DeserializeOwned {
    /// Its name in the context.
    const NAME: &'static str;
    /// The step that leaves it.
    const WRITER: Step;

    fn find(context: &Context) -> Result<Option<Self>, Stop> {
        let foreign = |why: String| Stop::Foreign { document: Self::NAME, writer: Self::WRITER, why };
        let Some(object) = context.get(Self::NAME) else {
            return match context.contains(Self::NAME) {
                true => Err(foreign("it is no object".into())),
                false => Ok(None),
            };
        };
        let Header { version } = object.decode(Self::NAME).map_err(|error| foreign(error.to_string()))?;
        if version != VERSION {
            return Err(foreign(format!("its version is {version}, not {VERSION}")));
        }
        let envelope: Envelope<Self> = object.decode(Self::NAME).map_err(|error| foreign(error.to_string()))?;
        Ok(Some(envelope.document))
    }

    /// What `reader` cannot do without.
    fn take(context: &Context, reader: Step) -> Result<Self, Stop> {
        let missing = Stop::Missing { document: Self::NAME, writer: Self::WRITER, reader };
        Self::find(context)?.ok_or(missing)
    }

    fn hand_on(&self, response: &mut Response) {
        response.context.set(Self::NAME, Object::of(&Envelope { version: VERSION, document: self }));
    }
}

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    version: u32,
    document: T,
}

/// What the claim means, or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wanted {
    Plan(Box<Plan>),
    Problems(Problems),
}

/// What runs, and what waits. Who leaves it has the record written already, as an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruling<Written = Record> {
    /// What runs now: while it sleeps, `hibernated`, whatever the plan in the `DatabaseRecord` says.
    pub record: Option<Written>,
    /// Nothing is left of the data that served.
    #[serde(default)]
    pub lost: bool,
    /// Why it sleeps, or soon will.
    #[serde(default)]
    pub sleep: Option<String>,
    pub standing: Standing,
    pub approval: ApprovalStatus,
    /// Beside what runs: a plan that waits whole, or only its patch release.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// Why the restore drill that is due has not begun.
    #[serde(default)]
    pub drill: Option<String>,
    #[serde(default)]
    pub deletion: Deletion,
}

/// How far the deletion has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    /// The name of the last backup, where one is to be there.
    pub last_backup: Option<String>,
    /// What there is to say of it.
    pub message: Option<String>,
    /// It was approved.
    pub approved: bool,
    pub backup_failed: bool,
}

/// What is known of the engine that serves; none where nothing runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Serving {
    pub facts: Option<Facts>,
    /// Of the generation that a restore makes ready.
    #[serde(default)]
    pub next: Option<Facts>,
    /// Of what follows it in another region.
    #[serde(default)]
    pub standby: Option<Facts>,
    /// Of the throw-away instance of a restore drill.
    #[serde(default)]
    pub drill: Option<Facts>,
}

/// That the surroundings are desired. Without them Crossplane would delete the Services, the connection secret and the
/// network policy of a running database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integrated {
    /// None: nothing runs.
    pub access: Option<Access>,
}

/// What was said so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions(pub Vec<Condition>);

impl Document for Wanted {
    const NAME: &'static str = "db.platform.io/plan";
    const WRITER: Step = Step::TierDefaults;
}

/// The limits that the plan is held against where it is more than what runs.
impl Document for Quota {
    const NAME: &'static str = "db.platform.io/quota";
    const WRITER: Step = Step::TierDefaults;
}

impl<Written: Serialize + DeserializeOwned> Document for Ruling<Written> {
    const NAME: &'static str = "db.platform.io/gate";
    const WRITER: Step = Step::ApprovalGate;
}

impl Document for Serving {
    const NAME: &'static str = "db.platform.io/facts";
    const WRITER: Step = Step::Engines;
}

impl Document for Integrated {
    const NAME: &'static str = "db.platform.io/integrations";
    const WRITER: Step = Step::Integrations;
}

impl Document for Conditions {
    const NAME: &'static str = "db.platform.io/conditions";
    const WRITER: Step = Step::TierDefaults;
}
