//! The value of `sasl.jaas.config`: a login module of Java's with its options.

use std::collections::BTreeMap;

/// A login module with its options.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct LoginModule {
    /// Name of the class.
    pub(super) class: String,
    /// Options by name; they hold secrets.
    pub(super) options: BTreeMap<String, String>,
}

/// Reads `class flag name="value" … ;`.
///
/// # Errors
/// A description of the fault, without the text, which holds secrets.
pub(super) fn parse(text: &str) -> Result<LoginModule, String> {
    let mut words = Words { rest: text.trim() };
    let class = words.next_word()?.ok_or("it is empty")?;
    let flag = words.next_word()?.ok_or("the module's flag is missing, for example `required`")?;
    let is_flag = ["required", "requisite", "sufficient", "optional"]
        .iter()
        .any(|known| flag.eq_ignore_ascii_case(known));
    if !is_flag {
        return Err("the word behind the class must be a flag, for example `required`".to_owned());
    }
    let mut options = BTreeMap::new();
    while let Some(name) = words.next_word()? {
        words.expect_equals(&name)?;
        let value = words.next_word()?;
        let value = value.ok_or_else(|| format!("option `{name}` has no value"))?;
        options.insert(name, value);
    }
    Ok(LoginModule { class, options })
}

struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// The next word, quoted or not, or nothing at the end: a semicolon, which must close the text.
    fn next_word(&mut self) -> Result<Option<String>, String> {
        self.rest = self.rest.trim_start();
        if let Some(behind) = self.rest.strip_prefix(';') {
            return if behind.trim().is_empty() {
                Ok(None)
            } else {
                Err("there must be one login module only".to_owned())
            };
        }
        let Some(first) = self.rest.chars().next() else {
            return Err("it must end with a semicolon".to_owned());
        };
        if first == '"' || first == '\'' { self.quoted(first) } else { Ok(self.bare()) }
    }

    fn bare(&mut self) -> Option<String> {
        let end = self.rest.find(|c: char| c.is_whitespace() || c == '=' || c == ';');
        let (word, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        Some(word.to_owned())
    }

    fn quoted(&mut self, quote: char) -> Result<Option<String>, String> {
        let mut word = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = self.rest.get(at + quote.len_utf8()..).unwrap_or_default();
                return Ok(Some(word));
            }
            if c == '\\' {
                word.extend(chars.next().map(|(_, escaped)| escaped));
            } else {
                word.push(c);
            }
        }
        Err("a quotation mark is not closed".to_owned())
    }

    fn expect_equals(&mut self, name: &str) -> Result<(), String> {
        let rest = self.rest.trim_start().strip_prefix('=');
        self.rest = rest.ok_or_else(|| format!("`=` is missing behind option `{name}`"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_module_is_read_with_its_options() {
        let module = parse(
            "org.apache.kafka.common.security.plain.PlainLoginModule required\n \
             username=\"al\\\"ice\" password='s = ;c' x=1 ;",
        );
        let module = module.unwrap();
        assert_eq!(module.class, "org.apache.kafka.common.security.plain.PlainLoginModule");
        let options: Vec<_> = module.options.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(options, [("password", "s = ;c"), ("username", "al\"ice"), ("x", "1")]);
    }

    #[test]
    fn what_is_malformed_is_said_without_the_password() {
        for (text, said) in [
            ("", "semicolon"),
            ("Module required password=\"hunter2\"", "semicolon"),
            ("Module required password=\"hunter2;", "not closed"),
            ("Module password=\"hunter2\";", "flag"),
            ("Module required password \"hunter2\";", "`=` is missing"),
            ("Module required a=\"1\"; Other required;", "one login module"),
            ("Module required a=;", "no value"),
        ] {
            let error = parse(text).err().unwrap();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("hunter2"));
        }
    }
}
