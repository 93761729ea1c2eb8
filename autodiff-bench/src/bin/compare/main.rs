//! Runs the workloads on our backends and on other engines in turn, and draws the comparison.
//!
//!     cargo run --release -p autodiff-bench --features blas --bin compare -- --help
#![forbid(unsafe_code)]

mod agree;
mod builds;
mod charts;
mod install;
mod machine;
mod peers;
mod report;
mod results;
mod rounds;
mod run;
mod serve;

use clap::{Parser, Subcommand};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the workloads on our backends and on other engines in turn, and draws the comparison.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// One short round: good for a look, not for a claim.
    #[arg(long)]
    quick: bool,
    /// How often everything is measured: of two runs of 3 rounds chance keeps 1 cell in 10 apart, of 4 rounds 1 in 35, of
    /// 6 rounds 1 in 462.
    #[arg(long, default_value = "4")]
    rounds: NonZeroUsize,
    /// Only workloads whose name contains this, as in `W4` or `W3_matmul_256`; several after commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these peers, after commas. Known: native, blas, torch, jax, hips, candle, burn, rag, tenferro.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Element types.
    #[arg(long, value_delimiter = ',', default_value = "f64,f32")]
    dtypes: Vec<serve::Dtype>,
    /// Numbers of threads.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// A Python with the packages of peers/requirements.txt.
    #[arg(long, default_value = "target/peers/bin/python")]
    python: PathBuf,
    /// Makes that Python with venv and pip, and builds the Rust peers, where they are not there.
    #[arg(long)]
    install: bool,
    /// The folder for the report.
    #[arg(long, default_value = "report")]
    out: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Measures cells of one of our backends, asked for on standard input: what the comparison starts for itself.
    #[command(hide = true)]
    Serve {
        backend: String,
        #[arg(long)]
        dtype: serve::Dtype,
        #[arg(long)]
        threads: usize,
    },
    /// Times clean builds of the Rust engines, and counts the crates that each brings.
    Builds,
    /// Draws the report again from `results.jsonl` in the folder.
    Redraw,
    /// Tells how many cells of two reports agree: their intervals, from the fastest round to the slowest, overlap. Fails
    /// where fewer than 95 in 100 do.
    Agree {
        /// The folders of the reports.
        a: PathBuf,
        b: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Some(Command::Serve { backend, dtype, threads }) => serve::serve(backend, *dtype, *threads),
        Some(Command::Builds) => builds::run(&arguments.out),
        Some(Command::Redraw) => report::redraw(&arguments.out),
        Some(Command::Agree { a, b }) => agree::run(a, b),
        None => run::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("compare: {problem}");
            ExitCode::FAILURE
        }
    }
}
