//! The raw figures: what was measured of each cell, and their files.

use crate::machine;
use crate::serve::Dtype;
use autodiff_bench::floors::Floors;
use autodiff_bench::measure::Measurement;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// An engine on a workload in a setting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    pub peer: String,
    pub workload: String,
    pub dtype: Dtype,
    pub threads: usize,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}, {}", self.peer, self.workload, setting(self.dtype, self.threads))
    }
}

/// The figures of a cell. One without times says why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    #[serde(flatten)]
    pub cell: Cell,
    #[serde(flatten)]
    pub times: Option<Times>,
    /// The most memory that a process of its own held while it called the workload three times.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// The times of a cell: a round's is its fastest repetition, and the cell's is its fastest round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Times {
    pub min_ms: f64,
    /// The median of the rounds' medians.
    pub median_ms: f64,
    pub reps: usize,
    /// How far the slowest round was above the fastest, as a share of it.
    pub spread: f64,
    /// The time of each round, in order; none in reports from before they were kept.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rounds_ms: Vec<f64>,
}

impl Times {
    /// The times of several rounds of one cell; none without rounds.
    pub fn of_rounds(rounds: &[Measurement]) -> Option<Times> {
        let rounds_ms: Vec<f64> = rounds.iter().map(|m| m.min_ms).collect();
        let fastest = rounds_ms.iter().copied().min_by(f64::total_cmp)?;
        let slowest = rounds_ms.iter().copied().max_by(f64::total_cmp)?;
        let mut medians: Vec<f64> = rounds.iter().map(|m| m.median_ms).collect();
        medians.sort_by(f64::total_cmp);
        let n = medians.len();
        Some(Times {
            min_ms: fastest,
            median_ms: (medians[(n - 1) / 2] + medians[n / 2]) / 2.0,
            reps: rounds.iter().map(|m| m.reps).sum(),
            spread: slowest / fastest - 1.0,
            rounds_ms,
        })
    }

    /// The spread as it is stated: in whole percent, rounded up, so that what is stated has all rounds in it.
    pub fn percent(&self) -> u32 {
        // 1.05 / 1.0 - 1.0 is above 0.05.
        (100.0 * self.spread - 1e-9).ceil() as u32
    }

    /// The end of the interval that is stated: no round took longer.
    pub fn end_ms(&self) -> f64 {
        self.min_ms * (1.0 + f64::from(self.percent()) / 100.0)
    }

    /// Whether the intervals that are stated overlap.
    pub fn overlaps(&self, other: &Times) -> bool {
        self.min_ms <= other.end_ms() && other.min_ms <= self.end_ms()
    }
}

/// What the figures were measured on and with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conditions {
    pub date: String,
    pub processor: String,
    pub command: String,
    pub versions: BTreeMap<String, String>,
    /// Rates of the machine for each setting.
    pub floors: BTreeMap<String, Floors>,
}

impl Conditions {
    pub fn here() -> Self {
        let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        Conditions {
            date: machine::now(),
            processor: machine::processor(),
            command: format!(
                "cargo run --release -p autodiff-bench --features blas --bin compare -- {command}"
            ),
            versions: BTreeMap::new(),
            floors: BTreeMap::new(),
        }
    }
}

/// A setting's name, as in `f64, 1 thread`.
pub fn setting(dtype: Dtype, threads: usize) -> String {
    format!("{}, {threads} thread{}", dtype.name(), if threads == 1 { "" } else { "s" })
}

const ROWS: &str = "results.jsonl";
const CONDITIONS: &str = "conditions.json";

/// Writes the raw figures.
pub fn save(folder: &Path, rows: &[Row], conditions: &Conditions) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let lines: String =
        rows.iter().map(|row| serde_json::to_string(row).expect("plain data") + "\n").collect();
    write(&folder.join(ROWS), &lines)?;
    write(&folder.join(CONDITIONS), &serde_json::to_string_pretty(conditions).expect("plain data"))
}

/// The figures saved in a folder.
pub fn load(folder: &Path) -> Result<Vec<Row>, String> {
    read(&folder.join(ROWS), |text| text.lines().map(serde_json::from_str).collect())
}

