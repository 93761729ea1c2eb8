//! What the example `digits` says of files that are not as it expects them.

#[path = "../examples/digits/read.rs"]
mod read;

use read::{CLASSES, PIXELS, SIDE, parse, read};
use std::path::Path;

/// A line of 64 pixels of the value 8, with one field replaced, and the label 3.
fn line(column: usize, field: &str) -> String {
    let mut fields = vec!["8"; PIXELS];
    fields.push("3");
    fields[column - 1] = field;
    fields.join(",")
}

fn error(text: impl AsRef<[u8]>) -> String {
    parse("digits.csv", text.as_ref()).expect_err("a broken file")
}

#[test]
fn the_bundled_file_is_whole() {
    let digits = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/digits.csv")).unwrap();
    assert_eq!(digits.images.dim(), (1797, SIDE * SIDE));
    assert_eq!(digits.labels.len(), 1797);
    assert!(digits.images.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
    assert!((0..CLASSES).all(|digit| digits.labels.iter().filter(|&&label| label == digit).count() > 150));
}

#[test]
fn spaces_and_line_ends_of_any_system_are_read() {
    let one = parse("x", line(1, "8").as_bytes()).unwrap();
    let spaced = format!("{}\r\n{}\r\n\r\n", line(1, " 8"), line(65, "3 "));
    let two = parse("x", spaced.as_bytes()).unwrap();
    assert_eq!(two.images.row(1), one.images.row(0));
    assert_eq!(two.labels, [3, 3]);
    assert_eq!(one.images[[0, 0]], 0.5);
}

#[test]
fn wrong_numbers_of_columns_are_named() {
    let expected = "expected 65: 64 pixels and a digit";
    let short = "1,2,3".to_string();
    assert_eq!(error(short), format!("digits.csv, line 1: got 3 columns, {expected}"));
    let long = format!("{}\n{},4\n", line(1, "8"), line(1, "8"));
    assert_eq!(error(long), format!("digits.csv, line 2: got 66 columns, {expected}"));
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    let text = format!("{}\n\n\r\n{}\n1,2\n", line(1, "8"), line(1, "8"));
    for text in [text.clone(), text.trim_end().to_string(), text.replace("\r\n", "\n").replace('\n', "\r\n")]
    {
        assert!(error(&text).starts_with("digits.csv, line 5: got 2 columns"), "{}", error(&text));
    }
}

#[test]
fn fields_that_are_no_pixels_or_digits_are_named() {
    let pixel = "expected an integer from 0 to 16";
    for (field, got) in [
        ("17", "pixel \"17\""),
        ("-1", "pixel \"-1\""),
        ("2.5", "pixel \"2.5\""),
        ("inf", "pixel \"inf\""),
        ("NaN", "pixel \"NaN\""),
        ("1e300", "pixel \"1e300\""),
        ("grey", "pixel \"grey\", which is not a number"),
        ("", "pixel \"\", which is not a number"),
        ("\"8\"", "pixel \"\\\"8\\\"\", which is not a number"),
    ] {
        let text = format!("{}\n{}", line(1, "8"), line(12, field));
        assert_eq!(error(text), format!("digits.csv, line 2, column 12: got {got}, {pixel}"));
    }
    assert_eq!(
        error(line(65, "10")),
        "digits.csv, line 1, column 65: got digit \"10\", expected an integer from 0 to 9"
    );
    let header = (1..=65).map(|i| format!("p{i}")).collect::<Vec<_>>().join(",");
    assert!(error(header).contains("line 1, column 1: got pixel \"p1\", which is not a number"));
}

#[test]
fn bytes_that_are_no_text_are_shown_as_well_as_they_can_be() {
    let mut bytes = line(64, "8").into_bytes();
    bytes[0] = 0xff;
    assert!(error(&bytes).contains("got pixel \"\u{fffd}\", which is not a number"));
    let long = line(1, &"9".repeat(1000));
    assert!(error(long).len() < 150);
}

#[test]
fn empty_and_missing_files_are_named() {
    for empty in ["", "\n\n"] {
        assert_eq!(
            error(empty),
            "digits.csv: the file is empty, expected a line of 65 integers for each image"
        );
    }
    let missing = read(Path::new("no/such.csv")).unwrap_err();
    assert!(missing.starts_with("no/such.csv: the file cannot be opened: "), "{missing}");
    assert!(read(Path::new(env!("CARGO_MANIFEST_DIR"))).is_err());
}
