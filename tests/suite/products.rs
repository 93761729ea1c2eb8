//! Sums of products over named axes, against their definition.

use crate::common::*;
use autodiff::{Value, check_grads};
use ndarray::array;

fn numbers<T: Real>(shape: &[usize], salt: usize) -> V<T> {
    let n: usize = shape.iter().product();
    leaf(shape, &(0..n).map(|i| ((i * 7 + salt * 5) % 11) as f64 - 5.0).collect::<Vec<_>>())
}

/// `einsum` as it is defined, for subscripts of letters with `->`: loops over all of them.
fn by_definition<T: Real>(subscripts: &str, operands: &[V<T>]) -> Vec<f64> {
    let (inputs, output) = subscripts.split_once("->").unwrap();
    let terms: Vec<Vec<char>> = inputs.split(',').map(|term| term.chars().collect()).collect();
    let mut letters: Vec<char> = output.chars().collect();
    let summed = inputs.chars().filter(|c| *c != ',');
    summed.for_each(|c| {
        if !letters.contains(&c) {
            letters.push(c);
        }
    });
    let length = |letter: char| {
        let all = terms.iter().zip(operands).flat_map(|(term, x)| term.iter().zip(x.shape()));
        // Axes of length 1 broadcast.
        all.filter(|(c, n)| **c == letter && **n != 1).map(|(_, n)| *n).next().unwrap_or(1)
    };
    let lengths: Vec<usize> = letters.iter().map(|&c| length(c)).collect();
    let results: usize = lengths[..output.len()].iter().product();
    let sums: usize = lengths[output.len()..].iter().product();
    let data: Vec<_> = operands.iter().map(|x| x.data()).collect();
    let term = |flat: usize| {
        let mut flat = flat;
        let mut index = vec![0; letters.len()];
        for i in (0..letters.len()).rev() {
            (index[i], flat) = (flat % lengths[i], flat / lengths[i]);
        }
        let element = |(term, x): (&Vec<char>, &ndarray::ArcArray<T, ndarray::IxDyn>)| {
            let place = |(c, n): (&char, &usize)| {
                if *n == 1 { 0 } else { index[letters.iter().position(|l| l == c).unwrap()] }
            };
            let at: Vec<usize> = term.iter().zip(x.shape()).map(place).collect();
            x[&at[..]].as_f64()
        };
        terms.iter().zip(&data).map(element).product::<f64>()
    };
    (0..results).map(|r| (0..sums).map(|s| term(r * sums + s)).sum()).collect()
}

fn einsum_is_what_it_is_defined_to_be<T: Real>() {
    for (subscripts, shapes) in [
        ("i->", &[&[3][..]][..]),
        ("ij->ji", &[&[2, 3]]),
        ("ii->", &[&[3, 3]]),
        ("ii->i", &[&[3, 3]]),
        ("iji->j", &[&[2, 3, 2]]),
        ("iii->i", &[&[3, 3, 3]]),
        ("iijj->ij", &[&[2, 2, 3, 3]]),
        ("i,i->", &[&[3], &[3]]),
        ("i,j->ij", &[&[3], &[2]]),
        ("i,j->ji", &[&[3], &[2]]),
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("ij,jk->ki", &[&[2, 3], &[3, 4]]),
        ("ij,kj->ik", &[&[2, 3], &[4, 3]]),
        ("bij,bjk->bik", &[&[2, 2, 3], &[2, 3, 2]]),
        ("ib,jb->bij", &[&[2, 3], &[4, 3]]),
        ("ijk,jl->kl", &[&[2, 3, 2], &[3, 2]]),
        ("ij,ij->", &[&[2, 3], &[2, 3]]),
        ("ij,ij->ij", &[&[2, 3], &[2, 3]]),
        ("ij,k->i", &[&[2, 3], &[4]]),
        ("i,ij,j->", &[&[2], &[2, 3], &[3]]),
        ("ij,jk,kl->il", &[&[2, 3], &[3, 4], &[4, 2]]),
        ("i,i,i->i", &[&[3], &[3], &[3]]),
        ("i,j,k->kij", &[&[2], &[3], &[2]]),
        ("ii,ij,jj->i", &[&[2, 2], &[2, 3], &[3, 3]]),
        ("ij,jk->ik", &[&[2, 1], &[3, 4]]),
        ("i,i->i", &[&[1], &[3]]),
        ("i,i->i", &[&[1], &[1]]),
        ("ij,j->i", &[&[2, 0], &[0]]),
        ("ij,j->ij", &[&[0, 3], &[3]]),
        ("i,i->i", &[&[0], &[1]]),
        (",i->i", &[&[], &[3]]),
        ("->", &[&[]]),
    ] {
        let x: Vec<V<T>> = shapes.iter().enumerate().map(|(i, shape)| numbers(shape, i)).collect();
        let y = V::<T>::einsum(subscripts, &x);
        assert_eq!(elements(&y), by_definition(subscripts, &x), "{subscripts} of {shapes:?}");
        let spaced: String =
            subscripts.chars().flat_map(|c| [' ', c]).collect::<String>().replace("- >", "->");
        assert_eq!(V::<T>::einsum(&spaced, &x).data(), y.data());
    }
}

