//! Sums of products over named axes: all are permutations, one matrix product for each pair of operands, and sums.

use crate::backend::Backend;
use crate::error::{Error, or_panic, twins};
use crate::scalar::Scalar;
use crate::shape::{Axes, Shape, broadcast};
use crate::value::{Operand, Value};
use std::borrow::Borrow;
use std::collections::BTreeMap;

/// The name of an axis: a letter, or [`DOTS`] and more for those that an ellipsis stands for, counted from the last.
type Label = usize;
const DOTS: Label = 1 << 16;

/// A value whose axes have names, each its own.
#[derive(Clone)]
struct Named<T: Scalar, B: Backend<T>> {
    value: Value<T, B>,
    labels: Vec<Label>,
}

impl<T: Scalar, B: Backend<T>> Named<T, B> {
    /// With the axes that have names in `order`, which are all, in that order.
    fn ordered(self, order: impl IntoIterator<Item = Label>) -> Result<Self, Error> {
        let labels: Vec<Label> = order.into_iter().collect();
        if labels == self.labels {
            return Ok(self);
        }
        let place =
            |label: &Label| self.labels.iter().position(|own| own == label).expect("a label of its own");
        let axes: Vec<usize> = labels.iter().map(place).collect();
        Ok(Named { value: self.value.try_permute(&axes[..])?, labels })
    }

    /// Without the axes whose names do not fit, which are summed over.
    fn sum_but(self, keep: impl Fn(Label) -> bool) -> Result<Self, Error> {
        let gone: Vec<usize> = (0..self.labels.len()).filter(|&i| !keep(self.labels[i])).collect();
        if gone.is_empty() {
            return Ok(self);
        }
        let labels = self.labels.into_iter().filter(|&label| keep(label)).collect();
        Ok(Named { value: self.value.try_sum_axis(&gone[..])?, labels })
    }

    /// The diagonal where a name is repeated.
    fn diagonals(mut self) -> Result<Self, Error> {
        let repeated = |labels: &[Label]| {
            let mut pairs = (0..labels.len()).flat_map(|i| (0..i).map(move |j| (j, i)));
            pairs.find(|&(j, i)| labels[j] == labels[i])
        };
        while let Some((first, second)) = repeated(&self.labels) {
            let label = self.labels[first];
            let rest: Vec<usize> = (0..self.labels.len()).filter(|&i| i != first && i != second).collect();
            let axes: Vec<usize> = rest.iter().copied().chain([first, second]).collect();
            let value = self.value.try_permute(&axes[..])?.try_diagonal(0)?;
            let labels = rest.iter().map(|&i| self.labels[i]).chain([label]).collect();
            self = Named { value, labels };
        }
        Ok(self)
    }

    fn length(&self, label: Label) -> Option<usize> {
        self.labels.iter().position(|&own| own == label).map(|i| self.value.shape()[i])
    }

    /// The sum of products over the names in both that are not to be kept; those in one operand alone are.
    fn contract(self, other: Self, keep: impl Fn(Label) -> bool) -> Result<Self, Error> {
        let (a, b) = (&self.labels, &other.labels);
        let shared = a.iter().copied().filter(|l| b.contains(l));
        let (batch, inner): (Vec<_>, Vec<_>) = shared.partition(|&label| keep(label));
        let rows: Vec<_> = a.iter().copied().filter(|l| !b.contains(l)).collect();
        let columns: Vec<_> = b.iter().copied().filter(|l| !a.contains(l)).collect();
        let length = |label: &Label| self.length(*label).or(other.length(*label)).expect("a label of either");
        let shape = |labels: &[Label]| labels.iter().map(length).collect::<Shape>();
        let size = |labels: &[Label]| shape(labels).iter().product::<usize>();
        let labels: Vec<Label> = [&batch[..], &rows, &columns].concat();
        let full = shape(&labels);
        let (over, m, k, n) = (shape(&batch), size(&rows), size(&inner), size(&columns));
        let ones = |labels: &[Label]| Shape::from_elem(1, labels.len());

        let left = [shape(&batch), shape(&rows), ones(&columns)].concat();
        let right = [shape(&batch), ones(&rows), shape(&columns)].concat();
        let a = self.ordered([&batch[..], &rows, &inner].concat())?.value;
        let b = other.ordered([&batch[..], &inner, &columns].concat())?.value;
        let value = if inner.is_empty() {
            a.try_reshape(&left[..])?.try_mul(b.try_reshape(&right[..])?)?
        } else {
            let to = |matrix: [usize; 2]| over.iter().copied().chain(matrix).collect::<Vec<usize>>();
            a.try_reshape(to([m, k]))?.try_matmul(b.try_reshape(to([k, n]))?)?.try_reshape(&full[..])?
        };
        Ok(Named { value, labels })
    }
}

