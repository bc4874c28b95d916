//! "Did you mean": the name nearest to a mistyped one.
//!
//! Not a spelling checker: a name that is far from all others gets no suggestion, since a wrong one
//! misleads.

use strsim::{damerau_levenshtein, jaro_winkler};

/// Similarity above which a name is suggested even if it is many edits away, for example if one of
/// its words is missing.
const SIMILAR: f64 = 0.92;

/// The candidate nearest to `name`, if one is near: up to a quarter of its letters may be wrong, or
/// it starts alike and shares nearly all of its letters.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = normalised(name);
    let permitted = (name.chars().count() / 4).max(2);
    let mut best: Option<(usize, f64, &'a str)> = None;
    for candidate in candidates {
        let other = normalised(candidate);
        let edits = damerau_levenshtein(&name, &other);
        let similarity = jaro_winkler(&name, &other);
        let near = edits <= permitted && edits < other.chars().count();
        if !near && similarity < SIMILAR {
            continue;
        }
        let better = best.is_none_or(|(best_edits, best_similarity, _)| {
            edits < best_edits || (edits == best_edits && similarity > best_similarity)
        });
        if better {
            best = Some((edits, similarity, candidate));
        }
    }
    best.map(|(_, _, candidate)| candidate)
}

/// The candidate that is at most two edits away: near enough to be called a mistake where unknown
/// names are permitted.
pub(super) fn typo_of<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = normalised(name);
    candidates
        .into_iter()
        .map(|candidate| (damerau_levenshtein(&name, &normalised(candidate)), candidate))
        .filter(|(edits, candidate)| *edits <= 2 && candidate.len() > 4)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Drops the differences that a person does not see: case, and the choice between dot, dash and
/// underscore.
fn normalised(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            '_' | '-' => '.',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] =
        ["commit.interval.ms", "num.stream.threads", "poll.ms", "processing.guarantee"];

    #[test]
    fn a_missing_letter_is_found() {
        assert_eq!(nearest("comit.interval.ms", NAMES), Some("commit.interval.ms"));
    }

    #[test]
    fn underscores_and_capitals_are_found() {
        assert_eq!(nearest("NUM_STREAM_THREADS", NAMES), Some("num.stream.threads"));
    }

    #[test]
    fn a_missing_unit_is_found() {
        assert_eq!(nearest("commit.interval", NAMES), Some("commit.interval.ms"));
    }

    #[test]
    fn a_name_far_from_all_has_no_suggestion() {
        assert_eq!(nearest("favourite.colour", NAMES), None);
        assert_eq!(nearest("", NAMES), None);
    }

    #[test]
    fn a_typo_is_at_most_two_edits() {
        assert_eq!(typo_of("pol.ms", NAMES), Some("poll.ms"));
        assert_eq!(typo_of("commit.ms", NAMES), None);
    }
}
