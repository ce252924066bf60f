//! What an approval is bound to. In: one operation with its plans. Out: SHA-256 over its canonical JSON (RFC 8785).
//!
//! Released digests are permanent: `tests/digests.json` holds them. Must not cover anything but terms.

use crate::api::approval::OperationKind;
use crate::api::claim::Restore;
use crate::api::plan::{DatabaseName, Terms};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Exactly what somebody says yes to; nothing else is hashed.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "operation")]
pub enum Operation<'a> {
    Create {
        plan: &'a Terms,
    },
    Change {
        from: &'a Terms,
        to: &'a Terms,
        #[serde(skip_serializing_if = "Option::is_none")]
        promotion: Option<Promotion>,
    },
    /// Over what runs; or, without it, into a new database.
    Restore {
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<&'a Terms>,
        to: &'a Terms,
        restore: &'a Restore,
    },
    /// The UID makes sure that an approval is not good for the next database of the same name. It is the claim that goes, so the
    /// database is named as its claim is, wherever it stands.
    Delete {
        database: &'a DatabaseName,
        uid: &'a str,
    },
}

/// What takes the place of what serves: an approval is good for that one, and not for the next that stands there. One that loses
/// what was written last is not what others said yes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Promotion {
    /// Its number.
    pub generation: u32,
    pub failover: bool,
}

/// 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(String);

impl Operation<'_> {
    pub fn kind(&self) -> OperationKind {
        match self {
            Operation::Create { .. } => OperationKind::Create,
            Operation::Change { .. } => OperationKind::Change,
            Operation::Restore { .. } => OperationKind::Restore,
            Operation::Delete { .. } => OperationKind::Delete,
        }
    }

    pub fn database(&self) -> &DatabaseName {
        match self {
            Operation::Create { plan } => &plan.database,
            Operation::Change { to, .. } | Operation::Restore { to, .. } => &to.database,
            Operation::Delete { database, .. } => database,
        }
    }

    pub fn digest(&self) -> Digest {
        let hash = Sha256::digest(canonical(self));
        Digest(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// RFC 8785 for the values that terms hold: objects with ASCII keys, text, booleans and whole numbers, for which sorted
/// keys and `serde_json`'s own escapes are exactly the canonical form.
fn canonical(operation: &Operation) -> String {
    // A `Value` keeps its keys sorted, whatever order the fields are declared in.
    serde_json::to_value(operation).map(|value| value.to_string()).unwrap_or_default()
}

impl Digest {
    /// The label by which approvals of it are found.
    pub fn label(&self) -> &str {
        self.0.get(..32).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl PartialEq<str> for Digest {
    fn eq(&self, text: &str) -> bool {
        self.0 == text
    }
}
