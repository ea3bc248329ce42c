//! Gates: holding, failing, waiting, over real sockets with both clients.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headroom_csi::gate::{
    BlockingClient, Client, Code, GateError, Gates, Happened, Kind, Step, Subject, VolumeSelector, serve,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tonic::Status;

const LONG: Duration = Duration::from_secs(20);

/// One controller process and two node processes, as far as gates go.
struct Processes {
    controller: Gated,
    n1: Gated,
    n2: Gated,
    sockets: Vec<PathBuf>,
    _directory: tempfile::TempDir,
}

/// The gates of a process, and the step that its calls do.
#[derive(Clone)]
struct Gated {
    gates: Arc<Gates>,
    step: Step,
}

impl Gated {
    async fn pass(&self, subject: &Subject) -> Result<(), Status> {
        self.gates.pass(self.step, subject).await
    }
}

impl Processes {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut sockets = Vec::new();
        let mut start = |name: &str, steps: &[Step]| {
            let gates = Arc::new(Gates::new(steps.iter().copied()));
            let socket = directory.path().join(name);
            tokio::spawn(serve(UnixListener::bind(&socket).unwrap(), Arc::clone(&gates)));
            sockets.push(socket);
            Gated { gates, step: steps[0] }
        };
        let controller = start("controller", &[Step::Controller, Step::Snapshot]);
        let (n1, n2) = (start("n1", &[Step::Node]), start("n2", &[Step::Node]));
        Self { controller, n1, n2, sockets, _directory: directory }
    }

    fn client(&self) -> Client {
        Client::new(self.sockets.clone())
    }

    fn blocking(&self) -> BlockingClient {
        BlockingClient::new(self.sockets.clone())
    }
}

fn subject(handle: &str) -> Subject {
    Subject { handle: handle.into(), claim: Some(("default".into(), format!("claim-of-{handle}"))) }
}

/// A call that goes through the gates in a task of its own.
fn call(gates: &Gated, handle: &str) -> tokio::task::JoinHandle<Result<(), Status>> {
    let (gates, subject) = (gates.clone(), subject(handle));
    tokio::spawn(async move { gates.pass(&subject).await })
}

async fn passes(gates: &Gated, handle: &str) -> bool {
    tokio::time::timeout(LONG, gates.pass(&subject(handle))).await.unwrap().is_ok()
}

#[tokio::test]
async fn a_step_that_nobody_holds_passes() {
    let processes = Processes::new();
    assert!(passes(&processes.controller, "a").await);
}

#[tokio::test]
async fn each_selector_holds_its_volumes_and_no_others() {
    let cases = [
        (VolumeSelector::Any, true, true),
        (VolumeSelector::Handle("a".into()), true, false),
        (VolumeSelector::claim("default", "claim-of-a"), true, false),
        (VolumeSelector::claim("other", "claim-of-a"), false, false),
        (VolumeSelector::Handle("claim-of-a".into()), false, false),
    ];
    for (selector, a, b) in cases {
        assert_eq!(selector.matches(&subject("a")), a, "{selector}");
        assert_eq!(selector.matches(&subject("b")), b, "{selector}");
    }
    let unknown = Subject { handle: "a".into(), claim: None };
    assert!(!VolumeSelector::claim("default", "claim-of-a").matches(&unknown));
}

#[tokio::test]
async fn a_held_call_waits_until_the_release_and_later_calls_pass_at_once() {
    let (processes, volume) = (Processes::new(), VolumeSelector::Handle("a".into()));
    let client = processes.client();
    client.hold(Step::Node, &volume).await.unwrap();
    let held = call(&processes.n2, "a");
    let gate = client.wait_reached(Step::Node, &volume, LONG).await.unwrap().unwrap();
    assert_eq!((gate.kind, gate.attempts, gate.waiting), (Kind::Hold, 1, 1));
    assert!(gate.reached_at_ms.is_some() && !held.is_finished());
    assert!(passes(&processes.n2, "b").await);
    assert!(passes(&processes.controller, "a").await);
    assert_eq!(client.release(Step::Node, &volume).await.unwrap(), 1);
    assert!(tokio::time::timeout(LONG, held).await.unwrap().unwrap().is_ok());
    assert!(passes(&processes.n2, "a").await);
}

