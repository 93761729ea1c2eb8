//! The checks find what is wrong.

use super::*;
use crate::graph::Primal;
use crate::native;
use crate::rules::{Case, InTable, Listed, Needs, Rule};
use crate::tensor::Tensor;
use crate::{Native, conformance};

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