/// What the figures saved in a folder were measured on and with.
pub fn conditions(folder: &Path) -> Result<Conditions, String> {
    read(&folder.join(CONDITIONS), |text| serde_json::from_str(text))
}

fn read<V>(path: &Path, parse: impl FnOnce(&str) -> serde_json::Result<V>) -> Result<V, String> {
    let problem = |e: &dyn fmt::Display| format!("{}: {e}", path.display());
    let text = fs::read_to_string(path).map_err(|e| problem(&e))?;
    parse(&text).map_err(|e| problem(&e))
}

/// Writes a file as a whole, or leaves the one that was there.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, text)
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn measurement(min_ms: f64, median_ms: f64) -> Measurement {
        Measurement { value: 1.0, grad_norm: 2.0, min_ms, median_ms, reps: 3 }
    }

    /// Times whose rounds took so long.
    pub fn times(rounds_ms: &[f64]) -> Times {
        Times::of_rounds(&rounds_ms.iter().map(|&ms| measurement(ms, ms)).collect::<Vec<_>>()).unwrap()
    }

    pub fn cell(peer: &str, threads: usize) -> Cell {
        Cell { peer: peer.into(), workload: "W1".into(), dtype: Dtype::F64, threads }
    }

    #[test]
    fn the_time_is_that_of_the_fastest_round_and_the_spread_reaches_the_slowest() {
        let rounds =
            [measurement(4.0, 9.0), measurement(2.0, 6.0), measurement(5.0, 7.0), measurement(3.0, 20.0)];
        let times = Times::of_rounds(&rounds).unwrap();
        assert_eq!((times.min_ms, times.median_ms, times.reps), (2.0, 8.0, 12));
        assert_eq!((times.spread, times.end_ms()), (1.5, 5.0));
        assert_eq!(times.rounds_ms, [4.0, 2.0, 5.0, 3.0]);
        assert_eq!(Times::of_rounds(&rounds[..3]).unwrap().median_ms, 7.0);
        assert!(Times::of_rounds(&[]).is_none());
    }

    #[test]
    fn the_stated_spread_has_all_rounds_in_it() {
        let percent = |slowest| times(&[1.0, slowest]).percent();
        assert_eq!([1.0, 1.0001, 1.01, 1.05, 1.051, 2.0].map(percent), [0, 1, 1, 5, 6, 100]);
        let (low, high) = (times(&[1.0, 1.004]), times(&[1.01, 1.02]));
        assert!(low.overlaps(&high) && high.overlaps(&low));
    }

    #[test]
    fn intervals_overlap_from_their_ends_on() {
        let a = times(&[1.0, 1.5]);
        for (rounds, overlap) in [
            ([1.5, 2.0], true),
            ([1.51, 2.0], false),
            ([0.5, 1.0], true),
            ([0.5, 0.99], false),
            ([1.1, 1.2], true),
        ] {
            let b = times(&rounds);
            assert_eq!((a.overlaps(&b), b.overlaps(&a)), (overlap, overlap), "{rounds:?}");
        }
    }

    #[test]
    fn rows_are_read_as_they_were_written_and_from_before_rounds_were_kept() {
        let row =
            Row { cell: cell("torch", 2), times: Some(times(&[1.5, 1.0])), peak_mib: Some(7.0), error: None };
        let line = serde_json::to_string(&row).unwrap();
        let again: Row = serde_json::from_str(&line).unwrap();
        assert_eq!((again.cell, again.times.unwrap().rounds_ms), (row.cell, vec![1.5, 1.0]));
        let old = r#"{"peer":"jax","workload":"W1","dtype":"f32","threads":1,"min_ms":2.0,"median_ms":3.0,"reps":6,"spread":0.5}"#;
        let old: Row = serde_json::from_str(old).unwrap();
        assert_eq!(old.times.map(|t| (t.end_ms(), t.rounds_ms.len())), Some((3.0, 0)));
        let none =
            r#"{"peer":"rag","workload":"W1","dtype":"f32","threads":1,"error":"not supported: so it is"}"#;
        assert!(serde_json::from_str::<Row>(none).unwrap().times.is_none());
    }
}
