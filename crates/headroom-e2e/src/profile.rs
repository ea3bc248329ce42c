//! Profiles of clusters: which storage the fixtures use, how large their sizes must be there, and how long named waits
//! may last.

use std::time::Duration;

use clap::ValueEnum;
use headroom_core::Bytes;
use headroom_scenario::{Kubelets, Wait};

/// A kind of cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// `cargo lab up`: small sparse disks of any size, kubelets that sample every 10 s.
    Lab,
    /// Any cluster with an expandable StorageClass.
    Generic,
    /// AKS with Azure managed disks.
    Azure,
    /// EKS with EBS.
    Aws,
    /// GKE with persistent disks.
    Gcp,
}

/// The named limits of a profile, seconds.
struct Limits {
    ready: u64,
    decision: u64,
    strike: u64,
    growth: u64,
    recovery: u64,
    quiet: u64,
    window: u64,
    fill: u64,
    stall: u64,
    drain: u64,
    backup: u64,
    join: u64,
    upgrade: u64,
    restore: u64,
}

/// Two samples of the lab's kubelets are 10 to 20 s apart, those of a stock kubelet 60 to 120 s. A crash-loop back-off
/// lasts up to five minutes, and promotion or rewind comes on top.
const LAB: Limits = Limits {
    ready: 300,
    decision: 300,
    strike: 180,
    growth: 300,
    recovery: 600,
    quiet: 120,
    window: 300,
    fill: 300,
    stall: 600,
    drain: 300,
    backup: 300,
    join: 300,
    upgrade: 600,
    restore: 600,
};
/// Stock kubelets, images to pull, nodes that may have to be added first.
const GENERIC: Limits = Limits {
    ready: 900,
    decision: 480,
    strike: 480,
    growth: 900,
    recovery: 1_200,
    quiet: 480,
    window: 600,
    fill: 1_200,
    stall: 900,
    drain: 900,
    backup: 900,
    join: 900,
    upgrade: 1_800,
    restore: 1_800,
};
/// Detaching and attaching a disk at another node takes minutes.
const AZURE: Limits = Limits {
    ready: 1_200,
    strike: 900,
    growth: 1_800,
    recovery: 1_800,
    drain: 1_800,
    backup: 1_800,
    restore: 2_400,
    ..GENERIC
};
/// A modified EBS volume is usable at once, but the file system follows only when the modification is seen.
/// A snapshot of one is ready only when it was copied.
const AWS: Limits =
    Limits { strike: 600, growth: 1_500, recovery: 1_500, backup: 1_800, restore: 2_400, ..GENERIC };
const GCP: Limits =
    Limits { strike: 600, growth: 1_200, recovery: 1_500, backup: 1_800, restore: 2_400, ..GENERIC };

