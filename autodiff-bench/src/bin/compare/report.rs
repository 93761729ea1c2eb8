//! The report: raw figures, tables and charts in a folder.

use crate::charts;
use crate::machine;
use crate::serve::Dtype;
use autodiff_bench::floors::Floors;
use autodiff_bench::measure::Measurement;
use autodiff_bench::workloads::workloads;
use autodiff_core::Native;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// One cell: an engine on a workload. A cell without times says why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub peer: String,
    pub workload: String,
    pub dtype: Dtype,
    pub threads: usize,
    #[serde(flatten)]
    pub times: Option<Times>,
    /// The most memory that a process of its own held while it called the workload three times.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Times {
    pub min_ms: f64,
    pub median_ms: f64,
    pub reps: usize,
    /// How far the fastest repetition of a round was above that of the best round, as a share of it.
    pub spread: f64,
}

impl Row {
    /// The times of several rounds of one cell.
    pub fn of_rounds(rounds: &[Measurement]) -> Option<Times> {
        let mut mins: Vec<f64> = rounds.iter().map(|m| m.min_ms).collect();
        let mut medians: Vec<f64> = rounds.iter().map(|m| m.median_ms).collect();
        mins.sort_by(f64::total_cmp);
        medians.sort_by(f64::total_cmp);
        let (best, worst) = (*mins.first()?, *mins.last()?);
        Some(Times {
            min_ms: best,
            median_ms: medians[medians.len() / 2],
            reps: rounds.iter().map(|m| m.reps).sum(),
            spread: worst / best - 1.0,
        })
    }

    pub fn new(
        peer: &str,
        workload: &str,
        dtype: Dtype,
        threads: usize,
        outcome: Result<Times, String>,
    ) -> Self {
        let (times, error) = match outcome {
            Ok(times) => (Some(times), None),
            Err(error) => (None, Some(error)),
        };
        Row {
            peer: peer.to_string(),
            workload: workload.to_string(),
            dtype,
            threads,
            times,
            peak_mib: None,
            error,
        }
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

/// Writes the raw figures.
pub fn save(folder: &Path, rows: &[Row], conditions: &Conditions) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let lines: String =
        rows.iter().map(|row| serde_json::to_string(row).expect("plain data") + "\n").collect();
    write(&folder.join("results.jsonl"), &lines)?;
    write(&folder.join("conditions.json"), &serde_json::to_string_pretty(conditions).expect("plain data"))
}

/// Writes a file as a whole, or leaves the one that was there.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, text)
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// Writes all of the report.
pub fn draw(folder: &Path, rows: &[Row], conditions: &Conditions) -> Result<(), String> {
    save(folder, rows, conditions)?;
    let mut page = String::from("# Comparison\n\n");
    let _ = writeln!(page, "{}, {}.\n", conditions.date, conditions.processor);
    let _ = writeln!(page, "    {}\n", conditions.command.trim_end());
    for (peer, version) in &conditions.versions {
        let _ = writeln!(page, "- {peer}: {version}");
    }
    let _ = writeln!(page, "\n{}", table(rows, conditions));
    for view in views(rows, conditions) {
        let file = format!("{}.svg", view.setting.replace(", ", "-").replace(' ', "-"));
        charts::draw(&folder.join(&file), &view)?;
        let _ = writeln!(page, "![{}]({file})\n", view.setting);
    }
    write(&folder.join("README.md"), &page)
}

/// Draws the report again from its raw figures.
pub fn redraw(folder: &Path) -> Result<(), String> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let problem = |e: serde_json::Error| format!("{}: {e}", folder.display());
    let rows = read("results.jsonl")?.lines().map(serde_json::from_str).collect::<Result<Vec<Row>, _>>();
    let conditions = serde_json::from_str(&read("conditions.json")?).map_err(problem)?;
    draw(folder, &rows.map_err(problem)?, &conditions)
}

/// The cells of one setting, workloads in rows and engines in columns.
pub struct View {
    pub setting: String,
    pub peers: Vec<String>,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub workload: String,
    /// The physical floor in milliseconds, where there is one.
    pub floor_ms: Option<f64>,
    /// A cell for each engine; what it says where there are no times.
    pub cells: Vec<Result<Times, String>>,
}

impl Line {
    /// The best time of our backends.
    pub fn ours_ms(&self, peers: &[String]) -> Option<f64> {
        let ours = peers.iter().zip(&self.cells).filter(|(peer, _)| is_ours(peer));
        ours.filter_map(|(_, cell)| Some(cell.as_ref().ok()?.min_ms)).min_by(f64::total_cmp)
    }
}

pub fn is_ours(peer: &str) -> bool {
    ["native", "blas"].contains(&peer)
}

