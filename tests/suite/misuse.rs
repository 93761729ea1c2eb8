//! Mistakes: the message names the operation, what it got and what it expected, and points at the caller's line.

use crate::common::panic_of;
use autodiff::nn::attention;
use autodiff::{
    Error, Indexing, Pad, Parameters, Triangle, Value, data, grad, hessian, hessian_diag, hvp, jvp,
    linearize, logical_and, logical_or, logical_xor, nn, no_grad, optim, value_and_grad, value_and_grad_aux,
    vjp, where_,
};
use ndarray::{ArrayD, array, s};

type V = Value<f64>;

fn of(shape: &[usize]) -> V {
    V::new(ArrayD::<f64>::zeros(shape))
}

/// Checks that an expression panics at its own line, with a message that contains the given words.
/// The call must stand on one line.
macro_rules! panics {
    ($expr:expr => $($word:expr),+) => {{
        let code = stringify!($expr);
        let panic = panic_of(|| { let _ = $expr; }).unwrap_or_else(|| panic!("no panic from `{code}`"));
        $(assert!(panic.message.contains($word), "`{code}` says {:?}, without {:?}", panic.message, $word);)+
        assert!(panic.file.ends_with("misuse.rs"), "`{code}` points at {}:{}", panic.file, panic.line);
        assert_eq!(panic.line, line!(), "`{code}` points at another line");
    }};
}

#[test]
fn operators_name_both_shapes_in_every_form() {
    let (a, b) = (of(&[2, 3]), of(&[2]));
    let array = ArrayD::<f64>::zeros(&[2][..]);
    panics!(&a + &b => "add", "[2, 3]", "[2]", "expected");
    panics!(&a + b.clone() => "add", "[2, 3]", "[2]");
    panics!(a.clone() + &b => "add", "[2, 3]", "[2]");
    panics!(a.clone() + b.clone() => "add", "[2, 3]", "[2]");
    panics!(&a - &b => "sub", "[2, 3]", "[2]", "expected");
    panics!(&a - b.clone() => "sub", "[2, 3]", "[2]");
    panics!(a.clone() - &b => "sub", "[2, 3]", "[2]");
    panics!(a.clone() - b.clone() => "sub", "[2, 3]", "[2]");
    panics!(&a * &b => "mul", "[2, 3]", "[2]", "expected");
    panics!(&a * b.clone() => "mul", "[2, 3]", "[2]");
    panics!(a.clone() * &b => "mul", "[2, 3]", "[2]");
    panics!(a.clone() * b.clone() => "mul", "[2, 3]", "[2]");
    panics!(&a / &b => "div", "[2, 3]", "[2]", "expected");
    panics!(&a / b.clone() => "div", "[2, 3]", "[2]");
    panics!(a.clone() / &b => "div", "[2, 3]", "[2]");
    panics!(a.clone() / b.clone() => "div", "[2, 3]", "[2]");
    panics!(&a + &array => "add", "[2, 3]", "[2]");
    panics!(a.clone() + &array => "add", "[2, 3]", "[2]");
    panics!(&a * array.clone() => "mul", "[2, 3]", "[2]");
    panics!(a.clone() * array.clone() => "mul", "[2, 3]", "[2]");
    panics!(&array - &a => "sub", "[2]", "[2, 3]");
    panics!(&array - a.clone() => "sub", "[2]", "[2, 3]");
    panics!(array.clone() / &a => "div", "[2]", "[2, 3]");
    panics!(array.clone() / a.clone() => "div", "[2]", "[2, 3]");
    let mut sum = a.clone();
    panics!(sum += &b => "add", "[2, 3]", "[2]");
    panics!(sum -= b.clone() => "sub", "[2, 3]", "[2]");
    panics!(sum *= &array => "mul", "[2, 3]", "[2]");
    panics!(sum /= &b => "div", "[2, 3]", "[2]");
    assert_eq!(sum.op(), "leaf", "a failed assignment changes nothing");
}

#[test]
fn two_argument_methods_name_both_shapes() {
    let (a, b) = (of(&[2, 3]), of(&[2]));
    let mask = a.gt(0.0);
    panics!(a.pow(&b) => "pow", "[2, 3]", "[2]", "expected");
    panics!(a.maximum(&b) => "maximum", "[2, 3]", "[2]");
    panics!(a.minimum(array![1.0, 2.0]) => "minimum", "[2, 3]", "[2]");
    panics!(a.lt(&b) => "lt", "[2, 3]", "[2]");
    panics!(a.le(&b) => "le", "[2, 3]", "[2]");
    panics!(a.gt(&b) => "gt", "[2, 3]", "[2]");
    panics!(a.ge(&b) => "ge", "[2, 3]", "[2]");
    panics!(a.eq(&b) => "eq", "[2, 3]", "[2]");
    panics!(a.ne(&b) => "ne", "[2, 3]", "[2]");
    panics!(where_(&mask, &a, &b) => "where", "[2, 3]", "[2]");
    panics!(where_(&mask, &b, 0.0) => "where", "[2, 3]", "[2]");
    let other = b.gt(0.0);
    panics!(logical_and(&mask, &other) => "logical_and", "[2, 3]", "[2]");
    panics!(logical_or(&other, &mask) => "logical_or", "[2, 3]", "[2]");
    panics!(logical_xor(&mask, &other) => "logical_xor", "[2, 3]", "[2]");
}

