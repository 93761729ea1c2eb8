//! Counts the instructions of a few tiny workloads, and holds them against a committed baseline.
//!
//!     cargo run --release -p autodiff-bench --bin instructions              # fails where a count grew by over 5 %
//!     cargo run --release -p autodiff-bench --bin instructions -- --update  # after a change that is meant
//!
//! Time varies from run to run; the number of instructions of the same program does not. It needs `valgrind`.
#![forbid(unsafe_code)]

use autodiff_bench::workloads::{Workload, tiny};
use autodiff_core::Native;
use clap::Parser;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Counts the instructions of a few tiny workloads, and holds them against a committed baseline.
#[derive(Parser)]
struct Arguments {
    /// Writes the baseline anew.
    #[arg(long)]
    update: bool,
    /// Calls a workload this many times: what is run under valgrind.
    #[arg(long, hide = true, num_args = 2, value_names = ["WORKLOAD", "CALLS"])]
    call: Option<Vec<String>>,
}

const GROWTH: f64 = 0.05;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("instructions: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let workloads = tiny::<f64, Native>();
    if let Some([name, calls]) = arguments.call.as_deref() {
        let workload =
            workloads.iter().find(|w| w.name == *name).ok_or_else(|| format!("no workload {name}"))?;
        let calls: usize = calls.parse().map_err(|_| format!("{calls} is no number of calls"))?;
        let mut cell = workload.build();
        (0..calls).for_each(|_| {
            cell.call();
        });
        return Ok(true);
    }

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json");
    let problem = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let counts = workloads
        .iter()
        .map(|w| Ok((w.name.clone(), count(w)?)))
        .collect::<Result<BTreeMap<_, _>, String>>()?;
    if arguments.update {
        let text = serde_json::to_string_pretty(&counts).map_err(|e| problem(&e))? + "\n";
        std::fs::write(&path, text).map_err(|e| problem(&e))?;
    }
    let text = std::fs::read_to_string(&path).map_err(|e| problem(&e))?;
    let baseline: BTreeMap<String, f64> = serde_json::from_str(&text).map_err(|e| problem(&e))?;
    let mut within = true;
    println!("{:<20} {:>14} {:>14} {:>8}", "instructions a call", "baseline", "now", "change");
    for (name, now) in &counts {
        let before =
            baseline.get(name).ok_or_else(|| format!("{name} is not in the baseline; see --update"))?;
        let growth = now / before - 1.0;
        let verdict = if growth > GROWTH { "  over the limit of 5 %" } else { "" };
        within &= growth <= GROWTH;
        println!("{name:<20} {before:>14.0} {now:>14.0} {:>+7.1}%{verdict}", 100.0 * growth);
    }
    Ok(within)
}

/// Instructions of one call: what ten more calls add, after the first has filled caches and tables.
fn count(workload: &Workload) -> Result<f64, String> {
    let (few, many) = (2, 12);
    Ok((total(workload, many)? - total(workload, few)?) / f64::from(many - few))
}

fn total(workload: &Workload, calls: u32) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--call", &workload.name, &calls.to_string()])
        .output()
        .map_err(|e| format!("valgrind: {e}; install it with your system's packages"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1));
    let number = collected.and_then(|number| number.trim().parse().ok());
    number.ok_or_else(|| format!("valgrind did not count:\n{text}"))
}
