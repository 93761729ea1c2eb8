//! Whether two reports agree: the intervals that they state for each cell overlap.

use crate::results::{Cell, Row, Times, load};
use std::collections::BTreeMap;
use std::path::Path;

/// The share of cells that agree in two runs of the same. Chance alone keeps 1 in 35 apart where each has four rounds.
const CLAIM: f64 = 0.95;

/// Prints the cells that do not agree, and how many of each peer do; fails where they are fewer than claimed.
pub fn run(a: &Path, b: &Path) -> Result<(), String> {
    let both = pairs(&load(a)?, &load(b)?);
    if both.is_empty() {
        return Err(format!("{} and {} have no cell in common", a.display(), b.display()));
    }
    let mut peers: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (cell, a, b) in &both {
        let (agreeing, all) = peers.entry(&cell.peer).or_default();
        *all += 1;
        if a.overlaps(b) {
            *agreeing += 1;
        } else {
            println!("{cell}: {} and {}", interval(a), interval(b));
        }
    }
    println!();
    for (peer, (agreeing, all)) in &peers {
        println!("{peer}: {agreeing} of {all} agree");
    }
    let agreeing: usize = peers.values().map(|(agreeing, _)| agreeing).sum();
    println!("all: {agreeing} of {} agree", both.len());
    if let Some(apart) = expected_apart(&both) {
        println!("by chance alone {apart:.1} would not");
    }
    match agreeing as f64 >= CLAIM * both.len() as f64 {
        true => Ok(()),
        false => Err(format!("fewer than {:.0} % of the cells agree", 100.0 * CLAIM)),
    }
}

/// The cells that have times in both.
fn pairs(a: &[Row], b: &[Row]) -> Vec<(Cell, Times, Times)> {
    let others: BTreeMap<_, _> = b.iter().filter_map(|row| Some((&row.cell, row.times.as_ref()?))).collect();
    let pair = |row: &Row| Some((row.cell.clone(), row.times.clone()?, (*others.get(&row.cell)?).clone()));
    a.iter().filter_map(pair).collect()
}

fn interval(times: &Times) -> String {
    format!("{:.4} to {:.4} ms", times.min_ms, times.end_ms())
}

/// How many of the cells would not agree if every round were as likely to be in either run; none where the figures do
/// not tell the rounds.
fn expected_apart(both: &[(Cell, Times, Times)]) -> Option<f64> {
    let chance = |(_, a, b): &(Cell, Times, Times)| match (a.rounds_ms.len(), b.rounds_ms.len()) {
        (0, _) | (_, 0) => None,
        (a, b) => Some(apart_by_chance(a, b)),
    };
    both.iter().map(chance).sum()
}

/// How probable it is that of `a` and `b` rounds in random order those of one run are all below those of the other:
/// two of the `a + b` over `a` ways in which they may be shared out.
pub fn apart_by_chance(a: usize, b: usize) -> f64 {
    (1..=a).fold(2.0, |share, k| share * k as f64 / (b + k) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{cell, times};

    fn row(peer: &str, rounds_ms: &[f64]) -> Row {
        Row { cell: cell(peer, 1), times: Some(times(rounds_ms)), peak_mib: None, error: None }
    }

    #[test]
    fn chance_is_two_of_the_ways_to_share_rounds_out() {
        // 1, 3, 10 and 35 halves of 2, 4, 6 and 8; and 2 of 5.
        for ((a, b), ways) in [((1, 1), 1.0), ((2, 2), 3.0), ((3, 3), 10.0), ((4, 4), 35.0), ((2, 3), 5.0)] {
            assert!((1.0 / apart_by_chance(a, b) - ways).abs() < 1e-12, "{a} and {b}");
        }
    }

    #[test]
    fn cells_are_paired_where_both_have_times() {
        let without = Row { times: None, error: Some("not supported".into()), ..row("c", &[1.0]) };
        let a = [row("a", &[1.0]), row("b", &[2.0, 4.0]), without.clone()];
        let b = [row("c", &[1.0]), row("b", &[3.0, 5.0, 4.0]), row("d", &[1.0])];
        let both = pairs(&a, &b);
        assert_eq!(both.len(), 1);
        let (found, of_a, of_b) = &both[0];
        assert_eq!((found, of_a.min_ms, of_b.min_ms), (&cell("b", 1), 2.0, 3.0));
        assert!((expected_apart(&both).unwrap() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_expected_of_rounds_that_are_not_told() {
        let mut old = row("a", &[1.0, 2.0]);
        old.times.as_mut().unwrap().rounds_ms.clear();
        assert_eq!(expected_apart(&pairs(&[old], &[row("a", &[1.0])])), None);
    }

    #[test]
    fn reports_fail_where_over_one_cell_in_twenty_is_apart() {
        let folder = |name: &str, shifted: usize| {
            let folder = std::env::temp_dir().join(format!("autodiff-agree-{}-{name}", std::process::id()));
            let rows: Vec<Row> = (0..20)
                .map(|i| row(&format!("p{i}"), if i < shifted { &[5.0, 6.0] } else { &[1.0, 2.0] }))
                .collect();
            crate::results::save(&folder, &rows, &crate::results::Conditions::here()).unwrap();
            folder
        };
        let folders = [folder("none", 0), folder("one", 1), folder("two", 2)];
        let verdicts = folders.each_ref().map(|other| run(&folders[0], other).is_ok());
        folders.iter().for_each(|folder| std::fs::remove_dir_all(folder).unwrap());
        assert_eq!(verdicts, [true, true, false]);
    }
}