#[test]
fn products_name_both_shapes() {
    let a = of(&[2, 3]);
    panics!(a.matmul(&a) => "matmul", "[2, 3] and [2, 3]", "3 and 2", "(..., m, k) @ (..., k, n)");
    panics!(a.matmul(of(&[2])) => "matmul", "[2, 3]", "[2]");
    panics!(of(&[2]).matmul(of(&[3])) => "matmul", "[2]", "[3]");
    panics!(of(&[3]).matmul(&a) => "matmul", "[3]", "[2, 3]");
    panics!(a.matmul(1.0) => "matmul: left [2, 3], right []: a number", "at least 1 axis on each side", "with *");
    panics!(V::new(1.0).matmul(&a) => "matmul: left [], right [2, 3]: a number", "at least 1 axis on each side");
    panics!(of(&[2, 2, 3]).matmul(of(&[3, 3, 2])) => "matmul", "[2, 2, 3]", "[3, 3, 2]", "broadcast");
    panics!(of(&[0, 2]).matmul(of(&[0, 2])) => "matmul", "[0, 2]");
    panics!(a.dot(of(&[4, 5])) => "dot: shapes [2, 3] and [4, 5]: axis 1 has length 3 and axis 0 has 4", "expected equal");
    panics!(a.inner(of(&[2])) => "inner: shapes [2, 3] and [2]: axis 1 has length 3 and axis 0 has 2");
    panics!(a.tensordot(&a, [0, 1], [0, -2]) => "tensordot", "repeated");
    panics!(a.tensordot(&a, 0, 1) => "tensordot: shapes [2, 3] and [2, 3]: axis 0 has length 2 and axis 1 has 3");
    panics!(a.tensordot(&a, [0, 1], 0) => "tensordot", "1 axes of the second operand", "expected 2");
    panics!(a.vdot(of(&[5])) => "vdot", "5, of shape [5]", "expected 6", "[2, 3]");
    panics!(V::einsum("ij,j", &[&a, &of(&[4])]) => "\"j\" has length 3 in operand 0 of shape [2, 3]", "and 4 in operand 1 of shape [4]");
    for term in ["i-j", "ij>ji", "i.j"] {
        let found = V::try_einsum(term, &[&a]).unwrap_err().to_string();
        assert!(found.contains("einsum") && found.contains("holds") && found.contains(term), "{found}");
    }
    panics!(V::einsum("j,j,ij", &[&of(&[1]), &of(&[4]), &a]) => "\"j\" has length 4 in operand 1 of shape [4]", "3 in operand 2");
}

#[test]
fn attention_names_its_operands() {
    let (q, k, v) = (of(&[4, 3]), of(&[5, 3]), of(&[5, 2]));
    let fit = "expected (..., m, d), (..., n, d) and (..., n, v)";
    let shapes = "attention: queries [4, 3], keys [5, 3], values [5, 2]";
    panics!(attention(&of(&[4]), &k, &v, None, false) => "attention: queries [4], keys", "fewer than 2 axes", fit);
    panics!(attention(&q, &of(&[5, 2]), &v, None, false) => "queries have 3 features and keys 2", fit);
    panics!(attention(&q, &k, &q, None, false) => "values [4, 3]", "5 keys and 4 values", fit);
    panics!(attention(&of(&[2, 4, 3]), &of(&[3, 5, 3]), &v, None, false) => "leading axes of queries and keys", fit);
    panics!(attention(&of(&[2, 4, 3]), &k, &of(&[3, 5, 2]), None, false) => "leading axes of values", fit);
    panics!(attention(&q, &k, &v, Some(&of(&[5, 4])), false) => shapes, "mask [5, 4]", "to the scores, [4, 5]", fit);
    let mask = of(&[7, 1, 5]);
    assert_eq!(attention(&q, &k, &v, Some(&mask), true).shape(), [7, 4, 2]);
}

