//! Why a step stops, which is FATAL: nothing is applied and nothing is deleted. Out: one sentence with the way out, and
//! the conditions that carry it to the claim. Must not be used where the applied plan could go on.

use super::condition;
use crate::api::input::Step;
use crate::api::status::ConditionType;
use crate::report::guard::Loss;
use crate::wire::{Condition, Truth, Undecodable};

#[derive(Debug, thiserror::Error)]
pub enum Stop {
    #[error("this step has no input; give it one of apiVersion fn.db.platform.io/v1 in the Composition")]
    NoInput,
    #[error(
        "this function knows no input {0:?}; write apiVersion fn.db.platform.io/v1 and kind TierDefaults, ApprovalGate, \
         Engines, Integrations or Report"
    )]
    UnknownInput(String),
    #[error("step {}: its input is wrong: {source}; correct the Composition or the EnvironmentConfig database-platform", step.name())]
    Input { step: Step, source: Undecodable },
    #[error("step {}: the context has no {document}; put the step {} before it", reader.name(), writer.name())]
    Missing { document: &'static str, writer: Step, reader: Step },
    #[error("the context's {document} is not what step {} leaves: {why}; let nothing else write it", writer.name())]
    Foreign { document: &'static str, writer: Step, why: String },
    #[error("{0}")]
    Undecodable(#[from] Undecodable),
    /// The gate knows no plan that could go on.
    #[error("{message}")]
    Refused { message: String, validated: bool },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Guard(Vec<Loss>),
}

impl Stop {
    /// The event's reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Stop::NoInput | Stop::UnknownInput(_) | Stop::Input { .. } => "InvalidInput",
            Stop::Missing { .. } | Stop::Foreign { .. } => "InvalidPipeline",
            Stop::Undecodable(_) => "Unreadable",
            Stop::Refused { .. } => "Refused",
            Stop::Guard(_) => "DataWouldBeLost",
        }
    }

    /// FATAL itself does not reach the claim.
    pub fn conditions(&self) -> Vec<Condition> {
        let kind = match self {
            Stop::NoInput | Stop::UnknownInput(_) | Stop::Input { .. } => ConditionType::Validated,
            Stop::Missing { .. } | Stop::Foreign { .. } | Stop::Undecodable(_) => ConditionType::Validated,
            Stop::Refused { validated: false, .. } => ConditionType::Validated,
            Stop::Refused { validated: true, .. } => ConditionType::Approved,
            Stop::Guard(_) => ConditionType::Provisioned,
        };
        vec![condition(kind, Truth::False, self.reason(), self.to_string())]
    }
}
