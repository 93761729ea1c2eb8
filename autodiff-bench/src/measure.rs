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

/// Times repetitions of a call until `seconds` are over, and at least so many; the caller has called it before.
pub fn repeat(seconds: f64, least: usize, mut call: impl FnMut()) -> (f64, f64, usize) {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut times = Vec::new();
    while times.len() < least || Instant::now() < end {
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
    /// How often the cell is timed at least.
    least: usize,
}

/// A call that takes longer need not be timed twice.
const LONG: Duration = Duration::from_millis(500);

impl Prepared {
    /// Calls the cell once.
    pub fn new(mut cell: Box<dyn Cell>) -> Self {
        let start = Instant::now();
        let value = cell.call();
        let least = if start.elapsed() > LONG { 1 } else { 2 };
        let grad_norm = cell.gradient_norm();
        Prepared { cell, value, grad_norm, least }
    }

    /// Times the cell for about `seconds`, and at least twice, or once where the first call was long.
    pub fn measure(&mut self, seconds: f64) -> Measurement {
        let (min_ms, median_ms, reps) = repeat(seconds, self.least, || {
            self.cell.call();
        });
        Measurement { value: self.value, grad_norm: self.grad_norm, min_ms, median_ms, reps }
    }

    /// Calls the cell without timing it.
    pub fn call(&mut self) -> f64 {
        self.cell.call()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so long at the first call, and no time later.
    struct Slow(Duration);

    impl Cell for Slow {
        fn call(&mut self) -> f64 {
            std::thread::sleep(std::mem::take(&mut self.0));
            1.0
        }

        fn gradient_norm(&self) -> f64 {
            2.0
        }
    }

    #[test]
    fn a_cell_is_timed_twice_or_once_where_its_first_call_was_long() {
        let reps = |first| Prepared::new(Box::new(Slow(first))).measure(0.0).reps;
        assert_eq!((reps(Duration::ZERO), reps(LONG + Duration::from_millis(1))), (2, 1));
    }
}
