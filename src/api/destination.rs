//! Where backups go. In: what the platform writes of an object store. Out: its kind, the bucket and the folder in it. Must not
//! know an operator.

use serde::{Deserialize, Serialize};

/// Where backups go. Only references to secrets, never their values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Destination {
    /// The bucket and a prefix, such as `s3://company-backups/databases`, `gs://company-backups/databases`, or
    /// `https://ACCOUNT.blob.core.windows.net/CONTAINER/databases`; namespace, name and lineage are added to it.
    #[schemars(
        regex(
            pattern = r"^((s3|gs)://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|https://[a-z0-9]{3,24}\.blob\.core\.windows\.net/[a-z0-9][a-z0-9-]{1,61}[a-z0-9])(/[A-Za-z0-9._/-]*)?$"
        ),
        length(max = 256)
    )]
    pub path: String,
    /// The address of a store that is compatible with S3; Amazon's if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._/-]*)?$"), length(max = 256))]
    pub endpoint: Option<String>,
    /// The region of the bucket, for tools that cannot find it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9-]+$"), length(max = 63))]
    pub region: Option<String>,
    /// Who may write there.
    pub access: DestinationAccess,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum DestinationAccess {
    /// The pods' own cloud identity.
    WorkloadIdentity {},
    /// The keys of a secret in the database's namespace, for S3.
    Secret(KeySecret),
    /// The same for Google Cloud Storage.
    GoogleKey(GoogleKey),
    /// The same for Azure Blob Storage.
    AzureKey(AzureKey),
}

impl DestinationAccess {
    /// The keys of an S3 account, for operators that know no other store.
    pub fn s3_keys(&self) -> Option<&KeySecret> {
        match self {
            DestinationAccess::Secret(keys) => Some(keys),
            DestinationAccess::WorkloadIdentity {}
            | DestinationAccess::GoogleKey(_)
            | DestinationAccess::AzureKey(_) => None,
        }
    }
}

/// A secret with the key of a service account of Google Cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoogleKey {
    /// The secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key that holds the service account's file, in JSON.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A secret with the name and the key of a storage account of Azure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureKey {
    /// The secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key that holds the storage account's name.
    #[schemars(length(min = 1, max = 253))]
    pub storage_account: String,
    /// The key that holds the storage account's key.
    #[schemars(length(min = 1, max = 253))]
    pub storage_key: String,
}

/// What kind of object store a destination is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Store {
    S3,
    #[serde(rename = "Google Cloud Storage")]
    Google,
    #[serde(rename = "Azure Blob Storage")]
    Azure,
}

impl Destination {
    pub fn store(&self) -> Store {
        match self.path.split_once("://") {
            Some(("gs", _)) => Store::Google,
            Some(("https", _)) => Store::Azure,
            _ => Store::S3,
        }
    }

    /// The bucket or container, and the folder in it.
    pub fn place(&self) -> (&str, &str) {
        let (_, path) = self.path.split_once("://").unwrap_or_default();
        let path = path.trim_end_matches('/');
        let path = if self.store() == Store::Azure { path.split_once('/').unwrap_or_default().1 } else { path };
        path.split_once('/').unwrap_or((path, ""))
    }

    /// The folder `own` below this one.
    pub fn folder(&self, own: &str) -> String {
        let (_, folder) = self.place();
        if folder.is_empty() { own.into() } else { format!("{folder}/{own}") }
    }

    /// The storage account of Azure.
    pub fn account(&self) -> &str {
        let (_, path) = self.path.split_once("://").unwrap_or_default();
        path.split('.').next().unwrap_or_default()
    }
}

/// A secret with the two keys of an S3 account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySecret {
    /// The secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key that holds the access key's id.
    #[schemars(length(min = 1, max = 253))]
    pub access_key_id: String,
    /// The key that holds the secret access key.
    #[schemars(length(min = 1, max = 253))]
    pub secret_access_key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_and_a_folder_in_each_store() {
        let cases = [
            ("s3://company/databases", "company", "databases/own"),
            ("s3://company/a/b/", "company", "a/b/own"),
            ("s3://company/", "company", "own"),
            ("s3://company", "company", "own"),
            ("gs://company/databases", "company", "databases/own"),
            ("https://account.blob.core.windows.net/company", "company", "own"),
            ("https://account.blob.core.windows.net/company/a/b", "company", "a/b/own"),
        ];
        for (path, bucket, folder) in cases {
            let access = DestinationAccess::WorkloadIdentity {};
            let destination = Destination { path: path.into(), endpoint: None, region: None, access };
            assert_eq!((destination.place().0, destination.folder("own").as_str()), (bucket, folder), "{path}");
        }
    }
}
