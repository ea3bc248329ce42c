//! What the status endpoint answers, read from the server (fields: experiments on shrinking, E1).

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::sql;

/// All in one statement; what does not concern a primary or a replica is null, and null is left out.
const SQL: &str = "select json_strip_nulls(json_build_object(
 'isPrimary', not pg_is_in_recovery(),
 'timeLineID', (select timeline_id from pg_control_checkpoint()),
 'systemID', (select system_identifier::text from pg_control_system()),
 'currentLsn', case when not pg_is_in_recovery() then pg_current_wal_lsn()::text end,
 'receivedLsn', case when pg_is_in_recovery() then pg_last_wal_receive_lsn()::text end,
 'replayLsn', case when pg_is_in_recovery() then pg_last_wal_replay_lsn()::text end,
 'isWalReceiverActive', exists (select from pg_stat_wal_receiver),
 'lastArchivedWALTime', (select coalesce(last_archived_time::text, '-infinity') from pg_stat_archiver),
 'lastFailedWALTime', (select coalesce(last_failed_time::text, '-infinity') from pg_stat_archiver),
 'readyWalFiles', (select nullif(count(*), 0) from pg_ls_archive_statusdir() where name like '%.ready'),
 'replicationSlotsInfo', (select json_agg(json_build_object('slotName', slot_name, 'restartLsn', restart_lsn::text,
    'walStatus', wal_status, 'active', active)) from pg_replication_slots where slot_type = 'physical'),
 'replicationInfo', (select json_agg(json_build_object('applicationName', application_name, 'state', state,
    'replayLsn', replay_lsn::text, 'syncState', sync_state)) from pg_stat_replication)))";

/// What the server says now.
pub(super) async fn read() -> Result<Value> {
    let text = sql::run("postgres", SQL).await?;
    serde_json::from_str(&text).context("reading what the server says of itself")
}

/// Whether the server is a standby that receives nothing, so that it can be promoted.
pub(super) async fn receives() -> Result<bool> {
    Ok(sql::run("postgres", "select exists (select from pg_stat_wal_receiver)").await? == "t")
}
