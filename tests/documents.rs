//! What the documents point to is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// Names and targets of the links that are defined at the start of lines, after `prefix`.
fn definitions(text: &str, prefix: &str) -> BTreeMap<String, String> {
    let definition = |line: &str| {
        let (name, target) = line.strip_prefix(prefix)?.strip_prefix('[')?.split_once("]: ")?;
        Some((name.to_string(), target.to_string()))
    };
    text.lines().filter_map(definition).collect()
}

/// What stands between `open` and `close`.
fn between<'a>(text: &'a str, open: &str, close: char) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| rest.split_once(close)).map(|(inner, _)| inner).collect()
}

#[test]
fn links_lead_somewhere() {
    for document in ["README.md", "GUIDE.md", "CONTRIBUTING.md"] {
        let text = read(document);
        let defined = definitions(&text, "");
        for name in between(&text, "][", ']') {
            assert!(defined.contains_key(name), "{document}: [{name}] is not defined");
        }
        let targets = between(&text, "](", ')').into_iter().chain(defined.values().map(String::as_str));
        for target in targets.filter(|target| !target.starts_with("https://")) {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(target);
            assert!(path.exists(), "{document}: there is no {target}");
        }
    }
}

/// rustdoc knows no files beside it.
#[test]
fn links_of_the_readme_are_defined_for_rustdoc() {
    let (readme, docs) = (read("README.md"), read("src/lib.rs"));
    let names = |defined: BTreeMap<String, String>| defined.into_keys().collect::<BTreeSet<_>>();
    assert_eq!(names(definitions(&readme, "")), names(definitions(&docs, "//! ")));
    assert_eq!(
        between(&readme, "](", ')').iter().filter(|target| !target.starts_with("https://")).count(),
        0
    );
}

/// Files and folders are named from the top, or from the engine's source.
#[test]
fn paths_that_contributors_are_told_exist() {
    let text = read("CONTRIBUTING.md");
    let is_path =
        |code: &&str| !code.contains([' ', '(', '!']) && (code.contains('/') || code.ends_with(".rs"));
    let paths: Vec<_> = text.split('`').skip(1).step_by(2).filter(is_path).collect();
    assert!(paths.len() >= 5, "{paths:?}");
    for path in paths {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = [".", "autodiff-core/src"].iter().any(|folder| root.join(folder).join(path).exists());
        assert!(found, "CONTRIBUTING.md: there is no {path}");
    }
}
