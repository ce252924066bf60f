//! Step `tier-defaults`. In: the claim, the platform's tables. Out: the document `plan`: what the claim means, or all that
//! is wrong with it. Must not know what runs.

use super::documents::{Conditions, Document, Wanted};
use super::stop::Stop;
use super::{OVERLAY, ask, condition, merged, overlay, read, say, strangers};
use crate::api::claim::Claim;
use crate::api::input::{Step, TierDefaults};
use crate::api::plan::Delivery;
use crate::api::problem::{Problem, Problems};
use crate::api::status::ConditionType;
use crate::observed::Question;
use crate::operators::name_of;
use crate::plan::quota::{self, Quota};
use crate::plan::{self, Plan};
use crate::wire::{Object, Request, Response, Truth, Undecodable};

pub fn run(request: &Request) -> Result<Response, Stop> {
    let mut response = Response::to(request);
    let (wanted, quota) = match wanted(request)? {
        Ok((plan, quota)) => (Wanted::Plan(Box::new(plan)), quota),
        Err(problems) => (Wanted::Problems(problems), Quota::default()),
    };
    Conditions::default().hand_on(&mut response);
    let (truth, reason, message) = match &wanted {
        Wanted::Plan(plan) => match absent(request, &mut response, plan) {
            namespaces if namespaces.is_empty() => (Truth::True, "Valid", String::new()),
            namespaces => (Truth::True, "NamespaceMissing", namespaces.join("\n")),
        },
        Wanted::Problems(problems) => (Truth::False, "Invalid", problems.to_string()),
    };
    say(&mut response, condition(ConditionType::Validated, truth, reason, message))?;
    wanted.hand_on(&mut response);
    quota.hand_on(&mut response);
    Ok(response)
}

/// A mistake in the overlay is a problem of every claim, so that what runs goes on; one in the Composition is FATAL.
fn wanted(request: &Request) -> Result<Result<(Plan, Quota), Problems>, Stop> {
    let strangers = overlay(request)?.map_or(Ok(vec![]), |data| strangers(&data))?;
    let all = merged(request, Step::TierDefaults)?;
    let claim: Result<Claim, Undecodable> = request.composite.decode("");
    let own = claim.as_ref().map_or_else(|_| all.clone(), |claim| own_tables(&all, claim));
    let policy: TierDefaults = match read(Step::TierDefaults, &own) {
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
    let claim = match claim {
        Ok(claim) => claim,
        Err(error) => {
            let right = "correct it, or upgrade the function to the release of the schema";
            return Ok(Err(Problems(vec![Problem::new(error.path, error.message, right)])));
        }
    };
    Ok(resolve(&claim, &policy).map_err(|problems| match read(Step::TierDefaults, &all) {
        // Whoever asks for what there is not hears of everything on offer.
        Ok(policy) => resolve(&claim, &policy).err().unwrap_or(problems),
        Err(_) => problems,
    }))
}

/// What is to be said of namespaces that may connect, and that Crossplane has looked for and not found. They are no mistake: an
/// application may come after its database. In another cluster nobody can look.
fn absent(request: &Request, response: &mut Response, plan: &Plan) -> Vec<String> {
    if plan.terms.delivery != Delivery::Direct {
        return vec![];
    }
    let mut is_absent = |namespace: &&String| {
        let question = Question::namespace(namespace);
        ask(response, &question);
        request.required.get(&question.name()).is_some_and(Vec::is_empty)
    };
    let sentence = |namespace: &String| {
        format!(
            "spec.access.allowedNamespaces: there is no namespace {namespace:?} yet; correct the name, or create it, and its pods \
             may connect"
        )
    };
    plan.terms.access.namespaces.iter().filter(|namespace| is_absent(namespace)).map(sentence).collect()
}

/// Without the tables of other engines and environments: most of the policy, and a mistake there is not this claim's.
fn own_tables(input: &Object, claim: &Claim) -> Object {
    let tables = [
        ("engines", name_of(&claim.spec.engine.unwrap_or_default())),
        ("environments", name_of(&claim.spec.environment)),
    ];
    let Some(mut spec) = input.field("spec") else { return input.clone() };
    for (table, own) in tables {
        if let Some(rows) = spec.field(table) {
            spec = spec.with(table, &rows.only(&own));
        }
    }
    input.with("spec", &spec)
}

fn resolve(claim: &Claim, policy: &TierDefaults) -> Result<(Plan, Quota), Problems> {
    let plan = plan::resolve(claim, policy)?;
    let problems = plan::delivered::unowned(&plan, claim.spec.claim_ref.is_some());
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let quota = quota::of(&plan, policy);
    Ok((plan, quota))
}
