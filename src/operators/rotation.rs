//! The two users that an application signs in as by turns, where its credentials are rotated. In: a generation, which says
//! whose turn it is. Out: the users, what applications get, and a job for each turn that signs in as its user, which is the
//! proof that it works. Must not decide when a turn begins or ends: that is `gate::rotation`.
//!
//! Each turn has a password of its own in a secret of its own. What a user of PostgreSQL makes belongs to the role that owns
//! the database: both are members of it, and work as it from their first statement on (PostgreSQL 17, "ALTER ROLE ... SET",
//! "SET ROLE"). Only the user itself can say so where the operator cannot, so that the job does.

use super::account_job::{self, Account};
use super::backup_job::from_secret;
use super::facts::{Credentials, Username};
use super::health::State;
use super::roles::{self, Client, May, PASSWORD, SIZE, USERNAME, User};
use super::{Engine, password};
use crate::api::record::{Generation, Rotation};
use crate::api::status::RotationStage;
use crate::observed::Observed;
use jiff::Timestamp;

/// What the keys of the turns' secrets begin with.
const SECRETS: &str = "credentials-turn-";
/// By turns, the first of them first. Permanent.
const USERS: [&str; 2] = ["platform_app_a", "platform_app_b"];

/// Who signs in in a turn; nobody of ours in turn 0.
pub fn user(turn: u32) -> Option<&'static str> {
    let at = usize::from(turn.checked_sub(1)? % 2 == 1);
    USERS.get(at).copied()
}

/// Those whose credentials work, and who had them before.
pub fn users(generation: &Generation) -> Vec<User> {
    let Some(rotation) = &generation.rotation else { return vec![] };
    let of = |turn, may| user(turn).map(|name| User { name: name.into(), may });
    let rests = rotation.turn.checked_sub(1).filter(|before| *before < rotation.earliest());
    let rests = rests.and_then(|before| of(before, May::Rest));
    (rotation.earliest()..=rotation.turn).filter_map(|turn| of(turn, May::Serve(turn))).chain(rests).collect()
}

/// Nobody may sign in any more as the user that came with the database.
pub fn replaced(generation: &Generation) -> bool {
    generation.rotation.as_ref().is_some_and(|rotation| rotation.earliest() > 0)
}

/// The ending of a turn's secret.
pub fn part(turn: u32) -> String {
    format!("turn-{turn}")
}

/// What applications get, where it is not what came with the database.
pub fn credentials(generation: &Generation) -> Option<Credentials> {
    let turn = generation.rotation.as_ref()?.published();
    user(turn)?;
    Some(Credentials {
        secret: password::secret_of(generation, Some(&part(turn))),
        username: Username::Key(USERNAME.into()),
        password: PASSWORD.into(),
    })
}

/// Whether somebody has signed in as the newest user.
pub fn works(generation: &Generation, observed: &Observed) -> bool {
    newest(generation)
        .is_none_or(|turn| account_job::state(generation, &job(turn), observed).is_ok_and(|it| it == State::Ready))
}

/// What is there of a rotation that no record tells of: its newest turn, which has begun now.
pub fn found(generation: &Generation, observed: &Observed, now: Timestamp) -> Option<Rotation> {
    let ending = generation.shared_key("");
    let turn = |key: &str| key.strip_prefix(SECRETS)?.strip_suffix(&ending)?.parse().ok();
    let turns = observed.composed.keys().filter_map(|key| turn(&key.0));
    let turn = turns.max()?;
    let stage = RotationStage::Making;
    let newest = Generation { rotation: Some(Rotation { turn, stage, since: now.to_string() }), ..generation.clone() };
    let works = works(&newest, observed);
    newest.rotation.map(|it| if works { Rotation { stage: RotationStage::Overlapping, ..it } } else { it })
}

/// The job that signs in as the newest user while the database is awake, and the doors between it and the server.
pub fn add(engine: &mut Engine, generation: &Generation, client: &Client) {
    let Some(turn) = newest(generation).filter(|_| !generation.plan.terms.lifecycle.hibernated) else { return };
    roles::connect(engine, generation, client);
    let secret = password::secret_of(generation, Some(&part(turn)));
    let mut env = client.address.clone();
    env.extend([from_secret("USERNAME", &secret, USERNAME), from_secret("PASSWORD", &secret, PASSWORD)]);
    let account = Account {
        image: client.image.clone(),
        image_pull_secrets: client.image_pull_secrets,
        user: client.user,
        script: &format!("until {}; do\n  sleep 10\ndone\n", client.sign_in),
        env,
        size: SIZE,
    };
    engine.resources.push(account_job::once(generation, &job(turn), roles::own(generation), account));
}

fn newest(generation: &Generation) -> Option<u32> {
    generation.rotation.as_ref().map(|rotation| rotation.turn).filter(|turn| *turn > 0)
}

/// In keys and names. Permanent.
fn job(turn: u32) -> String {
    format!("sign-in-{turn}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;
    use crate::wire::{Key, Object};
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn what_no_record_tells_of_is_found_by_its_secrets() {
        let generation = example::generation("dev", json!({}));
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let mut observed = Observed::default();
        assert_eq!(found(&generation, &observed, now), None);
        let mut put = |key: &str, object| observed.composed.insert(Key(key.into()), Object::of(&object));
        put("credentials-turn-9", json!({}));
        put("credentials-turn-10", json!({}));
        put("sign-in-10", json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}));
        let rotation = found(&generation, &observed, now).unwrap();
        assert_eq!((rotation.turn, rotation.stage), (10, RotationStage::Overlapping));
        observed.composed.remove(&Key("sign-in-10".into()));
        assert_eq!(found(&generation, &observed, now).unwrap().stage, RotationStage::Making);
    }

    #[test]
    fn two_users_take_turns() {
        let (a, b) = ("platform_app_a", "platform_app_b");
        let (settled, making) = (RotationStage::Settled, RotationStage::Making);
        let overlapping = RotationStage::Overlapping;
        #[rustfmt::skip]
        let cases = [
            (0, settled,     vec![],                                       false, None),
            (1, making,      vec![(a, May::Serve(1))],                     false, None),
            (1, overlapping, vec![(a, May::Serve(1))],                     false, Some(1)),
            (1, settled,     vec![(a, May::Serve(1))],                     true,  Some(1)),
            (2, making,      vec![(a, May::Serve(1)), (b, May::Serve(2))], true,  Some(1)),
            (2, overlapping, vec![(a, May::Serve(1)), (b, May::Serve(2))], true,  Some(2)),
            (2, settled,     vec![(b, May::Serve(2)), (a, May::Rest)],     true,  Some(2)),
            (3, making,      vec![(b, May::Serve(2)), (a, May::Serve(3))], true,  Some(2)),
        ];
        for (turn, stage, expected, replaced, published) in cases {
            let mut generation = example::generation("dev", json!({}));
            generation.rotation = Some(Rotation { turn, stage, since: String::new() });
            let found = users(&generation);
            let found: Vec<(&str, May)> = found.iter().map(|user| (user.name.as_str(), user.may)).collect();
            assert_eq!(found, expected, "{turn} {stage:?}");
            assert_eq!(super::replaced(&generation), replaced, "{turn} {stage:?}");
            let secret = published.map(|turn: u32| format!("orders-credentials-turn-{turn}"));
            assert_eq!(credentials(&generation).map(|it| it.secret), secret, "{turn} {stage:?}");
        }
    }
}
