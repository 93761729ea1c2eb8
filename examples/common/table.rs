//! Lines of numbers in files, whose number an error can name.

use csv::{ByteRecord, ReaderBuilder, Terminator, Trim};
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Opens a file; the error says what it should hold.
pub fn open(path: &Path, expected: &str) -> Result<File, String> {
    File::open(path).map_err(|error| {
        format!("{}: the file cannot be opened: {error}; expected {expected}", path.display())
    })
}

/// Calls `f` with every line that is not empty, its number, from 1, and its fields, which commas separate.
pub fn for_each_line(
    name: &dyn Display,
    source: impl Read,
    mut f: impl FnMut(u64, &ByteRecord) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true) // so that the caller, with its own message, finds lines that are too short
        .quoting(false)
        .trim(Trim::All) // of a carriage return, too
        .terminator(Terminator::Any(b'\n'))
        .from_reader(source.chain(&b"\n"[..]));
    let mut record = ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| format!("{name}: the file cannot be read: {error}"))?
    {
        if record.len() == 1 && record[0].is_empty() {
            continue;
        }
        // A record's own position is where the last one ended, before any empty lines; with a line end after the last
        // record too, each ends where the next line starts.
        f(reader.position().line() - 1, &record)?;
    }
    Ok(())
}

/// The start of a field, as text: enough to find it.
pub fn shown(field: &[u8]) -> String {
    String::from_utf8_lossy(field).chars().take(20).collect()
}
