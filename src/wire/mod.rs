//! The edge. In: one `RunFunctionRequest`. Out: one `RunFunctionResponse`. Objects stay undecoded until someone looks.
//!
//! Crossplane speaks protobuf, and every object in it is a `google.protobuf.Struct`. An [`Object`] keeps the bytes of
//! such a struct: serde reads from them what a step looks at and writes new ones in one pass, and what a step only
//! passes on is never decoded. The rest of the program knows nothing of protobuf.
//!
//! Must not know what a database is, and must not panic on any bytes.

pub mod codec;
mod embed;
mod error;
mod field;
mod merge;
mod message;
mod object;
mod read;
mod write;

pub use error::Undecodable;
pub use message::{decode, encode};
pub use object::Object;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// The protocol as generated from `proto/`.
pub mod proto {
    tonic::include_proto!("apiextensions.r#fn.proto.v1");

    /// The file descriptors of the protocol, for gRPC reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}

/// How deep lists and objects may nest: as in `serde_json`, and several times deeper than any Kubernetes object.
const DEPTH: usize = 128;

/// The permanent name of a composed resource within its composite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub String);

/// Whether a desired resource is ready. Unspecified: a later step, or Crossplane, finds out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ready {
    #[default]
    Unspecified,
    True,
    False,
}

/// One resource that shall exist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DesiredResource {
    pub object: Object,
    pub ready: Ready,
    /// Only the composite's are published, and only in the claims edition.
    pub connection_details: BTreeMap<String, Bytes>,
}

/// What shall exist, whichever function desired it. A composed resource that is missing at the end is deleted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    pub composite: DesiredResource,
    pub resources: BTreeMap<Key, DesiredResource>,
}

/// The pipeline's context: values by name, from step to step. Values of other functions are passed on as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context(Object);

impl Context {
    /// The value of that name, if it is an object.
    pub fn get(&self, name: &str) -> Option<Object> {
        self.0.field(name)
    }

    /// Sets or replaces the value of that name.
    pub fn set(&mut self, name: &str, document: Object) {
        self.0 = self.0.with(name, &document);
    }

    /// Whether there is a value of that name, of whatever kind.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// Everything one step sees.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Identifies the content of the request.
    pub tag: String,
    pub capabilities: Capabilities,
    /// The input that the Composition gives to the step.
    pub input: Option<Object>,
    /// The observed composite resource.
    pub composite: Object,
    /// The observed composed resources.
    pub observed: BTreeMap<Key, Object>,
    /// What earlier steps desired.
    pub desired: Desired,
    pub context: Context,
    /// Answers to requirements, by their names. Absent: not asked yet. Empty: there is none.
    pub required: BTreeMap<String, Vec<Object>>,
}

/// What the calling Crossplane can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It says what it can do, so that what it does not say it cannot.
    pub advertised: bool,
    pub required_resources: bool,
}

/// Selects resources that a step needs to see.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    pub api_version: String,
    pub kind: String,
    /// `None`: in all namespaces, or the kind has none.
    pub namespace: Option<String>,
    pub matching: Match,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Match {
    Name(String),
    Labels(BTreeMap<String, String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Ends the reconcile: nothing is applied and nothing is deleted.
    Fatal,
    Warning,
    Normal,
}

/// An event of the composite resource and of its claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub severity: Severity,
    /// A word in CamelCase.
    pub reason: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Truth {
    True,
    False,
    Unknown,
}

/// A condition of the composite resource and of its claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Ready, Synced, Healthy, UpToDate and Responsive belong to Crossplane, which ignores them here.
    #[serde(rename = "type")]
    pub kind: String,
    pub status: Truth,
    /// A word in CamelCase.
    pub reason: String,
    pub message: Option<String>,
}

/// Everything one step wants.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The tag of the request.
    pub tag: String,
    /// After how long the step has to run again although nothing changed.
    pub ttl: Option<Duration>,
    pub desired: Desired,
    pub context: Context,
    pub events: Vec<Event>,
    /// What has to be looked up. It has to be repeated on every run; Crossplane forgets what is not.
    pub requirements: BTreeMap<String, Selector>,
    pub conditions: Vec<Condition>,
}

impl Response {
    /// Passes on what earlier steps desired and said.
    pub fn to(request: &Request) -> Response {
        Response {
            tag: request.tag.clone(),
            desired: request.desired.clone(),
            context: request.context.clone(),
            ..Response::default()
        }
    }
}
