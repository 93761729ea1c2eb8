//! The checks find what is wrong.

use super::*;
use crate::native;
use crate::primal::Primal;
use crate::rules::{Case, InTable, Listed, Needs, Rule};
use crate::tensor::Tensor;
use crate::{Native, conformance, custom_vjp, where_};
use ndarray::s;

conformance!(Native);

/// `x^2`, with an error of each kind in its rule.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Nothing,
    Sign,
    Factor,
    Lost,
    Forward,
    Second,
}

impl InTable<f64> for Wrong {}

impl Listed<f64, Native> for Wrong {
    fn cases() -> Vec<Case<f64, Native>> {
        Vec::new()
    }
}

impl Rule<f64, Native> for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 1, output: false }
    }
    fn eval(&self, x: &[&Tensor<f64>]) -> Tensor<f64> {
        Tensor::unary::<Native>(crate::backend::Unary::square, x[0])
    }
    fn vjp(&self, at: &Primal<'_, f64, Native>, g: &native::Value, _: usize) -> Option<native::Value> {
        match self {
            Wrong::Sign => Some(-2.0 * at.x(0) * g),
            Wrong::Factor => Some(at.x(0) * g),
            Wrong::Lost => None,
            Wrong::Second => Some(2.0 * at.x(0).detach() * g),
            Wrong::Nothing | Wrong::Forward => Some(2.0 * at.x(0) * g),
        }
    }
    fn jvp(&self, at: &Primal<'_, f64, Native>, t: &native::Value, _: usize) -> Option<native::Value> {
        Some(if *self == Wrong::Forward { 3.0 } else { 2.0 } * at.x(0) * t)
    }
}

/// Of which five points see too little, and what they extrapolate to enough.
#[test]
fn functions_may_bend_within_a_step() {
    let x = native::Value::new(1.0);
    check_grads(|x| (30.0 * &x[0]).sin(), std::slice::from_ref(&x), 2).unwrap();
    check_grads(|x| (20.0 * &x[0]).exp(), std::slice::from_ref(&x), 2).unwrap();
    check_grads(|x| (1.1 - &x[0]).recip(), &[x], 1).unwrap();
}

fn check(wrong: Wrong) -> Result<(), Error> {
    let x = native::Value::new(ndarray::array![0.5, -1.0]);
    check_grads(|x| Value::apply(wrong, &[&x[0]]).sin(), &[x], 2)
}

#[test]
fn a_right_rule_passes() {
    check(Wrong::Nothing).unwrap();
}

#[test]
fn every_kind_of_wrong_rule_is_found() {
    for (wrong, message) in [
        (Wrong::Sign, "order 1, input 0, index [0]: analytic -0.9419146"),
        (Wrong::Factor, "order 1, input 0, index [0]: analytic"),
        (Wrong::Lost, "order 1, input 0, index [0]: analytic 0, numeric"),
        (Wrong::Forward, "order 1, one direction: forward mode gives"),
        (Wrong::Second, "order 2, input 0, index [0]: analytic"),
    ] {
        let error = check(wrong).expect_err("a wrong rule").to_string();
        assert!(error.contains(message), "{wrong:?}: {error}");
    }
}

/// The product of a matrix with a row, and a derivative by the row that goes through `along`.
fn check_broadcast(along: fn(native::Value) -> native::Value) -> Result<(), Error> {
    let inputs =
        [[2, 3].as_slice(), &[3]].map(|shape| native::Value::new(numbers::<f64>(shape, 0.5..2.0, 1)));
    let product = |x: &[native::Value]| {
        let vjp = move |x: &[native::Value], _: &native::Value, g: &native::Value, i| match i {
            0 => g * &x[1],
            _ => along(g * &x[0]),
        };
        custom_vjp("product", &[&x[0], &x[1]], |x| &x[0] * &x[1], vjp)
    };
    check_grads(product, &inputs, 1)
}

#[test]
fn a_missing_sum_over_a_broadcast_axis_is_found() {
    check_broadcast(|g| g.sum_axis(0)).unwrap();
    // A cotangent of the shape that the input was broadcast to is summed by the sweep.
    check_broadcast(|g| g).unwrap();
    for (along, message) in [
        (
            (|g| g.slice(s![0, ..])) as fn(native::Value) -> native::Value,
            "check_grads: order 1, input 1, index [0]: analytic",
        ),
        (|g| g.mean_axis(0), "check_grads: order 1, input 1, index [0]: analytic"),
    ] {
        let error = check_broadcast(along).expect_err("a part of the sum").to_string();
        assert!(error.starts_with(message) && error.contains(", numeric "), "{error}");
    }
    // Over another axis.
    let panic = std::panic::catch_unwind(|| check_broadcast(|g| g.sum_axis(1))).expect_err("a wrong shape");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert_eq!(message, "product: the derivative with respect to input 1 has shape [2], expected [3]");
}

#[test]
fn a_rule_that_is_wrong_at_ties_is_found() {
    let check = |share: fn(&native::Value) -> native::Value, x: [f64; 3]| {
        let max = |x: &[native::Value]| {
            let vjp = move |x: &[native::Value], y: &native::Value, g: &native::Value, _| {
                let at_top = where_(&x[0].eq(y), 1.0, native::Value::constant(0.0));
                g * share(&at_top)
            };
            custom_vjp("max", &[&x[0]], |x| x[0].max(), vjp)
        };
        check_grads(max, &[native::Value::new(ndarray::array![x[0], x[1], x[2]])], 1)
    };
    let (equally, to_each): (fn(&native::Value) -> native::Value, fn(&native::Value) -> native::Value) =
        (|top| top / top.sum(), |top| top.clone());
    let (apart, tied) = ([0.5, 2.0, -1.0], [0.5, 2.0, 2.0]);
    for (share, x) in [(equally, apart), (equally, tied), (to_each, apart)] {
        check(share, x).unwrap();
    }
    // The result, weighted with 0.972, grows by half as much when one of two that tie does.
    let error = check(to_each, tied).expect_err("the sum of the gradient is 2").to_string();
    assert!(error.starts_with("check_grads: order 1, input 0, index [1]: analytic 0.972"), "{error}");
    assert!(error.contains(", numeric 0.486"), "{error}");
}

#[test]
fn operations_are_all_in_the_table() {
    let names = conformance::operations::<f64, Native>();
    for name in [
        "exp",
        "pow",
        "where",
        "sum",
        "max",
        "logsumexp",
        "matmul",
        "slice",
        "concat",
        "stack",
        "solve",
        "svd",
    ] {
        assert!(names.contains(&name), "{name} is missing from {names:?}");
    }
}
