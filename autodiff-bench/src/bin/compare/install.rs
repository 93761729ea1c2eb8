//! What the peers need: a Python with their packages, and the Rust peers built.

use crate::peers::{NEWER, folder};
use std::path::Path;
use std::process::Command;

/// Makes what is missing.
pub fn install(python: &Path) -> Result<(), String> {
    if !python.exists() {
        let environment =
            python.parent().and_then(Path::parent).ok_or("--python is not inside a virtual environment")?;
        run(Command::new("python3").args(["-m", "venv"]).arg(environment))?;
    }
    // Also where the Python is there: an earlier installation may have been cut short.
    let requirements = folder().join("requirements.txt");
    run(Command::new(python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements))?;
    build(&[])?;
    // An older Rust says what it lacks, and the comparison does without this one.
    build(&["-p", &format!("peer-{NEWER}")]).ok();
    Ok(())
}

/// Builds the peers that are chosen, or those that need no newer Rust.
fn build(chosen: &[&str]) -> Result<(), String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release"]).args(chosen).current_dir(folder().join("rust"));
    cargo.env("CARGO_TARGET_DIR", folder().join("rust/target"));
    run(cargo.env("RUSTFLAGS", "-C target-cpu=native"))
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} failed ({status})")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