/// What a string of subscripts says of some operands.
struct Subscripts {
    operands: Vec<Vec<Label>>,
    result: Vec<Label>,
    lengths: BTreeMap<Label, usize>,
}

fn parse(subscripts: &str, shapes: &[&[usize]]) -> Result<Subscripts, String> {
    let text: String = subscripts.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match text.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (&text[..], None),
    };
    let terms: Vec<&str> = inputs.split(',').collect();
    if terms.len() != shapes.len() {
        return Err(format!("{} terms for {} operands, expected one for each", terms.len(), shapes.len()));
    }
    let (mut operands, mut lengths, mut dots) = (Vec::new(), BTreeMap::new(), 0);
    // The operands that the lengths are of.
    let mut givers = BTreeMap::new();
    for (i, (term, shape)) in terms.iter().zip(shapes).enumerate() {
        let letters = labels(term, 0)?.len();
        let ellipsis = term.contains("...");
        if letters > shape.len() || (!ellipsis && letters < shape.len()) {
            let dots = if ellipsis { "at least " } else { "" };
            return Err(format!(
                "term \"{term}\" names {letters} axes of operand {i} of shape {shape:?}, expected {dots}{}",
                shape.len()
            ));
        }
        dots = dots.max(shape.len() - letters);
        let labels = labels(term, shape.len() - letters)?;
        let mut own = BTreeMap::new();
        for (&label, &length) in labels.iter().zip(*shape) {
            if *own.entry(label).or_insert(length) != length {
                return Err(format!("operand {i} of shape {shape:?}: axes of one name differ in length"));
            }
            let all = lengths.entry(label).or_insert(length);
            givers.entry(label).or_insert(i);
            if *all != length && *all != 1 && length != 1 {
                let name = if label < DOTS { &label_name(label) } else { "..." };
                let giver: usize = givers[&label];
                return Err(format!(
                    "\"{name}\" has length {all} in operand {giver} of shape {:?}, and {length} in operand {i} of \
                     shape {shape:?}, expected equal lengths or 1",
                    shapes[giver]
                ));
            }
            if *all == 1 {
                *all = length;
                givers.insert(label, i);
            }
        }
        operands.push(labels);
    }
    let result = match output {
        Some(output) => labels(output, if output.contains("...") { dots } else { 0 })?,
        None => {
            let times = |label: Label| operands.iter().flatten().filter(|&&l| l == label).count();
            // The axes of an ellipsis first, from the first; then the letters that stand once, in alphabetical order.
            let ellipsis = (0..dots).rev().map(|k| DOTS + k);
            ellipsis.chain(lengths.keys().copied().filter(|&l| l < DOTS && times(l) == 1)).collect()
        }
    };
    if dots > 0 && output.is_some_and(|output| !output.contains("...")) {
        return Err("the operands have an ellipsis, expected one in the result".to_string());
    }
    for (i, &label) in result.iter().enumerate() {
        if !lengths.contains_key(&label) {
            return Err(format!(
                "\"{}\" is in the result alone, expected it in an operand",
                label_name(label)
            ));
        }
        if result[..i].contains(&label) {
            return Err(format!("\"{}\" is repeated in the result, expected it once", label_name(label)));
        }
    }
    Ok(Subscripts { operands, result, lengths })
}

fn label_name(label: Label) -> String {
    char::from_u32(label as u32).into_iter().collect()
}

/// The names in a term, whose ellipsis stands for so many axes.
fn labels(term: &str, dots: usize) -> Result<Vec<Label>, String> {
    let (before, after) = term.split_once("...").unwrap_or((term, ""));
    let letters = |text: &str| -> Result<Vec<Label>, String> {
        let letter = |c: char| match c.is_ascii_alphabetic() {
            true => Ok(c as usize),
            false => Err(format!("term \"{term}\" holds {c:?}, expected letters and at most one \"...\"")),
        };
        text.chars().map(letter).collect()
    };
    let ellipsis = (0..dots).rev().map(|k| DOTS + k);
    Ok(letters(before)?.into_iter().chain(ellipsis).chain(letters(after)?).collect())
}

