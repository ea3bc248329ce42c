//! The writer: one row after another through the `-rw` service, with a ledger of what was acknowledged.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use std::time::{Duration, Instant};

use headroom_scenario::What;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinHandle;

use super::{manifests::CLIENT, pod, recorder::Recorder, wait};

/// A running writer.
pub(crate) struct Writer {
    task: JoinHandle<()>,
    acknowledged: Arc<Mutex<Vec<u64>>>,
}

impl Writer {
    /// Starts writing `rows_per_second`.
    pub(crate) fn start(pods: Api<Pod>, recorder: Recorder, rows_per_second: u32) -> Self {
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(run(pods, recorder, rows_per_second, acknowledged.clone()));
        Self { task, acknowledged }
    }

    /// The numbers of all rows acknowledged so far.
    pub(crate) fn acknowledged(&self) -> Vec<u64> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many rows are acknowledged and expected by now.
    pub(crate) fn count(&self) -> usize {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Rows after the first `count` are no longer expected: the Cluster goes back to what it was then.
    pub(crate) fn go_back_to(&self, count: usize) {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).truncate(count);
    }

    /// Stops writing.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

/// Writes from number `$1` on, a row each `$2` seconds, and says of each how it went. One session is kept for as long as it
/// lasts: a new one for each row costs the server more than the row. One that does not answer for long is given up.
const SCRIPT: &str = r#"
n=$1
trap '' PIPE
pipes=$(mktemp -d)
mkfifo "$pipes/in" "$pipes/out"
exec {never}<> <(:)
while :; do
  psql -qAtX -v ON_ERROR_STOP=1 <"$pipes/in" >"$pipes/out" 2>&1 &
  session=$!
  exec {to}>"$pipes/in" {from}<"$pipes/out"
  while answer=
    printf "insert into ledger (n) values (%d) returning 'ack ' || n;\n" "$n" >&"$to" 2>/dev/null &&
    read -r -t 15 -u "$from" answer && [ "$answer" = "ack $n" ]
  do
    echo "$answer"
    n=$((n + 1))
    read -r -t "$2" -u "$never"
  done
  exec {to}>&-
  kill "$session" 2>/dev/null
  case "$answer$(cat <&"$from")" in *"No space left"*) echo "full $n" ;; *) echo "lost $n" ;; esac
  exec {from}<&-
  wait "$session"
  n=$((n + 1))
  read -r -t "$2" -u "$never"
done
"#;

async fn run(pods: Api<Pod>, recorder: Recorder, rows_per_second: u32, acknowledged: Arc<Mutex<Vec<u64>>>) {
    let next = AtomicU64::new(1);
    let mut total = 0;
    let pause = format!("{:.3}", 1.0 / f64::from(rows_per_second.max(1)));
    loop {
        let from = next.load(Ordering::Relaxed).to_string();
        let command = ["bash", "-c", SCRIPT, "writer", &from, &pause];
        if let Ok(mut process) = pod::start(&pods, CLIENT, CLIENT, &command).await
            && let Some(stdout) = process.stdout()
        {
            total = read(BufReader::new(stdout), &recorder, &next, &acknowledged, total).await;
        }
        // The stream broke (a node or the API server went away): go on with fresh numbers.
        next.fetch_add(1000, Ordering::Relaxed);
        wait::pause(Duration::from_secs(1)).await;
    }
}

async fn read(
    stdout: BufReader<impl tokio::io::AsyncRead + Unpin>,
    recorder: &Recorder,
    next: &AtomicU64,
    acknowledged: &Mutex<Vec<u64>>,
    // Acknowledged in all, those that a restore took back included: the trace counts upwards.
    mut total: u64,
) -> u64 {
    let mut lines = stdout.lines();
    let mut told: Option<Instant> = None;
    let mut failing = false;
    while let Ok(Some(line)) = lines.next_line().await {
        let Some((how, number)) = line.split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        next.store(number + 1, Ordering::Relaxed);
        if how == "ack" {
            acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(number);
            total += 1;
            if failing || told.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
                recorder.push(What::Acknowledged(total));
                told = Some(Instant::now());
            }
            failing = false;
        } else if !failing {
            failing = true;
            recorder.push(What::InsertFailed { no_space: how == "full" });
        }
    }
    total
}
