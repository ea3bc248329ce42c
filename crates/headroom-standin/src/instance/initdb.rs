//! Makes the first instance's database.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::server::{Server, program};
use super::{Identity, config, pgdata, sql, watch};
use crate::cluster::Cluster;
use crate::names;

/// Makes an empty database cluster, the application's and the replication user's roles, and the declared tablespaces.
///
/// # Errors
/// When one of PostgreSQL's programs fails.
pub async fn initdb(identity: &Identity) -> Result<()> {
    let cluster = watch::read(identity).await?;
    empty(&cluster)?;
    let mut args =
        vec!["-D", names::PGDATA, "-U", "postgres", "--auth=peer", "--encoding=UTF8", "--locale=C"];
    if cluster.spec.wal_storage.is_some() {
        args.extend(["--waldir", names::PG_WAL]);
    }
    if cluster.spec.initdb().data_checksums {
        args.push("--data-checksums");
    }
    program("initdb", &args, &[]).await?;
    // Nobody is there yet whom a commit could wait for.
    let mut alone = cluster.clone();
    alone.spec.postgresql.synchronous = None;
    config::write(identity, &alone)?;
    let mut server = Server::start()?;
    if let Some(status) = server.until_ready().await? {
        anyhow::bail!("postgres ended: {status}");
    }
    let made = make(identity, &cluster).await;
    server.stop().await?;
    made
}

/// Removes what an earlier, failed attempt left, and makes the directories of volumes.
pub(super) fn empty(cluster: &Cluster) -> Result<()> {
    let mut places = vec![names::PGDATA.to_owned()];
    places.extend(cluster.spec.wal_storage.is_some().then(|| names::PG_WAL.to_owned()));
    places.extend(
        cluster.spec.tablespaces.iter().map(|tablespace| names::tablespace_location(&tablespace.name)),
    );
    for place in &places {
        let path = Path::new(place);
        if path.exists() {
            std::fs::remove_dir_all(path).with_context(|| format!("emptying {place}"))?;
        }
    }
    Ok(())
}

async fn make(identity: &Identity, cluster: &Cluster) -> Result<()> {
    let initdb = cluster.spec.initdb();
    let (owner, database) = (sql::name(&initdb.owner), sql::name(&initdb.database));
    let password = sql::literal(&identity.application_password);
    sql::run("postgres", &format!("create role {owner} login password {password}")).await?;
    let replication = sql::literal(&identity.replication_password);
    let user = names::REPLICATION_USER;
    // What pg_rewind needs of the server that it copies from (PostgreSQL's manual, pg_rewind).
    let functions = [
        "pg_ls_dir(text, boolean, boolean)",
        "pg_stat_file(text, boolean)",
        "pg_read_binary_file(text)",
        "pg_read_binary_file(text, bigint, bigint, boolean)",
    ];
    let grants: Vec<String> = functions
        .iter()
        .map(|function| format!("grant execute on function pg_catalog.{function} to {user}"))
        .collect();
    let role = format!("create role {user} login replication password {replication}");
    sql::run("postgres", &format!("{role}; {}", grants.join("; "))).await?;
    sql::run("postgres", &format!("create database {database} owner {owner}")).await?;
    tablespaces(cluster).await
}

/// Makes declared tablespaces that are not there.
pub(super) async fn tablespaces(cluster: &Cluster) -> Result<()> {
    for tablespace in &cluster.spec.tablespaces {
        let known = format!("select 1 from pg_tablespace where spcname = {}", sql::literal(&tablespace.name));
        if !sql::run("postgres", &known).await?.is_empty() {
            continue;
        }
        let location = names::tablespace_location(&tablespace.name);
        std::fs::create_dir_all(&location).with_context(|| format!("making {location}"))?;
        let owner =
            tablespace.owner.as_ref().map_or_else(|| cluster.spec.initdb().owner, |owner| owner.name.clone());
        let (name, owner, location) =
            (sql::name(&tablespace.name), sql::name(&owner), sql::literal(&location));
        sql::run("postgres", &format!("create tablespace {name} owner {owner} location {location}")).await?;
    }
    Ok(())
}

/// Whether PGDATA holds a database.
pub(super) fn is_made() -> bool {
    pgdata().join("PG_VERSION").exists()
}
