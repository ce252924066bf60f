//! The thirteen operators, and what their databases are asked for. In: nothing. Out: data for tests.

use serde_json::{Value, json};

/// An operator with the environment that it is played in.
pub struct BackEnd {
    pub operator: &'static str,
    pub engine: &'static str,
    /// Prod, but where the operator cannot do what prod asks for.
    pub environment: &'static str,
    /// What every claim says beyond the smallest.
    pub claim: &'static str,
    /// Edits that it takes: a change, and more members or room.
    pub change: &'static str,
    pub scale: &'static str,
    /// Some stay when the database goes.
    pub leaves_volumes: bool,
}

#[rustfmt::skip]
pub const BACK_ENDS: [BackEnd; 13] = [
    BackEnd { operator: "CloudNativePG", engine: "postgresql", environment: "prod", claim: "{}",
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5, "storage": "200Gi"}"#, leaves_volumes: false },
    BackEnd { operator: "Zalando", engine: "postgresql", environment: "prod", claim: "{}",
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5, "storage": "200Gi"}"#, leaves_volumes: false },
    BackEnd { operator: "StackGres", engine: "postgresql", environment: "prod", claim: "{}",
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5, "storage": "200Gi"}"#, leaves_volumes: false },
    BackEnd { operator: "AzureFlexibleServer", engine: "postgresql", environment: "prod", claim: "{}",
        change: r#"{"pooling": {"enabled": true}}"#, scale: r#"{"replicas": 4, "storage": "200Gi"}"#, leaves_volumes: false },
    BackEnd { operator: "PerconaServerMongoDB", engine: "mongodb", environment: "prod", claim: "{}",
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5, "storage": "200Gi"}"#, leaves_volumes: false },
    BackEnd { operator: "MongoDBCommunity", engine: "mongodb", environment: "prod", claim: "{}",
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5}"#, leaves_volumes: true },
    // It cannot refuse connections that are not encrypted.
    BackEnd { operator: "Everest", engine: "mongodb", environment: "staging", claim: r#"{"lifecycle": {"deletionPolicy": "Snapshot"}}"#,
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5, "storage": "200Gi"}"#, leaves_volumes: false },
    BackEnd { operator: "InnoDBCluster", engine: "mysql", environment: "prod", claim: "{}",
        change: r#"{"access": {"allowedNamespaces": ["elsewhere"]}}"#, scale: r#"{"replicas": 5}"#, leaves_volumes: true },
    // It makes no backup outside of its schedule.
    BackEnd { operator: "Vitess", engine: "mysql", environment: "prod", claim: r#"{"lifecycle": {"deletionPolicy": "Delete"}}"#,
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5, "storage": "200Gi"}"#, leaves_volumes: false },
    BackEnd { operator: "Altinity", engine: "clickhouse", environment: "prod", claim: "{}",
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5, "storage": "200Gi"}"#, leaves_volumes: true },
    BackEnd { operator: "OTContainerKit", engine: "redis", environment: "prod", claim: "{}",
        change: r#"{"size": "large", "storage": "200Gi", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5}"#, leaves_volumes: false },
    BackEnd { operator: "ECK", engine: "elasticsearch", environment: "prod", claim: "{}",
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"replicas": 5, "storage": "200Gi"}"#, leaves_volumes: false },
    // One server, whose connections are not encrypted.
    BackEnd { operator: "LibSQL", engine: "sqlite", environment: "staging", claim: r#"{"lifecycle": {"deletionPolicy": "Snapshot"}}"#,
        change: r#"{"size": "large", "maintenance": {"urgent": true}}"#, scale: r#"{"storage": "200Gi"}"#, leaves_volumes: false },
];

impl BackEnd {
    /// The platform chooses it, has it approved, and has what it needs.
    pub fn overlay(&self) -> Value {
        let tier = json!({
            "engines": {self.engine: {"operator": self.operator}},
            "certificateIssuer": {"name": "company", "kind": "ClusterIssuer"},
        });
        let azure = json!({
            "resourceGroup": "/subscriptions/12345678-1234-1234-1234-123456789012/resourceGroups/databases",
            "location": "norwayeast", "clusterAddresses": ["198.51.100.7/32"],
        });
        json!({
            "apiVersion": "apiextensions.crossplane.io/v1beta1", "kind": "EnvironmentConfig",
            "metadata": {"name": "database-platform"},
            "data": {
                "TierDefaults": {
                    "environments": {"dev": tier, "staging": tier, "prod": tier},
                    "destinations": {"default": {"region": "eu-north-1"}},
                },
                "ApprovalGate": {"environments": [self.environment]},
                "Engines": {"azureFlexibleServer": azure},
            },
        })
    }
}

pub fn read(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}
