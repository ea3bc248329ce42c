//! Size and usage of each volume over time, as inline SVG.

use std::{collections::BTreeMap, fmt::Write as _};

use headroom_core::{
    Bytes,
    names::{InstanceName, VolumeName},
};
use headroom_scenario::{Report, What};
use serde::{Deserialize, Serialize};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// Points of a curve: milliseconds and MiB.
type Curve = Vec<(u64, u64)>;

/// What is drawn of one volume.
#[derive(Default)]
struct Drawn {
    requested: BTreeMap<InstanceName, Curve>,
    capacity: BTreeMap<InstanceName, Curve>,
    used: BTreeMap<InstanceName, Curve>,
}

/// A chart of one volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// Inline SVG.
    pub svg: String,
    /// What it shows.
    pub caption: String,
}

/// One chart per volume.
pub fn charts(report: &Report) -> Vec<Chart> {
    let Some((from, to)) = span(report) else { return Vec::new() };
    volumes(report)
        .into_iter()
        .map(|(volume, drawn)| {
            let frame = Frame::new(from, to, &drawn);
            let instances: Vec<&str> = drawn.capacity.keys().map(InstanceName::as_str).collect();
            let caption = format!(
                "{volume}: claims of {} (dashed: requested, solid: capacity) and the largest used share (area), in MiB",
                instances.join(", ")
            );
            Chart { svg: frame.svg(report, &drawn), caption }
        })
        .collect()
}

/// From a little before the fixture was ready to a little after the last thing that people want to see.
fn span(report: &Report) -> Option<(u64, u64)> {
    let ready = report.trace.entries.iter().find(|entry| entry.what == What::FixtureReady)?.at_ms;
    let last = report.timeline.iter().map(|moment| moment.at_ms).max()?.max(ready);
    let margin = (last - ready) / 16 + 1_000;
    Some((ready.saturating_sub(margin), last + margin))
}

const fn mebi(bytes: Bytes) -> u64 {
    bytes.get() >> 20
}

fn volumes(report: &Report) -> BTreeMap<VolumeName, Drawn> {
    let mut volumes: BTreeMap<VolumeName, Drawn> = BTreeMap::new();
    for entry in &report.trace.entries {
        if let What::Usage { instance, volume, capacity, available } = &entry.what {
            let drawn = volumes.entry(volume.clone()).or_default();
            let used = mebi(capacity.minus_or_zero(*available));
            drawn.used.entry(instance.clone()).or_default().push((entry.at_ms, used));
        } else if let Some(claim) = entry.what.claim() {
            let drawn = volumes.entry(claim.volume.clone()).or_default();
            let point = |size| (entry.at_ms, mebi(size));
            drawn.requested.entry(claim.instance.clone()).or_default().push(point(claim.requested));
            if let Some(capacity) = claim.capacity {
                drawn.capacity.entry(claim.instance.clone()).or_default().push(point(capacity));
            }
        }
    }
    volumes
}

/// The largest value of several curves at each time at which one of them has a point.
fn largest(curves: &BTreeMap<InstanceName, Curve>) -> Curve {
    let mut times: Vec<u64> = curves.values().flatten().map(|(at, _)| *at).collect();
    times.sort_unstable();
    times.dedup();
    // A curve is in the order of time, and a week has thousands of points.
    let at = |curve: &Curve, time: u64| {
        let next = curve.partition_point(|(at, _)| *at <= time);
        curve.get(next.checked_sub(1)?).map(|(_, y)| *y)
    };
    times
        .into_iter()
        .filter_map(|time| Some((time, curves.values().filter_map(|curve| at(curve, time)).max()?)))
        .collect()
}

struct Frame {
    from: u64,
    to: u64,
    top: u64,
}