#[test]
fn matrices_that_do_not_fit_are_named() {
    let (oblong, vector) = (of(&[4, 2, 3]), of(&[3]));
    panics!(oblong.det() => "det", "[4, 2, 3]", "expected square matrices, (..., n, n)");
    panics!(vector.slogdet() => "slogdet", "[3]", "expected square");
    panics!(vector.qr() => "qr", "[3] with 1 axes", "at least 2, (..., m, n)");
    panics!(vector.trace() => "trace", "[3]", "at least 2");
    panics!(vector.diagonal(0) => "diagonal", "[3]", "at least 2");
    panics!(vector.tril(0) => "tril", "[3]", "at least 2");
    panics!(V::new(1.0).triu(1) => "triu", "[]", "at least 2");
    panics!(oblong.diag() => "diag", "[4, 2, 3]", "1 or 2");
    panics!(of(&[1]).broadcast_to([usize::MAX >> 4]).diag() => "diag", "memory");

    let square = of(&[4, 3, 3]);
    let says = |result: Result<V, Error>, text: &str| assert_eq!(result.unwrap_err().to_string(), text);
    says(oblong.inv(), "inv: got shape [4, 2, 3], expected square matrices, (..., n, n)");
    says(vector.cholesky(), "cholesky: got shape [3], expected square matrices, (..., n, n)");
    says(vector.eigvalsh(), "eigvalsh: got shape [3], expected square matrices, (..., n, n)");
    says(oblong.matrix_power(2), "matrix_power: got shape [4, 2, 3], expected square matrices, (..., n, n)");
    says(oblong.expm(), "expm: got shape [4, 2, 3], expected square matrices, (..., n, n)");
    says(
        vector.matrix_norm(autodiff::MatrixNorm::One),
        "matrix_norm: got shape [3] with 1 axes, expected at least 2, (..., m, n)",
    );
    let empty = of(&[2, 0, 3]);
    says(
        empty.cond(),
        "cond: shape [2, 0, 3] is empty along the reduced axes [1, 2], where cond has no value",
    );
    says(vector.cond(), "cond: got shape [3] with 1 axes, expected at least 2, (..., m, n)");
    assert!(vector.matrix_rank().unwrap_err().to_string().starts_with("matrix_rank: got shape [3]"));
    says(
        empty.matrix_norm(autodiff::MatrixNorm::Infinity),
        "matrix_norm: shape [2, 0, 3] is empty along the reduced axes [1, 2], where matrix_norm has no value",
    );
    says(vector.svdvals(), "svdvals: got shape [3] with 1 axes, expected at least 2, (..., m, n)");
    says(vector.pinv(), "pinv: got shape [3] with 1 axes, expected at least 2, (..., m, n)");
    says(oblong.solve(&vector), "solve: got shape [4, 2, 3], expected square matrices, (..., n, n)");
    let fit = "expected (..., n, n) and (..., n, k) or (n), with leading axes that broadcast";
    says(square.solve(of(&[2])), &format!("solve: shapes [4, 3, 3] and [2] do not fit; {fit}"));
    says(square.solve(of(&[2, 3, 1])), &format!("solve: shapes [4, 3, 3] and [2, 3, 1] do not fit; {fit}"));
    says(square.solve(1.0), &format!("solve: shapes [4, 3, 3] and [] do not fit; {fit}"));
    says(
        square.solve_triangular(of(&[4, 3]), Triangle::LOWER),
        &format!("solve_triangular: shapes [4, 3, 3] and [4, 3] do not fit; {fit}"),
    );
    let fit = "expected (..., m, n) and (..., m, k) or (m), with leading axes that broadcast";
    says(oblong.lstsq(of(&[3])), &format!("lstsq: shapes [4, 2, 3] and [3] do not fit; {fit}"));
}

#[test]
fn matrices_without_a_result_are_named() {
    let identity = ndarray::Array2::<f64>::eye(2);
    let stack =
        |bad: ndarray::Array2<f64>| V::stack(&[&V::new(identity.clone()), &V::new(bad)], 0).unsqueeze(1);
    let says = |result: Result<V, Error>, text: &str| assert_eq!(result.unwrap_err().to_string(), text);
    let singular = array![[1.0, 2.0], [2.0, 4.0]];
    let why = "the matrix is singular: pivot 1 of its triangular factor is zero";
    says(V::new(singular.clone()).inv(), &format!("inv: shape [2, 2]: {why}"));
    says(V::new(singular.clone()).solve(array![1.0, 2.0]), &format!("solve: shape [2, 2]: {why}"));
    says(stack(singular.clone()).inv(), &format!("inv: shape [2, 1, 2, 2], matrix [1, 0]: {why}"));
    says(
        stack(singular.clone()).solve(array![1.0, 2.0]),
        &format!("solve: shape [2, 1, 2, 2], matrix [1, 0]: {why}"),
    );
    says(
        stack(singular).matrix_power(-2),
        &format!("matrix_power: shape [2, 1, 2, 2], matrix [1, 0]: {why}"),
    );
    let triangle = V::new(array![[1.0, 0.0], [2.0, 0.0]]);
    let solved = |kind| triangle.solve_triangular(array![1.0, 2.0], kind);
    says(solved(Triangle::LOWER), &format!("solve_triangular: shape [2, 2]: {why}"));
    assert_eq!(solved(Triangle::LOWER.unit()).unwrap().data(), array![1.0, 0.0].into_dyn());
    says(
        stack(array![[1.0, 2.0], [2.0, 1.0]]).cholesky(),
        "cholesky: shape [2, 1, 2, 2], matrix [1, 0]: the matrix is not positive definite: pivot 1 of its Cholesky \
         factorisation is not positive",
    );
    let nan = array![[1.0, f64::NAN], [f64::NAN, 1.0]];
    let why = "the matrix holds NaN or infinite elements";
    says(V::new(nan.clone()).eigvalsh(), &format!("eigvalsh: shape [2, 2]: {why}"));
    says(
        stack(nan.clone()).eigh().map(|(w, _)| w),
        &format!("eigh: shape [2, 1, 2, 2], matrix [1, 0]: {why}"),
    );
    says(
        stack(nan.clone()).svd().map(|(_, s, _)| s),
        &format!("svd: shape [2, 1, 2, 2], matrix [1, 0]: {why}"),
    );
    says(stack(nan.clone()).pinv(), &format!("pinv: shape [2, 1, 2, 2], matrix [1, 0]: {why}"));
    says(stack(nan).lstsq(array![1.0, 2.0]), &format!("lstsq: shape [2, 1, 2, 2], matrix [1, 0]: {why}"));
}

