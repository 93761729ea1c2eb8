//! `ndarray/blas` must never be enabled: cargo unifies features, and the pure-Rust backend would need a CBLAS.

use std::process::Command;

#[test]
fn ndarray_has_no_blas() {
    let cargo = env!("CARGO");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "--manifest-path",
            manifest,
            "--workspace",
            "--edges",
            "normal,build,dev",
        ])
        .args(["--prefix", "none", "--format", "{p} [{f}]"])
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8(output.stdout).expect("cargo prints text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let arrays: Vec<&str> = tree.lines().filter(|line| line.starts_with("ndarray v")).collect();
    assert!(!arrays.is_empty(), "{tree}");
    for line in arrays {
        let features = line.split_once('[').expect("features").1.split_once(']').expect("features").0;
        assert!(
            features.split(',').all(|feature| feature != "blas" && !feature.starts_with("blas-src")),
            "{line}"
        );
    }
}
