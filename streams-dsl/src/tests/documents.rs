//! The documents hold together: chapters are listed and compiled, links lead somewhere.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn markdown_of(directory: &str) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(repository().join(directory)).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "md"))
}

/// The addresses of the links in a text, outside of code.
fn links(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        in_code ^= line.starts_with("```");
        !in_code
    });
    let ends = lines.flat_map(|line| line.split("](").skip(1));
    ends.filter_map(|end| end.split_once(')')).map(|(link, _)| link).collect()
}

/// The anchors of a text's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let headings = text.lines().filter(|line| {
        in_code ^= line.starts_with("```");
        !in_code && line.starts_with('#')
    });
    let anchor = |heading: &str| {
        let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
        let words: String = heading.trim_start_matches('#').trim().chars().filter(kept).collect();
        words.to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn each_chapter_of_the_guide_is_in_its_summary_and_compiled() {
    let guide = repository().join("docs/guide/src");
    let summary = fs::read_to_string(guide.join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = links(&summary).into_iter().map(str::to_owned).collect();
    let names = markdown_of("docs/guide/src")
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    let found: BTreeSet<String> = names.filter(|name| name != "SUMMARY.md").collect();
    assert_eq!(listed, found, "the summary lists the chapters that there are");

    let library = fs::read_to_string(repository().join("streams-dsl/src/lib.rs")).unwrap();
    for chapter in &found {
        assert!(library.contains(&format!("\"{chapter}\"")), "{chapter} is no doctest of lib.rs");
    }
}

#[test]
fn the_links_of_the_documents_lead_somewhere() {
    let files = [".", "docs", "docs/guide/src"].into_iter().flat_map(markdown_of);
    let mut broken = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { file.clone() } else { file.with_file_name(path) };
            let leads = match anchor {
                "" => target.exists(),
                _ => fs::read_to_string(target).is_ok_and(|text| anchors(&text).contains(anchor)),
            };
            if !leads {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}
