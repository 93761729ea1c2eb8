//! The server: a command a line on standard input, a JSON object a line on standard output.

use crate::{Cell, Norm, Workload, workloads};
use serde_json::{Value, json};
use std::any::Any;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// A library to measure.
pub struct Peer {
    pub name: &'static str,
    pub version: String,
    /// Why the library cannot express a workload, where it cannot.
    pub lacks: Lacks,
    /// Makes a workload's inputs in `f64`, or in `f32`.
    pub f64: Build,
    pub f32: Build,
}

type Lacks = fn(&Workload) -> Option<&'static str>;
type Build = fn(&Workload) -> Cell;

/// The stack of both threads: graphs are walked, and dropped, recursively.
const STACK: usize = 8 << 30;
/// A call that takes longer need not be timed twice, and is not tried on the second thread: its heap matters less.
const LONG: Duration = Duration::from_millis(500);

/// Serves `peer` until the end of the input.
pub fn serve(peer: Peer) {
    grow_stack();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().skip_while(|x| *x != name).nth(1).map(String::as_str);
    let dtype = match option("--dtype") {
        None | Some("f64") => "f64",
        Some("f32") => "f32",
        Some(other) => return eprintln!("--dtype is f64 or f32, not {other}"),
    };
    let threads: usize = match option("--threads").unwrap_or("1").parse() {
        Ok(n) => n,
        Err(e) => return eprintln!("--threads: {e}"),
    };
    let build = if dtype == "f64" { peer.f64 } else { peer.f32 };
    let all = workloads();
    let supported: Vec<_> =
        all.iter().filter(|(_, x)| (peer.lacks)(x).is_none()).map(|(name, _)| name).collect();
    say(json!({
        "peer": peer.name, "version": peer.version, "dtype": dtype, "threads": threads, "workloads": supported,
    }));
    std::panic::set_hook(Box::new(|_| ()));
    let mut here = Bench::new(peer.lacks, build);
    let mut there = Worker::start(peer.lacks, build);
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, answer) = match words[..] {
            [] => continue,
            ["quit"] => break,
            ["run", name, seconds] => (name, run(&mut here, &mut there, name, seconds.parse().unwrap_or(1.0))),
            ["memory", name] => (name, here.memory(name)),
            _ => ("", Err(format!("not supported: no such command: {line:?}"))),
        };
        let mut record = answer.unwrap_or_else(|e| json!({ "error": e }));
        record["workload"] = name.into();
        say(record);
    }
}

/// Measures on both threads, half the time on each, and keeps the faster: each has a heap of its own, and which
/// is the faster depends on the workload.
fn run(here: &mut Bench, there: &mut Worker, name: &str, seconds: f64) -> Result<Value, String> {
    let noted = |mut answer: Value, note: &str| {
        answer["note"] = note.into();
        answer
    };
    if here.build(name)?.first > LONG {
        return Ok(noted(here.run(name, seconds)?, "main thread"));
    }
    let main = here.run(name, seconds / 2.0)?;
    let milliseconds = |answer: &Value| answer["min_ms"].as_f64().unwrap_or(f64::INFINITY);
    match there.run(name, seconds / 2.0) {
        Ok(spawned) if milliseconds(&spawned) < milliseconds(&main) => Ok(noted(spawned, "spawned thread")),
        _ => Ok(noted(main, "main thread")),
    }
}

fn say(record: Value) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone away ends the input too.
    let _ = writeln!(out, "{record}").and_then(|()| out.flush());
}

/// Starts this program anew where the main thread's stack is small: its size is settled at the start.
fn grow_stack() {
    use std::os::unix::process::CommandExt;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a valid `rlimit`.
    if unsafe { libc::getrlimit(libc::RLIMIT_STACK, &mut limit) } != 0 || limit.rlim_cur >= STACK as u64 {
        return;
    }
    limit.rlim_cur = limit.rlim_max.min(STACK as u64);
    // SAFETY: as above.
    if unsafe { libc::setrlimit(libc::RLIMIT_STACK, &limit) } != 0 || limit.rlim_cur < STACK as u64 {
        return eprintln!("the stack stays small: long chains may overflow it");
    }
    let error = match std::env::current_exe() {
        Ok(program) => std::process::Command::new(program).args(std::env::args_os().skip(1)).exec(),
        Err(error) => error,
    };
    eprintln!("cannot start anew with a large stack: {error}");
}

