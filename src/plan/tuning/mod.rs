//! Engine settings that follow from the size of a member. In: memory and storage of each. Out: settings, which a
//! claim's own go over; and the problems of the two together. One file per engine.

pub mod clickhouse;
pub mod mongodb;
pub mod mysql;
pub mod postgresql;
pub mod redis;

use crate::api::claim::Engine;
use crate::api::problem::Problem;
use crate::api::quantity::Bytes;
use std::collections::BTreeMap;

/// Settings by name. `connections`: how many a member of this size takes, where the platform says so.
pub fn tune(engine: Engine, memory: Bytes, storage: Bytes, connections: Option<u32>) -> BTreeMap<String, String> {
    match engine {
        Engine::Postgresql => postgresql::tune(memory, storage, connections),
        Engine::Mysql => mysql::tune(memory, storage, connections),
        Engine::Mongodb => mongodb::tune(memory, connections),
        Engine::Clickhouse => clickhouse::tune(memory, connections),
        Engine::Redis => redis::tune(memory),
        // They size themselves by the memory that they find.
        Engine::Elasticsearch | Engine::Sqlite => BTreeMap::new(),
    }
}

/// What is wrong with the claim's settings `asked` over the tuned ones: the sums that `tune` keeps, they must keep too.
pub fn check(
    engine: Engine,
    memory: Bytes,
    tuned: &BTreeMap<String, String>,
    asked: &BTreeMap<String, String>,
) -> Vec<Problem> {
    match engine {
        Engine::Postgresql => postgresql::check(memory, tuned, asked),
        Engine::Mongodb => mongodb::check(memory, asked),
        Engine::Mysql => mysql::check(memory, tuned, asked),
        Engine::Clickhouse => clickhouse::check(memory, tuned, asked),
        Engine::Redis | Engine::Elasticsearch | Engine::Sqlite => vec![],
    }
}
