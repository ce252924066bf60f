//! `DatabaseApproval`: somebody's word on one operation, bound to it by a digest. In: what Crossplane finds by label.
//! Out: its fields. Must not be believed because of the label that found it.

use crate::operators::name_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const KIND: &str = "DatabaseApproval";
/// Holds the first 32 hexadecimal digits of the digest.
pub const DIGEST_LABEL: &str = "db.platform.io/digest";
/// On the claim: who asked for the change; an approver of that name does not count.
pub const REQUESTED_BY: &str = "db.platform.io/requested-by";

/// What an approver runs to write it.
pub fn command(namespace: &str, name: &str, operation: OperationKind, digest: &str) -> String {
    let operation = name_of(&operation);
    format!("function-database approve {namespace}/{name} --operation {operation} --digest {digest}")
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DatabaseApproval {
    pub metadata: ApprovalName,
    pub spec: ApprovalSpec,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalName {
    pub name: String,
    pub namespace: String,
    /// When the cluster took it, RFC 3339.
    pub creation_timestamp: Option<String>,
}

/// Approves or rejects exactly one operation on one database. It cannot be changed, only deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalSpec {
    /// The name of the claim, in the approval's own namespace.
    #[schemars(length(min = 1, max = 63))]
    pub database: String,
    pub operation: OperationKind,
    /// SHA-256 over the operation and its plans, as `status.approval.pending` and the command line print it.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"), length(max = 64))]
    pub digest: String,
    pub decision: Decision,
    /// The user name of whoever decides, as the cluster knows it.
    #[schemars(length(min = 1, max = 253))]
    pub approver: String,
    /// Why, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
    /// The change record that this belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub ticket: Option<String>,
    /// Until when the operation may start, RFC 3339; what runs by then keeps running.
    #[schemars(length(max = 64))]
    pub expires: String,
    /// An SSH signature over the canonical JSON of this spec without the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub signature: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum OperationKind {
    Create,
    Change,
    Restore,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Decision {
    Approved,
    Rejected,
}
