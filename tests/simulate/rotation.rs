//! The credentials of an application, replaced again and again without a moment in which none work.

use crate::back_ends::{BACK_ENDS, BackEnd};
use crate::life::{Edition, Life};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
const OPERATORS: [&str; 5] = ["CloudNativePG", "Zalando", "PerconaServerMongoDB", "Everest", "InnoDBCluster"];

fn rotated(back_end: &'static BackEnd, source: &str) -> Life {
    let mut life = Life::of(back_end, Edition::Namespaced, "dev");
    let store = json!({"externalSecrets": {"secretStore": {"name": "databases"}}});
    let mut overlay = back_end.overlay();
    overlay["data"]["Integrations"] = store;
    overlay["data"]["TierDefaults"]["environments"]["dev"]["offers"] = json!(["ExternalSecret"]);
    life.world.apply(&overlay).unwrap();
    life.claim(json!({"credentials": {"source": source, "rotation": {"interval": "6h"}}}));
    life
}

fn able() -> impl Iterator<Item = &'static BackEnd> {
    BACK_ENDS.iter().filter(|back_end| OPERATORS.contains(&back_end.operator))
}

fn standing(life: &Life) -> (u64, String) {
    let rotation = life.status()["rotation"].clone();
    (rotation["turn"].as_u64().unwrap_or_default(), rotation["stage"].as_str().unwrap_or("None").into())
}

/// Of the secret that applications have.
fn username(life: &Life) -> String {
    let secret = life.world.get(&life.id("Secret", "orders-connection")).unwrap();
    let encoded = secret["data"]["username"].as_str().unwrap();
    String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
}

fn secret(turn: u64) -> String {
    format!("orders-credentials-turn-{turn}")
}

/// Whom the operator, or the job in its place, lets sign in.
fn lets_in(life: &Life, user: &str) -> bool {
    let role = |value: &&Value| value["kind"] == "DatabaseRole" && value["spec"]["name"] == user;
    if let Some(role) = life.world.all().find(role) {
        return role["spec"]["login"] == true;
    }
    let job = life.world.all().find(|value| value["kind"] == "CronJob" && value["metadata"]["name"] == "orders-roles");
    let Some(job) = job else { return false };
    let text = job.to_string();
    [
        format!("ALTER ROLE \\\"{user}\\\" WITH LOGIN"),
        format!("ALTER USER '{user}'@'%' ACCOUNT UNLOCK"),
        format!("'{user}': {{pwd"),
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

#[test]
fn there_is_no_moment_without_a_user_that_works() {
    for back_end in able() {
        let name = back_end.operator;
        let mut life = rotated(back_end, "Secret");
        life.minutes(HOUR);
        assert_eq!((standing(&life), life.phase().as_str()), ((0, "Settled".into()), "Ready"), "{name}");
        let first = username(&life);
        let mut seen = vec![];
        for _ in 0..21 * HOUR / 5 {
            life.minutes(5);
            let (turn, stage) = standing(&life);
            let user = username(&life);
            let named = [first.as_str(), "platform_app_a", "platform_app_b"];
            assert!(named.contains(&user.as_str()), "{name}: {user}");
            if user != first {
                assert!(lets_in(&life, &user), "{name} {turn} {stage}: {user}");
                let published = if user == named[2 - turn as usize % 2] { turn } else { turn - 1 };
                assert!(life.has("Secret", &secret(published)), "{name} {turn} {stage}");
            }
            if seen.last() != Some(&(turn, stage.clone())) {
                seen.push((turn, stage));
            }
            assert_eq!(life.condition("CredentialsReady"), "True Published", "{name} {seen:?}");
        }
        let stages = |turn| ["Making", "Publishing", "Overlapping", "Settled"].map(|stage| (turn, stage.to_string()));
        let mut expected = vec![(0, "Settled".to_string())];
        expected.extend([1, 2, 3].into_iter().flat_map(stages));
        // Stages that follow each other at once are not always seen.
        expected.retain(|stage| seen.contains(stage) || stage.1 == "Settled" || stage.1 == "Overlapping");
        assert_eq!(seen, expected, "{name}");
        assert!(lets_in(&life, "platform_app_a") && !lets_in(&life, "platform_app_b"), "{name}");
        assert!(life.has("Secret", &secret(3)) && !life.has("Secret", &secret(2)), "{name}");
        assert_eq!(username(&life), "platform_app_a", "{name}");
        life.is_sound();
    }
}

#[test]
fn where_no_value_passes_through_it_waits_for_external_secrets() {
    let mut life = rotated(&BACK_ENDS[0], "ExternalSecret");
    life.minutes(HOUR + 2 * DAY);
    let reads = life.get(&life.id("ExternalSecret", "orders-connection"))["spec"]["data"].to_string();
    let (turn, stage) = standing(&life);
    assert!(turn >= 1 && (stage == "Settled" || stage == "Overlapping"), "{turn} {stage}");
    assert!(reads.contains(&secret(turn)), "{reads}");
    life.is_sound();
}

#[test]
fn it_stops_where_nobody_asks_for_it_any_more_and_waits_for_who_sleeps() {
    let mut life = rotated(&BACK_ENDS[0], "Secret");
    life.minutes(HOUR);
    let asleep =
        json!({"credentials": {"source": "Secret", "rotation": {"interval": "1d"}}, "lifecycle": {"hibernated": true}});
    life.claim(asleep);
    life.minutes(3 * DAY);
    assert_eq!(standing(&life), (0, "Settled".into()));
    life.claim(json!({"credentials": {"source": "Secret", "rotation": {"interval": "1d"}}}));
    life.minutes(HOUR);
    assert_eq!(standing(&life), (1, "Overlapping".into()));
    life.claim(json!({"credentials": {"source": "Secret"}}));
    life.minutes(10 * DAY);
    assert_eq!(standing(&life), (1, "Settled".into()));
    assert_eq!(username(&life), "platform_app_a", "nobody is sent back to what is revoked");
    life.is_sound();
}
