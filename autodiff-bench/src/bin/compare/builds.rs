//! What an engine costs a project that adds it: the time of a clean build, and how many crates it brings.

use crate::machine;
use crate::peers::folder;
use crate::results::write;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The packages: a name, the folder of the workspace, and what `cargo` is told to take of it. The engines beside ours come with
/// the program of a few hundred lines that measures them.
const PACKAGES: [(&str, &str, &[&str]); 5] = [
    ("autodiff", "../..", &["-p", "autodiff"]),
    ("autodiff with blas", "../..", &["-p", "autodiff", "--features", "blas"]),
    ("candle", "rust", &["-p", "peer-candle"]),
    ("burn", "rust", &["-p", "peer-burn"]),
    ("rust-autograd", "rust", &["-p", "peer-rag"]),
];

#[derive(Serialize)]
struct Build {
    peer: &'static str,
    seconds: f64,
    crates: usize,
}

/// Builds each package from nothing, its sources already fetched, and writes `builds.md` and `builds.jsonl` to the folder.
pub fn run(out: &Path) -> Result<(), String> {
    let target = std::env::temp_dir().join(format!("autodiff-builds-{}", std::process::id()));
    let builds = PACKAGES.iter().map(|package| measure(package, &target)).collect::<Result<Vec<_>, _>>();
    std::fs::remove_dir_all(&target).ok();
    let builds = builds?;
    std::fs::create_dir_all(out).map_err(|e| format!("{}: {e}", out.display()))?;
    let lines: String = builds.iter().map(|b| serde_json::to_string(b).expect("plain data") + "\n").collect();
    write(&out.join("builds.jsonl"), &lines)?;
    let rows: String =
        builds.iter().map(|b| format!("| {} | {:.0} | {} |\n", b.peer, b.seconds, b.crates)).collect();
    let page = format!(
        "# Clean builds\n\n{}, {}.\n\n    cargo run --release -p autodiff-bench --bin compare -- builds\n\n\
         `cargo build --release` into an empty folder, sources fetched before; crates of the normal dependency tree, with \
         the package itself.\n\n| package | seconds | crates |\n|---|---:|---:|\n{rows}",
        machine::now(),
        machine::processor()
    );
    write(&out.join("builds.md"), &page)?;
    println!("{page}");
    Ok(())
}

fn measure(
    (peer, workspace, chosen): &(&'static str, &str, &[&str]),
    target: &Path,
) -> Result<Build, String> {
    let cargo = |command: &str| {
        let mut cargo = Command::new("cargo");
        cargo.arg(command).current_dir(folder().join(workspace)).env("CARGO_TARGET_DIR", target);
        cargo
    };
    let failed = |what: &str| format!("{peer}: cargo {what} failed");
    let fetched = cargo("fetch").stderr(Stdio::null()).status();
    fetched.ok().filter(|status| status.success()).ok_or_else(|| failed("fetch"))?;
    let tree = cargo("tree").args(*chosen).args(["-e", "normal", "--prefix", "none", "-f", "{p}"]).output();
    let tree = tree.ok().filter(|output| output.status.success()).ok_or_else(|| failed("tree"))?;
    let crates: BTreeSet<String> =
        String::from_utf8_lossy(&tree.stdout).lines().map(|line| line.replace(" (*)", "")).collect();
    std::fs::remove_dir_all(target).ok();
    eprintln!("building {peer}");
    let start = Instant::now();
    let built = cargo("build").arg("--release").args(*chosen).stderr(Stdio::null()).status();
    built.ok().filter(|status| status.success()).ok_or_else(|| failed("build"))?;
    Ok(Build { peer, seconds: start.elapsed().as_secs_f64(), crates: crates.len() })
}
