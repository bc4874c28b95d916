//! The functions that the catalogue of topologies names. Null is `None`.

/// Returns whether the text begins with "a".
pub(super) fn starts_with_a(value: Option<&str>) -> bool {
    value.is_some_and(|value| value.starts_with('a'))
}

/// In upper case.
pub(super) fn upper(value: Option<&str>) -> Option<String> {
    value.map(str::to_uppercase)
}

/// The pieces between single spaces; none of null.
pub(super) fn words(value: Option<&str>) -> Vec<String> {
    value.map(|value| value.split(' ').map(str::to_owned).collect()).unwrap_or_default()
}

/// Both sides with a bar between them; Java's text of null is "null".
pub(super) fn pair(left: Option<&str>, right: Option<&str>) -> String {
    format!("{}|{}", text(left), text(right))
}

/// Java's text of a value that may be null.
pub(super) fn text(value: Option<&str>) -> &str {
    value.unwrap_or("null")
}

/// The first character in upper case; none of null or of the empty text.
pub(super) fn initial(value: Option<&str>) -> Option<String> {
    let first = value?.chars().next()?;
    Some(first.to_uppercase().collect())
}