fn the_result_is_implied_and_ellipses_broadcast<T: Real>() {
    let (a, b) = (numbers::<T>(&[2, 3], 0), numbers::<T>(&[3, 2], 1));
    let same = |subscripts: &str, operands: &[&V<T>], explicit: &str| {
        let (got, want) = (V::<T>::einsum(subscripts, operands), V::<T>::einsum(explicit, operands));
        assert_eq!(got.data(), want.data(), "{subscripts}");
    };
    same("ij,jk", &[&a, &b], "ij,jk->ik");
    same("kj,ji", &[&a, &b], "kj,ji->ik");
    same("bA,Ac", &[&a, &b], "bA,Ac->bc");
    same("ba", &[&a], "ba->ab");
    same("...j", &[&a], "ij->ij");
    same("j...", &[&a], "ji->ij");
    same("...", &[&a], "ij->ij");
    same("i...->...i", &[&a], "ij->ji");
    let (c, d) = (numbers::<T>(&[4, 1, 2, 3], 2), numbers::<T>(&[5, 3, 2], 3));
    let y = V::<T>::einsum("...ij,...jk->...ik", &[&c, &d]);
    assert_same(&y, &[4, 5, 2, 2], &elements(&c.matmul(&d)));
    same("...ij,...jk", &[&c, &d], "...ij,...jk->...ik");
    same("...ij,jk", &[&c, &b], "abij,jk->abik");
}

fn products_are_numpys<T: Real>() {
    let (a, b) = (numbers::<T>(&[2, 3], 0), numbers::<T>(&[4, 3], 1));
    let (c, v) = (numbers::<T>(&[2, 4, 3], 2), numbers::<T>(&[3], 3));
    let same = |got: V<T>, subscripts: &str, operands: &[&V<T>]| {
        assert_eq!(got.data(), V::<T>::einsum(subscripts, operands).data(), "{subscripts}");
    };
    same(a.inner(&b), "ik,jk->ij", &[&a, &b]);
    same(c.inner(&v), "ijk,k->ij", &[&c, &v]);
    same(a.dot(b.t()), "ik,jk->ij", &[&a, &b]);
    same(a.dot(&v), "ij,j->i", &[&a, &v]);
    same(a.dot(c.swap_axes(1, 2)), "ik,ajk->iaj", &[&a, &c]);
    same(c.tensordot(&b, [1, 2], [0, 1]), "ijk,jk->i", &[&c, &b]);
    same(c.tensordot(&b, [-1], [-1]), "ijk,lk->ijl", &[&c, &b]);
    let none: [usize; 0] = [];
    same(v.tensordot(&a, none, none), "i,jk->ijk", &[&v, &a]);
    same(a.vdot(a.reshape(-1)), "ij,ij->", &[&a, &a]);
    for product in [a.inner(T::of(2.0)), a.dot(T::of(2.0)), V::<T>::constant(T::of(2.0)).dot(&a)] {
        assert_eq!(product.data(), (&a * T::of(2.0)).data());
    }
    assert_same(&vector::<T>(&[]).vdot(vector::<T>(&[])), &[], &[0.0]);
}

fn kronecker_and_cross_products<T: Real>() {
    let a = leaf::<T>(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let b = leaf::<T>(&[1, 2], &[1.0, 10.0]);
    assert_same(&a.kron(&b), &[2, 4], &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0]);
    assert_same(&vector::<T>(&[1.0, 2.0]).kron(&b), &[1, 4], &[1.0, 10.0, 2.0, 20.0]);
    assert_same(&b.kron(T::of(3.0)), &[1, 2], &[3.0, 30.0]);
    assert_eq!(leaf::<T>(&[2, 0], &[]).kron(&a).shape(), [4, 0]);
    let (x, y) = (leaf::<T>(&[2, 3], &[1.0, 2.0, 3.0, 0.0, 1.0, 0.0]), vector::<T>(&[4.0, 5.0, 6.0]));
    assert_same(&x.cross(&y), &[2, 3], &[-3.0, 6.0, -3.0, 6.0, 0.0, -4.0]);
    assert_eq!(leaf::<T>(&[0, 3], &[]).cross(&y).shape(), [0, 3]);
}

