//! Pictures of graphs: what they show, that they are well-formed and legible, and that drawing one changes nothing.

use autodiff::nn::{Linear, Module, Parameters, Sequential, rng};
use autodiff::{Value, grad};
use ndarray::{Array1, Array2, array};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

type V = Value<f64>;

/// The boxes of a picture, as left, top, right and bottom, its lines of text, and the number of its arrowheads.
struct Picture {
    boxes: Vec<[f64; 4]>,
    texts: Vec<String>,
    arrows: usize,
}

/// Reads a picture, and panics where it is no well-formed XML.
fn read(svg: &str) -> Picture {
    let mut picture = Picture { boxes: Vec::new(), texts: Vec::new(), arrows: 0 };
    let mut reader = Reader::from_str(svg);
    let mut text = None;
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Empty(e) if e.name().as_ref() == "rect" && attribute(&e, "class").is_none() => {
                let [x, y, width, height] =
                    ["x", "y", "width", "height"].map(|name| attribute(&e, name).unwrap().parse().unwrap());
                picture.boxes.push([x, y, x + width, y + height]);
            }
            Event::Empty(e) if attribute(&e, "marker-end").is_some() => picture.arrows += 1,
            Event::Start(e) if e.name().as_ref() == "text" => text = Some(String::new()),
            Event::Text(t) => {
                if let Some(text) = &mut text {
                    text.push_str(&t);
                }
            }
            Event::GeneralRef(r) => {
                let c = match &*r {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    other => panic!("&{other};"),
                };
                text.as_mut().expect("a reference in a text").push(c);
            }
            Event::End(e) if e.name().as_ref() == "text" => picture.texts.extend(text.take()),
            Event::Eof => return picture,
            _ => {}
        }
    }
}

fn attribute(e: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = e.attributes().map(|a| a.unwrap()).find(|a| a.key.as_ref() == name)?;
    Some(found.value.into_owned())
}

#[track_caller]
fn assert_apart(picture: &Picture) {
    for (i, a) in picture.boxes.iter().enumerate() {
        for b in &picture.boxes[..i] {
            let apart = a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
            assert!(apart, "{a:?} and {b:?} overlap");
        }
    }
}

fn quickstart() -> (V, V, V) {
    let a = V::new(array![[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]]);
    let b = V::new(array![[0.1, 0.2, 0.3]]).with_label("b");
    let loss = ((&a + &b).tanh() * (&a + 2.0)).sum();
    (a, b, loss)
}

#[test]
fn dot_has_each_value_and_each_arrow() {
    let x = V::new(array![1.0, 2.0]).with_label("x");
    let y = ((&x * &x - array![1.0, 1.0]) * 0.5).with_label("half").sum();
    let expected = r##"digraph {
    node [shape=box, style="rounded,filled", fillcolor=white];
    n0 [label="x\n[2]", shape=ellipse, style=filled, fillcolor="#dbe9f6"];
    n1 [label="mul\n[2]"];
    n2 [label="constant\n[2]", style="dashed"];
    n3 [label="sub\n[2]"];
    n4 [label="0.5", style="dashed"];
    n5 [label="half = mul\n[2]"];
    n6 [label="sum"];
    n0 -> n1;
    n0 -> n1;
    n1 -> n3;
    n2 -> n3;
    n3 -> n5;
    n4 -> n5;
    n5 -> n6;
}
"##;
    assert_eq!(y.graph().to_dot(), expected);
    assert_eq!(y.graph().to_string(), expected);
}

#[test]
fn leaves_and_constants_alone_are_pictures_too() {
    let dot = |x: &V| x.graph().to_dot();
    assert!(dot(&V::new(1.0)).contains("n0 [label=\"leaf\", shape=ellipse"));
    assert!(dot(&V::constant(1.5)).contains("n0 [label=\"1.5\", style=\"dashed\"]"));
    assert!(
        dot(&V::constant(array![1.5]).with_label("c")).contains("n0 [label=\"c\\n[1]\", style=\"dashed\"]")
    );
    let picture = read(&V::constant(array![1.0]).graph().to_svg());
    assert_eq!((picture.boxes.len(), picture.texts), (1, vec!["constant".to_owned(), "[1]".to_owned()]));
    // Numbers are short.
    assert!(dot(&V::constant(1.0 / 3.0)).contains("\"3.333e-1\""));
    assert!(dot(&V::constant(-0.001)).contains("\"-0.001\""));
}

#[test]
fn a_labelled_constant_is_one_box_however_often_it_is_used() {
    let (x, c) = (V::new(array![1.0, 2.0]), V::constant(array![3.0, 4.0]).with_label("c"));
    let y = (&x * &c + &c).sum();
    assert_eq!(y.graph().to_dot().matches("\"c\\n[2]\"").count(), 1);
    // It is a constant as before.
    y.backward();
    assert_eq!((x.grad().data(), c.grad().data()), (c.data(), array![0.0, 0.0].into_dyn().into_shared()));
    assert_eq!(grad(|x| grad(|x| (x * &c * x + &c).sum(), x).sum(), &x).data(), array![6.0, 8.0].into_dyn());
}

