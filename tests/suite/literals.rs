//! Plain literals need no types: these lines compile as they stand.
#![allow(missing_docs)]

use autodiff::{Value, where_};
use ndarray::{Array, array, aview1, rcarr1};

#[test]
fn numbers_on_either_side() {
    let x = Value::new(3.0);
    let z = 2.0 * &x + 1.0;
    z.backward();
    let s = 1.0 / (1.0 + (-&x).exp());
    s.backward();
    assert_eq!(z.item(), 7.0);
    let expected: f64 = 2.0 + s.item() * (1.0 - s.item());
    assert!((x.grad().item() - expected).abs() <= 2.0 * f64::EPSILON);

    let v = Value::new(array![1.0, 2.0]);
    (2.0 * &v).exp().sum().backward();
    assert_eq!(v.grad().shape(), [2]);
    let mut total = v.sum() - 1.0;
    total += 2.0 * &x;
    total *= 0.5;
    assert_eq!(total.item(), 4.0);
}

#[test]
fn single_precision_takes_the_same_literals() {
    let (x, k) = (Value::new(1.5_f32), 2.0_f32);
    for y in [2.0 * &x, &x * 2.0, &x * k, 4.0 - x.clone() + 0.5, 3.0 / (x.clone() / 1.5), x.maximum(3.0)] {
        assert_eq!(y.item(), 3.0);
    }
}

#[test]
fn numbers_by_reference() {
    let (x, half, two) = (Value::new(4.0), &0.5, &2.0_f32);
    let rates = [1.0, 0.5];
    let terms: Vec<Value> = rates.iter().map(|rate| rate * &x - rate).collect();
    assert_eq!(terms.iter().sum::<Value>().item(), 3.0 + 1.5);
    assert_eq!(terms.into_iter().product::<Value>().item(), 3.0 * 1.5);
    assert_eq!((&x * half / half + half - half).item(), 4.0);
    assert_eq!((half + x.clone()).item(), 4.5);
    assert_eq!((x - half).item(), 3.5);
    let single = Value::new(1.5_f32);
    assert_eq!((half * &single).item(), 0.75);
    assert_eq!((single * two).item(), 3.0);
    assert_eq!(Vec::<Value>::new().iter().product::<Value>().item(), 1.0);
}

#[test]
fn rows_of_arrays() {
    let table = array![[1.0, 2.0], [3.0, 4.0]];
    let w = Value::new(array![10.0, 100.0]);
    let sums: Vec<f64> = table.rows().into_iter().map(|row| (&w * row).sum().item()).collect();
    assert_eq!(sums, [210.0, 430.0]);
    let sums: Vec<f64> = table.columns().into_iter().map(|column| (column - &w).sum().item()).collect();
    assert_eq!(sums, [4.0 - 110.0, 6.0 - 110.0]);
}

#[test]
fn arrays_on_either_side() {
    let v = Value::new(array![1.0, 2.0]);
    let sums = [
        &v + &array![1.0, 2.0],
        array![1.0, 2.0] + &v,
        &array![1.0, 2.0] + v.clone(),
        v.clone() + array![1.0, 2.0],
    ];
    for y in sums {
        assert_eq!(y.data(), array![2.0, 4.0].into_dyn());
    }
}

#[test]
fn arguments_of_methods() {
    let v = Value::new(array![1.0, -2.0, 3.0]);
    assert_eq!(where_(&v.gt(0.0), &v, 0.0).sum().item(), 4.0);
    assert_eq!(v.clamp(0.0, 2.0).minimum(1.5).powf(2.0).pow(0.5).sum().item(), 2.5);
    assert_eq!(v.index_select(0, [0, 2]).sum_axis(-1).item(), 4.0);
    assert_eq!(v.index_select(0, &array![2_usize]).reshape((1, 1)).shape(), [1, 1]);
}

#[test]
fn values_are_made_from_all_kinds_of_arrays() {
    let owned = Array::from_shape_fn((2, 3), |(i, j)| (3 * i + j) as f64);
    for x in [
        Value::new(owned.clone()),
        Value::new(&owned),
        Value::new(owned.view()),
        Value::new(owned.to_shared()),
        Value::new(owned.to_shared().into_dyn()),
        Value::new(owned.t()).t(),
        Value::from_shape_vec([2, -1], (0..6).map(f64::from).collect()),
    ] {
        assert_eq!(x.data(), owned.clone().into_dyn());
    }
    assert_eq!(Value::new(rcarr1(&[1.0])).data(), Value::constant(aview1(&[1.0])).data());
}