#[tokio::test]
async fn a_gate_stays_reached_over_the_callers_retries() {
    let (processes, volume) = (Processes::new(), VolumeSelector::Any);
    let client = processes.client();
    client.hold(Step::Controller, &volume).await.unwrap();
    for attempt in 1..=3 {
        let held = call(&processes.controller, "a");
        let gate = client.wait_attempts(Step::Controller, &volume, attempt, LONG).await.unwrap().unwrap();
        assert_eq!((gate.attempts, gate.waiting), (attempt, 1));
        // The caller's deadline is over: the transport drops the call.
        held.abort();
        assert!(held.await.unwrap_err().is_cancelled());
        let gates = client.list().await.unwrap();
        assert_eq!((gates[0].attempts, gates[0].waiting), (attempt, 0));
    }
    assert!(client.wait_reached(Step::Controller, &volume, Duration::ZERO).await.unwrap().is_some());
    assert_eq!(client.release(Step::Controller, &volume).await.unwrap(), 0);
    assert!(passes(&processes.controller, "a").await);
}

#[tokio::test]
async fn a_call_held_twice_passes_after_both_releases() {
    let (processes, one) = (Processes::new(), VolumeSelector::Handle("a".into()));
    let client = processes.client();
    client.hold(Step::Controller, &one).await.unwrap();
    client.hold(Step::Controller, &one).await.unwrap();
    client.hold(Step::Controller, &VolumeSelector::Any).await.unwrap();
    assert_eq!(client.list().await.unwrap().len(), 2);
    let held = call(&processes.controller, "a");
    client.wait_reached(Step::Controller, &one, LONG).await.unwrap().unwrap();
    client.release(Step::Controller, &one).await.unwrap();
    let any = client.wait_reached(Step::Controller, &VolumeSelector::Any, LONG).await.unwrap().unwrap();
    assert_eq!((any.attempts, any.waiting, held.is_finished()), (1, 1, false));
    client.release(Step::Controller, &VolumeSelector::Any).await.unwrap();
    assert!(tokio::time::timeout(LONG, held).await.unwrap().unwrap().is_ok());
}

#[tokio::test]
async fn the_gates_of_one_step_leave_the_other_steps_of_the_process_alone() {
    let (processes, volume) = (Processes::new(), VolumeSelector::Handle("a".into()));
    let client = processes.client();
    let snapshots = Gated { step: Step::Snapshot, ..processes.controller.clone() };
    client.hold(Step::Snapshot, &volume).await.unwrap();
    let held = call(&snapshots, "a");
    client.wait_reached(Step::Snapshot, &volume, LONG).await.unwrap().unwrap();
    assert!(passes(&processes.controller, "a").await);
    let missing = client.wait_reached(Step::Controller, &volume, LONG).await;
    assert!(matches!(missing, Err(GateError::Refused { .. })), "{missing:?}");
    assert!(matches!(client.release(Step::Controller, &volume).await, Err(GateError::Refused { .. })));
    client.hold(Step::Controller, &volume).await.unwrap();
    assert_eq!(client.release(Step::Snapshot, &volume).await.unwrap(), 1);
    assert!(tokio::time::timeout(LONG, held).await.unwrap().unwrap().is_ok());
    let code = "UNAVAILABLE".parse().unwrap();
    client.fail(Step::Snapshot, &volume, code, "", None).await.unwrap();
    client.fail(Step::Controller, &volume, code, "", Some(0)).await.unwrap();
    client.release(Step::Controller, &volume).await.unwrap();
    assert!(!passes(&snapshots, "a").await);
    assert!(passes(&processes.controller, "a").await);
}

#[tokio::test]
async fn each_code_is_answered_as_often_as_asked() {
    let (processes, volume) = (Processes::new(), VolumeSelector::claim("default", "claim-of-a"));
    let client = processes.client();
    let mut seen = BTreeSet::new();
    for code in Code::all() {
        client.fail(Step::Controller, &volume, code, "as asked", Some(2)).await.unwrap();
        for _ in 0..2 {
            let status = processes.controller.pass(&subject("a")).await.unwrap_err();
            assert_eq!((status.code(), status.message()), (code.to_tonic(), "as asked"));
            seen.insert(i32::from(status.code()));
            assert!(passes(&processes.controller, "b").await);
        }
        assert!(passes(&processes.controller, "a").await);
        let gate = &client.list().await.unwrap()[0];
        assert_eq!((gate.kind, gate.attempts, gate.remaining), (Kind::Fail, 2, Some(0)));
        assert!(client.wait_attempts(Step::Controller, &volume, 2, LONG).await.unwrap().is_some());
    }
    assert!(seen.into_iter().eq(1..=16));
}

