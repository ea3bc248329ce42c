//! What an instance says of its WAL: `https://ADDRESS:8000/pg/status`, which CNPG 1.30 serves to anyone.

use std::time::Duration;

use headroom_core::{
    Bytes, Timestamp,
    names::Text,
    observation::{ReplicationSeen, WalFacts},
};
use serde::Deserialize;

use crate::{
    Client,
    execute::{Call, Method, Outcome, send},
};

/// The longest that the endpoint may take: it is asked for a cause line, not for a decision that could not wait.
const LIMIT: Duration = Duration::from_secs(2);
/// The port of CNPG's instance manager.
const PORT: u16 = 8000;

/// Reads status endpoints.
#[derive(Clone)]
pub struct WalClient {
    client: Client,
}

impl WalClient {
    /// With a client of [`crate::connect::instance_client`].
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The WAL facts of the instance at `address`; `None` when they cannot be read.
    pub async fn read(&self, address: &str) -> Option<WalFacts> {
        let body = self.ask(address).await?;
        let unreadable = |error: &serde_json::Error| {
            tracing::debug!("/pg/status of {address} cannot be read: {error}");
        };
        parse(&body).inspect_err(unreadable).ok()
    }

    /// What the instance at `address` says of replication; `None` when it cannot be read.
    pub async fn replication(&self, address: &str) -> Option<ReplicationSeen> {
        replication(&self.ask(address).await?)
    }

    async fn ask(&self, address: &str) -> Option<Vec<u8>> {
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let uri = format!("https://{host}:{PORT}/pg/status");
        match send(&self.client, Call { method: Method::Get, uri, body: String::new() }, LIMIT).await {
            Outcome::Answered { status: 200, body, retry_after_s: _ } => Some(body),
            Outcome::Answered { status, .. } => {
                tracing::debug!("/pg/status of {address} answered {status}");
                None
            }
            Outcome::Lost(words) => {
                tracing::debug!("/pg/status of {address} did not answer: {words}");
                None
            }
        }
    }
}

/// The fields in use; zero and empty values are omitted on the wire (experiments-shrink E1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceStatus {
    is_primary: Option<bool>,
    #[serde(rename = "timeLineID")]
    timeline: Option<u64>,
    is_wal_receiver_active: Option<bool>,
    replay_lsn: Option<String>,
    current_lsn: Option<String>,
    #[serde(rename = "lastArchivedWALTime")]
    last_archived_wal_time: Option<String>,
    #[serde(rename = "lastFailedWALTime")]
    last_failed_wal_time: Option<String>,
    ready_wal_files: Option<u32>,
    replication_slots_info: Option<Vec<Slot>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slot {
    slot_name: Option<String>,
    restart_lsn: Option<String>,
}

fn parse(body: &[u8]) -> Result<WalFacts, serde_json::Error> {
    let status: InstanceStatus = serde_json::from_slice(body)?;
    let archived = status.last_archived_wal_time.as_deref().and_then(time);
    let failed = status.last_failed_wal_time.as_deref().and_then(time);
    let current = status.current_lsn.as_deref().and_then(position);
    let slot = status
        .replication_slots_info
        .iter()
        .flatten()
        .filter_map(|slot| {
            let retained = current?.checked_sub(position(slot.restart_lsn.as_deref()?)?)?;
            Some((Text::from(slot.slot_name.as_deref()?), Bytes::new(retained)))
        })
        .max_by_key(|(_, retained)| *retained);
    Ok(WalFacts {
        archiver_failing_since: failed.filter(|failed| archived.is_none_or(|archived| archived < *failed)),
        ready_segments: status.ready_wal_files.unwrap_or(0),
        slot,
    })
}

/// Absent is zero; a position that cannot be read is none, and then nothing follows.
fn replication(body: &[u8]) -> Option<ReplicationSeen> {
    let status: InstanceStatus = serde_json::from_slice(body).ok()?;
    let primary = status.is_primary.unwrap_or(false);
    let archived = status.last_archived_wal_time.as_deref().and_then(time);
    let failed = status.last_failed_wal_time.as_deref().and_then(time);
    let at = if primary { status.current_lsn } else { status.replay_lsn };
    Some(ReplicationSeen {
        primary,
        timeline: status.timeline.unwrap_or(0),
        receiving: status.is_wal_receiver_active.unwrap_or(false),
        position: position(at.as_deref()?)?,
        archiver_failing: failed.is_some_and(|failed| archived.is_none_or(|archived| archived < failed)),
    })
}

