//! Who signs in: the application's own user, which Everest does not make. In: a generation, and the job that exists. Out: its
//! password and a `Job`, which signs in as the one who may make users.

use super::{Settings, facts, users_secret};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::operators::account_job::{self, Account};
use crate::operators::backup_job::{from_secret, text};
use crate::operators::password::{self, Value};
use crate::operators::roles::Client;
use crate::operators::{Resource, mongodb};

/// The keys of the application's secret.
pub const USERNAME: &str = "username";
pub const PASSWORD: &str = "password";

/// mongosh is a whole Node.js.
const SIZE: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(256 * Bytes::MI), storage: Bytes(0) };
/// None of anybody's: the image would start as root.
const USER: i64 = 65532;
const SCRIPT: &str = "until mongosh --quiet --norc \"$ADDRESS\" --eval \"$STATEMENTS\"; do\n  sleep 10\ndone\n";

pub fn compose(generation: &Generation, settings: &Settings) -> Vec<Resource> {
    let values = [(USERNAME, Value::Text(mongodb::USER.into())), (PASSWORD, Value::Password)];
    let mut resources = Vec::from(password::compose(generation, "kubernetes.io/basic-auth", &values));
    // A restore brings the users of that time: the job is gone meanwhile, and makes him anew after it.
    if generation.overwrite.is_some() {
        return resources;
    }
    let administrator = users_secret(generation);
    let account = Account {
        image: settings.tools_image.clone(),
        image_pull_secrets: &settings.image_pull_secrets,
        user: USER,
        script: SCRIPT,
        env: vec![
            // It keeps a log there.
            text("HOME", "/tmp"),
            text("ADDRESS", &address(generation)),
            text("STATEMENTS", &statements(&generation.database().inside)),
            from_secret("ADMINISTRATOR", &administrator, "MONGODB_USER_ADMIN_USER"),
            from_secret("ADMINISTRATOR_PASSWORD", &administrator, "MONGODB_USER_ADMIN_PASSWORD"),
            from_secret("PASSWORD", &password::secret(generation), PASSWORD),
        ],
        size: SIZE,
    };
    resources.push(account_job::compose(generation, account));
    resources
}

/// For further users.
pub fn client<'a>(generation: &Generation, settings: &'a Settings) -> Client<'a> {
    Client {
        image: settings.tools_image.clone(),
        image_pull_secrets: &settings.image_pull_secrets,
        user: USER,
        address: vec![text("HOME", "/tmp"), text("ADDRESS", &address(generation))],
        sign_in: mongodb::sign_in(&generation.database().inside),
        server: (facts::MEMBERS, mongodb::PORT),
    }
}

/// By the headless Service of the set, behind which the members have certificates of the operator's own authority.
fn address(generation: &Generation) -> String {
    let (name, set) = (generation.name(), facts::SET);
    let query = "tls=true&tlsAllowInvalidCertificates=true&serverSelectionTimeoutMS=10000";
    format!("mongodb://{name}-{set}:{}/?replicaSet={set}&{query}", mongodb::PORT)
}

/// For mongosh. Makes the user, or puts it right.
fn statements(database: &str) -> String {
    let [first, second] = mongodb::ROLES;
    format!(
        "db.getSiblingDB('admin').auth(process.env.ADMINISTRATOR, process.env.ADMINISTRATOR_PASSWORD);\n\
         const own = db.getSiblingDB('{database}');\n\
         const user = {{pwd: process.env.PASSWORD, roles: ['{first}', '{second}']}};\n\
         if (own.getUser('{user}')) {{ own.updateUser('{user}', user); }} else {{ own.createUser({{user: '{user}', ...user}}); }}\n",
        user = mongodb::USER,
    )
}