impl Profile {
    /// `lab`, `generic`, `azure`, `aws`, `gcp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lab => "lab",
            Self::Generic => "generic",
            Self::Azure => "azure",
            Self::Aws => "aws",
            Self::Gcp => "gcp",
        }
    }

    /// The profile of a StorageClass with this provisioner.
    pub fn of_provisioner(provisioner: &str) -> Self {
        let all = [Self::Lab, Self::Azure, Self::Aws, Self::Gcp];
        all.into_iter().find(|one| one.provisioners().contains(&provisioner)).unwrap_or(Self::Generic)
    }

    /// The CSI drivers that the profile speaks of; empty: any.
    pub const fn provisioners(self) -> &'static [&'static str] {
        match self {
            Self::Lab => &["lab.csi.headroom.dev"],
            Self::Generic => &[],
            Self::Azure => &["disk.csi.azure.com"],
            Self::Aws => &["ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"],
            Self::Gcp => &["pd.csi.storage.gke.io"],
        }
    }

    /// The step of a disk's size and the smallest disk. Sizes are rounded up to the step by the provider, and a scenario
    /// that asks for 1152Mi would get 2Gi: then another scenario than the one that was written would run.
    pub const fn disks(self) -> (Bytes, Bytes) {
        match self {
            Self::Lab | Self::Generic => (Bytes::new(1), Bytes::new(1)),
            // EBS gp3 and managed disks: whole GiB, from 1 GiB on.
            Self::Azure | Self::Aws => (Bytes::gibi(1), Bytes::gibi(1)),
            // Persistent disks: whole GiB, from 10 GiB on.
            Self::Gcp => (Bytes::gibi(1), Bytes::gibi(10)),
        }
    }

    /// How long a named wait may last.
    pub const fn limit(self, wait: Wait) -> Duration {
        let limits = match self {
            Self::Lab => LAB,
            Self::Generic => GENERIC,
            Self::Azure => AZURE,
            Self::Aws => AWS,
            Self::Gcp => GCP,
        };
        Duration::from_secs(match wait {
            Wait::Ready => limits.ready,
            Wait::Decision => limits.decision,
            Wait::Strike => limits.strike,
            Wait::Growth => limits.growth,
            Wait::Recovery => limits.recovery,
            Wait::Quiet => limits.quiet,
            Wait::Window => limits.window,
            Wait::Fill => limits.fill,
            Wait::Stall => limits.stall,
            Wait::Drain => limits.drain,
            Wait::Backup => limits.backup,
            Wait::Join => limits.join,
            Wait::Upgrade => limits.upgrade,
            Wait::Restore => limits.restore,
            // Four copies, each with the wait for a checkpoint, and a switchover.
            Wait::Shrink => limits.join.saturating_mul(6),
            // A slot returns after a day, on every cluster.
            Wait::Slot => 25 * 3_600,
        })
    }

    /// How often kubelets measure.
    pub const fn kubelets(self) -> Kubelets {
        match self {
            Self::Lab => Kubelets::Quick,
            Self::Generic | Self::Azure | Self::Aws | Self::Gcp => Kubelets::Stock,
        }
    }

    /// How long the operator must have written nothing to be at rest: longer than two samples of a kubelet are apart.
    pub const fn quiet_span(self) -> Duration {
        Duration::from_secs(match self.kubelets() {
            Kubelets::Quick => 30,
            Kubelets::Stock => 150,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: [Wait; 16] = [
        Wait::Ready,
        Wait::Decision,
        Wait::Strike,
        Wait::Growth,
        Wait::Recovery,
        Wait::Quiet,
        Wait::Window,
        Wait::Fill,
        Wait::Stall,
        Wait::Drain,
        Wait::Backup,
        Wait::Join,
        Wait::Upgrade,
        Wait::Restore,
        Wait::Shrink,
        Wait::Slot,
    ];

    #[test]
    fn every_limit_is_a_multiple_of_what_must_fit_into_it() {
        for profile in Profile::value_variants() {
            for wait in WAITS {
                let limit = profile.limit(wait);
                assert!(
                    limit > profile.quiet_span() && limit >= Profile::Lab.limit(wait),
                    "{profile:?} {wait:?}"
                );
            }
            // Two samples, each up to two periods of the kubelet after the other, and a decision.
            let samples = if *profile == Profile::Lab { 40 } else { 240 };
            assert!(profile.limit(Wait::Decision).as_secs() >= 2 * samples - 60, "{profile:?}");
        }
    }

    #[test]
    fn a_profile_is_told_by_its_driver() {
        assert_eq!(Profile::of_provisioner("ebs.csi.aws.com"), Profile::Aws);
        assert_eq!(Profile::of_provisioner("lab.csi.headroom.dev"), Profile::Lab);
        assert_eq!(Profile::of_provisioner("rook-ceph.rbd.csi.ceph.com"), Profile::Generic);
        assert_eq!(Profile::of_provisioner("kubernetes.io/aws-ebs"), Profile::Generic);
    }
}
