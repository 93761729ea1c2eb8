//! The rounds of every cell so far, and what becomes of them.

use crate::results::{Cell, Row, Times};
use crate::serve::Dtype;
use autodiff_bench::measure::Measurement;

/// The rounds of the cells, in the order in which each was first measured.
#[derive(Default)]
pub struct Rounds(Vec<Entry>);

struct Entry {
    cell: Cell,
    /// A failure in any round stands for all of them.
    rounds: Result<Vec<Measurement>, String>,
    peak_mib: Option<f64>,
}

impl Rounds {
    /// Whether the cell has not failed.
    pub fn open(&self, cell: &Cell) -> bool {
        self.0.iter().all(|entry| entry.cell != *cell || entry.rounds.is_ok())
    }

    /// Adds a round of a cell. It counts only where it agrees with the workload's first of any engine in the setting.
    pub fn add(&mut self, cell: Cell, round: Result<Measurement, String>) {
        let round = round.and_then(|m| match self.reference(&cell) {
            Some(reference) if !agrees(&m, reference, tolerance(&cell)) => Err(format!(
                "disagrees: value {} and gradient norm {}, expected {} and {}",
                m.value, m.grad_norm, reference.value, reference.grad_norm
            )),
            _ => Ok(m),
        });
        let at = self.0.iter().position(|entry| entry.cell == cell).unwrap_or_else(|| {
            self.0.push(Entry { cell, rounds: Ok(Vec::new()), peak_mib: None });
            self.0.len() - 1
        });
        let rounds = &mut self.0[at].rounds;
        if let Ok(so_far) = rounds {
            match round {
                Ok(measurement) => so_far.push(measurement),
                Err(problem) => *rounds = Err(problem),
            }
        }
    }

    fn reference(&self, cell: &Cell) -> Option<&Measurement> {
        let of_workload = |other: &Cell| {
            (&other.workload, other.dtype, other.threads) == (&cell.workload, cell.dtype, cell.threads)
        };
        let mut entries = self.0.iter().filter(|entry| of_workload(&entry.cell));
        entries.find_map(|entry| entry.rounds.as_ref().ok()?.first())
    }

    /// Notes the peak memory of a cell that has not failed, as `peak` gives it.
    pub fn memory(&mut self, cell: &Cell, peak: impl FnOnce() -> Option<f64>) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.cell == *cell && entry.rounds.is_ok()) {
            entry.peak_mib = peak();
        }
    }

    /// The figures of all rounds so far.
    pub fn rows(&self) -> Vec<Row> {
        let row = |entry: &Entry| {
            let (times, error) = match &entry.rounds {
                Ok(rounds) => (Times::of_rounds(rounds), None),
                Err(problem) => (None, Some(problem.clone())),
            };
            Row { cell: entry.cell.clone(), times, peak_mib: entry.peak_mib, error }
        };
        self.0.iter().map(row).collect()
    }
}

/// How far values and gradient norms of engines may lie apart.
fn tolerance(cell: &Cell) -> f64 {
    match cell.dtype {
        // Burn's Adam has its rates of decay in f32, which changes where 200 steps lead by 2e-6.
        Dtype::F64 if cell.workload == "W11_rosen200" => 1e-5,
        Dtype::F64 => 1e-6,
        Dtype::F32 => 2e-3,
    }
}

fn agrees(a: &Measurement, b: &Measurement, tolerance: f64) -> bool {
    let close = |a: f64, b: f64, scale: f64| (a - b).abs() <= tolerance * scale;
    // A sum may cancel; what it was added up from is as large as the gradients are.
    let scale = if b.value.abs() > b.grad_norm { b.value.abs() } else { b.grad_norm };
    close(a.value, b.value, scale) && close(a.grad_norm, b.grad_norm, b.grad_norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{cell, measurement};

    #[test]
    fn rounds_of_a_cell_are_merged_whatever_lies_between() {
        let mut rounds = Rounds::default();
        for (ms, other) in [(3.0, 30.0), (2.0, 20.0), (4.0, 40.0)] {
            rounds.add(cell("b", 1), Ok(measurement(ms, ms)));
            rounds.add(cell("a", 1), Ok(measurement(other, other)));
        }
        rounds.add(cell("b", 2), Ok(measurement(1.0, 1.0)));
        let rows = rounds.rows();
        assert_eq!(
            rows.iter().map(|r| &r.cell).collect::<Vec<_>>(),
            [&cell("b", 1), &cell("a", 1), &cell("b", 2)]
        );
        let times: Vec<_> = rows.iter().map(|r| r.times.clone().unwrap()).collect();
        assert_eq!(times[0].rounds_ms, [3.0, 2.0, 4.0]);
        assert_eq!(times[1].rounds_ms, [30.0, 20.0, 40.0]);
        assert_eq!((times[0].spread, times[2].rounds_ms.len()), (1.0, 1));
    }

    #[test]
    fn a_failure_in_a_later_round_stands() {
        let mut rounds = Rounds::default();
        rounds.add(cell("a", 1), Ok(measurement(3.0, 3.0)));
        assert!(rounds.open(&cell("a", 1)));
        rounds.add(cell("a", 1), Err("ended".into()));
        rounds.add(cell("a", 1), Ok(measurement(3.0, 3.0)));
        assert!(!rounds.open(&cell("a", 1)) && rounds.open(&cell("a", 2)));
        let row = &rounds.rows()[0];
        assert_eq!((row.times.is_none(), row.error.as_deref()), (true, Some("ended")));
    }

    #[test]
    fn values_are_held_against_the_first_engine_of_the_setting() {
        let mut rounds = Rounds::default();
        let other = |value| Measurement { value, ..measurement(1.0, 1.0) };
        rounds.add(cell("a", 1), Err("not supported".into()));
        rounds.add(cell("b", 1), Ok(other(1.0)));
        rounds.add(cell("c", 1), Ok(other(1.0 + 1e-7)));
        rounds.add(cell("d", 1), Ok(other(1.001)));
        // Nothing was measured before it in this setting.
        rounds.add(cell("d", 2), Ok(other(1.001)));
        rounds.add(cell("c", 1), Ok(other(1.001)));
        let errors: Vec<_> = rounds.rows().into_iter().map(|r| r.error.unwrap_or_default()).collect();
        let disagrees = "disagrees: value 1.001 and gradient norm 2, expected 1 and 2";
        assert_eq!(errors, ["not supported", "", disagrees, disagrees, ""]);
    }

    #[test]
    fn memory_is_asked_for_where_there_are_times() {
        let mut rounds = Rounds::default();
        rounds.add(cell("a", 1), Ok(measurement(3.0, 3.0)));
        rounds.add(cell("b", 1), Err("not supported".into()));
        rounds.memory(&cell("a", 1), || Some(5.0));
        rounds.memory(&cell("b", 1), || unreachable!());
        assert_eq!(rounds.rows().iter().map(|r| r.peak_mib).collect::<Vec<_>>(), [Some(5.0), None]);
    }
}
