//! `ApprovalGate`: who must agree to what. In: the gate's input. Out: how many approvers an operation needs.
//! Must not change what a digest covers: that is fixed, whatever this table says.

use super::signer::{Signatures, Signer, signers};
use crate::api::approval::OperationKind;
use crate::api::claim::Environment;
use crate::api::status::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApprovalGate {
    /// The environments in which operations need an approval.
    #[schemars(length(max = 3))]
    pub environments: Vec<Environment>,
    /// The operations that need one there.
    #[schemars(length(max = 4))]
    pub operations: Vec<OperationKind>,
    /// Different approvers for most operations.
    #[schemars(range(min = 1, max = 5))]
    pub approvers: u32,
    /// Different approvers for a rebuild, a loss of data and a deletion.
    #[schemars(range(min = 1, max = 5))]
    pub approvers_of_heavy_changes: u32,
    /// The longest time between making an approval and its expiry, in days.
    #[schemars(range(min = 1, max = 366))]
    pub valid_days: u32,
    /// Whether an approval without an SSH signature counts.
    pub signatures: Signatures,
    /// Whose SSH signatures count, with which keys.
    #[serde(deserialize_with = "signers")]
    #[schemars(length(max = 500))]
    pub signers: Vec<Signer>,
}

impl Default for ApprovalGate {
    fn default() -> ApprovalGate {
        ApprovalGate {
            environments: vec![Environment::Prod],
            operations: vec![
                OperationKind::Create,
                OperationKind::Change,
                OperationKind::Restore,
                OperationKind::Delete,
            ],
            approvers: 1,
            approvers_of_heavy_changes: 2,
            valid_days: 14,
            signatures: Signatures::Optional,
            signers: vec![],
        }
    }
}

impl ApprovalGate {
    pub fn gates(&self, environment: Environment, operation: OperationKind) -> bool {
        self.environments.contains(&environment) && self.operations.contains(&operation)
    }

    /// How many different people must agree; 0: nobody.
    pub fn approvers_needed(&self, environment: Environment, operation: OperationKind, class: Class) -> u32 {
        match (operation, class) {
            _ if !self.gates(environment, operation) => 0,
            (OperationKind::Delete, _) | (_, Class::Rebuild | Class::DataLoss) => self.approvers_of_heavy_changes,
            (OperationKind::Create | OperationKind::Change | OperationKind::Restore, _) => self.approvers,
        }
    }
}
