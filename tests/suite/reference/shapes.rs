//! Reductions, scans, orders, indices and shapes.

use super::*;
use autodiff::{Indexing, Pad};
use ndarray::{Array2, ArrayD, IxDyn};

/// An array of indices that may be nested once.
fn indices(x: &Json) -> ArrayD<usize> {
    let rows: Vec<Vec<usize>> = match x[0].is_array() {
        true => x.as_array().expect("rows").iter().map(lengths).collect(),
        false => return ArrayD::from_shape_vec(IxDyn(&[lengths(x).len()]), lengths(x)).unwrap(),
    };
    ArrayD::from_shape_vec(IxDyn(&[rows.len(), rows[0].len()]), rows.concat()).unwrap()
}

fn squares<T: Real>(parts: Vec<V<T>>) -> V<T> {
    parts.iter().enumerate().map(|(i, part)| (i + 1) as f64 * part.sum().square()).sum()
}

pub fn apply<T: Real>(op: &str, args: &Json, x: &[V<T>]) -> V<T> {
    let keep = args["keep"] == Json::Bool(true);
    let along = || axes(&args["axes"]);
    let axis = || number(&args["axis"]) as isize;
    let size = |name: &str| number(&args[name]) as usize;
    let p = || T::of(number(&args["p"]));
    let q = || number(&args["q"]);
    let at = || indices(&args["indices"]);
    let lists =
        || -> Vec<Vec<usize>> { args["lists"].as_array().expect("lists").iter().map(lengths).collect() };
    let mask = || {
        let mask = lengths(&args["mask"]).iter().map(|&m| m == 1).collect();
        Array2::from_shape_vec((2, 3), mask).unwrap()
    };
    match (op, x) {
        ("prod", [x]) if keep => x.prod_keepdims(&along()[..]),
        ("var", [x]) if keep => x.var_keepdims(&along()[..], size("ddof")),
        ("std", [x]) if keep => x.std_keepdims(&along()[..], size("ddof")),
        ("norm", [x]) if keep => x.norm_keepdims(&along()[..], p()),
        ("median", [x]) if keep => x.median_keepdims(&along()[..]),
        ("quantile", [x]) if keep => x.quantile_keepdims(&along()[..], q()),
        ("prod", [x]) => x.prod_axis(&along()[..]),
        ("var", [x]) => x.var_axis(&along()[..], size("ddof")),
        ("std", [x]) => x.std_axis(&along()[..], size("ddof")),
        ("norm", [x]) => x.norm_axis(&along()[..], p()),
        ("median", [x]) => x.median_axis(&along()[..]),
        ("quantile", [x]) => x.quantile_axis(&along()[..], q()),
        ("cumsum", [x]) => x.cumsum(axis()),
        ("cumprod", [x]) => x.cumprod(axis()),
        ("cummax", [x]) => x.cummax(axis()),
        ("cummin", [x]) => x.cummin(axis()),
        ("logcumsumexp", [x]) => x.logcumsumexp(axis()),
        ("sort", [x]) => {
            let y = x.sort(axis());
            let same = x.take_along_axis(&x.argsort(axis()), axis());
            assert_eq!(y.data(), same.data(), "sort and argsort");
            y
        }
        ("topk", [x]) => x.topk(size("k"), axis()).0,
        ("flatten", [x]) => x.flatten(),
        ("array_split", [x]) => {
            let parts = x.array_split(size("sections"), axis());
            if let Ok(equal) = x.try_split(size("sections"), axis()) {
                assert!(equal.iter().zip(&parts).all(|(a, b)| a.data() == b.data()), "split and array_split");
            }
            squares(parts)
        }
        ("split_at", [x]) => squares(x.split_at(lengths(&args["indices"]), axis())),
        ("repeat", [x]) => x.repeat(size("repeats"), axis()),
        ("tile", [x]) => x.tile(lengths(&args["repeats"])),
        ("roll", [x]) => x.roll(number(&args["shift"]) as isize, axis()),
        ("flip", [x]) => x.flip(&along()[..]),
        ("pad", [x]) => {
            let widths = args["widths"].as_array().expect("widths").iter().map(lengths);
            let mode = match args["mode"].as_str().expect("a mode") {
                "constant" => Pad::Constant(T::of(0.5)),
                "edge" => Pad::Edge,
                "reflect" => Pad::Reflect,
                "symmetric" => Pad::Symmetric,
                "wrap" => Pad::Wrap,
                mode => panic!("no mode {mode}"),
            };
            x.pad(widths.map(|w| (w[0], w[1])).collect::<Vec<_>>(), mode)
        }
        ("outer", [a, b]) => a.outer(b),
        ("meshgrid", x) => {
            let indexing = if args["indexing"] == "xy" { Indexing::Xy } else { Indexing::Ij };
            V::<T>::stack(&V::<T>::meshgrid(x, indexing), 0)
        }
        ("moveaxis", [x]) => x.moveaxis(&axes(&args["source"])[..], &axes(&args["destination"])[..]),
        ("unfold", [x]) => x.unfold(axis(), size("size"), size("step")),
        ("vstack", x) => V::<T>::vstack(x),
        ("hstack", x) => V::<T>::hstack(x),
        ("take_along_axis", [x]) => x.take_along_axis(&at(), axis()),
        ("gather", [x]) => x.gather(axis(), &at()),
        ("scatter_add", [x, source]) => x.scatter_add(axis(), &at(), source),
        ("put_along_axis", [x, values]) => x.put_along_axis(&at(), values, axis()),
        ("index", [x]) => x.index(&lists()),
        ("index_put", [x, values]) => x.index_put(&lists(), values),
        ("index_add", [x, source]) => x.index_add(axis(), lengths(&args["list"]), source),
        ("set_slice", [x, values]) => x.set_slice(info(&args["info"]), values),
        ("masked_select", [x]) => x.masked_select(&mask()),
        ("masked_fill", [x, value]) => x.masked_fill(&mask(), value),
        _ => panic!("no function {op:?} of {} inputs", x.len()),
    }
}
