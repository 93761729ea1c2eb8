//! Reads weekly measurements, and says in plain words what is wrong with a file that holds none.

#[path = "../common/table.rs"]
mod table;

use std::fmt::Display;
use std::io::Read;
use std::path::Path;

/// Carbon dioxide in the air, month by month.
#[derive(Debug, PartialEq)]
pub struct Record {
    /// When, in years: the mean over the measurements of a month.
    pub years: Vec<f64>,
    /// How much, in ppm: the mean over the measurements of a month.
    pub ppm: Vec<f64>,
}

/// The monthly means of the weeks in a file: a header, then `YYYYMMDD,ppm` for each, in order of time, with nothing after
/// the comma where nothing was measured.
pub fn read(path: &Path) -> Result<Record, String> {
    let file = table::open(path, "a file with lines such as 19580329,316.1")?;
    parse(path.display(), file)
}

/// The same from any source, which errors call `name`.
pub fn parse(name: impl Display, source: impl Read) -> Result<Record, String> {
    let mut record = Record { years: Vec::new(), ppm: Vec::new() };
    let (mut last, mut weeks) = (0, 0.0);
    table::for_each_line(&name, source, |line, fields| {
        let wrong = |what: &str, i: usize, expected: &str| {
            let got = table::shown(&fields[i]);
            Err(format!("{name}, line {line}, column {}: got {what} {got:?}, expected {expected}", i + 1))
        };
        if fields.len() != 2 {
            let got = fields.len();
            return Err(format!("{name}, line {line}: got {got} columns, expected 2: the date and the ppm"));
        }
        if line == 1 && *fields == ["date", "co2"][..] {
            return Ok(());
        }
        let text = |i: usize| std::str::from_utf8(&fields[i]).unwrap_or_default();
        let Some((date, year)) = text(0).parse().ok().and_then(|date| Some((date, year_of(date)?))) else {
            return wrong("date", 0, "one such as 19580329");
        };
        if date <= last {
            return wrong("date", 0, &format!("one after {last}"));
        }
        let new_month = date / 100 != last / 100;
        if text(1).is_empty() && !fields[1].is_empty() {
            return wrong("ppm", 1, "a positive number, or nothing");
        }
        if text(1).is_empty() {
            return Ok(());
        }
        let Some(ppm) = text(1).parse().ok().filter(|ppm: &f64| *ppm > 0.0 && ppm.is_finite()) else {
            return wrong("ppm", 1, "a positive number, or nothing");
        };
        last = date;
        if new_month {
            weeks = 0.0;
            record.years.push(0.0);
            record.ppm.push(0.0);
        }
        weeks += 1.0;
        let month = record.ppm.len() - 1;
        record.years[month] += (year - record.years[month]) / weeks;
        record.ppm[month] += (ppm - record.ppm[month]) / weeks;
        Ok(())
    })?;
    match record.ppm.is_empty() {
        true => Err(format!("{name}: the file holds no measurements, expected a line for each week")),
        false => Ok(record),
    }
}

/// The year of a date YYYYMMDD, with its days as fractions, if it is one.
fn year_of(date: u32) -> Option<f64> {
    let (year, month, day) = (date / 10_000, (date / 100 % 100) as usize, date % 100);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(month.checked_sub(1)?)?;
    let days = lengths[..month - 1].iter().sum::<u32>() + day.checked_sub(1)?;
    (day <= length).then(|| f64::from(year) + f64::from(days) / if leap { 366.0 } else { 365.0 })
}
