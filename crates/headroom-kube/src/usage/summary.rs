//! The kubelet's summary (`/stats/summary`).

use headroom_core::{
    Bytes, Timestamp,
    names::{ObjectName, Uid},
    usage::Sample,
};
use headroom_engine::event::ClaimSample;
use serde::Deserialize;

/// The fields in use; everything else is skipped unread.
#[derive(Deserialize)]
struct Summary {
    pods: Option<Vec<PodStats>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStats {
    pod_ref: PodRef,
    volume: Option<Vec<VolumeStats>>,
}

#[derive(Deserialize)]
struct PodRef {
    uid: String,
}

/// Odd volumes of other people's pods must not hide ours: every field may be missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeStats {
    time: Option<String>,
    capacity_bytes: Option<u64>,
    available_bytes: Option<u64>,
    pvc_ref: Option<ClaimRef>,
}

#[derive(Deserialize)]
struct ClaimRef {
    name: String,
    namespace: String,
}

/// The samples of all claims that the node's pods mount. A volume without time or figures is not yet measured and left
/// out: what is missing is unknown, never zero.
///
/// # Errors
/// When it is no summary.
pub fn parse(body: &[u8]) -> Result<Vec<ClaimSample>, serde_json::Error> {
    let summary: Summary = serde_json::from_slice(body)?;
    let mut samples = Vec::new();
    for pod in summary.pods.into_iter().flatten() {
        let uid = Uid::from(pod.pod_ref.uid.as_str());
        let volumes = pod.volume.into_iter().flatten();
        samples.extend(volumes.filter_map(|volume| sample(&uid, &volume)));
    }
    Ok(samples)
}

fn sample(pod: &Uid, volume: &VolumeStats) -> Option<ClaimSample> {
    let claim = volume.pvc_ref.as_ref()?;
    let at: jiff::Timestamp = volume.time.as_deref()?.parse().ok()?;
    let capacity = Bytes::new(volume.capacity_bytes.filter(|bytes| *bytes > 0)?);
    Some(ClaimSample {
        namespace: ObjectName::from(claim.namespace.as_str()),
        claim: ObjectName::from(claim.name.as_str()),
        pod: pod.clone(),
        sample: Sample {
            at: Timestamp::from_unix(at.as_second()),
            capacity,
            available: Bytes::new(volume.available_bytes?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(claim, unix time, capacity, available)` of each sample.
    #[track_caller]
    fn gives(body: &str, expected: &[(&str, i64, u64, u64)]) {
        let samples = parse(body.as_bytes()).expect("a summary");
        let found: Vec<_> = samples
            .iter()
            .map(|it| {
                let sample = it.sample;
                (it.claim.as_str(), sample.at.unix(), sample.capacity.get(), sample.available.get())
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_volume_with_a_claim_is_a_sample() {
        gives(
            r#"{"node": {"nodeName": "n1", "cpu": {}}, "pods": [
                {"podRef": {"name": "pg-1", "namespace": "ns", "uid": "u1"}, "startTime": "2026-11-23T08:00:00Z",
                 "volume": [
                   {"time": "2026-11-23T08:00:10Z", "availableBytes": 30, "capacityBytes": 100, "usedBytes": 70,
                    "inodes": 5, "name": "pgdata", "pvcRef": {"name": "pg-1", "namespace": "ns"}},
                   {"time": "2026-11-23T08:00:10Z", "availableBytes": 1, "capacityBytes": 2, "name": "kube-api-access"},
                   {"time": "2026-11-23T08:00:11Z", "availableBytes": 0, "capacityBytes": 50, "usedBytes": 50,
                    "name": "pg-wal", "pvcRef": {"name": "pg-1-wal", "namespace": "ns"}}]},
                {"podRef": {"name": "starting", "namespace": "ns", "uid": "u2"}}]}"#,
            &[("pg-1", 1_795_420_810, 100, 30), ("pg-1-wal", 1_795_420_811, 50, 0)],
        );
    }

    #[test]
    fn a_volume_that_is_not_yet_measured_is_left_out_not_zero() {
        gives(
            r#"{"pods": [{"podRef": {"uid": "u"}, "volume": [
                {"name": "a", "pvcRef": {"name": "no-time", "namespace": "ns"}, "capacityBytes": 1, "availableBytes": 1},
                {"name": "b", "pvcRef": {"name": "no-capacity", "namespace": "ns"}, "time": "2026-11-23T08:00:10Z", "availableBytes": 1},
                {"name": "c", "pvcRef": {"name": "zero-capacity", "namespace": "ns"}, "time": "2026-11-23T08:00:10Z", "capacityBytes": 0, "availableBytes": 0},
                {"name": "d", "pvcRef": {"name": "no-available", "namespace": "ns"}, "time": "2026-11-23T08:00:10Z", "capacityBytes": 1},
                {"name": "e", "pvcRef": {"name": "bad-time", "namespace": "ns"}, "time": "soon", "capacityBytes": 1, "availableBytes": 1}]}]}"#,
            &[],
        );
    }

    #[test]
    fn a_node_without_pods_has_no_samples() {
        gives(r#"{"node": {}}"#, &[]);
        gives(r#"{"pods": null}"#, &[]);
    }

    #[test]
    fn what_is_no_summary_is_an_error() {
        assert!(parse(b"404 page not found").is_err());
    }
}
