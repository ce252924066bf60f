//! Further users: a `DatabaseRole` and a password for each. In: a generation. Out: resources. CloudNativePG keeps memberships
//! and passwords right, and removes a role whose object goes.
//!
//! Vault's own is a superuser: from PostgreSQL 16 on only one who was given the application's role with the right to pass
//! it on can do so, which the operator cannot say. It is not the operator's own superuser, which has no password at all.

use super::{Name, Settings, key, kind, workload};
use crate::api::record::Generation;
use crate::operators::roles::{self, Client, May, User};
use crate::operators::{Holds, Resource, postgresql, postgresql_roles, resource, rotation};
use serde::Serialize;

/// That of PostgreSQL in the image.
const USER: i64 = 26;

pub fn compose(generation: &Generation) -> Vec<Resource> {
    let users = roles::users(generation);
    let mut resources = roles::secrets(generation);
    resources.extend(users.iter().map(|user| role(generation, user)));
    if generation.rotation.is_some() || generation.source.as_ref().is_some_and(|source| source.rotated) {
        resources.push(owner(generation));
    }
    resources
}

/// For the users of a rotation.
pub fn client<'a>(generation: &Generation, settings: &'a Settings) -> Client<'a> {
    Client {
        image: generation.plan.notes.release.clone(),
        image_pull_secrets: &settings.image_pull_secrets,
        user: USER,
        // The operator's own Service, always of the primary.
        address: postgresql::address(generation, &format!("{}-rw", generation.name())),
        sign_in: postgresql_roles::sign_in(&postgresql::owner(&generation.database().inside)),
        server: (workload::MEMBERS, postgresql::PORT),
    }
}

/// The operator made it, and gives it its password.
fn owner(generation: &Generation) -> Resource {
    let owner = postgresql::owner(&generation.database().inside);
    let spec = RoleSpec {
        cluster: Name { name: generation.name() },
        name: &owner,
        database_role_reclaim_policy: "retain",
        login: !rotation::replaced(generation),
        superuser: false,
        in_roles: vec![],
        password_secret: None,
        disable_password: false,
    };
    resource(generation, key::OWNER, kind::ROLE, format!("{}-owner", generation.name()), Holds::Nothing, spec)
}

fn role(generation: &Generation, user: &User) -> Resource {
    let part = roles::part(user);
    let spec = RoleSpec {
        cluster: Name { name: generation.name() },
        name: &user.name,
        database_role_reclaim_policy: "delete",
        login: user.may != May::Rest,
        superuser: user.may == May::MakeUsers,
        in_roles: postgresql_roles::member_of(user.may, &postgresql::owner(&generation.database().inside)),
        password_secret: (user.may != May::Rest).then(|| Name { name: roles::secret(generation, user) }),
        disable_password: user.may == May::Rest,
    };
    let key = format!("{}-{}", key::ROLE, part.trim_start_matches("role-"));
    resource(generation, &key, kind::ROLE, format!("{}-{part}", generation.name()), Holds::Nothing, spec)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleSpec<'a> {
    cluster: Name,
    name: &'a str,
    database_role_reclaim_policy: &'static str,
    login: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    superuser: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    in_roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_secret: Option<Name>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_password: bool,
}
