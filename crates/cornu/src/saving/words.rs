//! JSON as Python writes it: numbers that are infinite or none stand there as the words `Infinity` and `NaN`, which are no JSON.
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::borrow::Cow;

const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Reads JSON in which those words become strings.
///
/// # Errors
/// When it is no such JSON.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(&quoted(text))
}

/// JSON in which an infinite `ord` is such a word.
pub(super) fn write(json: &Json) -> String {
    let word =
        |text: String, word: &str| text.replace(&format!("\"ord\":\"{word}\""), &format!("\"ord\":{word}"));
    WORDS[..2].iter().fold(json.to_string(), |text, w| word(text, w))
}

fn quoted(text: &[u8]) -> Cow<'_, [u8]> {
    let is_there = |word: &&str| text.windows(word.len()).any(|w| w == word.as_bytes());
    if !WORDS[1..].iter().any(is_there) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 64);
    let (mut at, mut in_string) = (0, false);
    while let Some(&byte) = text.get(at) {
        let word = WORDS.iter().find(|word| !in_string && text[at..].starts_with(word.as_bytes()));
        if let Some(word) = word {
            out.extend(format!("\"{word}\"").bytes());
            at += word.len();
            continue;
        }
        if in_string && byte == b'\\' {
            out.push(byte);
            at += 1;
        } else if byte == b'"' {
            in_string = !in_string;
        }
        out.extend(text.get(at));
        at += 1;
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_outside_strings() {
        let text = br#"{"ord": -Infinity, "a": [NaN, 1], "b": "Infinity \" NaN", "ord2": Infinity}"#;
        let read: Json = read(text).unwrap();
        assert_eq!(
            read,
            json!({"ord": "-Infinity", "a": ["NaN", 1], "b": "Infinity \" NaN", "ord2": "Infinity"})
        );
        assert!(super::read::<Json>(b"{\"a\": Infinity").is_err());
        assert_eq!(write(&json!({"ord": "Infinity", "b": "NaN"})), r#"{"ord":Infinity,"b":"NaN"}"#);
    }
}
