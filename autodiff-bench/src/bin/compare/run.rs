//! The comparison: every cell on every engine, in turn.

use crate::Arguments;
use crate::peers::{Engine, Peer, install};
use crate::report::{self, Conditions, Row};
use crate::serve::Dtype;
use autodiff_bench::measure::Measurement;
use autodiff_bench::workloads::workloads;
use autodiff_core::Native;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Values and gradient norms of engines must agree this far before a time counts.
fn agreement(dtype: Dtype, workload: &str) -> f64 {
    match dtype {
        // Burn's Adam has its rates of decay in f32, which changes where 200 steps lead by 2e-6.
        Dtype::F64 if workload == "W11_rosen200" => 1e-5,
        Dtype::F64 => 1e-6,
        Dtype::F32 => 2e-3,
    }
}

pub fn run(arguments: &Arguments) -> Result<(), String> {
    if arguments.install {
        install(&arguments.python)?;
    }
    let wanted = |name: &str| arguments.peers.is_empty() || arguments.peers.iter().any(|peer| peer == name);
    let known = Engine::known(&arguments.python);
    if let Some(unknown) = arguments.peers.iter().find(|peer| known.iter().all(|e| e.name != *peer)) {
        let names: Vec<_> = known.iter().map(|e| e.name).collect();
        return Err(format!("unknown peer {unknown}; expected some of {}", names.join(", ")));
    }
    let (engines, left_out): (Vec<_>, Vec<_>) =
        known.into_iter().filter(|e| wanted(e.name)).partition(|e| e.missing().is_none());
    for engine in &left_out {
        eprintln!("{}: left out: {}", engine.name, engine.missing().unwrap_or_default());
    }

    let names: Vec<String> = workloads::<f64, Native>().into_iter().map(|w| w.name).collect();
    let chosen =
        |name: &String| arguments.only.is_empty() || arguments.only.iter().any(|part| name.contains(part));
    let names: Vec<String> = names.into_iter().filter(chosen).collect();
    if names.is_empty() {
        return Err(format!("no workload has {:?} in its name", arguments.only));
    }

    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || {
        // A second Ctrl-C does not wait for the cell.
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .map_err(|e| e.to_string())?;

    let settings = arguments.threads.len() * arguments.dtypes.len();
    let bar = ProgressBar::new((settings * names.len()) as u64);
    let style = "{bar:30} {pos}/{len}  {elapsed} (left {eta})  {msg}";
    bar.set_style(ProgressStyle::with_template(style).map_err(|e| e.to_string())?);
    let mut rows = Vec::new();
    let mut conditions = Conditions::here();
    for &threads in &arguments.threads {
        for &dtype in &arguments.dtypes {
            if interrupted.load(Ordering::SeqCst) {
                break;
            }
            let mut peers = Vec::new();
            for engine in &engines {
                bar.set_message(format!("starting {}", engine.name));
                match engine.start(dtype, threads) {
                    Ok(peer) => peers.push(peer),
                    Err(problem) => bar.suspend(|| eprintln!("{}: left out: {problem}", engine.name)),
                }
            }
            conditions.versions.extend(peers.iter().map(|p| (p.name.to_string(), p.hello.version.clone())));
            if let Some(floors) =
                peers.iter_mut().filter(|p| report::is_ours(p.name)).map(Peer::floors).reduce(faster)
            {
                conditions.floors.insert(report::setting(dtype, threads), floors?);
            }
            for name in &names {
                if interrupted.load(Ordering::SeqCst) {
                    break;
                }
                bar.set_message(format!("{} {name}", report::setting(dtype, threads)));
                rows.extend(cell(&mut peers, name, dtype, threads, arguments.quick, &interrupted));
                bar.inc(1);
                if threads == 1 && report::MEMORY.contains(&name.as_str()) {
                    memory(&engines, &mut rows, name, dtype);
                }
                // Whatever happens next, what was measured is on disk.
                report::save(&arguments.out, &rows, &conditions)?;
            }
        }
    }
    bar.finish_and_clear();
    report::draw(&arguments.out, &rows, &conditions)?;
    println!("{}", report::table(&rows, &conditions));
    println!("report: {}", arguments.out.join("README.md").display());
    Ok(())
}

/// The peak memory of a workload, in a process of its own for each engine that can do it.
fn memory(engines: &[Engine], rows: &mut [Row], workload: &str, dtype: Dtype) {
    for row in rows.iter_mut().filter(|r| r.workload == workload && r.dtype == dtype && r.times.is_some()) {
        let engine = engines.iter().find(|e| e.name == row.peer);
        let peak =
            engine.and_then(|e| e.start(dtype, 1).ok()).and_then(|mut peer| peer.peak_mib(workload).ok());
        row.peak_mib = peak.or(row.peak_mib);
    }
}

type Rates = Result<autodiff_bench::floors::Floors, String>;

/// The rates of the backend with the faster products.
fn faster(a: Rates, b: Rates) -> Rates {
    let (a, b) = (a?, b?);
    Ok(if a.product_gflops > b.product_gflops { a } else { b })
}

/// One cell on all peers: rounds in turn, so that a change of the machine's speed meets all of them.
fn cell(
    peers: &mut [Peer],
    workload: &str,
    dtype: Dtype,
    threads: usize,
    quick: bool,
    interrupted: &AtomicBool,
) -> Vec<Row> {
    let (rounds, seconds) = if quick { (1, 0.1) } else { (3, 0.25) };
    let mut measured: BTreeMap<usize, Result<Vec<Measurement>, String>> = BTreeMap::new();
    for round in 0..rounds {
        for (i, peer) in peers.iter_mut().enumerate() {
            if interrupted.load(Ordering::SeqCst) && round > 0 {
                break;
            }
            let so_far = measured.entry(i).or_insert_with(|| Ok(Vec::new()));
            if let Ok(list) = so_far {
                match peer.measure(workload, seconds) {
                    Ok(measurement) => list.push(measurement),
                    Err(problem) => *so_far = Err(problem),
                }
            }
        }
    }
    let reference = measured.values().find_map(|m| m.as_ref().ok()?.first().cloned());
    measured
        .into_iter()
        .map(|(i, outcome)| {
            let outcome = outcome.and_then(|list| {
                let row = Row::of_rounds(&list).ok_or("interrupted")?;
                match &reference {
                    Some(reference) if !agrees(&list[0], reference, agreement(dtype, workload)) => {
                        Err(format!(
                            "disagrees: value {} and gradient norm {}, expected {} and {}",
                            list[0].value, list[0].grad_norm, reference.value, reference.grad_norm
                        ))
                    }
                    _ => Ok(row),
                }
            });
            Row::new(peers[i].name, workload, dtype, threads, outcome)
        })
        .collect()
}

fn agrees(a: &Measurement, b: &Measurement, tolerance: f64) -> bool {
    let close = |a: f64, b: f64, scale: f64| (a - b).abs() <= tolerance * scale;
    // A sum may cancel; what it was added up from is as large as the gradients are.
    let scale = if b.value.abs() > b.grad_norm { b.value.abs() } else { b.grad_norm };
    close(a.value, b.value, scale) && close(a.grad_norm, b.grad_norm, b.grad_norm)
}