#[test]
fn axes_that_are_not_there_are_named() {
    let x = of(&[2, 3]);
    panics!(x.sum_axis(5) => "sum", "axis 5", "[2, 3]", "-2 to 1");
    panics!(x.sum_axis(-3) => "sum", "axis -3", "[2, 3]");
    panics!(x.sum_keepdims(2) => "sum", "axis 2", "[2, 3]");
    panics!(x.mean_axis(2) => "mean", "axis 2", "[2, 3]");
    panics!(x.mean_keepdims(2) => "mean", "axis 2", "[2, 3]");
    panics!(x.max_axis(2) => "max", "axis 2", "[2, 3]");
    panics!(x.max_keepdims(2) => "max", "axis 2", "[2, 3]");
    panics!(x.min_axis(2) => "min", "axis 2", "[2, 3]");
    panics!(x.min_keepdims(2) => "min", "axis 2", "[2, 3]");
    panics!(x.logsumexp_axis(2) => "logsumexp", "axis 2", "[2, 3]");
    panics!(x.logsumexp_keepdims(2) => "logsumexp", "axis 2", "[2, 3]");
    panics!(x.softmax(2) => "softmax", "axis 2", "[2, 3]");
    panics!(x.log_softmax(2) => "log_softmax", "axis 2", "[2, 3]");
    panics!(x.swap_axes(0, 2) => "swap_axes", "axis 2", "[2, 3]");
    panics!(x.swap_axes(isize::MIN, 0) => "swap_axes", "axis -9223372036854775808", "[2, 3]");
    panics!(x.permute([0, 2]) => "permute", "axis 2", "[2, 3]");
    panics!(x.squeeze_axis(2) => "squeeze", "axis 2", "[2, 3]");
    panics!(x.unsqueeze(3) => "unsqueeze", "axis 3");
    panics!(x.index_select(2, [0]) => "index_select", "axis 2", "[2, 3]");
    panics!(V::concat(&[&x, &x], 2) => "concat", "axis 2", "[2, 3]");
    panics!(V::stack(&[&x, &x], 3) => "stack", "axis 3");
    panics!(V::new(1.0).sum_axis(0) => "sum", "axis 0", "[]", "none");
    // What an unsigned difference below 0 becomes is no axis from the back, and no length to be inferred.
    let below = 1_usize.wrapping_sub(2);
    panics!(x.sum_axis(below) => "sum", "axis 9223372036854775807", "[2, 3]");
    panics!(x.sum_axis([0, below]) => "sum", "axis 9223372036854775807", "[2, 3]");
    panics!(x.sum_axis(ndarray::Axis(below)) => "sum", "axis 9223372036854775807", "[2, 3]");
    panics!(x.reshape([below, 2]) => "reshape", "[2, 3]", "do not fit");
    panics!(x.reshape((below, 2)) => "reshape", "[2, 3]", "do not fit");
    panics!(x.reshape(vec![below]) => "reshape", "[2, 3]", "do not fit");
}

#[test]
fn repeated_and_missing_axes_are_named() {
    let x = of(&[2, 3]);
    panics!(x.sum_axis([0, 0]) => "sum", "axis 0", "repeated", "[0, 0]");
    panics!(x.mean_axis([1, -1]) => "mean", "axis 1", "repeated", "[1, -1]");
    panics!(x.softmax([0, -2]) => "softmax", "axis 0", "repeated");
    panics!(x.permute([0, 0]) => "permute", "axis 0", "repeated");
    panics!(x.permute(1) => "permute", "[1]", "[2, 3]", "exactly once");
    panics!(x.permute([0_usize; 0]) => "permute", "[]", "[2, 3]", "exactly once");
    panics!(x.unsqueeze([0, -4]) => "unsqueeze", "axis 0", "repeated");
    panics!(x.squeeze_axis(0) => "squeeze", "axis 0", "[2, 3]", "length 2", "expected 1");
    panics!(of(&[2, 1]).squeeze_axis([1, 1]) => "squeeze", "axis 1", "repeated");
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let x = of(&[6]);
    panics!(x.reshape([4, 2]) => "reshape", "6 elements", "[6]", "[4, 2]", "8");
    panics!(x.reshape([4, -1]) => "reshape", "[6]", "[4, -1]", "multiple of 4");
    panics!(x.reshape([-1, -1]) => "reshape", "[6]", "[-1, -1]", "one -1");
    panics!(x.reshape([-2, 3]) => "reshape", "[6]", "[-2, 3]");
    panics!(x.reshape([0, -1]) => "reshape", "[6]", "[0, -1]");
    panics!(x.reshape([isize::MAX, 4]) => "reshape", "[6]", "larger than memory");
    panics!(V::from_shape_vec([2, 2], vec![1.0; 3]) => "from_shape_vec", "[3]", "[2, 2]", "4");
    panics!(V::from_shape_vec([usize::MAX / 2, 4], vec![1.0]) => "from_shape_vec", "[1]");
    panics!(V::from_shape_vec([usize::MAX / 2, 4, 0], vec![]) => "from_shape_vec", "memory");
    panics!(of(&[2, 3]).broadcast_to([2, 2]) => "broadcast_to", "[2, 3]", "[2, 2]", "expected");
    panics!(of(&[2, 3]).broadcast_to(3) => "broadcast_to", "[2, 3]", "[3]");
    panics!(of(&[1]).broadcast_to([1_usize << 40, 1_usize << 40]) => "broadcast_to", "1099511627776", "memory");
    panics!(V::new(1.0).broadcast_to([-1, 2]) => "broadcast_to", "[-1, 2]");
    panics!(of(&[2]).item() => "item", "[2]", "2 elements", "exactly one");
    panics!(of(&[0]).item() => "item", "[0]", "0 elements");
}

