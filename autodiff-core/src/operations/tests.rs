//! `OPERATIONS.md` is what the table and the operations' docs say, and no operation is missing.

use super::accuracy;
use super::table::{FAMILIES, INTERNAL, Row};
use crate::Native;
use crate::check::conformance;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// An operation as the source has it.
struct Found {
    docs: String,
    /// Has a method of its own: not a row that others use.
    public: bool,
    /// Whether it comes with a `try_` twin, or returns a `Result`.
    fails: &'static str,
}

fn path(relative: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The text of the files with the given extension in a folder and in those below it.
fn texts(folder: &Path, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(texts(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push((path.display().to_string(), fs::read_to_string(&path).expect("text")));
        }
    }
    found
}

/// The operations that the source declares: as a function, a function with its twin, a reduction with its forms, a
/// comparison, or a row of the table of rules.
fn operations() -> BTreeMap<String, Found> {
    let mut files = texts(&path("src/rules"), "rs");
    for name in ["ops", "elementwise", "compose", "linalg"] {
        // A module is a file, a folder, or both.
        let folder = path("src").join(name);
        if folder.is_dir() {
            files.extend(texts(&folder, "rs"));
        }
        let file = folder.with_extension("rs");
        if file.is_file() {
            files.push((file.display().to_string(), fs::read_to_string(file).expect("text")));
        }
    }
    let rules = path("src/rules").display().to_string();
    let twins: String = texts(&path("src"), "rs").into_iter().map(|(_, text)| text).collect();
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for (file, text) in &files {
        let (mut docs, mut done) = (String::new(), false);
        for line in text.lines().map(str::trim) {
            if let Some(doc) = line.strip_prefix("///") {
                // The first paragraph.
                done |= doc.trim().is_empty();
                if !done {
                    docs = format!("{docs} {}", doc.trim()).trim().to_string();
                }
                continue;
            }
            if line.starts_with('#') {
                continue;
            }
            let docs = std::mem::take(&mut docs);
            done = false;
            let rest = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
            let rest = rest.trim_start_matches("fn ");
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let after = &rest[name.len()..];
            let function = line.starts_with("pub fn ") || line.starts_with("fn ");
            // What a macro makes functions of without an argument.
            let question = name.starts_with("is_") && after == ";";
            let twin = question
                || after.starts_with(&format!(", try_{name}"))
                || after.starts_with(&format!(", {name}_axis,"));
            let method = !file.starts_with(&rules)
                && (line.starts_with("pub fn ") && after.starts_with(['(', '<']) || twin);
            let row = !function && after.starts_with('(') && line.contains(" =");
            let public = method || (row && line.starts_with("pub ") && !line.starts_with("pub fn"));
            if docs.is_empty() || name.is_empty() || name.starts_with("try_") || !(public || row) {
                continue;
            }
            let twin_of = |end| twins.contains(&format!(" try_{}{end}", name.trim_end_matches('_')));
            let has_twin = [" ", ",", "(", "<"].into_iter().any(twin_of);
            let fails = if has_twin {
                "`try_`"
            } else if line.contains("-> Result<") {
                "`Result`"
            } else {
                ""
            };
            match found.get(&name) {
                Some(other) if other.public && public => panic!("{name} is declared twice, in {file} too"),
                Some(other) if other.public => {}
                _ => drop(found.insert(name, Found { docs, public, fails })),
            }
        }
    }
    found
}

/// Docs without the targets of links.
fn plain(docs: &str) -> String {
    let mut rest = docs;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("](") {
        let open = before.rfind('[').expect("a link's text");
        text += &before[..open];
        text += &before[open + 1..];
        rest = after.split_once(')').expect("a link's target").1;
    }
    text + rest
}

/// Sentences end in a full stop before a capital or a formula; that of an initial is none.
fn sentences(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut start = 0;
    for (i, _) in text.match_indices(". ") {
        let initial = text[..i].chars().rev().nth(1).is_some_and(|c| !c.is_alphanumeric() && c != '`')
            && text[..i].ends_with(char::is_uppercase);
        if !initial && text[i + 2..].starts_with(|c: char| c.is_uppercase() || c == '`') {
            all.push(&text[start..i]);
            start = i + 2;
        }
    }
    all.push(text[start..].trim_end_matches('.'));
    all
}

/// What the operation is, its derivative, and its conventions, from the first paragraph of its docs.
fn columns(docs: &str, derivative: &str) -> [String; 3] {
    let text = plain(docs);
    let all = sentences(&text);
    let (mut what, mut slopes, mut notes) = (all[0].to_string(), Vec::new(), Vec::new());
    if derivative.is_empty() {
        if let Some((before, after)) = all[0].split_once("; `d/d") {
            what = before.to_string();
            slopes.push(format!("`d/d{after}"));
        }
    } else {
        slopes.push(derivative.to_string());
    }
    for sentence in &all[1..] {
        let of_derivative = sentence.contains("gradient") || sentence.contains("`d/d");
        if of_derivative { &mut slopes } else { &mut notes }.push(sentence.to_string());
    }
    if slopes.is_empty() && what.contains("gradient") {
        slopes.push(what.rsplit_once("; ").map_or("see the docs", |(_, tail)| tail).to_string());
    }
    [what, slopes.join(". "), notes.join(". ")]
}

/// Another library's name for an operation: code already, or a function of the library.
fn elsewhere(name: &str, library: &str) -> String {
    match name {
        "" => String::new(),
        code if code.starts_with('`') => code.to_string(),
        full if full.starts_with("scipy.") => format!("`{full}`"),
        name => format!("`{library}.{name}`"),
    }
}

/// An error in units in the last place, to a tenth.
fn units(error: f64) -> String {
    format!("{error:.1}")
}

fn line(row: &Row, found: &Found, errors: Option<Option<&[f64; 2]>>) -> String {
    let &[name, numpy, torch, derivative] = row;
    let [what, slope, notes] = columns(&found.docs, derivative);
    assert!(!slope.is_empty(), "{name}: neither its docs nor the table state its derivative");
    let mut cells = vec![format!("`{name}`"), what, slope, notes, found.fails.to_string()];
    if let Some(errors) = errors {
        cells.push(
            errors.map_or(String::new(), |[value, slope]| format!("{}, {}", units(*value), units(*slope))),
        );
    }
    cells.extend([elsewhere(numpy, "np"), elsewhere(torch, "torch")]);
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn page(found: &BTreeMap<String, Found>) -> String {
    let errors = accuracy::worst();
    let mut page = String::from(
        "# Operations\n\nEvery operation of `Value`, by family. Written by a test from the operations' own docs and \
         `src/operations/table.rs`.\n\nIn derivatives `y` is the result and `g` its gradient. An operation that can fail \
         has a twin with the prefix `try_`, or returns a `Result` where failure depends on the data. Errors are the \
         largest of the value and of the gradient in `f64`, in units in the last place, against correctly rounded \
         numbers (mpmath, some dozens for each operation, over its whole domain but for results that are subnormal or \
         near a zero at which terms cancel).\n",
    );
    for family in FAMILIES {
        page += &format!("\n## {}\n\n", family.title);
        if !family.about.is_empty() {
            page += &format!("{}\n\n", family.about);
        }
        let measured = family.rows.iter().any(|row| errors.contains_key(row[0]));
        let (title, rule) = if measured { (" error |", "---|") } else { ("", "") };
        page += &format!("| | | derivative | conventions | can fail |{title} NumPy, SciPy | PyTorch |\n");
        page += &format!("|---|---|---|---|---|{rule}---|---|\n");
        for row in family.rows {
            let found = found.get(row[0]).unwrap_or_else(|| panic!("{}: no docs in the source", row[0]));
            page += &line(row, found, measured.then(|| errors.get(row[0])));
        }
    }
    page
}

/// Run with `UPDATE_OPERATIONS=1` to write the page.
#[test]
fn the_page_is_up_to_date() {
    let page = page(&operations());
    let file = path("OPERATIONS.md");
    if std::env::var_os("UPDATE_OPERATIONS").is_some() {
        fs::write(&file, &page).expect("the page is written");
    }
    let committed = fs::read_to_string(&file).expect("the page is there");
    assert!(
        committed == page,
        "{} differs from the table and the docs of operations: write it with `UPDATE_OPERATIONS=1 cargo test -p \
         autodiff-core --lib operations`, and read the difference",
        file.display()
    );
}

fn listed() -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    for row in FAMILIES.iter().flat_map(|family| family.rows) {
        assert!(names.insert(row[0]), "{} is in the table twice", row[0]);
    }
    names
}

#[test]
fn no_operation_is_missing_from_the_table() {
    let listed = listed();
    for (name, found) in operations() {
        assert!(
            !found.public || listed.contains(&*name) || INTERNAL.contains(&&*name),
            "{name} is public, but not in operations/table.rs"
        );
    }
    let cases: BTreeSet<_> = conformance::operations::<f64, Native>().into_iter().collect();
    for name in &cases {
        let known = listed.contains(name) || INTERNAL.contains(name);
        assert!(known, "{name} has a rule, but is not in operations/table.rs");
    }
    for name in INTERNAL {
        assert!(cases.contains(name), "{name} is internal in operations/table.rs, but has no rule");
        assert!(!listed.contains(name), "{name} is both internal and public in operations/table.rs");
    }
}

/// Each has a case in the conformance suite, reference values of another engine, or a check of its own.
#[test]
fn every_operation_of_the_table_is_tested() {
    let cases = conformance::operations::<f64, Native>();
    let all = |files: Vec<(String, String)>| files.into_iter().map(|(_, text)| text).collect::<String>();
    let tests = path("../tests");
    let references = all(texts(&tests, "json"));
    let checks = all(texts(&tests, "rs")) + &all(texts(&path("src/check"), "rs"));
    for name in listed() {
        let tested = cases.contains(&name)
            || references.contains(&format!("\"op\":\"{name}\""))
            || [".", " ", "::"].iter().any(|before| checks.contains(&format!("{before}{name}(")));
        assert!(tested, "{name}: no case, no reference values and no check");
    }
}
