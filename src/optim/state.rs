//! What optimisers remember, as values that have names.

use super::Error;
use super::step::{Slot, check_slots, values_of};
use crate::nn::{Parameters, repeated_name};
use autodiff_core::{Backend, Scalar, Value};
use ndarray::ArrayD;
use std::collections::{BTreeMap, BTreeSet};

/// What is remembered of a parameter.
pub(super) trait State<T: Scalar>: Sized {
    /// The names of its parts.
    const PARTS: &'static [Part];

    /// The numbers of each part.
    fn numbers(&self) -> Vec<Vec<T>>;

    /// What has these numbers, as many as [`Part`] says.
    fn from_numbers(parts: Vec<Vec<T>>) -> Self;
}

/// A part of what is remembered of a parameter.
pub(super) struct Part {
    pub name: &'static str,
    pub kind: Kind,
}

/// What the numbers of a part can be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// One for each of the parameter: any but NaN.
    Any,
    /// One for each of the parameter: none negative.
    Square,
    /// One, which counts.
    Count,
}

impl Kind {
    fn shape(self, parameter: &[usize]) -> &[usize] {
        if matches!(self, Kind::Count) { &[] } else { parameter }
    }

    /// The numbers of `value`, or what is wrong with them, and what was expected.
    fn numbers<T: Scalar, B: Backend<T>>(
        self,
        value: Option<&Value<T, B>>,
        parameter: &[usize],
    ) -> Result<Vec<T>, (String, String)> {
        let shape = self.shape(parameter);
        let expected_shape = || match self {
            Kind::Count => "a number".to_string(),
            _ => format!("shape {shape:?}, that of the parameter"),
        };
        let Some(value) = value else { return Err(("is missing".to_string(), expected_shape())) };
        if value.shape() != shape {
            return Err((format!("has shape {:?}", value.shape()), expected_shape()));
        }
        let numbers: Vec<T> = value.data().iter().copied().collect();
        let wrong = |test: fn(T) -> bool, expected: &str| match numbers.iter().find(|&&x| test(x)) {
            Some(x) => Err((format!("holds {x}"), expected.to_string())),
            None => Ok(()),
        };
        match self {
            Kind::Any => wrong(T::is_nan, "numbers")?,
            Kind::Square => wrong(|x| x.is_nan() || x < T::zero(), "numbers of at least 0")?,
            Kind::Count => {
                wrong(|x| !(x >= T::one() && x.fract() == T::zero()), "a whole number of at least 1")?;
            }
        }
        Ok(numbers)
    }
}

/// The name of a part of what is remembered of a parameter.
fn part_name(parameter: &str, part: &Part) -> String {
    if parameter.is_empty() { part.name.to_string() } else { format!("{parameter}.{}", part.name) }
}

/// The parameters of a model, whose names differ.
fn distinct<'a, T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized>(
    optimizer: &'static str,
    model: &'a P,
) -> Result<Vec<(String, &'a Value<T, B>)>, Error> {
    let parameters = model.named_parameters();
    match repeated_name(&parameters) {
        Some(name) => Err(Error::Duplicate { optimizer, name: name.clone() }),
        None => Ok(parameters),
    }
}

/// See `state` of the optimisers.
pub(super) fn store<T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized, S: State<T>>(
    optimizer: &'static str,
    model: &P,
    slots: &[Slot<S>],
) -> Result<BTreeMap<String, Value<T, B>>, Error> {
    check_slots(optimizer, model, &values_of(model), slots)?;
    let mut values = BTreeMap::new();
    for ((parameter, _), slot) in distinct(optimizer, model)?.iter().zip(slots) {
        let Some(state) = &slot.state else { continue };
        for (part, numbers) in S::PARTS.iter().zip(state.numbers()) {
            let array = ArrayD::from_shape_vec(part.kind.shape(&slot.shape), numbers);
            let array = array.expect("a state has as many numbers as its parameter");
            values.insert(part_name(parameter, part), Value::constant(array));
        }
    }
    Ok(values)
}

/// See `load_state` of the optimisers.
pub(super) fn restore<T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized, S: State<T>>(
    optimizer: &'static str,
    model: &P,
    state: &BTreeMap<String, Value<T, B>>,
) -> Result<Vec<Slot<S>>, Error> {
    let mut unknown: BTreeSet<&String> = state.keys().collect();
    let mut slots = Vec::new();
    for (parameter, value) in distinct(optimizer, model)? {
        let mut slot = Slot::new(value);
        let names: Vec<String> = S::PARTS.iter().map(|part| part_name(&parameter, part)).collect();
        if names.iter().any(|name| state.contains_key(name)) {
            let mut parts = Vec::new();
            for (part, name) in S::PARTS.iter().zip(names) {
                unknown.remove(&name);
                match part.kind.numbers(state.get(&name), value.shape()) {
                    Ok(numbers) => parts.push(numbers),
                    Err((got, expected)) => return Err(Error::State { optimizer, name, got, expected }),
                }
            }
            slot.state = Some(S::from_numbers(parts));
        }
        slots.push(slot);
    }
    match unknown.pop_first() {
        Some(name) => {
            let parts: Vec<&str> = S::PARTS.iter().map(|part| part.name).collect();
            Err(Error::UnknownState { optimizer, name: name.clone(), parts: parts.join(", ") })
        }
        None => Ok(slots),
    }
}
