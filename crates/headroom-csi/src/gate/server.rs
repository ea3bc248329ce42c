//! The gate socket of one process.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use super::protocol::{Answer, Command};
use super::rules::Gates;

/// Serves the gates on a socket until dropped. A connection that fails ends alone.
pub async fn serve(listener: UnixListener, gates: Arc<Gates>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let gates = Arc::clone(&gates);
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &gates).await {
                        tracing::debug!(%error, "a gate connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the gate socket accepts no connection; trying again in 1 s");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, gates: &Gates) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match serde_json::from_str::<Command>(&line) {
            Ok(command) => {
                tracing::debug!(?command, "gate command");
                tokio::select! {
                    biased;
                    answer = gates.obey(command) => answer,
                    // Whoever waits may hang up; nobody is left to answer then.
                    () = hung_up(&mut lines) => return Ok(()),
                }
            }
            Err(error) => Answer::Refused { why: format!("not a gate command: {error}") },
        };
        say(&mut write, &answer).await?;
    }
    Ok(())
}

/// Ends when the other side closed. A client that sends a second command before the first is answered breaks the
/// protocol and is treated as gone.
async fn hung_up(lines: &mut Lines<BufReader<OwnedReadHalf>>) {
    let _ = lines.get_mut().fill_buf().await;
}

async fn say(write: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    write.write_all(&line).await
}
