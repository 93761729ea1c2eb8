//! Pictures as SVG, with no other program's help.

use super::layout::{self, Item};
use super::{Graph, Kind};
use std::fmt::Write;

/// How many values are drawn.
const MOST: usize = 1000;
const FONT: f64 = 14.0;
const LINE: f64 = 18.0;
const MARGIN: f64 = 16.0;

const LEAF: &str = r##"fill="#dbe9f6" stroke="#1f77b4""##;
const CONSTANT: &str = r##"fill="#f4f4f4" stroke="#999999""##;
const OPERATION: &str = r##"fill="#ffffff" stroke="#666666""##;
const RESULT: &str = r##"fill="#fbe6d6" stroke="#d65e00""##;
const EARLIER: &str = r##"fill="#ffffff" stroke="#999999" stroke-dasharray="4 3""##;

/// What is drawn as a box.
struct Sketch {
    lines: Vec<String>,
    style: &'static str,
    /// The radius of its corners: leaves are round, constants square.
    corner: f64,
}

impl Graph {
    /// The picture as an SVG file: leaves round and blue, constants square and grey, the result orange; arrows go down, and
    /// reach an operation in the order of its operands.
    ///
    /// Of more than 1,000 values only those computed last are drawn: a dashed box at the top stands for the earlier ones,
    /// and says how many they are. [`to_dot`](Graph::to_dot) has all.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let x = Value::new(ndarray::array![1.0, 2.0]).with_label("x");
    /// assert!(x.exp().graph().to_svg().contains(">[2]</text>"));
    /// ```
    #[must_use]
    pub fn to_svg(&self) -> String {
        let (sketches, mut items) = self.sketches();
        let (segments, (width, height)) = layout::place(&mut items);
        let (width, height) = (width + 2.0 * MARGIN, height + 2.0 * MARGIN);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"{left} {left} {width:.0} {height:.0}\" font-family=\"Helvetica, Arial, sans-serif\" \
             font-size=\"{FONT}\" text-anchor=\"middle\">\n\
             <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             orient=\"auto\"><path d=\"M0 0L8 4L0 8Z\" fill=\"#555555\"/></marker></defs>\n\
             <rect class=\"page\" x=\"{left}\" y=\"{left}\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <g fill=\"none\" stroke=\"#555555\">\n",
            left = -MARGIN,
        );
        for segment in &segments {
            let ((x0, y0), (x1, y1)) = (segment.from, segment.to);
            let (leaves, enters) = (segment.leaves, segment.enters);
            let middle = (leaves + enters) / 2.0;
            let arrow = if segment.ends { " marker-end=\"url(#arrow)\"" } else { "" };
            add(
                &mut svg,
                format_args!(
                    "<path d=\"M{x0:.1} {y0:.1}V{leaves:.1}C{x0:.1} {middle:.1} {x1:.1} {middle:.1} {x1:.1} {enters:.1}\
                     V{y1:.1}\"{arrow}/>\n"
                ),
            );
        }
        svg.push_str("</g>\n");
        for (sketch, item) in sketches.iter().zip(&items) {
            draw(sketch, item, &mut svg);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The boxes, and their sizes and links.
    fn sketches(&self) -> (Vec<Sketch>, Vec<Item>) {
        let cut = self.nodes.len().saturating_sub(MOST);
        let mut sketches = Vec::new();
        let mut items = Vec::new();
        let mut push = |sketch: Sketch, inputs: Vec<usize>| {
            let widest =
                sketch.lines.iter().map(|line| text_width(line)).fold(0.0, |a, b| if b > a { b } else { a });
            let width = widest + if sketch.corner > 10.0 { 32.0 } else { 20.0 };
            items.push(Item {
                width,
                height: 12.0 + LINE * sketch.lines.len() as f64,
                inputs,
                x: 0.0,
                y: 0.0,
            });
            sketches.push(sketch);
        };
        if cut > 0 {
            let lines = vec![format!("\u{2026} {cut} earlier values")];
            push(Sketch { lines, style: EARLIER, corner: 6.0 }, Vec::new());
        }
        for (i, node) in self.nodes.iter().enumerate().skip(cut) {
            let lines = node.lines();
            let (style, corner) = match node.kind {
                Kind::Leaf => (LEAF, 6.0 + LINE * lines.len() as f64 / 2.0),
                Kind::Constant => (CONSTANT, 0.0),
                Kind::Operation if i == self.nodes.len() - 1 => (RESULT, 6.0),
                Kind::Operation => (OPERATION, 6.0),
            };
            // What was cut is all in one box, before those that are drawn.
            let mut inputs: Vec<usize> = node
                .inputs
                .iter()
                .map(|&input| if input < cut { 0 } else { input - cut + usize::from(cut > 0) })
                .collect();
            if cut > 0 {
                inputs.dedup_by(|a, b| *a == 0 && *b == 0);
            }
            push(Sketch { lines, style, corner }, inputs);
        }
        (sketches, items)
    }
}

fn draw(sketch: &Sketch, item: &Item, svg: &mut String) {
    let &Item { x, y, width, height, .. } = item;
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    let Sketch { lines, style, corner } = sketch;
    add(
        svg,
        format_args!(
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{corner}\" {style}/>\n"
        ),
    );
    for (i, line) in lines.iter().enumerate() {
        // The shape, which is second, is paler.
        let fill = if i == 0 { "#000000" } else { "#666666" };
        let base = top + 6.0 + LINE * (i as f64 + 0.72);
        add(svg, format_args!("<text x=\"{x:.1}\" y=\"{base:.1}\" fill=\"{fill}\">"));
        escaped(line, svg);
        svg.push_str("</text>\n");
    }
}

fn add(svg: &mut String, text: std::fmt::Arguments<'_>) {
    svg.write_fmt(text).expect("a string takes all");
}

/// About the width of a line, which depends on the fonts of whoever looks at it.
fn text_width(line: &str) -> f64 {
    let ems = line.chars().map(|c| match c {
        'i' | 'j' | 'l' | 't' | 'f' | ' ' | '.' | ',' | '[' | ']' | '(' | ')' => 0.36,
        'm' | 'w' | 'M' | 'W' => 0.86,
        c if c.is_ascii_uppercase() => 0.72,
        c if c.is_ascii() => 0.58,
        _ => 1.0,
    });
    FONT * ems.sum::<f64>()
}

fn escaped(text: &str, svg: &mut String) {
    for c in text.chars() {
        match c {
            '&' => svg.push_str("&amp;"),
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            // No XML can hold them.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => svg.push(' '),
            c => svg.push(c),
        }
    }
}
