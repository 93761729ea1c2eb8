//! The report: tables and charts beside the raw figures.

use crate::agree;
use crate::charts;
use crate::results::{self, Conditions, Row, Times, setting, write};
use crate::serve::Dtype;
use autodiff_bench::workloads::workloads;
use autodiff_core::Native;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Writes all of the report.
pub fn draw(folder: &Path, rows: &[Row], conditions: &Conditions) -> Result<(), String> {
    results::save(folder, rows, conditions)?;
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
    draw(folder, &results::load(folder)?, &results::conditions(folder)?)
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
        let name = setting(row.cell.dtype, row.cell.threads);
        let at = views.iter().position(|v| v.setting == name).unwrap_or_else(|| {
            views.push(View { setting: name.clone(), peers: Vec::new(), lines: Vec::new() });
            views.len() - 1
        });
        let view = &mut views[at];
        let column = view.peers.iter().position(|p| *p == row.cell.peer).unwrap_or_else(|| {
            view.peers.push(row.cell.peer.clone());
            view.peers.len() - 1
        });
        let line = view.lines.iter().position(|l| l.workload == row.cell.workload).unwrap_or_else(|| {
            let floor = conditions.floors.get(&name).zip(work.get(&row.cell.workload));
            let floor_ms = floor.map(|(floors, work)| floors.time_ms(work)).filter(|&ms| ms > 0.0);
            view.lines.push(Line { workload: row.cell.workload.clone(), floor_ms, cells: Vec::new() });
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
                "The machine: products {:.0} GFLOP/s; copies {:.1} GB/s, into fresh memory {:.1}; exp {:.2} ns, an element of W2 and W13 by hand {:.2} ns.\n",
                f.product_gflops, f.copy_gbs, f.fresh_copy_gbs, f.exp_ns, f.element_ns
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
                        format!("{} ({}x){}", milliseconds(t.min_ms), ratio(t.min_ms / ours), spread(t))
                    }
                    (Ok(t), _) => format!("**{}**{}", milliseconds(t.min_ms), spread(t)),
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
         after + how much longer the least of the slowest round was, rounded up. A dash is a workload that the \
         engine cannot express. The floor is the least time that the machine's rates allow, each the best that was measured.\n",
    );
    text.push_str(&rounds(rows));
    text
}

/// What the rounds were, and what may be said of another run; nothing where the figures do not tell them.
fn rounds(rows: &[Row]) -> String {
    let of_cell = rows.iter().filter_map(|row| Some(row.times.as_ref()?.rounds_ms.len()));
    match of_cell.max() {
        Some(n) if n > 1 => format!(
            "\nA round is a pass over all settings and workloads, in new processes: the {n} rounds of a cell lie as far \
             apart as a pass takes, so that the machine's drift from one to the next is in the spread; a slower one is \
             not. 10.0 +5% says that the rounds took from 10.0 to 10.5. Two runs agree on a cell where these intervals \
             overlap: where all rounds are alike but for chance, they do in all but 1 cell of {:.0}. `compare agree` \
             counts them.\n",
            1.0 / agree::apart_by_chance(n, n)
        ),
        _ => String::new(),
    }
}

/// The workloads for whose sake memory is measured: a network, and chains that tell what a node takes.
pub const MEMORY: [&str; 3] = ["W15_deep_mlp", CHAINS[0], CHAINS[1]];
const CHAINS: [&str; 2] = ["W12_chain_10000", "W12_chain_1000000"];

fn memory(rows: &[Row]) -> String {
    let peak = |peer: &str, dtype: Dtype, workload: &str| {
        let mut found = rows
            .iter()
            .filter(|r| r.cell.peer == peer && r.cell.dtype == dtype && r.cell.workload == workload);
        found.find_map(|r| r.peak_mib)
    };
    let mut text = String::new();
    for row in rows.iter().filter(|r| r.cell.workload == MEMORY[0] && r.peak_mib.is_some()) {
        let chain = CHAINS.map(|workload| peak(&row.cell.peer, row.cell.dtype, workload));
        let node = match chain {
            [Some(short), Some(long)] => format!("{:.0}", (long - short) * 1024.0 * 1024.0 / 1_980_000.0),
            _ => "-".to_string(),
        };
        let mib = row.peak_mib.unwrap_or(f64::NAN);
        let _ = writeln!(text, "| {} | {} | {mib:.0} | {node} |", row.cell.peer, row.cell.dtype.name());
    }
    match text.is_empty() {
        true => text,
        false => format!(
            "## Memory\n\n| engine | | W15_deep_mlp, peak MiB | bytes a node of a chain of numbers |\n|---|---|---:|---:|\n{text}\n"
        ),
    }
}

/// How far the rounds reach, where there was more than one.
fn spread(times: &Times) -> String {
    match times.rounds_ms.len() {
        1 => String::new(),
        _ => format!(" +{}%", times.percent()),
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