impl Frame {
    fn new(from: u64, to: u64, drawn: &Drawn) -> Self {
        let values =
            drawn.requested.values().chain(drawn.capacity.values()).chain(drawn.used.values()).flatten();
        let top = values.map(|(_, y)| *y).max().unwrap_or(1).max(1);
        Self { from, to, top: (top + top / 8).next_multiple_of(256) }
    }

    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    fn x(&self, at_ms: u64) -> f64 {
        let share =
            at_ms.clamp(self.from, self.to).saturating_sub(self.from) as f64 / (self.to - self.from) as f64;
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    fn y(&self, mebi: u64) -> f64 {
        HEIGHT - BOTTOM - mebi as f64 / self.top as f64 * (HEIGHT - TOP - BOTTOM)
    }

    fn svg(&self, report: &Report, drawn: &Drawn) -> String {
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
        self.axes(&mut svg);
        self.area(&largest(&drawn.used), &mut svg);
        self.marks(report, &mut svg);
        for (class, curves) in [("ask", &drawn.requested), ("", &drawn.capacity)] {
            for (at, curve) in curves.values().enumerate() {
                self.steps(curve, at, class, &mut svg);
            }
        }
        svg.push_str("</svg>");
        svg
    }

    fn axes(&self, svg: &mut String) {
        for step in 0..=4 {
            let mebi = self.top * step / 4;
            let y = self.y(mebi);
            let right = WIDTH - RIGHT;
            let _ = write!(
                svg,
                "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>"
            );
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{mebi}</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        for step in 0..=4 {
            let at = self.from + (self.to - self.from) * step / 4;
            let anchor = if step == 4 { "end" } else { "middle" };
            let (x, y, seconds) = (self.x(at), HEIGHT - 8.0, at / 1000);
            let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{seconds} s</text>");
        }
    }

    /// Usage as a line between samples, down to the axis.
    fn area(&self, curve: &Curve, svg: &mut String) {
        let shown: Vec<(u64, u64)> = curve.iter().copied().filter(|(at, _)| *at >= self.from).collect();
        let earlier = curve.iter().rfind(|(at, _)| *at < self.from).map(|(_, y)| (self.from, *y));
        let points: Vec<(u64, u64)> = earlier.into_iter().chain(shown.iter().copied()).collect();
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        let mut path = format!("M{:.1} {:.1}", self.x(first.0), self.y(0));
        for (at, mebi) in &points {
            let _ = write!(path, "L{:.1} {:.1}", self.x(*at), self.y(*mebi));
        }
        let end = self.x(last.0.max(self.to));
        let _ = write!(path, "L{end:.1} {:.1}L{end:.1} {:.1}Z", self.y(last.1), self.y(0));
        let _ = write!(svg, "<path class=\"used\" d=\"{path}\"/>");
    }

    /// A size as steps; each instance a little lower than the one before, so that equal sizes stay visible.
    fn steps(&self, curve: &Curve, index: usize, class: &str, svg: &mut String) {
        let lower = f64::from(u8::try_from(index).unwrap_or(u8::MAX)) * 2.0;
        let mut path = String::new();
        let mut before: Option<f64> = None;
        for (at, mebi) in curve {
            let (x, y) = (self.x(*at), self.y(*mebi) + lower);
            let _ = match before {
                None => write!(path, "M{x:.1} {y:.1}"),
                Some(before) => write!(path, "L{x:.1} {before:.1}L{x:.1} {y:.1}"),
            };
            before = Some(y);
        }
        let Some(y) = before else { return };
        let _ = write!(path, "L{:.1} {y:.1}", self.x(self.to));
        let _ = write!(svg, "<path class=\"line l{} {class}\" d=\"{path}\"/>", index % 3);
    }

    /// Trigger, disruption and completion as upright lines.
    fn marks(&self, report: &Report, svg: &mut String) {
        for moment in &report.timeline {
            let Some((kind @ ("trigger" | "disruption" | "completion"), _)) = moment.what.split_once(": ")
            else {
                continue;
            };
            let (x, top, bottom) = (self.x(moment.at_ms), TOP, HEIGHT - BOTTOM);
            let _ = write!(
                svg,
                "<line class=\"mark mark-{kind}\" x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom}\"><title>{kind}</title></line>"
            );
        }
    }
}
