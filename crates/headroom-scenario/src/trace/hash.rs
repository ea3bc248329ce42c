//! The hash of a trace: FNV-1a over explicit little-endian fields, never debug text or machine words, so that it is the
//! same in every build profile and on every machine.

use std::fmt;

use headroom_core::{Bytes, ledger::Cause, names::VolumeName, report::State};

use super::{
    BackupState, ClaimState, ClusterState, Conditions, Entry, PodState, StorageState, Trace, VolumeState,
    What, Written,
};
use crate::{Act, Strike, Who, script::PolicyChange};

/// Equal traces have equal hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceHash(pub u64);

impl fmt::Display for TraceHash {
    /// Sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Trace {
    /// The hash over every field of every entry.
    pub fn hash(&self) -> TraceHash {
        let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
        for Entry { at_ms, what } in &self.entries {
            fnv.u64(*at_ms);
            fnv.what(what);
        }
        TraceHash(fnv.0)
    }
}

struct Fnv(u64);

impl Fnv {
    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn u64(&mut self, value: u64) {
        value.to_le_bytes().into_iter().for_each(|byte| self.byte(byte));
    }

    fn u32(&mut self, value: u32) {
        self.u64(u64::from(value));
    }

    fn i32(&mut self, value: i32) {
        self.u64(i64::from(value).cast_unsigned());
    }

