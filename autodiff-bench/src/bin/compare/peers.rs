//! Peers: processes that measure a cell when asked.

use crate::serve::Dtype;
use autodiff_bench::floors::Floors;
use autodiff_bench::measure::Measurement;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Where this package's own files are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The engine that needs a newer Rust than the others.
pub const NEWER: &str = "tenferro";

/// An engine that can be started.
#[derive(Clone, Debug)]
pub struct Engine {
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Ours,
    Python(PathBuf),
    Rust(PathBuf),
}

impl Engine {
    /// All that this program knows, whether they are installed or not.
    pub fn known(python: &Path) -> Vec<Engine> {
        let ours = ["native", "blas"].map(|name| Engine { name, kind: Kind::Ours });
        let python =
            ["torch", "jax", "hips"].map(|name| Engine { name, kind: Kind::Python(python.to_path_buf()) });
        let rust = ["candle", "burn", "rag", "tenferro"].map(|name| {
            let program = folder().join("rust/target/release").join(format!("peer-{name}"));
            Engine { name, kind: Kind::Rust(program) }
        });
        ours.into_iter().chain(python).chain(rust).collect()
    }

    /// What is missing for this engine to run.
    pub fn missing(&self) -> Option<String> {
        match &self.kind {
            Kind::Ours if self.name == "blas" && !cfg!(feature = "blas") => {
                Some("build with --features blas".to_string())
            }
            Kind::Rust(path) if self.name == NEWER && !path.exists() => {
                Some(format!("{} is not there; --install builds it with Rust 1.96 or later", path.display()))
            }
            Kind::Python(path) | Kind::Rust(path) if !path.exists() => {
                Some(format!("{} is not there; see --install", path.display()))
            }
            _ => None,
        }
    }

    /// Starts the engine on the first `threads` cores, with its own threads limited to as many.
    pub fn start(&self, dtype: Dtype, threads: usize) -> Result<Peer, String> {
        let program = match &self.kind {
            Kind::Ours => std::env::current_exe().map_err(|e| e.to_string())?,
            Kind::Python(path) | Kind::Rust(path) => path.clone(),
        };
        let cores = (0..threads).map(|core| core.to_string()).collect::<Vec<_>>().join(",");
        let mut command = Command::new("taskset");
        command.args(["-c", &cores]).arg(program);
        match &self.kind {
            Kind::Ours => command.args(["serve", self.name]),
            Kind::Python(_) => command.arg(folder().join("serve.py")).arg(self.name),
            Kind::Rust(_) => &mut command,
        };
        command.args(["--dtype", dtype.name(), "--threads", &threads.to_string()]);
        for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"] {
            command.env(variable, threads.to_string());
        }
        // They hold OpenBLAS to kernels of other processors, at half the speed.
        command.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: Ctrl-C is for this program, which lets the cell under way end.
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| format!("{}: taskset: {e}", self.name))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else { return Err("no pipes".to_string()) };
        let engine = self.clone();
        let stdout = BufReader::new(stdout);
        let mut peer = Peer { engine, dtype, threads, child, stdin, stdout, hello: Hello::default() };
        peer.hello = peer.listen()?;
        Ok(peer)
    }
}

/// What a peer says when it is ready.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Hello {
    pub version: String,
}

/// A running engine.
pub struct Peer {
    pub hello: Hello,
    engine: Engine,
    dtype: Dtype,
    threads: usize,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<V> {
    Failed { error: String },
    Done(V),
}

#[derive(Deserialize)]
struct Memory {
    peak_mib: f64,
}

impl Peer {
    pub fn name(&self) -> &'static str {
        self.engine.name
    }

    /// Times a workload for about `seconds`, in a new process where the last workload was the end of the old one.
    pub fn measure(&mut self, workload: &str, seconds: f64) -> Result<Measurement, String> {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            *self = self.engine.start(self.dtype, self.threads)?;
        }
        self.ask(&format!("run {workload} {seconds}"))
    }

    pub fn peak_mib(&mut self, workload: &str) -> Result<f64, String> {
        self.ask(&format!("memory {workload}")).map(|memory: Memory| memory.peak_mib)
    }

    pub fn floors(&mut self) -> Result<Floors, String> {
        self.ask("floors")
    }

    fn ask<V: DeserializeOwned>(&mut self, command: &str) -> Result<V, String> {
        writeln!(self.stdin, "{command}").and_then(|()| self.stdin.flush()).map_err(|_| self.died())?;
        match self.listen()? {
            Answer::Failed { error } => Err(error),
            Answer::Done(value) => Ok(value),
        }
    }

    /// The next line that is JSON: what libraries print on their own is passed over.
    fn listen<V: DeserializeOwned>(&mut self) -> Result<V, String> {
        let mut line = String::new();
        loop {
            line.clear();
            match self.stdout.read_line(&mut line) {
                Ok(0) | Err(_) => return Err(self.died()),
                Ok(_) if line.starts_with('{') => {
                    return serde_json::from_str(&line)
                        .map_err(|e| format!("{}: {e} in {line}", self.name()));
                }
                Ok(_) => {}
            }
        }
    }

    fn died(&mut self) -> String {
        match self.child.wait() {
            Ok(status) => format!("the process ended ({status})"),
            Err(error) => format!("the process ended ({error})"),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may be in the middle of a cell.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
