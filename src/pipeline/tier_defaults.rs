//! Step `tier-defaults`. In: the claim, the platform's tables. Out: the document `plan`: what the claim means, or all that
//! is wrong with it. Must not know what runs.

use super::documents::{Conditions, Document, Wanted};
use super::stop::Stop;
use super::{OVERLAY, condition, input, overlay, say};
use crate::api::claim::Claim;
use crate::api::input::{Step, TierDefaults};
use crate::api::problem::{Problem, Problems};
use crate::api::status::ConditionType;
use crate::plan::quota::{self, Quota};
use crate::plan::{self, Plan};
use crate::wire::{Request, Response, Truth};
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

pub fn run(request: &Request) -> Result<Response, Stop> {
    let mut response = Response::to(request);
    let (wanted, quota) = match wanted(request)? {
        Ok((plan, quota)) => (Wanted::Plan(Box::new(plan)), quota),
        Err(problems) => (Wanted::Problems(problems), Quota::default()),
    };
    Conditions::default().hand_on(&mut response);
    say(
        &mut response,
        match &wanted {
            Wanted::Plan(_) => condition(ConditionType::Validated, Truth::True, "Valid", ""),
            Wanted::Problems(problems) => {
                condition(ConditionType::Validated, Truth::False, "Invalid", problems.to_string())
            }
        },
    )?;
    wanted.hand_on(&mut response);
    quota.hand_on(&mut response);
    Ok(response)
}

/// A mistake in the overlay is a problem of every claim, so that what runs goes on; one in the Composition is FATAL.
fn wanted(request: &Request) -> Result<Result<(Plan, Quota), Problems>, Stop> {
    let strangers = strangers(request)?;
    let policy: TierDefaults = match input(request, Step::TierDefaults) {
        Ok(policy) => policy,
        Err(Stop::Input { source, .. }) if overlay(request)?.is_some() => {
            let path = format!("EnvironmentConfig {OVERLAY}");
            let right = "the platform team corrects it";
            return Ok(Err(Problems(vec![Problem::new(path, source.to_string(), right)])));
        }
        Err(stop) => return Err(stop),
    };
    if !strangers.is_empty() {
        return Ok(Err(Problems(strangers)));
    }
    let claim: Claim = match request.composite.decode("") {
        Ok(claim) => claim,
        Err(error) => {
            let right = "correct it, or upgrade the function to the release of the schema";
            return Ok(Err(Problems(vec![Problem::new(error.path, error.message, right)])));
        }
    };
    Ok(plan::resolve(&claim, &policy).map(|plan| {
        let quota = quota::of(&plan, &policy);
        (plan, quota)
    }))
}

/// Sections of the overlay that no step reads.
fn strangers(request: &Request) -> Result<Vec<Problem>, Stop> {
    let Some(overlay) = overlay(request)? else { return Ok(vec![]) };
    let sections: BTreeMap<String, IgnoredAny> = overlay.decode("data")?;
    let known = Step::ALL.map(Step::kind);
    let strangers = sections.into_keys().filter(|section| !known.contains(&section.as_str()));
    Ok(strangers
        .map(|section| {
            let path = format!("EnvironmentConfig {OVERLAY}.data.{section}");
            Problem::new(path, "no step reads this section", format!("write one of {}", known.join(", ")))
        })
        .collect())
}