#[test]
fn indices_and_slices_beyond_the_end_are_named() {
    let x = of(&[2, 3]);
    panics!(x.index_select(1, [0, 5]) => "index_select", "index 5", "position 1", "axis 1", "[2, 3]", "length 3");
    panics!(of(&[0]).index_select(0, [0]) => "index_select", "index 0", "[0]", "length 0");
    panics!(x.slice(s![0]) => "slice", "1 range", "expected 2", "[2, 3]");
    panics!(x.slice(s![0, 0, 0]) => "slice", "expected 2", "[2, 3]");
    panics!(x.slice(s![2, ..]) => "slice", "index 2", "axis 0", "[2, 3]");
    panics!(x.slice(s![-3, ..]) => "slice", "index -3", "axis 0", "[2, 3]");
    panics!(x.slice(s![.., 1..4]) => "slice", "1..4", "axis 1", "[2, 3]");
    panics!(x.slice(s![.., -4..]) => "slice", "-4..", "axis 1", "[2, 3]");
    let still = ndarray::SliceInfoElem::Slice { start: 0, end: None, step: 0 };
    panics!(of(&[3]).slice([still]) => "slice", "step", "axis 0", "[3]");
}

#[test]
fn parts_that_do_not_fit_together_are_named() {
    let x = of(&[2, 3]);
    let none: [V; 0] = [];
    let others = "expected as many axes, and equal lengths along the others";
    panics!(V::concat(&[&x, &of(&[3])], 0) => "concat", "axis 0", "array 1 of shape [3]", "[2, 3]", others);
    panics!(V::concat(&[&x, &x, &of(&[2, 2])], 0) => "concat", "array 2 of shape [2, 2]", "array 0 of shape [2, 3]", others);
    panics!(V::concat(&[&x, &of(&[3, 2])], -1) => "concat", "axis 1", "array 1 of shape [3, 2]", "[2, 3]", others);
    panics!(V::concat(&[V::new(1.0)], 0) => "concat", "axis 0", "[]");
    panics!(V::concat(&none, 0) => "concat: the number of arrays is 0, expected at least 1");
    panics!(V::stack(&[&x, &of(&[3])], -1) => "stack", "axis 2", "array 1 of shape [3]", "[2, 3]", "expected equal shapes");
    panics!(V::stack(&none, 0) => "stack: the number of arrays is 0, expected at least 1");
    panics!(V::vstack(&none) => "vstack: the number of arrays is 0");
    panics!(V::hstack(&none) => "hstack: the number of arrays is 0");
    panics!(of(&[0, 3]).max() => "max", "[0, 3]", "empty");
    panics!(of(&[0, 3]).max_axis(0) => "max", "[0, 3]", "empty");
    panics!(of(&[0, 3]).max_keepdims(0) => "max", "[0, 3]", "empty");
    panics!(of(&[0]).min() => "min", "[0]", "empty");
    panics!(of(&[0, 3]).min_axis([0, 1]) => "min", "[0, 3]", "empty");
    panics!(of(&[0, 3]).min_keepdims(-2) => "min", "[0, 3]", "empty");
}

