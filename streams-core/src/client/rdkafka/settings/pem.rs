//! Certificates and keys as PEM text.

/// The certificates in a text, in order, or none.
pub(super) fn certificates(text: &str) -> Option<String> {
    let found = blocks(text, |label| label.ends_with("CERTIFICATE"));
    (!found.is_empty()).then_some(found)
}

/// The private key in a text, or none.
pub(super) fn private_key(text: &str) -> Option<String> {
    let found = blocks(text, |label| label.ends_with("PRIVATE KEY"));
    (!found.is_empty()).then_some(found)
}

/// Returns whether a private key needs a password.
pub(super) fn is_encrypted(key: &str) -> bool {
    key.contains("BEGIN ENCRYPTED PRIVATE KEY") || key.contains("Proc-Type: 4,ENCRYPTED")
}

/// The blocks with the wanted labels, each with its lines of begin and end. In a text without line
/// breaks, as some write it into a configuration, each `\n` is an escape sequence.
fn blocks(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let text = if text.contains('\n') { text.to_owned() } else { text.replace("\\n", "\n") };
    let mut found = String::new();
    let mut label = None;
    for line in text.lines().map(str::trim) {
        let begins = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
        if let Some(name) = begins.filter(|name| wanted(name)) {
            label = Some(name);
        }
        if label.is_some() {
            found.push_str(line);
            found.push('\n');
        }
        if label.is_some_and(|name| {
            line.strip_prefix("-----END ").is_some_and(|end| end.starts_with(name))
        }) {
            label = None;
        }
    }
    // A block without an end does not count.
    if label.is_some() { String::new() } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = "# a comment\n-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n\
                        -----BEGIN PRIVATE KEY-----\nBB\n-----END PRIVATE KEY-----\n\
                        -----BEGIN CERTIFICATE-----\nCC\n-----END CERTIFICATE-----\n";

    #[test]
    fn certificates_and_key_of_one_text_are_told_apart() {
        let chain = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n\
                     -----BEGIN CERTIFICATE-----\nCC\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(BOTH).as_deref(), Some(chain));
        let key = "-----BEGIN PRIVATE KEY-----\nBB\n-----END PRIVATE KEY-----\n";
        assert_eq!(private_key(BOTH).as_deref(), Some(key));
    }

    #[test]
    fn line_breaks_may_be_written_out() {
        let flat = BOTH.replace('\n', "\\n");
        assert_eq!(private_key(&flat), private_key(BOTH));
    }

    #[test]
    fn what_is_no_pem_is_none() {
        assert_eq!(certificates("\u{feed}\u{feed}"), None);
        assert_eq!(certificates("-----BEGIN CERTIFICATE-----\nAA\n"), None);
        assert!(is_encrypted("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    }
}
