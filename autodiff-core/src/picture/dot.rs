//! The language of Graphviz.

use super::{Graph, Kind};
use std::fmt::{self, Write};

impl Graph {
    /// The graph in Graphviz's language DOT, whole, whatever its size: `dot -Tpdf` and many other programs draw it.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(3.0).with_label("x");
    /// assert!(x.exp().graph().to_dot().contains("n0 -> n1;"));
    /// ```
    #[must_use]
    pub fn to_dot(&self) -> String {
        self.to_string()
    }
}

pub(super) fn write(graph: &Graph, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("digraph {\n    node [shape=box, style=\"rounded,filled\", fillcolor=white];\n")?;
    for (i, node) in graph.nodes.iter().enumerate() {
        write!(f, "    n{i} [label=\"")?;
        for (line, text) in node.lines().iter().enumerate() {
            if line > 0 {
                f.write_str("\\n")?;
            }
            escaped(text, f)?;
        }
        f.write_str("\"")?;
        match node.kind {
            Kind::Leaf => f.write_str(", shape=ellipse, style=filled, fillcolor=\"#dbe9f6\"")?,
            Kind::Constant => f.write_str(", style=\"dashed\"")?,
            Kind::Operation => {}
        }
        f.write_str("];\n")?;
    }
    for (i, node) in graph.nodes.iter().enumerate() {
        for input in &node.inputs {
            writeln!(f, "    n{input} -> n{i};")?;
        }
    }
    f.write_str("}\n")
}

/// Text between double quotes.
fn escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            c if c.is_control() => f.write_char(' ')?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}
