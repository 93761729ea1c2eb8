//! The README's first program: gradients of numbers, of arrays under broadcasting, and of a function. It draws how the loss
//! was computed to `target/quickstart.svg`.
//!
//! ```text
//! cargo run --example quickstart
//! ```

use autodiff::{Value, grad};
use ndarray::{Array, array, s};
use std::path::Path;

fn main() -> std::io::Result<()> {
    // A leaf from a number. Operations record themselves; `backward` adds derivatives to the leaves.
    let x = Value::new(3.0);
    let y = &x * &x + &x;
    y.backward();
    assert_eq!(y.item(), 12.0);
    assert_eq!(x.grad().item(), 7.0);
    println!("y = x^2 + x at x = 3: y = {}, dy/dx = {}", y.item(), x.grad().item());

    // Leaves from arrays of any shape, which broadcast together; a gradient has the shape of its leaf.
    let a = Value::new(Array::from_shape_fn((2, 3), |(i, j)| (i + j) as f64));
    let b = Value::new(array![[0.1, 0.2, 0.3]]).with_label("b");
    let loss = ((&a + &b).tanh() * (&a + 2.0)).sum();
    loss.backward();
    assert_eq!(a.grad().shape(), [2, 3]);
    println!("\nloss = sum(tanh(a + b) (a + 2)) = {:.6}", loss.item());
    println!("d loss / d a =\n{:.6}", a.grad().data());
    println!("d loss / d b = {:.6}", b.grad().data());

    // How it was computed, as a picture; `to_dot()` gives it to Graphviz.
    let graph = loss.graph().with_labels([("a", &a), ("loss", &loss)]);
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::fs::create_dir_all(&target)?;
    std::fs::write(target.join("quickstart.svg"), graph.to_svg())?;
    println!("picture: {}", target.join("quickstart.svg").display());

    // Slices, transposes and matrix products.
    let w = a.slice(s![.., 0..2]).matmul(b.slice(s![.., 1..3]).t());
    println!("\na[:, 0:2] @ b[:, 1:3].T = {:.2}", w.data());

    // The derivative of a function, itself a value: so it can be differentiated again.
    let d = grad(|x| x.powi(4), &Value::new(2.0));
    assert_eq!(d.item(), 32.0);
    let second = grad(|x| grad(|x| x.powi(4), x), &Value::new(2.0));
    println!("\nx^4 at x = 2: first derivative {}, second derivative {}", d.item(), second.item());
    Ok(())
}
