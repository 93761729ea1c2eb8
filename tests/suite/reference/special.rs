//! Elementwise functions where rounding, cancellation, overflow, a pole, a border or a kink would show: `special.json`.

use super::*;

fn apply<T: Real>(op: &str, args: &Json, x: &[V<T>]) -> V<T> {
    match (op, x) {
        ("where_", [a, b]) => where_(&ndarray::arr0(args["mask"] == 1), a, b),
        ("fract", [x]) => x.fract(),
        _ => elementwise::apply(op, args, x).unwrap_or_else(|| super::apply(op, args, x)),
    }
}

/// The value, the gradients, and the second derivatives aa, ab and bb, of numbers; arrays must give the same.
fn derivatives_of_two<T: Real>(f: impl Fn(&V<T>, &V<T>) -> V<T>, a: f64, b: f64) -> Vec<f64> {
    let at = |n: usize| {
        // A number, and arrays of one length.
        let of = |x: f64| if n == 0 { V::<T>::new(T::of(x)) } else { vector(&vec![x; n]) };
        let (a, b) = (of(a), of(b));
        let y = f(&a, &b);
        let g = gradients(&y, &[&a, &b]);
        let bend = |slope: &V<T>, x: &V<T>| gradients(slope, &[x]).remove(0);
        let (aa, ab, bb) = (bend(&g[0], &a), bend(&g[0], &b), bend(&g[1], &b));
        [&y, &g[0], &g[1], &aa, &ab, &bb].map(|v| *elements(v).last().expect("an element"))
    };
    let alone = at(0);
    for n in [1, 9] {
        let among = at(n);
        let equal = alone.iter().zip(among).all(|(&alone, among)| same(alone, among, true));
        assert!(equal, "{a:?} and {b:?}: numbers {alone:?}, arrays of {n} {among:?}");
    }
    alone.into()
}

/// The value to 4 units in the last place, the slopes to 8 and the second derivatives to 16. In the value the sign of a zero
/// counts, unless it is the whole number 0.
fn near<T: Real>(order: i32, got: f64, cell: &Json) -> bool {
    let want = number(cell);
    if got == 0.0 && want == 0.0 {
        return same(got, want, order == 0 && !cell.is_u64());
    }
    let bound = f64::from(4 << order) * (T::EPSILON * want.abs() + T::TINY.as_f64());
    (want.is_finite() && (got - want).abs() <= bound) || same(got, want, true)
}

fn special_values_agree_with_mpmath<T: Real>() {
    let file = file(include_str!("special.json"));
    let mut failures = Vec::new();
    let mut count = 0;
    for table in file["tables"].as_array().expect("tables") {
        let (op, args) = (table["op"].as_str().expect("a name"), &table["args"]);
        for row in table[T::NAME].as_array().expect("rows") {
            let cells = row.as_array().expect("a row");
            let (cells, note) = match cells.last() {
                Some(Json::String(note)) if note.parse::<f64>().is_err() => {
                    (&cells[..cells.len() - 1], &note[..])
                }
                _ => (&cells[..], ""),
            };
            let (x, got, orders) = match cells.len() {
                4 => {
                    let f = |x: &V<T>| apply(op, args, std::slice::from_ref(x));
                    (&cells[..1], derivatives(f, T::of(number(&cells[0]))).to_vec(), &[0, 1, 2][..])
                }
                _ => {
                    let f = |a: &V<T>, b: &V<T>| apply(op, args, &[a.clone(), b.clone()]);
                    let got = derivatives_of_two(f, number(&cells[0]), number(&cells[1]));
                    (&cells[..2], got, &[0, 1, 1, 2, 2, 2][..])
                }
            };
            let want = &cells[x.len()..];
            assert_eq!(want.len(), orders.len(), "{op} at {x:?}");
            for (i, want) in want.iter().enumerate().filter(|(_, want)| !want.is_null()) {
                count += 1;
                if !near::<T>(orders[i], got[i], want) {
                    failures.push(format!(
                        "{op} {args} at {x:?}, result {i}: got {:e}, expected {want} {note}",
                        got[i]
                    ));
                }
            }
        }
    }
    assert!(count > 15_000, "{count} numbers");
    assert!(failures.is_empty(), "{} failures ({}):\n{}", failures.len(), T::NAME, failures.join("\n"));
}

both!(special_values_agree_with_mpmath);

/// The elementwise operations are those before the reductions in `OPERATIONS.md`, but for those that give masks.
#[test]
fn every_elementwise_operation_has_special_values() {
    let page = include_str!("../../../autodiff-core/OPERATIONS.md");
    let (elementwise, _) = page.split_once("## Reductions").expect("a title");
    let mut names = Vec::new();
    for line in elementwise.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        if let Some(name) = cells[0].strip_prefix("| `")
            && cells[2] != "none"
        {
            names.push(name.trim_end_matches('`'));
        }
    }
    assert!(names.len() > 70, "{} operations", names.len());
    let file = file(include_str!("special.json"));
    let tables = file["tables"].as_array().expect("tables");
    for name in names {
        assert!(tables.iter().any(|table| table["op"] == name), "{name} has no special values");
    }
}
