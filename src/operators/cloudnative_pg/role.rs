//! Further users: a `DatabaseRole` and a password for each. In: a generation. Out: resources. CloudNativePG keeps memberships
//! and passwords right, and removes a role whose object goes.
//!
//! Vault's own is a superuser: from PostgreSQL 16 on only one who was given the application's role with the right to pass
//! it on can do so, which the operator cannot say. It is not the operator's own superuser, which has no password at all.

use super::{Name, key, kind};
use crate::api::record::Generation;
use crate::operators::roles::{self, May, User};
use crate::operators::{Holds, Resource, postgresql, postgresql_roles, resource};
use serde::Serialize;

pub fn compose(generation: &Generation) -> Vec<Resource> {
    let users = roles::users(&generation.plan.terms);
    let mut resources = roles::secrets(generation);
    resources.extend(users.iter().map(|user| role(generation, user)));
    resources
}

fn role(generation: &Generation, user: &User) -> Resource {
    let part = roles::part(user);
    let spec = RoleSpec {
        cluster: Name { name: generation.name() },
        name: &user.name,
        database_role_reclaim_policy: "delete",
        login: true,
        superuser: user.may == May::MakeUsers,
        in_roles: postgresql_roles::member_of(user.may, &postgresql::owner(&generation.database().inside)),
        password_secret: Name { name: roles::secret(generation, user) },
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
    in_roles: Vec<String>,
    password_secret: Name,
}