/// PostgreSQL's own text of a time (`2026-11-23 08:00:00.123456+00`), or RFC 3339; `-infinity` is never.
fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let rfc3339 = text.parse::<jiff::Timestamp>();
    let time = rfc3339.or_else(|_| jiff::Timestamp::strptime("%Y-%m-%d %H:%M:%S%.f%#z", text)).ok()?;
    Some(Timestamp::from_unix(time.as_second()))
}

/// A log position `16/B374D848` as a byte count.
fn position(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let (high, low) = (u64::from_str_radix(high, 16).ok()?, u64::from_str_radix(low, 16).ok()?);
    high.checked_shl(32).map(|high| high | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(body: &str, failing_since: Option<i64>, ready: u32, slot: Option<(&str, u64)>) {
        let expected = WalFacts {
            archiver_failing_since: failing_since.map(Timestamp::from_unix),
            ready_segments: ready,
            slot: slot.map(|(name, bytes)| (Text::from(name), Bytes::new(bytes))),
        };
        assert_eq!(parse(body.as_bytes()).expect("JSON"), expected);
    }

    #[test]
    fn what_is_absent_is_zero() {
        reads(r#"{"systemID": "7", "isPrimary": true, "pod": null}"#, None, 0, None);
    }

    #[test]
    fn an_archiver_that_never_failed_is_not_failing() {
        reads(
            r#"{"lastArchivedWALTime": "2026-11-23 08:00:00.5+00", "lastFailedWALTime": "-infinity"}"#,
            None,
            0,
            None,
        );
    }

    #[test]
    fn an_archiver_fails_when_its_last_failure_is_newer_than_its_last_success() {
        let failed = 1_795_420_800;
        for archived in ["-infinity", "2026-11-23 07:59:59+00", "2026-11-23T07:59:59Z"] {
            let body = format!(
                r#"{{"lastArchivedWALTime": "{archived}", "lastFailedWALTime": "2026-11-23 08:00:00.123456+00", "readyWalFiles": 7}}"#
            );
            reads(&body, Some(failed), 7, None);
        }
        reads(
            r#"{"lastArchivedWALTime": "2026-11-23 10:30:00+02:30", "lastFailedWALTime": "2026-11-23 07:00:00+00"}"#,
            None,
            0,
            None,
        );
    }

    #[test]
    fn the_slot_that_retains_most_is_named() {
        reads(
            r#"{"currentLsn": "1/10", "replicationSlotsInfo": [
                {"slotName": "a", "restartLsn": "1/0"}, {"slotName": "b", "restartLsn": "0/FFFFFFF0"},
                {"slotName": "ahead", "restartLsn": "1/11"}, {"slotName": "none"}]}"#,
            None,
            0,
            Some(("b", 0x20)),
        );
    }

    #[test]
    fn a_replica_tells_whether_it_receives_and_how_far_it_is() {
        let replica =
            r#"{"timeLineID": 3, "isWalReceiverActive": true, "replayLsn": "1/10", "isPodReady": false}"#;
        let seen = ReplicationSeen {
            primary: false,
            timeline: 3,
            receiving: true,
            position: (1 << 32) + 0x10,
            archiver_failing: false,
        };
        assert_eq!(replication(replica.as_bytes()), Some(seen));
        let primary = r#"{"isPrimary": true, "timeLineID": 3, "currentLsn": "1/20", "lastFailedWALTime": "2026-11-23 08:00:00+00"}"#;
        let seen = ReplicationSeen {
            primary: true,
            receiving: false,
            position: (1 << 32) + 0x20,
            archiver_failing: true,
            ..seen
        };
        assert_eq!(replication(primary.as_bytes()), Some(seen));
        assert_eq!(replication(b"{}"), None);
    }

    #[test]
    fn what_is_no_json_is_no_answer() {
        assert!(parse(b"<html>").is_err());
    }
}
