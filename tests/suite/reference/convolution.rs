//! Convolutions and pooling.

use super::*;
use autodiff::{Conv, Pool};

pub fn apply<T: Real>(op: &str, args: &Json, x: &[V<T>]) -> V<T> {
    fn each<const N: usize>(x: &Json) -> [usize; N] {
        lengths(x).try_into().expect("a number for each axis")
    }
    fn conv<const N: usize>(args: &Json) -> Conv<N> {
        Conv {
            stride: each(&args["stride"]),
            padding: each(&args["padding"]),
            dilation: each(&args["dilation"]),
            groups: number(&args["groups"]) as usize,
        }
    }
    fn pool<const N: usize>(args: &Json) -> Pool<N> {
        Pool { window: each(&args["window"]), stride: each(&args["stride"]), padding: each(&args["padding"]) }
    }
    match (op, x) {
        ("conv1d", [x, w]) => x.conv1d(w, conv(args)),
        ("conv2d", [x, w]) => x.conv2d(w, conv(args)),
        ("conv_transpose1d", [x, w]) => x.conv_transpose1d(w, conv(args), each(&args["more"])),
        ("conv_transpose2d", [x, w]) => x.conv_transpose2d(w, conv(args), each(&args["more"])),
        ("max_pool1d", [x]) => x.max_pool1d(pool(args)),
        ("max_pool2d", [x]) => x.max_pool2d(pool(args)),
        ("avg_pool1d", [x]) => x.avg_pool1d(pool(args)),
        ("avg_pool2d", [x]) => x.avg_pool2d(pool(args)),
        _ => panic!("no function {op:?} of {} inputs", x.len()),
    }
}
