//! The contract: whatever is written down somewhere and read again, by people or by us.
//!
//! In: nothing. Out: types, from which the XRDs and CRDs are generated. Must not decide anything.

pub mod quantity;
pub mod problem;
pub mod claim;
pub mod destination;
pub mod plan;
pub mod record;
pub mod approval;
pub mod status;
pub mod input;
pub mod schema;

/// The API group of the claim, the approval and the record.
pub const GROUP: &str = "db.platform.io";
/// The one version of the claim. It only ever grows: Crossplane cannot convert between versions without a webhook.
pub const API_VERSION: &str = "db.platform.io/v1";
/// The API version of the five inputs.
pub const INPUT_API_VERSION: &str = "fn.db.platform.io/v1";