/// The figures by setting, in the order in which they were measured.
pub fn views(rows: &[Row], conditions: &Conditions) -> Vec<View> {
    let work: BTreeMap<String, _> =
        workloads::<f64, Native>().into_iter().map(|w| (w.name, w.work)).collect();
    let mut views: Vec<View> = Vec::new();
    for row in rows {
        let name = setting(row.dtype, row.threads);
        let at = views.iter().position(|v| v.setting == name).unwrap_or_else(|| {
            views.push(View { setting: name.clone(), peers: Vec::new(), lines: Vec::new() });
            views.len() - 1
        });
        let view = &mut views[at];
        let column = view.peers.iter().position(|p| *p == row.peer).unwrap_or_else(|| {
            view.peers.push(row.peer.clone());
            view.peers.len() - 1
        });
        let line = view.lines.iter().position(|l| l.workload == row.workload).unwrap_or_else(|| {
            let floor = conditions.floors.get(&name).zip(work.get(&row.workload));
            let floor_ms = floor.map(|(floors, work)| floors.time_ms(work)).filter(|&ms| ms > 0.0);
            view.lines.push(Line { workload: row.workload.clone(), floor_ms, cells: Vec::new() });
            view.lines.len() - 1
        });
        let cells = &mut view.lines[line].cells;
        while cells.len() <= column {
            cells.push(Err("not measured".to_string()));
        }
        cells[column] = row.times.clone().ok_or_else(|| row.error.clone().unwrap_or_default());
    }
    views
}

/// Times in milliseconds, and how many times our best they are; the floor beside them.
pub fn table(rows: &[Row], conditions: &Conditions) -> String {
    let mut text = String::new();
    for view in views(rows, conditions) {
        let _ = writeln!(text, "## {}\n", view.setting);
        if let Some(f) = conditions.floors.get(&view.setting) {
            let _ = writeln!(
                text,
                "The machine: products {:.0} GFLOP/s; copies {:.1} GB/s, into fresh memory {:.1}; exp {:.2} ns, tanh {:.2} ns.\n",
                f.product_gflops, f.copy_gbs, f.fresh_copy_gbs, f.exp_ns, f.tanh_ns
            );
        }
        let _ = writeln!(text, "| workload | {} | ours / floor |", view.peers.join(" | "));
        let _ = writeln!(text, "|---|{}---:|", "---:|".repeat(view.peers.len()));
        for line in &view.lines {
            let ours = line.ours_ms(&view.peers);
            let mut cells = Vec::new();
            for (peer, cell) in view.peers.iter().zip(&line.cells) {
                cells.push(match (cell, ours) {
                    (Ok(t), Some(ours)) if !is_ours(peer) => {
                        format!(
                            "{} ({}x) ±{:.0}%",
                            milliseconds(t.min_ms),
                            ratio(t.min_ms / ours),
                            100.0 * t.spread
                        )
                    }
                    (Ok(t), _) => format!("**{}** ±{:.0}%", milliseconds(t.min_ms), 100.0 * t.spread),
                    (Err(problem), _) if problem.starts_with("not supported") => "-".to_string(),
                    (Err(problem), _) => problem.clone(),
                });
            }
            let floor = match (ours, line.floor_ms) {
                (Some(ours), Some(floor)) => ratio(ours / floor),
                _ => "-".to_string(),
            };
            let _ = writeln!(text, "| {} | {} | {floor} |", line.workload, cells.join(" | "));
        }
        text.push('\n');
    }
    text.push_str(&memory(rows));
    text.push_str(
        "Milliseconds, the least of all repetitions; in brackets how many times the better of our backends that is; \
         after ± how much slower the slowest round was. A dash is a workload that the engine cannot express. The \
         floor is the least time that the machine's measured rates allow.\n",
    );
    text
}

/// The workloads for whose sake memory is measured: a network, and chains that tell what a node takes.
pub const MEMORY: [&str; 3] = ["W15_deep_mlp", CHAINS[0], CHAINS[1]];
const CHAINS: [&str; 2] = ["W12_chain_10000", "W12_chain_1000000"];

fn memory(rows: &[Row]) -> String {
    let peak = |peer: &str, dtype: Dtype, workload: &str| {
        let mut found = rows.iter().filter(|r| r.peer == peer && r.dtype == dtype && r.workload == workload);
        found.find_map(|r| r.peak_mib)
    };
    let mut text = String::new();
    for row in rows.iter().filter(|r| r.workload == MEMORY[0] && r.peak_mib.is_some()) {
        let chain = CHAINS.map(|workload| peak(&row.peer, row.dtype, workload));
        let node = match chain {
            [Some(short), Some(long)] => format!("{:.0}", (long - short) * 1024.0 * 1024.0 / 1_980_000.0),
            _ => "-".to_string(),
        };
        let mib = row.peak_mib.unwrap_or(f64::NAN);
        let _ = writeln!(text, "| {} | {} | {mib:.0} | {node} |", row.peer, row.dtype.name());
    }
    match text.is_empty() {
        true => text,
        false => format!(
            "## Memory\n\n| engine | | W15_deep_mlp, peak MiB | bytes a node of a chain of numbers |\n|---|---|---:|---:|\n{text}\n"
        ),
    }
}

fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms >= 100.0 => format!("{ms:.0}"),
        ms if ms >= 10.0 => format!("{ms:.1}"),
        ms if ms >= 1.0 => format!("{ms:.2}"),
        _ => format!("{ms:.4}"),
    }
}

fn ratio(x: f64) -> String {
    if x >= 10.0 { format!("{x:.0}") } else { format!("{x:.2}") }
}
