//! Questions about elements, masks, and the mistakes of elementwise functions. Their values at special points are in
//! `reference/special.json`.

use crate::common::*;
use ndarray::{arr0, array, s};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn questions_about_elements<T: Real>() {
    let x = vector::<T>(&[0.0, NAN, INF, -INF, 1.0]);
    let expected = |yes: [bool; 5]| ndarray::arr1(&yes).into_dyn();
    assert_eq!(x.is_nan(), expected([false, true, false, false, false]));
    assert_eq!(x.is_infinite(), expected([false, false, true, true, false]));
    assert_eq!(x.is_finite(), expected([true, false, false, false, true]));
    assert_eq!(!(&x.is_nan() | &x.is_infinite()), x.is_finite());
    assert_eq!(x.slice(ndarray::s![..0]).is_nan().shape(), [0]);
}

#[test]
fn masks_join_under_broadcasting() {
    let (column, row) = (array![[false], [true]], array![false, true]);
    let and = autodiff::logical_and(&column, &row);
    assert_eq!(and, array![[false, false], [false, true]].into_dyn());
    let or = autodiff::logical_or(&column, &row);
    assert_eq!(or, array![[false, true], [true, true]].into_dyn());
    let xor = autodiff::logical_xor(&column, &row);
    assert_eq!(xor, array![[false, true], [true, false]].into_dyn());
    let not = autodiff::logical_not(&column);
    assert_eq!(not, array![[true], [false]].into_dyn());
    assert_eq!(autodiff::logical_or(&or, &arr0(true)), array![[true, true], [true, true]].into_dyn());
    let none = column.slice(s![..0, ..]);
    assert_eq!(autodiff::logical_xor(&none, &row).shape(), [0, 2]);
    assert_eq!(autodiff::logical_not(&none).shape(), [0, 1]);
}

fn mistaken_shapes_are_named<T: Real>() {
    let (a, b) = (vector::<T>(&[1.0, 2.0]), vector::<T>(&[1.0, 2.0, 3.0]));
    let error = a.try_hypot(&b).unwrap_err().to_string();
    assert!(error.contains("hypot") && error.contains("[2]") && error.contains("[3]"), "{error}");
    let panic = panic_of(|| a.logaddexp(&b)).expect("a panic");
    assert!(panic.message.contains("logaddexp") && panic.file.ends_with("elementwise.rs"), "{panic:?}");
}

both!(questions_about_elements, mistaken_shapes_are_named,);
