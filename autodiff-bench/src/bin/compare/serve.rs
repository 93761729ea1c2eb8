//! Our side of the protocol that all peers speak: commands on standard input, a line of JSON for each answer.

use autodiff_bench::floors::{Float, Floors, gemm_of};
use autodiff_bench::measure::Prepared;
use autodiff_bench::workloads::{Workload, workloads};
use autodiff_core::{Backend, Native};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{BufRead, Write};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    F64,
    F32,
}

impl Dtype {
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F64 => "f64",
            Dtype::F32 => "f32",
        }
    }
}

pub fn serve(backend: &str, dtype: Dtype, threads: usize) -> Result<(), String> {
    match (backend, dtype) {
        ("native", Dtype::F64) => answer::<f64, Native>(backend, version(), dtype, threads),
        ("native", Dtype::F32) => answer::<f32, Native>(backend, version(), dtype, threads),
        #[cfg(feature = "blas")]
        ("blas", Dtype::F64) => answer::<f64, autodiff_blas::Blas>(backend, blas_version(), dtype, threads),
        #[cfg(feature = "blas")]
        ("blas", Dtype::F32) => answer::<f32, autodiff_blas::Blas>(backend, blas_version(), dtype, threads),
        _ => Err(format!("there is no backend {backend} here; build with --features blas for blas")),
    }
}

fn version() -> String {
    format!("autodiff {}", env!("CARGO_PKG_VERSION"))
}

#[cfg(feature = "blas")]
fn blas_version() -> String {
    format!("{}, {}", version(), autodiff_blas::info())
}

fn answer<T: Float, B: Backend<T>>(
    name: &str,
    version: String,
    dtype: Dtype,
    threads: usize,
) -> Result<(), String> {
    let all = workloads::<T, B>();
    let names: Vec<&str> = all.iter().map(|w| w.name.as_str()).collect();
    say(&json!({"peer": name, "version": version, "dtype": dtype, "threads": threads, "workloads": names}))?;
    let mut ready: Option<(String, Prepared)> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words.as_slice() {
            ["run", workload, seconds] => {
                let seconds = seconds.parse().map_err(|_| format!("{seconds} is no number of seconds"))?;
                let measured = prepare(&all, &mut ready, workload).map(|cell| cell.measure(seconds));
                reply(workload, measured.map(|m| serde_json::to_value(m).expect("plain numbers")))?;
            }
            ["memory", workload] => {
                let peak = prepare(&all, &mut ready, workload).map(|cell| {
                    (0..2).for_each(|_| {
                        cell.call();
                    });
                    json!({"peak_mib": crate::machine::peak_mib()})
                });
                reply(workload, peak)?;
            }
            ["floors"] => say(&json!(Floors::measure::<T>(threads, &[gemm_of::<T, B>])))?,
            ["quit"] => break,
            _ => return Err(format!("did not understand: {line}")),
        }
    }
    Ok(())
}

/// The cell of a workload, kept from one command to the next.
fn prepare<'a>(
    all: &[Workload],
    ready: &'a mut Option<(String, Prepared)>,
    name: &str,
) -> Result<&'a mut Prepared, String> {
    if ready.as_ref().is_none_or(|(built, _)| built != name) {
        // The inputs of the last workload go before those of the next are made.
        *ready = None;
        let workload = all.iter().find(|w| w.name == name).ok_or("not supported: no such workload")?;
        *ready = Some((name.to_string(), Prepared::new(workload.build())));
    }
    Ok(&mut ready.as_mut().expect("just built").1)
}

fn reply(workload: &str, answer: Result<serde_json::Value, String>) -> Result<(), String> {
    let mut line = answer.unwrap_or_else(|error| json!({"error": error}));
    line["workload"] = workload.into();
    say(&line)
}

fn say(line: &serde_json::Value) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| e.to_string())
}