#[test]
fn reductions_and_scans_name_what_is_wrong() {
    let (x, none) = (of(&[2, 3]), of(&[0, 3]));
    panics!(x.prod_axis(2) => "prod", "axis 2", "[2, 3]");
    panics!(x.var_axis([0, 0], 1) => "var", "repeated");
    panics!(x.std_keepdims(2, 1) => "std", "axis 2", "[2, 3]");
    panics!(x.norm_axis(-3, 2.0) => "norm", "axis -3", "[2, 3]");
    panics!(none.norm(f64::INFINITY) => "norm", "[0, 3]", "empty");
    panics!(none.median() => "median", "[0, 3]", "empty");
    panics!(none.quantile_axis(0, 0.5) => "quantile", "[0, 3]", "empty");
    panics!(x.quantile(1.5) => "quantile", "q is 1.5", "0 to 1");
    panics!(x.quantile(f64::NAN) => "quantile", "NaN", "0 to 1");
    panics!(none.argmax() => "argmax", "[0, 3]", "empty");
    panics!(none.argmin_axis(0) => "argmin", "[0, 3]", "empty");
    panics!(x.any_axis(2) => "any", "axis 2", "[2, 3]");
    panics!(x.count_nonzero_keepdims([1, 1]) => "count_nonzero", "repeated");
    panics!(x.cumsum(2) => "cumsum", "axis 2", "[2, 3]");
    panics!(x.cumprod(2) => "cumprod", "axis 2", "[2, 3]");
    panics!(x.cummax(-3) => "cummax", "axis -3", "[2, 3]");
    panics!(x.cummin(2) => "cummin", "axis 2", "[2, 3]");
    panics!(x.logcumsumexp(2) => "logcumsumexp", "axis 2", "[2, 3]");
    panics!(x.diff(1, 2) => "diff", "axis 2", "[2, 3]");
    panics!(x.trapezoid(1.0, -3) => "trapezoid", "axis -3", "[2, 3]");
    panics!(x.trapezoid(array![0.0, 1.0], 1) => "trapezoid", "y [2, 3]", "x [2]", "axis 1", "3 elements");
    panics!(V::new(1.0).sort(0) => "sort", "axis 0", "[]");
    panics!(x.argsort(2) => "argsort", "axis 2", "[2, 3]");
    panics!(x.topk(4, 1) => "topk", "k is 4", "0 to 3", "axis 1", "[2, 3]");
    panics!(x.searchsorted(1.0) => "searchsorted", "[2, 3]", "expected 1");
}

#[test]
fn arrangements_name_what_is_wrong() {
    let x = of(&[2, 3]);
    panics!(x.split(2, 1) => "split", "sections is 2", "divisor of 3", "axis 1", "[2, 3]");
    panics!(x.split(0, 1) => "split", "sections is 0", "divisor of 3");
    panics!(x.array_split(0, 1) => "array_split", "sections is 0", "at least 1");
    panics!(x.split_at([2, 1], 1) => "split_at", "index is 1", "2 to 3", "[2, 3]");
    panics!(x.split_at([4], 1) => "split_at", "index is 4", "0 to 3");
    panics!(x.repeat(2, 2) => "repeat", "axis 2", "[2, 3]");
    panics!(x.repeat(usize::MAX / 8, 0) => "repeat", "memory");
    panics!(x.tile([-1, 2]) => "tile", "[-1, 2]", "none below 0");
    panics!(x.tile([usize::MAX / 16, 8]) => "tile", "memory");
    panics!(x.roll(1, 2) => "roll", "axis 2", "[2, 3]");
    panics!(x.flip([0, -2]) => "flip", "repeated");
    panics!(x.pad([(1, 1); 3], Pad::Edge) => "pad", "3 pairs", "expected 2");
    panics!(x.pad([(usize::MAX, 1)], Pad::Constant(0.0)) => "pad", "memory");
    panics!(of(&[0, 3]).pad([(1, 1)], Pad::Reflect) => "pad", "padded axis is 0", "axis 0 of shape [0, 3]", "at least 1");
    panics!(x.moveaxis(2, 0) => "moveaxis", "axis 2", "[2, 3]");
    panics!(x.moveaxis([0, 1], 0) => "moveaxis", "1 destinations", "expected 2");
    panics!(x.unfold(1, 4, 1) => "unfold", "size is 4", "1 to 3", "axis 1", "[2, 3]");
    panics!(x.unfold(1, 0, 1) => "unfold", "size is 0");
    panics!(x.unfold(1, 2, 0) => "unfold", "step is 0", "at least 1");
    panics!(V::vstack(&[&x, &of(&[2])]) => "vstack", "axis 0", "array 1 of shape [1, 2]", "[2, 3]", "expected");
    panics!(V::hstack(&[&x, &of(&[3])]) => "hstack", "axis 1", "array 1 of shape [3]", "[2, 3]", "expected");
    let long = of(&[1]).broadcast_to([usize::MAX >> 4]);
    panics!(long.outer(&long) => "outer", "memory");
    panics!(V::meshgrid(&[&long, &long], Indexing::Ij) => "meshgrid", "memory");
    panics!(V::zeros([2, -1]) => "zeros", "[2, -1]", "none below 0");
    panics!(V::ones(usize::MAX / 2) => "ones", "memory");
    panics!(V::full([usize::MAX / 8, 9], 1.0) => "full", "memory");
    panics!(V::eye(usize::MAX / 2) => "eye", "memory");
    panics!(V::arange(0.0, 1.0, 0.0) => "arange", "step is 0", "other than 0");
    panics!(V::arange(0.0, f64::INFINITY, 1.0) => "arange", "stop is inf", "finite");
    panics!(V::arange(0.0, 1e300, 1.0) => "arange", "memory");
    panics!(V::linspace(0.0, 1.0, usize::MAX) => "linspace", "memory");
}

