//! Products.

use super::*;

pub fn apply<T: Real>(op: &str, args: &Json, x: &[V<T>]) -> V<T> {
    match (op, x) {
        ("einsum", x) => V::<T>::einsum(args["subscripts"].as_str().expect("subscripts"), x),
        ("tensordot", [a, b]) => a.tensordot(b, &axes(&args["axes"])[..], &axes(&args["other"])[..]),
        ("inner", [a, b]) => a.inner(b),
        ("dot", [a, b]) => a.dot(b),
        ("vdot", [a, b]) => a.vdot(b),
        ("outer", [a, b]) => a.outer(b),
        ("kron", [a, b]) => a.kron(b),
        ("cross", [a, b]) => a.cross(b),
        ("matmul", [a, b]) => a.matmul(b),
        ("gram", [a]) => a.matmul(a.swap_axes(-1, -2)),
        ("squared", [a]) => a.matmul(a),
        _ => panic!("no function {op:?} of {} inputs", x.len()),
    }
}
