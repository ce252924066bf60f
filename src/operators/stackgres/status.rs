//! What an `SGCluster` says of itself, as far as anybody looks. In: the observed object. Out: its status, where everything
//! that can be missing is missing. Fields are StackGres 1.18's. Must not judge.

use crate::api::quantity::Bytes;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Cluster<'a> {
    #[serde(borrow)]
    pub spec: Spec<'a>,
    #[serde(borrow)]
    pub status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Spec<'a> {
    pub instances: Option<u32>,
    #[serde(borrow)]
    pub postgres: Postgres<'a>,
    pub pods: Pods,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Postgres<'a> {
    pub version: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pods {
    pub persistent_volume: Volume,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Volume {
    pub size: Option<Bytes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status<'a> {
    #[serde(borrow)]
    pub conditions: Vec<Condition<'a>>,
    pub postgres_version: Option<&'a str>,
    /// The pods that there are.
    pub instances: Option<u32>,
    #[serde(borrow)]
    pub pod_statuses: Vec<Pod<'a>>,
    pub managed_sql: ManagedSql,
}

impl<'a> Status<'a> {
    pub fn condition(&self, kind: &str) -> Option<&Condition<'a>> {
        self.conditions.iter().find(|condition| condition.kind == kind && condition.status == "True")
    }

    pub fn primary(&self) -> Option<&Pod<'a>> {
        self.pod_statuses.iter().find(|pod| pod.primary)
    }
}

#[derive(Deserialize)]
pub struct Condition<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub status: &'a str,
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Deserialize)]
pub struct Pod<'a> {
    pub name: &'a str,
    #[serde(default)]
    pub primary: bool,
}

impl Pod<'_> {
    /// The `2` of `orders-stackgres-2`.
    pub fn number(&self) -> Option<u32> {
        self.name.rsplit_once('-').and_then(|(_, number)| number.parse().ok())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ManagedSql {
    pub scripts: Vec<Script>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Script {
    pub id: Option<u32>,
    pub scripts: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    pub id: Option<u32>,
    /// The version that was run last, also if that failed.
    pub version: Option<u32>,
    /// PostgreSQL's code of the error. The message may quote the statement, and is not read.
    pub failure_code: Option<String>,
}
