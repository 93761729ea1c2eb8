//! OpenBLAS that runs kernels below the processor's says so, once.

#![cfg(all(any(feature = "openblas-system", feature = "openblas-static"), target_arch = "x86_64"))]

use autodiff_blas::Blas;
use autodiff_core::Backend;
use autodiff_core::ndarray::{Array2, ArrayD};
use std::process::Command;

/// Prints what is logged.
struct Printer;

impl log::Log for Printer {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        println!("logged: {} {}", record.level(), record.args());
    }
    fn flush(&self) {}
}

/// The part that runs in a process of its own: OpenBLAS reads the environment when it is loaded.
#[test]
fn multiply_twice() {
    // Alone in its process, or another test's logger may be there already.
    let _ = log::set_logger(&Printer).map(|()| log::set_max_level(log::LevelFilter::Warn));
    let a: ArrayD<f64> = Array2::ones((9, 9)).into_dyn();
    for _ in 0..2 {
        assert_eq!(Blas::matmul(a.view(), a.view(), &[])[[8, 8]], 9.0);
    }
}

#[test]
fn a_forced_kernel_is_reported_once() {
    if !std::arch::is_x86_feature_detected!("avx") {
        return;
    }
    let run = |forced: Option<&str>| {
        let mut command = Command::new(std::env::current_exe().expect("this test has a path"));
        command.args(["multiply_twice", "--exact", "--nocapture"]).env_remove("OPENBLAS_CORETYPE");
        let output = command.envs(forced.map(|f| ("OPENBLAS_CORETYPE", f))).output().expect("this test runs");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{text}");
        text.lines()
            .filter_map(|line| line.split_once("logged: "))
            .map(|(_, l)| l.to_string())
            .collect::<Vec<_>>()
    };
    let logged = run(Some("Nehalem"));
    // A library built for one processor takes no orders.
    if autodiff_blas::info().configuration.is_some_and(|c| c.contains("DYNAMIC_ARCH")) {
        assert_eq!(logged.len(), 1, "{logged:?}");
        assert!(logged[0].starts_with("WARN OpenBLAS "), "{logged:?}");
        assert!(
            logged[0].contains("OPENBLAS_CORETYPE=Nehalem is in the environment: unset it"),
            "{logged:?}"
        );
    }
    assert!(run(None).len() <= 1);
}