fn peak_mib() -> f64 {
    // SAFETY: `rusage` is plain numbers, for which 0 is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a valid `rusage`.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    usage.ru_maxrss as f64 / 1024.0
}

/// Measures cells on the thread it is made on, and keeps the latest.
struct Bench {
    lacks: Lacks,
    build: Build,
    kept: Option<Kept>,
}

struct Kept {
    name: String,
    cell: Cell,
    value: f64,
    norm: f64,
    /// How long the first call took.
    first: Duration,
}

impl Bench {
    fn new(lacks: Lacks, build: Build) -> Self {
        Self { lacks, build, kept: None }
    }

    fn drop_cell(&mut self) {
        self.kept = None;
    }

    /// Builds the workload, unless it is kept already, and calls it a first time.
    fn build(&mut self, name: &str) -> Result<&mut Kept, String> {
        if self.kept.as_ref().is_none_or(|kept| kept.name != name) {
            self.caught(|bench| bench.start(name))?;
        }
        Ok(self.kept.as_mut().expect("built above"))
    }

    fn start(&mut self, name: &str) -> Result<(), String> {
        self.drop_cell();
        let all = workloads();
        let (_, workload) =
            all.iter().find(|(known, _)| known == name).ok_or("not supported: no such workload")?;
        if let Some(why) = (self.lacks)(workload) {
            return Err(format!("not supported: {why}"));
        }
        let mut cell = (self.build)(workload);
        let (mut norm, start) = (Norm::wanted(), Instant::now());
        let value = cell(&mut norm);
        let first = start.elapsed();
        self.kept = Some(Kept { name: name.into(), cell, value, norm: norm.norm(), first });
        Ok(())
    }

    /// `f`, of which a panic is an error like another.
    fn caught<R>(&mut self, f: impl FnOnce(&mut Self) -> Result<R, String>) -> Result<R, String> {
        let answer = catch_unwind(AssertUnwindSafe(|| f(self))).unwrap_or_else(|panic| Err(message(&*panic)));
        if answer.is_err() {
            self.drop_cell();
        }
        answer
    }

    fn run(&mut self, name: &str, seconds: f64) -> Result<Value, String> {
        self.caught(|bench| {
            let kept = bench.build(name)?;
            let least = if kept.first <= LONG { 2 } else { 1 };
            let (end, mut times) = (Instant::now() + Duration::from_secs_f64(seconds), Vec::new());
            while times.len() < least || Instant::now() < end {
                let start = Instant::now();
                std::hint::black_box((kept.cell)(&mut Norm::none()));
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            let n = times.len();
            let median = (times[(n - 1) / 2] + times[n / 2]) / 2.0;
            Ok(json!({
                "value": kept.value, "grad_norm": kept.norm,
                "min_ms": times[0], "median_ms": median, "reps": n,
            }))
        })
    }

    fn memory(&mut self, name: &str) -> Result<Value, String> {
        self.caught(|bench| {
            let kept = bench.build(name)?;
            for _ in 0..3 {
                (kept.cell)(&mut Norm::none());
            }
            Ok(json!({ "peak_mib": peak_mib() }))
        })
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panic");
    text.chars().take(300).collect()
}

/// A `Bench` on a thread of its own, which keeps nothing between its runs.
struct Worker {
    commands: Sender<(String, f64)>,
    answers: Receiver<Result<Value, String>>,
}

impl Worker {
    fn start(lacks: Lacks, build: Build) -> Self {
        let (commands, inbox) = channel::<(String, f64)>();
        let (outbox, answers) = channel();
        let work = move || {
            let mut bench = Bench::new(lacks, build);
            for (name, seconds) in inbox {
                let answer = bench.run(&name, seconds);
                bench.drop_cell();
                if outbox.send(answer).is_err() {
                    break;
                }
            }
        };
        std::thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread");
        Self { commands, answers }
    }

    fn run(&mut self, name: &str, seconds: f64) -> Result<Value, String> {
        let gone = || "the worker has gone".to_string();
        self.commands.send((name.into(), seconds)).map_err(|_| gone())?;
        self.answers.recv().map_err(|_| gone())?
    }
}