#[test]
fn values_are_named_afterwards() {
    let rng = &mut rng(0);
    let model = Sequential::new().then(Linear::new(4, 8, rng)).map(V::tanh).then(Linear::new(8, 3, rng));
    let loss = model.forward(&V::constant(Array2::ones((5, 4)))).square().mean();
    let other = V::new(1.0);
    let graph = loss.graph().with_labels(model.named_parameters()).with_labels([("", &loss), ("no", &other)]);
    let texts = read(&graph.to_svg()).texts;
    for name in ["0.weight", "0.bias", "2.weight", "2.bias", "tanh", "mean", "[5, 8]"] {
        assert!(texts.iter().any(|text| text == name), "{name} is not among {texts:?}");
    }
    assert!(!texts.iter().any(|text| text == "no" || text.contains(" = ")));
    assert!(model.named_parameters().iter().all(|(_, value)| value.label().is_none()));
}

#[test]
fn labels_are_escaped() {
    let label = "a \"b\" \\n <c> & \u{1} é\nd";
    let y = V::new(1.0).with_label(label).exp();
    assert!(y.graph().to_dot().contains(r#"n0 [label="a \"b\" \\n <c> &   é\nd","#), "{}", y.graph());
    assert_eq!(read(&y.graph().to_svg()).texts, ["a \"b\" \\n <c> &   é d", "exp"]);
}

#[test]
fn boxes_do_not_overlap() {
    let (_, _, loss) = quickstart();
    let picture = read(&loss.graph().to_svg());
    assert_eq!((picture.boxes.len(), picture.arrows), (8, 8));
    assert_apart(&picture);
    // Inputs of many operations far apart, wide rows, and boxes of all sizes.
    let weights: Vec<V> = (0..40).map(|i| V::new(1.0).with_label("w".repeat(i % 17))).collect();
    let mut y = V::new(1.0);
    for i in 0..40 {
        y = (y * &weights[(i * 7) % 40]).sin() + &weights[i];
    }
    let picture = read(&(y.graph()).to_svg());
    assert_eq!((picture.boxes.len(), picture.arrows), (161, 200));
    assert_apart(&picture);
    let wide = V::stack(&weights, 0).sum();
    assert_apart(&read(&wide.graph().to_svg()));
    let second = grad(|x| grad(|x| (x.exp() * x.sin() / x).sum(), x).sum(), &V::new(array![1.0, 2.0]));
    assert_eq!(second.op(), "add");
    assert_apart(&read(&second.graph().to_svg()));
}

/// The picture in the README is the one that is drawn.
#[test]
fn the_picture_in_the_readme_is_current() {
    let (a, _, loss) = quickstart();
    let svg = loss.graph().with_labels([("a", &a), ("loss", &loss)]).to_svg();
    assert!(
        svg == include_str!("../../examples/quickstart.svg"),
        "cargo run --example quickstart draws another"
    );
}

#[test]
fn drawing_computes_nothing_and_changes_nothing() {
    let x = V::new(Array1::linspace(-1.0, 1.0, 100_000));
    let y = (&x * 2.0 + 1.0).tanh().square().sum();
    let before = y.graph().to_dot();
    for op in ["mul", "add", "tanh", "square"] {
        assert!(before.contains(&format!("\"{op}\\n[100000]\"")), "{before}");
    }
    y.backward();
    assert_eq!(y.graph().to_dot(), before);
    let (direct, gradient) = (y.item(), x.grad());
    let fresh = (&x * 2.0 + 1.0).tanh().square().sum();
    fresh.backward();
    assert_eq!(fresh.item(), direct);
    assert_eq!(x.grad().data(), (gradient * 2.0).data());
}

#[test]
fn a_deep_graph_fits_a_small_stack_and_a_picture() {
    let draw = || {
        let x = V::new(1.0).with_label("x");
        let y = (0..100_000).fold(x.clone(), |y, _| y * &x);
        let graph = y.graph();
        assert_eq!(graph.to_dot().matches(" -> ").count(), 200_000);
        graph.to_svg()
    };
    let svg = std::thread::Builder::new().stack_size(2 << 20).spawn(draw).unwrap().join().unwrap();
    let picture = read(&svg);
    assert_eq!(picture.boxes.len(), 1001);
    assert_eq!(picture.texts[0], "\u{2026} 99001 earlier values");
    assert_apart(&picture);
}

/// What is recorded has the names of methods, or those of what they are made of.
#[test]
fn operations_have_names_that_users_know() {
    let x = Value::new(array![-1.0, 0.5, 2.0]).with_label("x");
    assert_eq!(x.clamp(0.0, 1.0).op(), "clamp");
    let gradient = grad(|x| x.softmax(0).square().sum(), &x);
    for picture in [x.log_softmax(0).graph().to_dot(), gradient.graph().to_dot()] {
        assert!(["below", "chain", "limit"].iter().all(|name| !picture.contains(name)), "{picture}");
    }
}
