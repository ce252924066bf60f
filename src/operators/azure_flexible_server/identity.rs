//! Signing in without a password: a `UserAssignedIdentity` that Microsoft Entra lends to a `ServiceAccount` of this cluster
//! (`FederatedIdentityCredential`), and that the server knows (`FlexibleServersAdministrator`). In: a generation, and how
//! Entra knows the cluster. Out: resources.
//!
//! The operator itself hands the identity's principal to the administrator, through a ConfigMap. The service account needs
//! the client's id in its own annotation: it comes once Azure has given it, and then keeps it.

use super::{ArmId, Owner, Settings, WorkloadIdentity, key, kind, of_lineage};
use crate::api::record::Generation;
use crate::map::map;
use crate::observed::Observed;
use crate::operators::{Holds, Resource, metadata, resource};
use crate::wire::{Key, Object};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

/// What Entra's tokens of Kubernetes are for (Microsoft, "Workload identity federation").
const AUDIENCE: &str = "api://AzureADTokenExchange";
/// Read by its webhook on service accounts (azure-workload-identity, "Labels and annotations").
const CLIENT_ID: &str = "azure.workload.identity/client-id";

/// The key of the principal's id in the identity's ConfigMap.
const PRINCIPAL_ID: &str = "principalId";

/// Of the service account, which applications name, and of what stands behind it.
fn name(generation: &Generation) -> String {
    format!("{}-client", generation.database().name)
}

/// Names of identities are of the whole resource group. Also the name of the role in the server.
fn principal(generation: &Generation) -> String {
    format!("{}-client", of_lineage(generation, &generation.database().name))
}

pub fn compose(
    generation: &Generation,
    settings: &Settings,
    cluster: &WorkloadIdentity,
    observed: &Observed,
) -> Vec<Resource> {
    let name = name(generation);
    let principal = principal(generation);
    let exported = ConfigMapKey { name: name.clone(), key: PRINCIPAL_ID };
    let identity = Identity {
        azure_name: &principal,
        location: &settings.location,
        owner: ArmId { arm_id: &settings.resource_group },
        operator_spec: OperatorSpec { config_maps: ConfigMaps { principal_id: &exported } },
    };
    let credential = Credential {
        owner: Owner { name: name.clone() },
        issuer: &cluster.issuer,
        subject: format!("system:serviceaccount:{}:{name}", generation.database().namespace),
        audiences: [AUDIENCE],
    };
    let administrator = Administrator {
        azure_name_from_config: &exported,
        owner: Owner { name: generation.name() },
        principal_name: &principal,
        principal_type: "ServicePrincipal",
        tenant_id: &cluster.tenant,
    };
    let of_server = format!("{}-client", generation.name());
    let mut resources = vec![
        of_database(generation, key::IDENTITY, kind::IDENTITY, identity),
        of_database(generation, key::CREDENTIAL, kind::CREDENTIAL, credential),
        resource(generation, key::ADMINISTRATOR, kind::ADMINISTRATOR, of_server, Holds::Nothing, administrator),
    ];
    resources.extend(client_id(observed).map(|client| service_account(generation, name, client)));
    resources
}

/// Every generation has the same one.
fn of_database(generation: &Generation, key: &str, kind: (&str, &str), spec: impl Serialize) -> Resource {
    Resource { key: Key(key.into()), ..resource(generation, key, kind, name(generation), Holds::Nothing, spec) }
}

/// As the identity says, else as the service account has it.
fn client_id(observed: &Observed) -> Option<&str> {
    let made = observed.get::<Made>(key::IDENTITY).ok().flatten().and_then(|made| made.status.client_id);
    made.or_else(|| observed.get::<Account>(key::SERVICE_ACCOUNT).ok()??.metadata.annotations.client_id)
}

fn service_account(generation: &Generation, name: String, client: &str) -> Resource {
    let metadata = metadata(generation, name);
    let account = ServiceAccount {
        metadata: ObjectMeta {
            name: Some(metadata.name),
            namespace: Some(metadata.namespace),
            labels: Some(metadata.labels),
            annotations: Some(map([(CLIENT_ID.into(), client.into())])),
            ..Default::default()
        },
        ..Default::default()
    };
    Resource { key: Key(key::SERVICE_ACCOUNT.into()), holds: Holds::Nothing, object: Object::of(&account) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    azure_name: &'a str,
    location: &'a str,
    owner: ArmId<'a>,
    operator_spec: OperatorSpec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperatorSpec<'a> {
    config_maps: ConfigMaps<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigMaps<'a> {
    principal_id: &'a ConfigMapKey,
}

#[derive(Serialize)]
struct ConfigMapKey {
    name: String,
    key: &'static str,
}

#[derive(Serialize)]
struct Credential<'a> {
    owner: Owner,
    issuer: &'a str,
    subject: String,
    audiences: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Administrator<'a> {
    azure_name_from_config: &'a ConfigMapKey,
    owner: Owner,
    principal_name: &'a str,
    principal_type: &'static str,
    tenant_id: &'a str,
}

#[derive(Deserialize)]
struct Made<'a> {
    #[serde(default, borrow)]
    status: MadeStatus<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MadeStatus<'a> {
    client_id: Option<&'a str>,
}

#[derive(Deserialize)]
struct Account<'a> {
    #[serde(borrow)]
    metadata: AccountMetadata<'a>,
}

#[derive(Deserialize)]
struct AccountMetadata<'a> {
    #[serde(default, borrow)]
    annotations: AccountAnnotations<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AccountAnnotations<'a> {
    /// Read by Entra's webhook (azure-workload-identity, "Labels and annotations").
    #[serde(rename = "azure.workload.identity/client-id")]
    client_id: Option<&'a str>,
}
