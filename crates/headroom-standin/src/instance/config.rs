//! postgresql.conf and pg_hba.conf, from the Cluster's spec.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::{Identity, pgdata};
use crate::cluster::{Cluster, Synchronous};
use crate::names;

/// What every server of the lab starts from; the spec's parameters come on top. Where CNPG's own default is known to matter
/// to a scenario it is the same: `wal_keep_size`, `archive_timeout`, no restart after a crash (experiments on growth, G2).
const DEFAULTS: [(&str, &str); 21] = [
    ("archive_command", "/bin/true"),
    ("archive_mode", "on"),
    ("archive_timeout", "5min"),
    ("dynamic_shared_memory_type", "posix"),
    ("full_page_writes", "on"),
    ("hot_standby", "on"),
    ("listen_addresses", "*"),
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("max_replication_slots", "32"),
    ("max_wal_senders", "32"),
    ("port", "5432"),
    ("restart_after_crash", "off"),
    ("shared_buffers", "32MB"),
    ("unix_socket_directories", "/run/postgresql"),
    ("wal_keep_size", "512MB"),
    ("wal_level", "logical"),
    ("wal_log_hints", "on"),
    ("wal_receiver_timeout", "5s"),
    ("wal_retrieve_retry_interval", "1s"),
    ("wal_sender_timeout", "5s"),
];

/// Local users by the operating system's name, all others by password.
const HBA: &str = "local all all peer
host all all 0.0.0.0/0 scram-sha-256
host all all ::/0 scram-sha-256
host replication all 0.0.0.0/0 scram-sha-256
host replication all ::/0 scram-sha-256
";

/// The text of postgresql.conf.
pub(super) fn postgresql(identity: &Identity, cluster: &Cluster) -> String {
    let mut settings: BTreeMap<&str, String> =
        DEFAULTS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let given = &cluster.spec.postgresql.parameters;
    settings.extend(given.iter().map(|(name, value)| (name.as_str(), value.clone())));
    settings.insert("primary_conninfo", identity.conninfo(None));
    settings.insert("primary_slot_name", names::slot(&identity.instance));
    if let Some(synchronous) = &cluster.spec.postgresql.synchronous {
        let instances = cluster.status.as_ref().map(|status| status.instance_names.as_slice());
        let others = instances.unwrap_or_default().iter().filter(|name| **name != identity.instance);
        settings.insert("synchronous_standby_names", standbys(synchronous, others));
    }
    let line = |(name, value): (&&str, &String)| format!("{name} = '{}'\n", value.replace('\'', "''"));
    settings.iter().map(line).collect()
}

/// `synchronous_standby_names`; with data durability `required` the number asked for stands, whoever is there.
fn standbys<'a>(synchronous: &Synchronous, others: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = others.map(|name| format!("\"{name}\"")).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("{} {} ({})", synchronous.method.to_uppercase(), synchronous.number, names.join(","))
}

/// Writes both files where they differ; says whether one did.
pub(super) fn write(identity: &Identity, cluster: &Cluster) -> Result<bool> {
    let settings = put("postgresql.conf", &postgresql(identity, cluster))?;
    let access = put("pg_hba.conf", HBA)?;
    Ok(settings || access)
}

fn put(name: &str, text: &str) -> Result<bool> {
    let path = pgdata().join(name);
    if std::fs::read_to_string(&path).is_ok_and(|before| before == text) {
        return Ok(false);
    }
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn identity() -> Identity {
        Identity {
            cluster: "pg".to_owned(),
            instance: "pg-2".to_owned(),
            namespace: "ns".to_owned(),
            replication_password: "secret".to_owned(),
            application_password: "other".to_owned(),
        }
    }

    #[track_caller]
    fn says(postgresql: &serde_json::Value, lines: &[&str]) {
        let cluster: Cluster = serde_json::from_value(json!({
            "metadata": {"name": "pg"},
            "spec": {"storage": {"size": "1Gi"}, "postgresql": postgresql},
            "status": {"instanceNames": ["pg-1", "pg-2", "pg-3"]},
        }))
        .unwrap();
        let text = super::postgresql(&identity(), &cluster);
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "no line {line} in\n{text}");
        }
    }

    #[test]
    fn the_specs_parameters_come_before_the_defaults() {
        says(
            &json!({"parameters": {"wal_keep_size": "0", "x.y": "it's"}}),
            &["wal_keep_size = '0'", "x.y = 'it''s'"],
        );
        says(&json!({}), &["wal_keep_size = '512MB'", "primary_slot_name = 'standin_pg_2'"]);
    }

    #[test]
    fn synchronous_standbys_are_all_other_instances() {
        says(
            &json!({"synchronous": {"method": "any", "number": 1, "dataDurability": "required"}}),
            &[r#"synchronous_standby_names = 'ANY 1 ("pg-1","pg-3")'"#],
        );
    }
}
