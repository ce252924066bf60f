//! What is wrong with a claim or an input. In: a path, what is wrong, what would be right. Out: one line each.

use serde::{Deserialize, Serialize};

/// One mistake: `spec.replicas: 9 is outside of dev; write 1 to 3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[error("{path}: {wrong}; {right}")]
pub struct Problem {
    /// The field as people write it: `spec.backup.schedule`.
    pub path: String,
    pub wrong: String,
    pub right: String,
}

impl Problem {
    pub fn new(path: impl Into<String>, wrong: impl Into<String>, right: impl Into<String>) -> Problem {
        Problem { path: path.into(), wrong: wrong.into(), right: right.into() }
    }
}

/// All mistakes of one claim together; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);