#[test]
fn places_that_are_not_there_are_named() {
    let x = of(&[2, 3]);
    panics!(x.take_along_axis(&array![[3]], 1) => "take_along_axis", "index 3", "position 0", "axis 1", "length 3");
    panics!(x.take_along_axis(&array![0], 1) => "take_along_axis", "[1] with 1 axes", "as many as the array has");
    panics!(x.take_along_axis(&array![[0], [0], [0]], 1) => "take_along_axis", "[2, 1]", "[3, 1]");
    panics!(x.gather(0, &array![[0, 2]]) => "gather", "index 2", "position 1", "axis 0");
    panics!(x.gather(0, &array![[0, 0, 0, 0]]) => "gather", "[1, 4]", "expected [1, 3]");
    panics!(x.scatter_add(2, &array![[0]], 1.0) => "scatter_add", "axis 2", "[2, 3]");
    panics!(x.scatter_add(1, &array![[0]], array![1.0, 2.0]) => "scatter_add", "[2]", "[1, 1]");
    panics!(x.put_along_axis(&array![[5]], 1.0, 1) => "put_along_axis", "index 5", "axis 1");
    panics!(x.index(&[[0], [3]]) => "index", "index 3", "position 0", "axis 1");
    panics!(x.index(&[vec![0, 1], vec![0]]) => "index", "1 indices", "expected 2");
    panics!(x.index(&[[0]; 3]) => "index", "3 lists", "expected 2");
    panics!(x.index_put(&[[0, 1]], array![1.0, 2.0]) => "index_put", "[2]", "[2, 3]");
    panics!(x.index_add(0, [2], 1.0) => "index_add", "index 2", "axis 0");
    panics!(x.index_add(0, [0], array![1.0, 2.0]) => "index_add", "[2]", "[1, 3]");
    panics!(x.set_slice(s![0, ..], array![1.0, 2.0]) => "set_slice", "[2]", "[3]");
    panics!(x.set_slice(s![2, ..], 1.0) => "slice", "index 2", "axis 0");
    panics!(x.masked_select(&array![true, false]) => "masked_select", "[2]", "[2, 3]");
    panics!(x.masked_fill(&array![true, false], 0.0) => "masked_fill", "[2]", "[2, 3]");
    panics!(V::one_hot(&array![0, 3], 3) => "one_hot", "label 3", "position 1", "0 to 2");
}

#[test]
fn labels_are_checked() {
    let x = of(&[2, 3]);
    panics!(x.cross_entropy([0, 3]) => "cross_entropy", "label 3", "position 1", "0 to 2");
    panics!(x.cross_entropy([0]) => "cross_entropy", "1 labels", "expected 2");
    panics!(of(&[3]).cross_entropy([0]) => "cross_entropy", "[3]", "2");
    panics!(of(&[2, 2, 3]).cross_entropy([0, 0]) => "cross_entropy", "[2, 2, 3]", "2");
    panics!(of(&[1, 0]).cross_entropy([0]) => "cross_entropy", "label 0", "0 classes");
}

#[test]
fn gradients_that_are_not_there_are_explained() {
    let (x, c) = (of(&[2, 3]), V::constant(1.0));
    panics!(c.backward() => "backward", "[]", "leaf", "Value::new");
    panics!(x.detach().backward() => "backward", "[2, 3]", "leaf");
    panics!(no_grad(|| &x * &x).backward() => "backward", "[2, 3]", "no_grad");
    panics!(c.backward_with(1.0) => "backward_with", "[]", "leaf");
    panics!(x.backward_with(array![[1.0], [2.0]]) => "backward_with", "[2, 1]", "[2, 3]", "expected");
    panics!(c.grad_of(&[&x]) => "grad_of", "[]", "leaf");
    panics!(x.grad_of(&[&x, &c]) => "grad_of: value 1", "[]", "is a constant", "Value::new");
    panics!(x.square().grad_of(&[&x.detach()]) => "grad_of: value 0", "[2, 3]", "is a constant", "detach");
    panics!((&x * &x).grad() => "grad", "mul", "[2, 3]", "retain_grad");
    let (late, seen) = (&x * &x, &x * &x);
    seen.backward();
    late.retain_grad();
    seen.retain_grad();
    panics!(late.grad() => "grad", "no backward()", "mul", "[2, 3]", "call retain_grad() before");
    panics!(seen.grad() => "grad", "no backward()", "mul", "[2, 3]", "call retain_grad() before");
    panics!(c.retain_grad() => "retain_grad", "[]", "leaf", "Value::new");
    panics!(grad(|x| x.square(), &x) => "grad", "the function's result", "[2, 3]", "expected one number");
    panics!(value_and_grad(|x| x.square(), &x) => "value_and_grad:", "[2, 3]", "expected one number");
    panics!(value_and_grad_aux(|x| (x.square(), ()), &x) => "value_and_grad_aux:", "[2, 3]");
    panics!(hessian(|x| x.square(), &x) => "hessian: the function's result", "[2, 3]", "expected one number");
    panics!(hessian_diag(|x| x.square(), &x) => "hessian_diag: the function's result", "[2, 3]");
    panics!(hvp(|x| x.square(), &x, &x) => "hvp: the function's result", "[2, 3]", "expected one number");
}