/// They are the matrix's own, found without multiplying, unless a product has something to say that they have not.
fn a_matrix_times_the_columns_of_the_identity<T: Real>() {
    let columns = leaf::<T>(&[3, 3, 1], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let a = leaf::<T>(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_same(&a.matmul(&columns), &[3, 2, 1], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let a = leaf::<T>(&[2, 3], &[1.0, f64::INFINITY, 3.0, 4.0, 5.0, 6.0]);
    assert_same(&a.matmul(&columns), &[3, 2, 1], &[f64::NAN, 4.0, f64::INFINITY, 5.0, f64::NAN, 6.0]);
    let columns = leaf::<T>(&[3, 3, 1], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    let a = leaf::<T>(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_same(&a.matmul(&columns), &[3, 2, 1], &[1.0, 4.0, 2.0, 5.0, 5.0, 11.0]);
}

/// The cotangents of a sum are equal everywhere, and are read as one row, or column, for all matrices; those of a sum with weights
/// of 1 are arrays like any other.
fn equal_cotangents_of_batches_are_not_lost<T: Real>() {
    type Shapes<'a> = [&'a [usize]; 3];
    let all: [Shapes<'_>; 9] = [
        [&[20, 24, 8], &[20, 8, 24], &[20, 24, 24]],
        [&[20, 24, 8], &[1, 8, 24], &[20, 24, 24]],
        [&[1, 24, 8], &[20, 8, 24], &[20, 24, 24]],
        [&[1, 24, 8], &[1, 8, 24], &[20, 24, 24]],
        [&[4, 1, 24, 7], &[1, 5, 7, 9], &[4, 5, 24, 9]],
        [&[4, 5, 24, 8], &[4, 1, 8, 8], &[4, 5, 24, 8]],
        [&[1, 1, 24, 8], &[1, 20, 8, 24], &[1, 20, 24, 24]],
        [&[300, 1, 24], &[300, 24, 8], &[300, 1, 8]],
        [&[300, 8, 24], &[300, 24, 1], &[300, 8, 1]],
    ];
    for [a, b, c] in all {
        // Operands that lie as they are, transposed, and repeated where there are several matrices.
        for layout in 0..4 {
            let operand = |shape: &[usize], salt: usize| match layout & salt {
                0 => numbers::<T>(shape, salt),
                _ => {
                    let mut turned = shape.to_vec();
                    let n = shape.len();
                    turned.swap(n - 2, n - 1);
                    V::<T>::new(numbers::<T>(&turned, salt).swap_axes(-2, -1).data())
                }
            };
            let gradients = |repeated: [bool; 2], weighted: bool| {
                let (x, y) = (operand(a, 1), operand(b, 2));
                let batch = |v: &V<T>, shape: &[usize], repeated: bool| match repeated {
                    true => v.broadcast_to([&c[..c.len() - 2], &shape[shape.len() - 2..]].concat()),
                    false => v.clone(),
                };
                let product = batch(&x, a, repeated[0]).matmul(batch(&y, b, repeated[1]));
                let ones = V::<T>::constant(product.data().mapv(|_| T::of(1.0)));
                if weighted {
                    (product * ones).sum().backward()
                } else {
                    product.sum().backward()
                }
                [x.grad(), y.grad()]
            };
            for repeated in [[false, false], [false, true], [true, false], [true, true]] {
                for (got, want) in gradients(repeated, false).iter().zip(gradients(repeated, true)) {
                    let want: Vec<f64> = want.data().iter().map(|x| x.as_f64()).collect();
                    // Sums of small integers, which are exact.
                    assert_same(got, got.shape(), &want);
                }
            }
        }
    }
}

both!(
    a_matrix_times_the_columns_of_the_identity,
    equal_cotangents_of_batches_are_not_lost,
    einsum_is_what_it_is_defined_to_be,
    the_result_is_implied_and_ellipses_broadcast,
    products_are_numpys,
    kronecker_and_cross_products,
);

#[test]
fn derivatives_of_products() {
    let of = |shape: &[usize], salt: usize| V::<f64>::new(numbers::<f64>(shape, salt).data() / 4.0);
    let (a, b, v) = (of(&[2, 3], 0), of(&[3, 3], 1), of(&[3], 2));
    let inputs = [a.clone(), b.clone(), v.clone()];
    check_grads(|x| V::<f64>::einsum("ij,jj,k->jk", x), &inputs, 2).unwrap();
    check_grads(|x| V::<f64>::einsum("ij,jk,k->i", x), &inputs, 2).unwrap();
    check_grads(|x| V::<f64>::einsum("...i,ji,i", x), &inputs, 2).unwrap();
    check_grads(|x| x[0].tensordot(&x[1], 1, 0), &inputs[..2], 2).unwrap();
    check_grads(|x| x[0].kron(&x[1]), &[v.clone(), b], 2).unwrap();
    check_grads(|x| x[0].cross(&x[1]), &[a.clone(), v.clone()], 2).unwrap();
    check_grads(|x| x[0].vdot(&x[0]), &[a], 2).unwrap();
    check_grads(|x| x[0].inner(&x[0]) + x[0].dot(&x[0]), &[v], 2).unwrap();
}

#[test]
fn mistakes_are_named() {
    let (a, v) = (Value::new(array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), Value::new(array![1.0, 2.0]));
    for (subscripts, problem) in [
        ("ij", "1 terms for 2 operands, expected one for each"),
        ("i,j", "term \"i\" names 1 axes of operand 0 of shape [2, 3], expected 2"),
        ("ij,...jk", "term \"...jk\" names 2 axes of operand 1 of shape [2], expected at least 1"),
        (
            "ij,j",
            "\"j\" has length 3 in operand 0 of shape [2, 3], and 2 in operand 1 of shape [2], expected equal lengths or 1",
        ),
        ("ii,j", "operand 0 of shape [2, 3]: axes of one name differ in length"),
        ("i1,i", "term \"i1\" holds '1', expected letters and at most one \"...\""),
        ("i...j,i->....", "term \"....\" holds '.', expected letters and at most one \"...\""),
        ("ij,i->k", "\"k\" is in the result alone, expected it in an operand"),
        ("ij,i->jj", "\"j\" is repeated in the result, expected it once"),
        ("...j,i->ij", "the operands have an ellipsis, expected one in the result"),
        ("ij...,i->j->i", "term \"j->i\" holds '-', expected letters and at most one \"...\""),
    ] {
        let error = Value::try_einsum(subscripts, &[&a, &v]).unwrap_err();
        assert_eq!(error.to_string(), format!("einsum: \"{subscripts}\": {problem}"));
    }
    let none: [&Value; 0] = [];
    let error = Value::try_einsum("", &none).unwrap_err().to_string();
    assert!(error.ends_with("1 terms for 0 operands, expected one for each"), "{error}");
    let panic = panic_of(|| Value::einsum("ij,j", &[&a, &v])).expect("a panic");
    assert!(panic.file.ends_with("products.rs"), "{panic:?}");
    let differ = "shapes [2, 3] and [2]: axis 1 has length 3 and axis 0 has 2; expected equal lengths, as products are \
                  summed along both";
    for (result, text) in [
        (a.try_inner(&v), &*format!("inner: {differ}")),
        (a.try_dot(&v), &*format!("dot: {differ}")),
        (
            a.try_vdot(&v),
            "vdot: the number of elements of the second operand is 2, of shape [2], expected 6, as that of the first, of \
             shape [2, 3]",
        ),
        (a.try_tensordot(&v, 1, 0), &*format!("tensordot: {differ}")),
        (a.try_tensordot(&v, [0, 1], 0), "tensordot: got 1 axes of the second operand, expected 2"),
        (a.try_cross(&v), "cross: got shape [2], expected [3]"),
        (a.try_cross(1.0), "cross: got shape [], expected [3]"),
    ] {
        assert_eq!(result.unwrap_err().to_string(), text);
    }
    let axis = a.try_tensordot(&v, 2, 0).unwrap_err().to_string();
    assert!(axis.starts_with("tensordot: axis 2 is out of range for shape [2, 3]"), "{axis}");
}

/// Ones, of which a sum one after another would stop at 2^24.
#[test]
fn long_sums_of_products_keep_their_digits_in_f32() {
    type V = autodiff::Value<f32>;
    let k = (1 << 24) + 1000;
    let ones = |rows: usize| V::constant(ndarray::Array2::<f32>::ones((rows, k)));
    let near = |got: V, what: &str| {
        assert!(got.data().iter().all(|&x| (f64::from(x) / k as f64 - 1.0).abs() < 1e-6), "{what}: {got}");
    };
    let (one, few) = (ones(1), ones(2));
    near(few.matmul(few.t()), "rows and rows");
    near(few.matmul(one.t()), "rows and a column");
    near(one.slice(ndarray::s![0, ..]).matmul(few.t()), "a row and columns");
    let column = V::constant(few.t().data().as_standard_layout().to_owned());
    near(one.matmul(&column), "a row and the rows of a matrix");
    near(column.t().matmul(&column), "columns and columns");
    let row = one.slice(ndarray::s![0, ..]);
    near(row.dot(&row), "dot");
    near(V::einsum("ik,jk->ij", &[&few, &one]), "einsum");
    let tenth = V::constant(ndarray::Array2::<f32>::from_elem((6, 1_000_000), 0.1));
    let square = tenth.matmul(tenth.t()).data();
    let exact = f64::from(0.1_f32).powi(2) * 1e6;
    assert!(square.iter().all(|&x| (f64::from(x) / exact - 1.0).abs() < 1e-4), "{square}");
}
