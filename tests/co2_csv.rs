//! What the example `co2` makes of files, and says of those that are not as it expects them.

#[path = "../examples/co2/read.rs"]
mod read;

use read::{Record, parse, read};
use std::path::Path;

fn record(text: &str) -> Result<Record, String> {
    parse("co2.csv", text.as_bytes())
}

#[test]
fn the_bundled_file_is_whole() {
    let record = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/co2.csv")).unwrap();
    // From March 1958 to December 2001 are 526 months; in 5 of them nothing was measured.
    assert_eq!((record.years.len(), record.ppm.len()), (521, 521));
    assert!(record.years.windows(2).all(|pair| pair[1] > pair[0]));
    assert!(record.ppm.iter().all(|ppm| (310.0..375.0).contains(ppm)));
    assert_eq!((record.years[0].floor(), record.years[520].floor()), (1958.0, 2001.0));
}

#[test]
fn weeks_are_averaged_by_month() {
    let weeks = "date,co2\r\n19600101,300\n\n19600103, 302 \n19600110,\n19610201,310";
    let means = record(weeks).unwrap();
    assert_eq!(means.ppm, [301.0, 310.0]);
    let days = [1960.0 + 1.0 / 366.0, 1961.0 + 31.0 / 365.0];
    assert!(means.years.iter().zip(days).all(|(got, want)| (got - want).abs() < 1e-9), "{means:?}");
    assert_eq!(record(weeks.trim_start_matches("date,co2")).unwrap(), means);
}

#[test]
fn what_is_no_measurement_is_named() {
    let date = "expected one such as 19580329";
    let ppm = "expected a positive number, or nothing";
    for (line, message) in [
        ("19600105", "line 2: got 1 columns, expected 2: the date and the ppm".to_string()),
        ("date,co2", format!("line 2, column 1: got date \"date\", {date}")),
        ("19601305,1", format!("line 2, column 1: got date \"19601305\", {date}")),
        ("19610229,1", format!("line 2, column 1: got date \"19610229\", {date}")),
        ("19610200,1", format!("line 2, column 1: got date \"19610200\", {date}")),
        ("-1,1", format!("line 2, column 1: got date \"-1\", {date}")),
        ("19600101,1", "line 2, column 1: got date \"19600101\", expected one after 19600101".to_string()),
        ("19600105,x", format!("line 2, column 2: got ppm \"x\", {ppm}")),
        ("19600105,-3", format!("line 2, column 2: got ppm \"-3\", {ppm}")),
        ("19600105,inf", format!("line 2, column 2: got ppm \"inf\", {ppm}")),
        ("19600105,NaN", format!("line 2, column 2: got ppm \"NaN\", {ppm}")),
    ] {
        let text = format!("19600101,300\n{line}");
        assert_eq!(record(&text).unwrap_err(), format!("co2.csv, {message}"));
    }
    assert!(parse("x", &b"19600101,\xff"[..]).unwrap_err().contains("got ppm \"\u{fffd}\""));
    for empty in ["", "date,co2\n", "19600101,\n"] {
        let message = "co2.csv: the file holds no measurements, expected a line for each week";
        assert_eq!(record(empty).unwrap_err(), message);
    }
    let missing = read(Path::new("no/such.csv")).unwrap_err();
    assert!(missing.starts_with("no/such.csv: the file cannot be opened: "), "{missing}");
}
