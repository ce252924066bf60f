//! Who signs in: the administrator's account, which the operator makes, and the application's own database and user, which
//! nobody makes but us. In: a generation, and the job that exists. Out: the two secrets and a `Job`. Must not give the
//! administrator's password to anything but the operator and the job.

use super::{ADMINISTRATOR, Settings, facts, workload};
use crate::api::quantity::{Amounts, Bytes, Millicores};
use crate::api::record::Generation;
use crate::operators::account_job::{self, Account};
use crate::operators::backup_job::{from_secret, text};
use crate::operators::password::{self, Value};
use crate::operators::roles::{Administrator, Client};
use crate::operators::{Resource, mysql};

/// The client only sends four statements.
const SIZE: Amounts = Amounts { cpu: Millicores(100), memory: Bytes(128 * Bytes::MI), storage: Bytes(0) };
/// That of MySQL in the image, which would start as root.
const USER: i64 = 27;
/// Waits for the whole cluster: there is no router before all members have joined.
const SCRIPT: &str = "until printf '%s' \"$STATEMENTS\" | mysql --host=\"$HOST\" --user=root; do\n  sleep 10\ndone\n";

/// The keys of the application's secret.
pub const USERNAME: &str = "username";
pub const PASSWORD: &str = "password";
const ADMINISTRATOR_PASSWORD: &str = "rootPassword";

pub fn compose(generation: &Generation, settings: &Settings) -> Vec<Resource> {
    let user = mysql::user(&generation.database().inside);
    let administrator = [
        ("rootUser", Value::Text("root".into())),
        ("rootHost", Value::Text("%".into())),
        (ADMINISTRATOR_PASSWORD, Value::Password),
    ];
    let application = [(USERNAME, Value::Text(user)), (PASSWORD, Value::Password)];
    let mut resources = Vec::from(password::compose_of(generation, ADMINISTRATOR, "Opaque", &administrator));
    resources.extend(password::compose(generation, "kubernetes.io/basic-auth", &application));
    resources.push(job(generation, settings));
    resources
}

/// For further users, by MySQL Router too.
pub fn client<'a>(generation: &Generation, settings: &'a Settings) -> Client<'a> {
    let release = &generation.plan.notes.release;
    Client {
        image: format!("{}/community-server:{release}", settings.image_repository),
        image_pull_secrets: &settings.image_pull_secrets,
        user: USER,
        address: vec![text("HOST", &generation.name())],
        sign_in: mysql::SIGN_IN.into(),
        server: (workload::ROUTER, facts::READ_WRITE),
    }
}

pub fn administrator(generation: &Generation) -> Administrator {
    let root = password::secret_of(generation, ADMINISTRATOR);
    Administrator {
        script: format!(
            "mysql() {{ command mysql --host=\"$HOST\" --user=root \"$@\"; }}\n{}",
            mysql::roles_script(generation)
        ),
        env: vec![from_secret("MYSQL_PWD", &root, ADMINISTRATOR_PASSWORD)],
        owner: String::new(),
    }
}

fn job(generation: &Generation, settings: &Settings) -> Resource {
    let release = &generation.plan.notes.release;
    let account = Account {
        image: format!("{}/community-server:{release}", settings.image_repository),
        image_pull_secrets: &settings.image_pull_secrets,
        user: USER,
        script: SCRIPT,
        env: vec![
            // MySQL Router, by the operator's own Service.
            text("HOST", &generation.name()),
            from_secret("MYSQL_PWD", &password::secret_of(generation, ADMINISTRATOR), ADMINISTRATOR_PASSWORD),
            from_secret("PASSWORD", &password::secret(generation), PASSWORD),
            // Kubernetes puts the password in.
            text("STATEMENTS", &mysql::account(&generation.database().inside, "$(PASSWORD)")),
        ],
        size: SIZE,
    };
    account_job::compose(generation, account)
}
