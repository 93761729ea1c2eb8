//! The comparison: every cell on every engine, in rounds.

use crate::Arguments;
use crate::install::install;
use crate::peers::Engine;
use crate::report;
use crate::results::{self, Cell, Conditions, setting};
use crate::rounds::Rounds;
use crate::serve::Dtype;
use autodiff_bench::workloads::workloads;
use autodiff_core::Native;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long an engine measures a workload in a round, in seconds, and in a quick look.
const SECONDS: f64 = 0.15;
const QUICK: f64 = 0.1;

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

    let dtypes = |threads| arguments.dtypes.iter().map(move |&dtype| (dtype, threads));
    let settings: Vec<(Dtype, usize)> = arguments.threads.iter().copied().flat_map(dtypes).collect();
    let (count, seconds) = if arguments.quick { (1, QUICK) } else { (arguments.rounds.get(), SECONDS) };
    let bar = ProgressBar::new((count * settings.len() * names.len()) as u64);
    let style = "{bar:30} {pos}/{len}  {elapsed} (left {eta})  {msg}";
    bar.set_style(ProgressStyle::with_template(style).map_err(|e| e.to_string())?);
    let mut comparison = Comparison {
        engines,
        names,
        seconds,
        out: &arguments.out,
        interrupted,
        bar,
        rounds: Rounds::default(),
        conditions: Conditions::here(),
    };
    // A round is a pass over everything, so that those of a cell lie as far apart as can be.
    for round in 1..=count {
        for &(dtype, threads) in &settings {
            comparison.pass(round, dtype, threads)?;
        }
    }
    let Comparison { rounds, conditions, bar, .. } = comparison;
    let rows = rounds.rows();
    bar.finish_and_clear();
    report::draw(&arguments.out, &rows, &conditions)?;
    println!("{}", report::table(&rows, &conditions));
    println!("report: {}", arguments.out.join("README.md").display());
    Ok(())
}

/// What is measured, and what was so far.
struct Comparison<'a> {
    engines: Vec<Engine>,
    names: Vec<String>,
    seconds: f64,
    out: &'a Path,
    interrupted: Arc<AtomicBool>,
    bar: ProgressBar,
    rounds: Rounds,
    conditions: Conditions,
}

impl Comparison<'_> {
    /// A round of the cells of one setting: the engines in turn on each workload, so that what changes the machine's
    /// speed meets all of them. Their processes are new ones, so that what differs from one to the next is seen.
    fn pass(&mut self, round: usize, dtype: Dtype, threads: usize) -> Result<(), String> {
        if self.interrupted.load(Ordering::SeqCst) {
            return Ok(());
        }
        let setting = setting(dtype, threads);
        let mut peers = Vec::new();
        for engine in &self.engines {
            self.bar.set_message(format!("starting {}", engine.name));
            match engine.start(dtype, threads) {
                Ok(peer) => peers.push(peer),
                Err(problem) => self.bar.suspend(|| eprintln!("{}: left out: {problem}", engine.name)),
            }
        }
        self.conditions
            .versions
            .extend(peers.iter().map(|p| (p.name().to_string(), p.hello.version.clone())));
        for peer in peers.iter_mut().filter(|p| report::is_ours(p.name())) {
            let measured = peer.floors()?;
            let floors = self.conditions.floors.entry(setting.clone()).or_insert(measured);
            *floors = floors.best(measured);
        }
        for name in &self.names {
            if self.interrupted.load(Ordering::SeqCst) {
                break;
            }
            self.bar.set_message(format!("round {round}, {setting}, {name}"));
            for peer in &mut peers {
                let cell = Cell { peer: peer.name().into(), workload: name.clone(), dtype, threads };
                if self.rounds.open(&cell) {
                    self.rounds.add(cell, peer.measure(name, self.seconds));
                }
            }
            if round == 1 && threads == 1 && report::MEMORY.contains(&name.as_str()) {
                for engine in &self.engines {
                    let cell = Cell { peer: engine.name.into(), workload: name.clone(), dtype, threads };
                    self.rounds.memory(&cell, || engine.start(dtype, threads).ok()?.peak_mib(name).ok());
                }
            }
            // Whatever happens next, what was measured is on disk.
            results::save(self.out, &self.rounds.rows(), &self.conditions)?;
            self.bar.inc(1);
        }
        Ok(())
    }
}
