//! JSON as Python writes it, to the letter: spaces behind commas and colons, `1e-07`, letters beyond ASCII as `\u00e9`; and
//! numbers that are infinite or none stand there as the words `Infinity` and `NaN`, which are no JSON.
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_json::ser::{Formatter, Serializer};
use std::borrow::Cow;
use std::io::{self, Write};

const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Reads JSON in which those words become strings.
///
/// # Errors
/// When it is no such JSON.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(&quoted(text))
}

/// JSON as Python writes it. Texts that are such a word become it, but for names and tokens.
pub(super) fn write(json: &Json) -> String {
    let json = &marked(json, false);
    let mut bytes = vec![];
    // Values that are in memory have a text, and memory takes it.
    let written = json.serialize(&mut Serializer::with_formatter(&mut bytes, Python));
    let text = written.ok().and_then(|()| String::from_utf8(bytes).ok()).unwrap_or_else(|| json.to_string());
    if !text.contains(MARK_AS_WRITTEN) {
        return text;
    }
    let bare = |text: String, word: &&str| text.replace(&format!("\"{MARK_AS_WRITTEN}{word}\""), word);
    WORDS.iter().fold(text, bare)
}

/// Stands before a word that is no text; no name or token has it.
const MARK: char = '\u{1}';
const MARK_AS_WRITTEN: &str = "\\u0001";

/// What is text by its nature.
const TEXTS: [&str; 7] =
    ["name", "class_name", "registered_name", "vocabulary", "mask_token", "oov_token", "keras_history"];

/// With words marked.
fn marked(json: &Json, is_text: bool) -> Json {
    match json {
        Json::String(text) if !is_text && WORDS.contains(&text.as_str()) => format!("{MARK}{text}").into(),
        Json::Array(items) => items.iter().map(|item| marked(item, is_text)).collect(),
        Json::Object(map) => {
            let entry = |(key, value): (&String, &Json)| {
                (key.clone(), marked(value, is_text || TEXTS.contains(&key.as_str())))
            };
            map.iter().map(entry).collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// The form of Python's `json.dumps`.
struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        out.write_all(number(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        for part in text.split_inclusive(|c: char| c >= DELETE) {
            let plain = part.trim_end_matches(|c: char| c >= DELETE);
            out.write_all(plain.as_bytes())?;
            let units = part[plain.len()..].encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            out.write_all(units.collect::<String>().as_bytes())?;
        }
        Ok(())
    }
}

/// The last letter of ASCII, which Python does not write either.
const DELETE: char = '\x7f';

/// A number as Python shows it: the shortest digits that give it back, with an exponent where it is below 1e-4 or not below 1e16.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    const PLAIN: std::ops::Range<f64> = 1e-4..1e16;
    if value == 0.0 || PLAIN.contains(&value.abs()) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
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
        assert_eq!(write(&json!({"ord": "Infinity", "b": "NaN"})), r#"{"ord": Infinity, "b": NaN}"#);
        let names = json!({"vocabulary": ["NaN"], "config": {"name": "Infinity"}});
        assert_eq!(write(&names), r#"{"vocabulary": ["NaN"], "config": {"name": "Infinity"}}"#);
    }

    #[test]
    fn the_text_is_that_of_python() {
        let json = json!({"a": [1e-7, 1.0, 0.0001, 12345.678e300, 1e16, 9999999999999998.0, -2.5e-5, 3],
            "b": {}, "c": [], "d": "é\u{1d11e}\"\\\u{7f}\n\u{1}z", "e": null});
        let python = r#"{"a": [1e-07, 1.0, 0.0001, 1.2345678e+304, 1e+16, 9999999999999998.0, -2.5e-05, 3], "b": {}, "c": [], "d": "\u00e9\ud834\udd1e\"\\\u007f\n\u0001z", "e": null}"#;
        assert_eq!(write(&json), python);
    }
}