    fn flag(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    fn bytes(&mut self, value: Bytes) {
        self.u64(value.get());
    }

    /// Length first, so that two texts cannot be cut differently.
    fn text(&mut self, text: &str) {
        self.u64(u64::try_from(text.len()).unwrap_or(u64::MAX));
        text.bytes().for_each(|byte| self.byte(byte));
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn volume(&mut self, volume: &VolumeName) {
        match volume {
            VolumeName::Data => self.byte(0),
            VolumeName::Tablespace(name) => {
                self.byte(1);
                self.text(name.as_str());
            }
            VolumeName::Wal => self.byte(2),
        }
    }

    fn state(&mut self, state: State) {
        self.text(crate::words::state(state));
    }

    fn cause(&mut self, cause: Cause) {
        self.text(crate::words::cause(cause));
    }

    fn who(&mut self, who: Who) {
        self.byte(match who {
            Who::Primary => 0,
            Who::LastReplica => 1,
        });
    }

    fn tag(&mut self, tag: u8) -> &mut Self {
        self.byte(tag);
        self
    }

    fn what(&mut self, what: &What) {
        match what {
            What::FixtureReady => self.byte(0),
            What::Acted(act) => self.tag(1).act(act),
            What::Struck(strike) => self.tag(2).strike(strike),
            What::GateHeld(gate) => self.tag(3).text(gate.name()),
            What::GateReached(gate) => self.tag(4).text(gate.name()),
            What::GateReleased(gate) => self.tag(5).text(gate.name()),
            What::Claim(claim) => self.tag(6).claim(claim),
            What::ClaimGone(instance, volume) => {
                self.tag(7).text(instance.as_str());
                self.volume(volume);
            }
            What::Pod(pod) => self.tag(8).pod(pod),
            What::PodGone(instance) => self.tag(9).text(instance.as_str()),
            What::Cluster(cluster) => self.tag(10).cluster(cluster),
            What::Storage(storage) => self.tag(11).storage(storage),
            What::Usage { instance, volume, capacity, available } => {
                self.tag(12).text(instance.as_str());
                self.volume(volume);
                self.bytes(*capacity);
                self.bytes(*available);
            }
            What::OperatorWrote(written) => self.tag(13).written(written),
            What::Event { kind, reason, on, message } => {
                self.byte(14);
                for text in [kind, reason, on, message] {
                    self.text(text);
                }
            }
            What::Acknowledged(rows) => self.tag(15).u64(*rows),
            What::InsertFailed { no_space } => self.tag(16).flag(*no_space),
            What::Verified { acknowledged, lost, sentinel_ok, amcheck_clean } => {
                self.byte(17);
                self.u64(*acknowledged);
                self.u64(*lost);
                self.flag(*sentinel_ok);
                self.maybe(*amcheck_clean, Self::flag);
            }
            What::Note(text) => self.tag(18).text(text),
            What::ClusterGone => self.byte(19),
            What::StorageGone => self.byte(20),
            What::Backup(BackupState { name, phase, error }) => {
                self.tag(21).text(name);
                self.text(phase);
                self.maybe(error.as_deref(), Self::text);
            }
            What::JoinFailed(instance, times) => {
                self.tag(22).text(instance.as_str());
                self.u32(*times);
            }
            What::Node { name, cordoned } => {
                self.tag(23).text(name);
                self.flag(*cordoned);
            }
            What::EvictionRefused(instance) => self.tag(24).text(instance.as_str()),
            What::Drained(node) => self.tag(25).text(node),
            What::JoinBegan(instance) => self.tag(26).text(instance.as_str()),
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::StartWriter { rows_per_second } => self.tag(0).u32(*rows_per_second),
            Act::Fill { volume, used_percent } => {
                self.tag(1).volume(volume);
                self.byte(*used_percent);
            }
            Act::FillUntilRefused { volume, stop_at } => {
                self.tag(2).volume(volume);
                self.bytes(*stop_at);
            }
            Act::StopOperator => self.byte(3),
            Act::StartOperator => self.byte(4),
            Act::PatchClaim { who, volume, to } => {
                self.tag(5).who(*who);
                self.volume(volume);
                self.bytes(*to);
            }
            Act::Scale { instances } => self.tag(6).u32(*instances),
            Act::SetPolicy(change) => self.tag(7).change(*change),
            Act::Verify => self.byte(8),
            Act::Truncate { volume } => self.tag(9).volume(volume),
            Act::SetClusterSize { volume, size } => {
                self.tag(10).volume(volume);
                self.bytes(*size);
            }
            Act::UpgradeImage => self.byte(11),
            Act::Reconciliation { enabled } => self.tag(12).flag(*enabled),
            Act::StartBackup => self.byte(13),
            Act::Restore { size } => self.tag(14).bytes(*size),
            Act::Uncordon => self.byte(15),
            Act::ProviderLimit { on } => self.tag(16).flag(*on),
            Act::SilenceKubelet(who) => self.tag(17).maybe(*who, Self::who),
            Act::PassTime(span) => self.tag(18).u64(span.as_secs()),
            Act::DeleteStorage => self.byte(19),
            Act::CreateStorage => self.byte(20),
            Act::WalLogHints { on } => self.tag(21).flag(*on),
            Act::ForbidDisruptions { on } => self.tag(22).flag(*on),
            Act::BreakArchive { on } => self.tag(23).flag(*on),
        }
    }

    fn change(&mut self, change: PolicyChange) {
        match change {
            PolicyChange::Limit(limit) => self.tag(0).bytes(limit),
            PolicyChange::TargetBuffer(percent) => self.tag(1).byte(percent),
            PolicyChange::Budget(day, reserved) => {
                self.tag(2).byte(day);
                self.byte(reserved);
            }
            PolicyChange::EmergencyLimit(limit) => self.tag(3).bytes(limit),
            PolicyChange::Request(request) => self.tag(4).bytes(request),
            PolicyChange::Shrink(enabled) => self.tag(5).flag(enabled),
            PolicyChange::Paused(paused) => self.tag(6).flag(paused),
        }
    }

    fn strike(&mut self, strike: &Strike) {
        match strike {
            Strike::KillOperator => self.byte(0),
            Strike::DeletePod(who) => self.tag(1).who(*who),
            Strike::SwitchOver => self.byte(2),
            Strike::FailOver => self.byte(3),
            Strike::Drain(who) => self.tag(4).who(*who),
            Strike::CordonAll => self.byte(5),
            Strike::Change(act) => self.tag(6).act(act),
            Strike::BreakData(who) => self.tag(7).who(*who),
            Strike::Cordon(who) => self.tag(8).who(*who),
            Strike::CnpgAway(span) => self.tag(9).u64(span.as_secs()),
        }
    }

    fn written(&mut self, written: &Written) {
        match written {
            Written::Claim { instance, volume, to } => {
                self.tag(0).text(instance.as_str());
                self.volume(volume);
                self.bytes(*to);
            }
            Written::Status => self.byte(1),
            Written::Other(text) => self.tag(2).text(text),
            Written::Deleted(text) => self.tag(3).text(text),
        }
    }

    fn claim(&mut self, claim: &ClaimState) {
        let ClaimState { instance, volume, uid, requested, capacity, terminating, file_system_pending } =
            claim;
        self.text(instance.as_str());
        self.volume(volume);
        self.text(uid);
        self.bytes(*requested);
        self.maybe(*capacity, Self::bytes);
        self.flag(*terminating);
        self.flag(*file_system_pending);
    }

    fn pod(&mut self, pod: &PodState) {
        let PodState { instance, uid, ready, primary, restarts, last_exit, terminating, image } = pod;
        self.text(instance.as_str());
        self.text(uid);
        self.flag(*ready);
        self.flag(*primary);
        self.u32(*restarts);
        self.maybe(*last_exit, Self::i32);
        self.flag(*terminating);
        self.text(image);
    }

    fn cluster(&mut self, cluster: &ClusterState) {
        let ClusterState { phase, wanted, instances, ready, primary, target_primary, image } = cluster;
        self.text(phase);
        for count in [*wanted, *instances, *ready] {
            self.u32(count);
        }
        self.maybe(primary.as_deref(), Self::text);
        self.maybe(target_primary.as_deref(), Self::text);
        self.text(image);
    }

    fn storage(&mut self, storage: &StorageState) {
        let StorageState { observed_generation, generation, conditions, volumes } = storage;
        let Conditions { ready, reconciling, stalled } = conditions;
        self.u64(*observed_generation);
        self.u64(*generation);
        for flag in [*ready, *reconciling, *stalled] {
            self.flag(flag);
        }
        self.u64(u64::try_from(volumes.len()).unwrap_or(u64::MAX));
        for VolumeState { volume, state, reason, effective, target, running, ledger } in volumes {
            self.volume(volume);
            self.state(*state);
            self.text(reason);
            self.maybe(*effective, Self::bytes);
            self.maybe(*target, Self::bytes);
            self.maybe(*running, Self::cause);
            self.u64(u64::try_from(ledger.len()).unwrap_or(u64::MAX));
            for (cause, to, completed) in ledger {
                self.cause(*cause);
                self.bytes(*to);
                self.flag(*completed);
            }
        }
    }
}
