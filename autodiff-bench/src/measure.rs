//! Timing a cell.

use crate::workloads::Cell;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// What one measurement of a cell gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measurement {
    /// The workload's number, at the first call.
    pub value: f64,
    /// The norm of its gradients, at the first call.
    pub grad_norm: f64,
    /// The fastest repetition, in milliseconds.
    pub min_ms: f64,
    /// The median of the repetitions, in milliseconds.
    pub median_ms: f64,
    /// How many repetitions were timed.
    pub reps: usize,
}

/// Times repetitions of a call until `seconds` are over, at least one; the caller has called it before.
pub fn repeat(seconds: f64, mut call: impl FnMut()) -> (f64, f64, usize) {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut times = Vec::new();
    while times.is_empty() || Instant::now() < end {
        let start = Instant::now();
        call();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2], times.len())
}

/// A built workload with the outcome of its first call, which is not timed.
pub struct Prepared {
    cell: Box<dyn Cell>,
    value: f64,
    grad_norm: f64,
}

impl Prepared {
    /// Calls the cell once.
    pub fn new(mut cell: Box<dyn Cell>) -> Self {
        let value = cell.call();
        let grad_norm = cell.gradient_norm();
        Prepared { cell, value, grad_norm }
    }

    /// Times the cell for about `seconds`.
    pub fn measure(&mut self, seconds: f64) -> Measurement {
        let (min_ms, median_ms, reps) = repeat(seconds, || {
            self.cell.call();
        });
        Measurement { value: self.value, grad_norm: self.grad_norm, min_ms, median_ms, reps }
    }

    /// Calls the cell without timing it.
    pub fn call(&mut self) -> f64 {
        self.cell.call()
    }
}