#[tokio::test]
async fn a_failure_without_a_number_lasts_until_it_is_cleared() {
    let (processes, volume) = (Processes::new(), VolumeSelector::Any);
    let (client, code) = (processes.client(), "Internal".parse().unwrap());
    client.fail(Step::Node, &volume, code, "", None).await.unwrap();
    for _ in 0..20 {
        assert!(!passes(&processes.n1, "a").await);
    }
    client.clear().await.unwrap();
    assert!(passes(&processes.n1, "a").await);
    assert!(client.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_step_that_is_held_and_fails_waits_first() {
    let (processes, volume) = (Processes::new(), VolumeSelector::Any);
    let (client, code) = (processes.client(), "ABORTED".parse().unwrap());
    client.fail(Step::Node, &volume, code, "", Some(1)).await.unwrap();
    client.hold(Step::Node, &volume).await.unwrap();
    let held = call(&processes.n1, "a");
    client.wait_reached(Step::Node, &volume, LONG).await.unwrap().unwrap();
    let failure = client.list().await.unwrap().into_iter().find(|gate| gate.kind == Kind::Fail).unwrap();
    assert_eq!((failure.attempts, failure.remaining), (0, Some(1)));
    client.release(Step::Node, &volume).await.unwrap();
    let status = tokio::time::timeout(LONG, held).await.unwrap().unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::Aborted);
}

#[tokio::test]
async fn clearing_lets_what_waits_pass() {
    let (processes, client) = (Processes::new(), Processes::client);
    let client = client(&processes);
    client.hold(Step::Node, &VolumeSelector::Any).await.unwrap();
    let held = call(&processes.n1, "a");
    client.wait_reached(Step::Node, &VolumeSelector::Any, LONG).await.unwrap().unwrap();
    client.clear().await.unwrap();
    assert!(tokio::time::timeout(LONG, held).await.unwrap().unwrap().is_ok());
}

#[tokio::test]
async fn what_happened_is_told_in_order() {
    let (processes, volume) = (Processes::new(), VolumeSelector::Any);
    let (client, code) = (processes.client(), "UNAVAILABLE".parse().unwrap());
    client.hold(Step::Controller, &volume).await.unwrap();
    let held = call(&processes.controller, "a");
    client.wait_reached(Step::Controller, &volume, LONG).await.unwrap();
    held.abort();
    held.await.unwrap_err();
    client.release(Step::Controller, &volume).await.unwrap();
    client.fail(Step::Controller, &volume, code, "", Some(1)).await.unwrap();
    assert!(!passes(&processes.controller, "a").await);
    assert!(passes(&processes.controller, "a").await);
    let events = client.events().await.unwrap();
    let seen: Vec<_> = events.iter().map(|event| (event.number, event.what)).collect();
    assert_eq!(
        seen,
        [(1, Happened::Held), (2, Happened::GaveUp), (3, Happened::Failed), (4, Happened::Passed)]
    );
    assert!(events.iter().all(|event| event.claim.as_deref() == Some("default/claim-of-a")));
}

#[tokio::test]
async fn waiting_ends_with_its_time_and_needs_a_gate() {
    let (processes, volume) = (Processes::new(), VolumeSelector::Any);
    let client = processes.client();
    let missing = client.wait_reached(Step::Node, &volume, LONG).await;
    assert!(matches!(missing, Err(GateError::Refused { .. })), "{missing:?}");
    assert!(matches!(client.release(Step::Node, &volume).await, Err(GateError::Refused { .. })));
    client.hold(Step::Node, &volume).await.unwrap();
    assert_eq!(client.wait_reached(Step::Node, &volume, Duration::from_millis(20)).await.unwrap(), None);
}

#[tokio::test]
async fn a_step_that_no_process_serves_is_an_error() {
    let processes = Processes::new();
    let only_nodes = Client::new(processes.sockets[1..].to_vec());
    let answer = only_nodes.hold(Step::Controller, &VolumeSelector::Any).await;
    assert!(matches!(answer, Err(GateError::NobodyServes { sockets: 2, .. })), "{answer:?}");
}

#[tokio::test]
async fn a_socket_without_a_process_is_an_error() {
    let nobody = Client::new([PathBuf::from("/nonexistent/gate.sock")]);
    let answer = nobody.list().await;
    assert!(matches!(answer, Err(GateError::Talk { .. })), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocking_client_does_all_the_same() {
    let processes = Processes::new();
    let (client, n1) = (processes.blocking(), processes.n1.clone());
    let volume = VolumeSelector::claim("default", "claim-of-a");
    let held = call(&n1, "b");
    assert!(held.await.unwrap().is_ok());
    let script = tokio::task::spawn_blocking(move || {
        client.hold(Step::Node, &volume).unwrap();
        assert_eq!(client.wait_reached(Step::Node, &volume, Duration::from_millis(20)).unwrap(), None);
        let handle = tokio::runtime::Handle::current();
        let held = handle.spawn(async move { n1.pass(&subject("a")).await });
        let gate = client.wait_reached(Step::Node, &volume, LONG).unwrap().unwrap();
        assert_eq!((gate.attempts, held.is_finished()), (1, false));
        assert_eq!(client.release(Step::Node, &volume).unwrap(), 1);
        let code = "DATA_LOSS".parse().unwrap();
        client.fail(Step::Controller, &volume, code, "", Some(1)).unwrap();
        assert_eq!(client.list().unwrap().len(), 1);
        assert!(client.events().unwrap().iter().any(|event| event.what == Happened::Held));
        client.clear().unwrap();
        assert!(matches!(client.wait_reached(Step::Node, &volume, LONG), Err(GateError::Refused { .. })));
        held
    });
    assert!(script.await.unwrap().await.unwrap().is_ok());
    assert!(passes(&processes.controller, "a").await);
}

#[track_caller]
fn check_text(text: &str, expected: Option<VolumeSelector>) {
    assert_eq!(text.parse::<VolumeSelector>().ok(), expected, "{text}");
    if let Some(selector) = expected {
        assert_eq!(selector.to_string(), text);
    }
}

#[test]
fn volumes_are_written_as_they_are_read() {
    check_text("any", Some(VolumeSelector::Any));
    check_text("handle:pvc-1", Some(VolumeSelector::Handle("pvc-1".into())));
    check_text("claim:ns/name", Some(VolumeSelector::claim("ns", "name")));
    for text in
        ["", "all", "any:", "handle:", "claim:", "claim:ns", "claim:/name", "claim:ns/", "claim:a/b/c"]
    {
        check_text(text, None);
    }
}

#[test]
fn codes_are_read_in_any_spelling() {
    for text in ["RESOURCE_EXHAUSTED", "ResourceExhausted", "resource-exhausted"] {
        assert_eq!(text.parse::<Code>().unwrap().name(), "RESOURCE_EXHAUSTED");
    }
    for text in ["", "OK", "0", "EXHAUSTED"] {
        assert!(text.parse::<Code>().is_err(), "{text}");
    }
}

/// Sends a line as a person with a terminal would and gives the answer.
async fn say(processes: &Processes, line: &str) -> String {
    let (read, mut write) = UnixStream::connect(&processes.sockets[1]).await.unwrap().into_split();
    write.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    BufReader::new(read).read_line(&mut answer).await.unwrap();
    answer.trim_end().to_owned()
}

#[tokio::test]
async fn the_protocol_is_what_its_documentation_says() {
    let processes = Processes::new();
    let hold = r#"{"command":"hold","step":"node","volume":"claim:default/claim-of-a"}"#;
    assert_eq!(say(&processes, hold).await, r#"{"answer":"done"}"#);
    let other = r#"{"command":"hold","step":"controller","volume":"any"}"#;
    assert_eq!(say(&processes, other).await, r#"{"answer":"not_here"}"#);
    let waiting_call = call(&processes.n1, "a");
    let wait =
        r#"{"command":"wait_reached","step":"node","volume":"claim:default/claim-of-a","timeout_ms":20000}"#;
    let reached = say(&processes, wait).await;
    let start = r#"{"answer":"reached","gate":{"kind":"hold","step":"node","volume":"claim:default/claim-of-a","attempts":1,"waiting":1,"reached_at_ms":"#;
    assert!(reached.starts_with(start), "{reached}");
    let fail =
        r#"{"command":"fail","step":"node","volume":"any","code":"INTERNAL","message":"no","times":1}"#;
    assert_eq!(say(&processes, fail).await, r#"{"answer":"done"}"#);
    let release = r#"{"command":"release","step":"node","volume":"claim:default/claim-of-a"}"#;
    assert_eq!(say(&processes, release).await, r#"{"answer":"released","waiting":1}"#);
    assert_eq!(waiting_call.await.unwrap().unwrap_err().message(), "no");
    for line in ["", "hold", "{}", r#"{"command":"hold","step":"both","volume":"any"}"#] {
        let answer = say(&processes, line).await;
        assert!(answer.starts_with(r#"{"answer":"refused","why":"not a gate command"#), "{answer}");
    }
    let shared = processes.n2.pass(&subject("a")).await;
    assert!(shared.is_ok());
}
