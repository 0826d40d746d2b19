//! Texts in so many cells of a terminal.
use unicode_width::UnicodeWidthStr;

/// What becomes of a word that is wider than a line.
#[derive(Clone, Copy, PartialEq)]
pub enum Overflow {
    /// It ends in `…`.
    Cut,
    /// It goes on in the next line.
    Fold,
}

/// Breaks a text between words, and where it has breaks itself. Width is counted in cells of a terminal.
pub fn wrap(text: &str, width: usize, overflow: Overflow) -> Vec<String> {
    if width == 0 {
        return vec![];
    }
    text.lines().flat_map(|line| wrap_line(&without_tabs(line), width, overflow)).collect()
}

fn wrap_line(text: &str, width: usize, overflow: Overflow) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ if word.width() <= width => lines.push(word.into()),
            _ if overflow == Overflow::Cut => lines.push(fitting(word, width - 1).0 + "…"),
            _ => {
                let mut rest = word;
                while !rest.is_empty() {
                    let (piece, more) = fitting(rest, width);
                    // Not even one letter fits.
                    if more.len() == rest.len() {
                        break;
                    }
                    lines.push(piece.trim_end().into());
                    rest = more;
                }
            }
        }
    }
    lines
}

/// The start of a word in exactly so many cells, and the rest of it.
fn fitting(word: &str, width: usize) -> (String, &str) {
    let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.take_while(|&end| word[..end].width() <= width).last().unwrap_or(0);
    let start = &word[..end];
    (format!("{start}{:free$}", "", free = width.saturating_sub(start.width())), &word[end..])
}

/// Spaces to the next of the columns 8, 16, .. for each tab.
fn without_tabs(text: &str) -> String {
    const STOP: usize = 8;
    let mut out = String::new();
    for (i, part) in text.split('\t').enumerate() {
        if i > 0 {
            out.extend(std::iter::repeat_n(' ', STOP - out.width() % STOP));
        }
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        assert_eq!(
            wrap("[(None, 3), (None, 3), (None, 3)]", 17, Overflow::Cut),
            ["[(None, 3),", "(None, 3), (None,", "3)]"]
        );
        let cases: [(&str, Overflow, &[&str]); 7] = [
            ("a_very_long_layer_name (Dense)", Overflow::Cut, &["a_very_lo…", "(Dense)"]),
            ("a_very_long_name (a)", Overflow::Fold, &["a_very_lon", "g_name (a)"]),
            ("密な層です (a)", Overflow::Cut, &["密な層です", "(a)"]),
            ("密な層ですよ", Overflow::Cut, &["密な層で …"]),
            ("密な層ですよ", Overflow::Fold, &["密な層です", "よ"]),
            ("cafe\u{301} (abc)", Overflow::Cut, &["cafe\u{301} (abc)"]),
            ("a\nb\tc", Overflow::Cut, &["a", "b       c"]),
        ];
        for (text, overflow, lines) in cases {
            assert_eq!(wrap(text, 10, overflow), lines, "{text}");
        }
    }
}