#[test]
fn directions_of_another_shape_are_named() {
    let (x, c) = (of(&[2, 3]), V::constant(1.0));
    let same = "expected the same shape";
    panics!(x.backward_with(1.0) => "backward_with: got a seed of shape [] for a value of shape [2, 3]", same);
    panics!(jvp(|x| x.square(), &x, &c) => "jvp: got a tangent of shape [] for an input of shape [2, 3]", same);
    panics!(hvp(|x| x.sum(), &x, &c) => "hvp: got a direction of shape [] for an input of shape [2, 3]", same);
    let pair = [x.clone(), c.clone()];
    panics!(hvp(|[x, _]| x.sum(), &pair, &[x.clone(), x.clone()]) => "hvp: got a direction of shape [2, 3] for an input of shape []");
    let both = |x: &Vec<V>| x[0].sum();
    panics!(hvp(both, &pair.to_vec(), &vec![c.clone()]) => "hvp", "1 directions", "expected 2");
    panics!(pair.with_vector(&of(&[5])) => "with_vector: got shape [5], expected [7]");
    panics!(jvp(both, &pair.to_vec(), &vec![c.clone()]) => "jvp", "1 tangents", "expected 2");
    // The maps panic where they are made, being functions of type `dyn Fn`.
    let message = |f: &dyn Fn() -> V| panic_of(|| drop(f())).expect("a panic").message;
    let (_, push) = linearize(|x| x.square(), &x);
    assert!(
        message(&|| push(&c)).contains("linearize: got a tangent of shape [] for an input of shape [2, 3]")
    );
    let (_, pull) = vjp(|x| x.sum_axis(0), &x);
    assert!(message(&|| pull(&c)).contains("vjp: got a cotangent of shape [] for a result of shape [3]"));
}

#[test]
fn results_too_large_for_memory_are_errors() {
    let (tall, wide) =
        (of(&[1, 1]).broadcast_to([1_usize << 33, 1]), of(&[1, 1]).broadcast_to([1, 1_usize << 33]));
    panics!(&tall + &wide => "add", "8589934592", "memory");
    panics!(tall.lt(&wide) => "lt", "8589934592", "memory");
}

/// Results that no memory holds, of operands that hold one element each.
#[test]
fn products_and_joins_too_large_for_memory_are_errors() {
    let (tall, wide) =
        (of(&[1, 1]).broadcast_to([1_usize << 33, 1]), of(&[1, 1]).broadcast_to([1, 1_usize << 33]));
    panics!(tall.matmul(&wide) => "matmul", "8589934592");
    panics!(tall.unsqueeze(1).matmul(&wide) => "matmul", "[8589934592, 1, 8589934592]", "memory");
    let long = of(&[1]).broadcast_to([usize::MAX >> 4]);
    panics!(V::concat(&[&long; 9], 0) => "concat");
    panics!(of(&[0]).reshape([isize::MAX, 2, 0]) => "reshape", "[9223372036854775807, 2, 0]", "memory");
}

#[test]
fn try_forms_return_the_error_and_leave_no_trace() {
    let (a, b) = (of(&[2, 3]), of(&[2]));
    let pairs = [
        a.try_add(&b),
        a.try_sub(&b),
        a.try_mul(&b),
        a.try_div(&b),
        a.try_pow(&b),
        a.try_maximum(&b),
        a.try_minimum(&b),
    ];
    for (error, op) in pairs.into_iter().zip(["add", "sub", "mul", "div", "pow", "maximum", "minimum"]) {
        assert_eq!(error.unwrap_err(), Error::Broadcast { op, left: vec![2, 3], right: vec![2] });
    }
    assert!(matches!(a.try_matmul(&a), Err(Error::Matmul { inner_left: 3, inner_right: 2, .. })));
    assert!(matches!(a.try_sum_axis(5), Err(Error::Axis { op: "sum_axis", axis: 5, .. })));
    assert!(matches!(a.try_sum_axis([0, 0]), Err(Error::RepeatedAxis { op: "sum_axis", axis: 0, .. })));
    assert!(matches!(a.try_item(), Err(Error::Item { .. })));
    assert!(matches!(a.try_backward_with(1.0), Err(Error::Direction { op: "backward_with", .. })));
    assert!(matches!(V::constant(1.0).try_backward(), Err(Error::NotTracked { op: "backward", .. })));
    assert_eq!(a.grad().data(), ArrayD::<f64>::zeros(&[2, 3][..]), "no gradient was added");
    a.sum().backward();
    assert_eq!(a.grad().data(), ArrayD::<f64>::ones(&[2, 3][..]));
}

#[test]
fn errors_are_send_sync_and_std_errors() {
    fn check<E: std::error::Error + Send + Sync + Clone + PartialEq + 'static>(_: E) {}
    check(of(&[2]).try_item().unwrap_err());
}

/// `unwrap` and a `main` that returns an error print its `Debug` form.
#[test]
fn errors_show_their_message_where_they_are_unwrapped() {
    fn check<E: std::error::Error>(error: E) {
        assert_eq!(format!("{error:?}"), error.to_string());
    }
    check(of(&[2]).try_item().unwrap_err());
    check(autodiff_core::backend::LinalgError::NotFinite);
    check(nn::Error::from(of(&[2]).try_item().unwrap_err()));
    check(data::Error::BatchSize);
    check(optim::Error::Empty { optimizer: "Sgd" });
    panics!(of(&[2, 3]).try_reshape(5).unwrap() => "reshape: 6 elements of shape [2, 3] do not fit shape [5]");
    let singular = V::new(array![[1.0, 2.0], [2.0, 4.0]]);
    panics!(singular.inv().unwrap() => "inv: shape [2, 2]: the matrix is singular");
}
