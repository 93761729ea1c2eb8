//! Pictures of recorded computations.

mod dot;
mod layout;
mod svg;

use crate::backend::Backend;
use crate::node;
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// How a value was computed, as a picture: leaves, constants and operations, with labels and shapes, and arrows from what
/// went in to what came out.
///
/// [`Value::graph`] makes it. Its `Display` form is [`to_dot`](Graph::to_dot). A copy of names and shapes alone, it keeps
/// no data alive.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Inputs come before what is made from them; the last is the value that was asked for.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    /// The number of its record, if it has one.
    id: Option<u64>,
    kind: Kind,
    /// The operation, or the number that a constant is.
    name: String,
    label: Option<Arc<str>>,
    shape: Box<[usize]>,
    inputs: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Leaf,
    Constant,
    Operation,
}

impl Node {
    /// Lines of text: what it is, and its shape if it has axes.
    fn lines(&self) -> Vec<String> {
        let title = match (&self.label, self.kind) {
            (Some(label), Kind::Operation) => format!("{label} = {}", self.name),
            (Some(label), _) => label.to_string(),
            (None, _) => self.name.clone(),
        };
        let shape = (!self.shape.is_empty()).then(|| format!("{:?}", self.shape));
        std::iter::once(title).chain(shape).collect()
    }
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// The computation that made this value, to be drawn: the operations that were recorded, whether they have run or not. One
    /// that is composed of others, as `std` is, shows as those. Nothing is computed or changed.
    ///
    /// What was computed from constants alone, or under [`no_grad`](crate::no_grad), is a constant. Values are named by
    /// their [labels](Value::with_label), or later, by [`Graph::with_labels`].
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(3.0).with_label("x");
    /// let graph = (&x * &x + 1.0).graph();
    /// assert!(graph.to_dot().starts_with("digraph"));
    /// std::fs::write(std::env::temp_dir().join("graph.svg"), graph.to_svg())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn graph(&self) -> Graph {
        let Some(root) = self.node() else {
            return Graph { nodes: vec![constant(self.tensor())] };
        };
        let mut found = BTreeMap::new();
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            if found.insert(node.id, node).is_none() {
                stack.extend(node.inputs().filter_map(|(input, _)| input));
            }
        }
        let mut nodes = Vec::with_capacity(found.len());
        let mut places = HashMap::new();
        for (id, node) in found {
            let inputs = (node.inputs().map(|(input, data)| match (input, data) {
                (Some(input), _) => places[&input.id],
                (None, data) => {
                    nodes.push(constant(&data.expect("an input has a node or data")));
                    nodes.len() - 1
                }
            }))
            .collect();
            places.insert(id, nodes.len());
            nodes.push(Node {
                id: Some(id),
                kind: kind(node),
                name: node.op().to_owned(),
                label: node.existing_meta().and_then(|meta| meta.label()),
                shape: node.shape().into(),
                inputs,
            });
        }
        Graph { nodes }
    }
}

fn kind<T: Scalar, B: Backend<T>>(node: &node::Node<T, B>) -> Kind {
    match node {
        _ if node.is_leaf() => Kind::Leaf,
        _ if node.is_constant() => Kind::Constant,
        _ => Kind::Operation,
    }
}

/// A constant that has no record: a number shows itself.
fn constant<T: Scalar>(data: &Tensor<T>) -> Node {
    let name = match data {
        Tensor::Scalar(x) => number(x.as_f64()),
        _ => "constant".to_owned(),
    };
    Node { id: None, kind: Kind::Constant, name, label: None, shape: data.shape().into(), inputs: Vec::new() }
}

/// A number in few characters.
fn number(x: f64) -> String {
    let (exact, short) = (x.to_string(), format!("{x:.3e}"));
    if exact.len() <= short.len() { exact } else { short }
}

impl Graph {
    /// The graph with names for some of its values, such as those of a model's
    /// [`named_parameters`](crate::Parameters::named_parameters). Values that are not in it, and empty names, are left out.
    ///
    /// ```
    /// use autodiff_core::{Parameters, native::Value};
    /// let model = (Value::new(2.0), Value::new(3.0));
    /// let y = &model.0 * &model.1;
    /// let graph = y.graph().with_labels(model.named_parameters()).with_labels([("y", &y)]);
    /// assert!(graph.to_dot().contains("\"y = mul\""));
    /// ```
    #[must_use]
    pub fn with_labels<'a, T: Scalar, B: Backend<T>>(
        mut self,
        labels: impl IntoIterator<Item = (impl AsRef<str>, &'a Value<T, B>)>,
    ) -> Self {
        let places: HashMap<u64, usize> =
            self.nodes.iter().enumerate().filter_map(|(i, node)| Some((node.id?, i))).collect();
        for (label, value) in labels {
            let label = label.as_ref();
            if let Some(&place) = value.node().and_then(|node| places.get(&node.id))
                && !label.is_empty()
            {
                self.nodes[place].label = Some(label.into());
            }
        }
        self
    }
}

/// As [`to_dot`](Graph::to_dot).
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        dot::write(self, f)
    }
}

#[cfg(test)]
mod tests {
    use crate::native::Value;
    use ndarray::Array1;

    #[test]
    fn what_is_drawn_is_not_computed() {
        let x = Value::new(Array1::linspace(0.0, 1.0, 100_000));
        let y = (&x + 1.0).tanh();
        assert!(y.tensor().pending().is_some());
        assert!(y.graph().to_svg().contains("tanh"));
        assert!(y.tensor().pending().is_some());
    }
}