/// Products.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// A sum of products in Einstein's notation, as NumPy's `einsum`: a letter for each axis of each operand, and, after
    /// `->`, those of the result; what is not there is summed over.
    ///
    /// A letter repeated within a term takes the diagonal; `...` stands for any other axes, which broadcast, as axes of
    /// length 1 do. Without `->`, the result has the letters that stand once, in alphabetical order. Several operands are
    /// multiplied in pairs, always the pair that takes the fewest multiplications next, each as one product of matrices.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let (a, x) = (Value::new(array![[1.0, 2.0], [3.0, 4.0]]), Value::new(array![1.0, 10.0]));
    /// assert_eq!(Value::einsum("ij,j->i", &[&a, &x]).data(), array![21.0, 43.0].into_dyn());
    /// assert_eq!(Value::einsum("ii", &[&a]).item(), 5.0);
    /// assert_eq!(Value::einsum("i,ij,j", &[&x, &a, &x]).item(), 451.0);
    /// ```
    ///
    /// # Panics
    ///
    /// Where the subscripts are not of this form, or do not fit the operands.
    #[track_caller]
    pub fn einsum(subscripts: &str, operands: &[impl Borrow<Self>]) -> Self {
        or_panic(Self::try_einsum(subscripts, operands))
    }

    /// Like [`einsum`](Value::einsum), but returns an error instead of panicking.
    pub fn try_einsum(subscripts: &str, operands: &[impl Borrow<Self>]) -> Result<Self, Error> {
        let operands: Vec<&Self> = operands.iter().map(|x| x.borrow()).collect();
        let shapes: Vec<&[usize]> = operands.iter().map(|x| x.shape()).collect();
        let Subscripts { operands: labels, result, lengths } = parse(subscripts, &shapes)
            .map_err(|problem| Error::Einsum { subscripts: subscripts.to_string(), problem })?;
        let mut rest = Vec::new();
        for (value, labels) in operands.into_iter().zip(labels) {
            let named = Named { value: value.clone(), labels }.diagonals()?;
            // What is of length 1 beside longer ones is the same all along them.
            let wide = |label: Label| named.length(label) == Some(lengths[&label]);
            let wide: Vec<Label> = named.labels.iter().copied().filter(|&label| wide(label)).collect();
            rest.push(named.sum_but(|label| wide.contains(&label))?);
        }
        let needed = |rest: &[Named<T, B>], label: Label| {
            result.contains(&label) || rest.iter().any(|x| x.labels.contains(&label))
        };
        for i in 0..rest.len() {
            let named = rest.remove(i);
            let named = named.sum_but(|label| needed(&rest, label))?;
            rest.insert(i, named);
        }
        while rest.len() > 1 {
            let cost = |i: usize, j: usize| {
                let own = rest[j].labels.iter().filter(|l| !rest[i].labels.contains(l));
                rest[i].labels.iter().chain(own).map(|l| lengths[l] as f64).product::<f64>()
            };
            let pairs = (0..rest.len()).flat_map(|j| (0..j).map(move |i| (i, j)));
            let (i, j) = pairs.min_by(|a, b| cost(a.0, a.1).total_cmp(&cost(b.0, b.1))).expect("a pair");
            let (b, a) = (rest.remove(j), rest.remove(i));
            let product = a.contract(b, |label| needed(&rest, label))?;
            rest.insert(i, product);
        }
        let last = rest.remove(0).sum_but(|label| result.contains(&label))?;
        Ok(last.ordered(result)?.value)
    }

    twins! {
        /// The sum of products over pairs of axes: the i-th of `axes` with the i-th of `other_axes`. The result has the
        /// other axes, first of this value.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::Array;
        /// let a = Value::new(Array::<f64, _>::ones((2, 3, 4)));
        /// let b = Value::new(Array::<f64, _>::ones((4, 3, 5)));
        /// assert_eq!(a.tensordot(&b, [1, 2], [1, 0]).shape(), [2, 5]);
        /// ```
        ///
        /// # Panics
        ///
        /// Where an axis is not there, or the two of a pair differ in length.
        fn tensordot, try_tensordot(&self, other: impl Operand<T, B>, axes: impl Into<Axes>, other_axes: impl Into<Axes>) -> Self {
            self.dot_along("tensordot", &other.operand(), axes.into(), other_axes.into())
        }

        /// The sum of products over the last axes of both, as NumPy's `inner`; with a number, the product.
        ///
        /// # Panics
        ///
        /// Where the last axes differ in length.
        fn inner, try_inner(&self, other: impl Operand<T, B>) -> Self {
            let other = other.operand();
            match self.ndim() == 0 || other.ndim() == 0 {
                true => self.try_mul(other),
                false => self.dot_along("inner", &other, (-1).into(), (-1).into()),
            }
        }

        /// The sum of products over the last axis of this value and the second-last of the other, or its only one, as
        /// NumPy's `dot`; with a number, the product. Of vectors and matrices, it is [`matmul`](Value::matmul).
        ///
        /// # Panics
        ///
        /// Where these axes differ in length.
        fn dot, try_dot(&self, other: impl Operand<T, B>) -> Self {
            let other = other.operand();
            match (self.ndim(), other.ndim()) {
                (0, _) | (_, 0) => self.try_mul(other),
                (_, 1) => self.dot_along("dot", &other, (-1).into(), 0.into()),
                _ => self.dot_along("dot", &other, (-1).into(), (-2).into()),
            }
        }

        /// The sum of the products of all elements, in row-major order, as NumPy's `vdot`.
        ///
        /// # Panics
        ///
        /// Where the numbers of elements differ.
        fn vdot, try_vdot(&self, other: impl Operand<T, B>) -> Self {
            let (op, other) = ("vdot", other.operand());
            if self.len() != other.len() {
                let (first, second) = (self.shape(), other.shape());
                return Err(Error::Argument {
                    op,
                    what: "the number of elements of the second operand",
                    got: format!("{}, of shape {second:?}", other.len()),
                    expected: format!("{}, as that of the first, of shape {first:?}", self.len()),
                });
            }
            let flat = |x: &Self| x.with_shape(op, Shape::from_slice(&[x.len()]));
            flat(self).dot_along(op, &flat(&other), 0.into(), 0.into())
        }

        /// The Kronecker product: each element of this value times all of the other. The lengths of the axes, the last
        /// with the last, are multiplied.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let y = Value::new(array![1.0, 10.0]).kron(array![1.0, 2.0, 3.0]);
        /// assert_eq!(y.data(), array![1.0, 2.0, 3.0, 10.0, 20.0, 30.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the result would be larger than memory.
        fn kron, try_kron(&self, other: impl Operand<T, B>) -> Self {
            let other = other.operand();
            let ndim = if self.ndim() > other.ndim() { self.ndim() } else { other.ndim() };
            let length = |x: &Self, i: usize| (i + x.ndim()).checked_sub(ndim).map_or(1, |i| x.shape()[i]);
            let a = self.try_reshape((0..ndim).flat_map(|i| [length(self, i), 1]).collect::<Vec<_>>())?;
            let b = other.try_reshape((0..ndim).flat_map(|i| [1, length(&other, i)]).collect::<Vec<_>>())?;
            let product = a.try_mul(b)?;
            product.try_reshape(product.shape().chunks(2).map(|pair| pair[0] * pair[1]).collect::<Vec<_>>())
        }

        /// The cross product of vectors of three elements, in the last axes; those before broadcast.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let y = Value::new(array![1.0, 0.0, 0.0]).cross(array![0.0, 1.0, 0.0]);
        /// assert_eq!(y.data(), array![0.0, 0.0, 1.0].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where a last axis is not of length 3, or the axes before do not broadcast.
        fn cross, try_cross(&self, other: impl Operand<T, B>) -> Self {
            let (op, other) = ("cross", other.operand());
            for x in [self, &other] {
                if x.shape().last() != Some(&3) {
                    let expected = x.shape().iter().copied().take(x.ndim().saturating_sub(1)).chain([3]);
                    return Err(Error::Shape { op, got: x.shape().to_vec(), expected: expected.collect() });
                }
            }
            broadcast(op, self.shape(), other.shape())?;
            let turned = |x: &Self, by: usize| x.try_index_select(-1, (0..3).map(|i| (i + by) % 3));
            let one = turned(self, 1)?.try_mul(turned(&other, 2)?)?;
            one.try_sub(turned(self, 2)?.try_mul(turned(&other, 1)?)?)
        }
    }

    fn dot_along(&self, op: &'static str, other: &Self, axes: Axes, other_axes: Axes) -> Result<Self, Error> {
        let axes = axes.resolve(op, self.shape())?;
        let other_axes = other_axes.resolve(op, other.shape())?;
        if axes.len() != other_axes.len() {
            let what = "axes of the second operand";
            return Err(Error::Count { op, what, got: other_axes.len(), expected: axes.len() });
        }
        let mut labels: Vec<Label> = (self.ndim()..self.ndim() + other.ndim()).collect();
        for (&i, &j) in axes.iter().zip(&other_axes) {
            if self.shape()[i] != other.shape()[j] {
                let (left, right) = (self.shape().to_vec(), other.shape().to_vec());
                return Err(Error::Contraction { op, left, right, left_axis: i, right_axis: j });
            }
            labels[j] = i;
        }
        let a = Named { value: self.clone(), labels: (0..self.ndim()).collect() };
        let b = Named { value: other.clone(), labels };
        Ok(a.contract(b, |_| false)?.value)
    }
}
