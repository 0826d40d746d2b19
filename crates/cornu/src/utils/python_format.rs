//! Numbers in text as Python's `format` writes them: `{epoch:02d}`, `{val_loss:.4f}`.
use crate::saving::words::number;

/// A number to write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(u64),
    Float(f64),
}

/// No line of text is longer.
const MOST: usize = 255;

/// The parts of a format: `[[fill]align][sign][0][width][.precision][type]`.
struct Spec {
    fill: char,
    align: char,
    sign: char,
    width: usize,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    fn parse(text: &str) -> Option<Spec> {
        let mut rest: Vec<char> = text.chars().collect();
        let mut spec = Spec { fill: ' ', align: '>', sign: '-', width: 0, precision: None, kind: None };
        let is_align = |c: Option<&char>| c.is_some_and(|c| "<>^=".contains(*c));
        let (has_fill, has_align) = (is_align(rest.get(1)), is_align(rest.first()));
        if has_fill {
            (spec.fill, spec.align) = (rest[0], rest[1]);
            rest.drain(..2);
        } else if has_align {
            spec.align = rest.remove(0);
        }
        if let Some(&sign) = rest.first().filter(|c| "+- ".contains(**c)) {
            spec.sign = sign;
            rest.remove(0);
        }
        if rest.first() == Some(&'0') && !has_fill {
            (spec.fill, spec.align) = ('0', if has_align { spec.align } else { '=' });
        }
        spec.width = digits(&mut rest)?.unwrap_or(0);
        if rest.first() == Some(&'.') {
            rest.remove(0);
            spec.precision = Some(digits(&mut rest)??);
        }
        spec.kind = rest.first().copied();
        (rest.len() <= 1).then_some(spec)
    }

    /// `text` without its sign in its place.
    fn place(&self, is_negative: bool, text: &str) -> String {
        let sign = match self.sign {
            _ if is_negative => "-",
            '+' => "+",
            ' ' => " ",
            _ => "",
        };
        let room = self.width.saturating_sub(sign.len() + text.chars().count());
        let fill = |n: usize| self.fill.to_string().repeat(n);
        match self.align {
            '<' => format!("{sign}{text}{}", fill(room)),
            '^' => format!("{}{sign}{text}{}", fill(room / 2), fill(room - room / 2)),
            '=' => format!("{sign}{}{text}", fill(room)),
            _ => format!("{}{sign}{text}", fill(room)),
        }
    }
}

/// A number at the start, if there is one; `None` when it is too large.
fn digits(rest: &mut Vec<char>) -> Option<Option<usize>> {
    let count = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let text: String = rest.drain(..count).collect();
    if text.is_empty() {
        return Some(None);
    }
    text.parse().ok().filter(|&n| n <= MOST).map(Some)
}

/// `number` in this format; `None` when Python refuses the format, or it is one of the rare ones (`#`, `,`, `_`).
pub(crate) fn format_number(value: Number, format: &str) -> Option<String> {
    let spec = Spec::parse(format)?;
    let value = match (value, spec.kind) {
        (Number::Integer(n), None | Some('d' | 'n' | 'x' | 'X' | 'o' | 'b')) => {
            let text = match spec.kind {
                Some('x') => format!("{n:x}"),
                Some('X') => format!("{n:X}"),
                Some('o') => format!("{n:o}"),
                Some('b') => format!("{n:b}"),
                _ => n.to_string(),
            };
            return spec.precision.is_none().then(|| spec.place(false, &text));
        }
        (Number::Integer(n), _) => n as f64,
        (Number::Float(value), _) => value,
    };
    let (size, precision) = (value.abs(), spec.precision);
    let text = match spec.kind {
        None => precision.map_or_else(|| number(size), |digits| general(size, digits, true)),
        Some('f' | 'F') => fixed(size, precision.unwrap_or(6)),
        Some('e' | 'E') => scientific(size, precision.unwrap_or(6)),
        Some('g' | 'G' | 'n') => general(size, precision.unwrap_or(6), false),
        Some('%') => fixed(size * 100.0, precision.unwrap_or(6)) + "%",
        Some(_) => return None,
    };
    let text =
        if spec.kind.is_some_and(|kind| kind.is_ascii_uppercase()) { text.to_uppercase() } else { text };
    Some(spec.place(value.is_sign_negative() && !value.is_nan(), &text))
}

/// So many digits after the point.
pub(crate) fn fixed(value: f64, digits: usize) -> String {
    if value.is_nan() { "nan".into() } else { format!("{value:.digits$}") }
}

/// `1.2345e-04`: Python writes at least two digits of the exponent, with a sign.
pub(crate) fn scientific(value: f64, digits: usize) -> String {
    let text = if value.is_nan() { "nan".into() } else { format!("{value:.digits$e}") };
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
            format!("{mantissa}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// So many digits in all, with an exponent where the number is very small or large. With `has_point` a number without an exponent
/// has a digit after the point.
fn general(value: f64, digits: usize, has_point: bool) -> String {
    if !value.is_finite() {
        return fixed(value, 0);
    }
    let digits = digits.max(1);
    let text = scientific(value, digits - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i64 = exponent.parse().unwrap_or(0);
    let short = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        } else {
            text.into()
        }
    };
    let last = digits as i64 - i64::from(has_point);
    if power < -4 || power >= last {
        return format!("{}e{exponent}", short(mantissa));
    }
    let text = short(&fixed(value, (digits as i64 - 1 - power).max(0) as usize));
    if has_point && !text.contains('.') { text + ".0" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `format` gives.
    #[test]
    fn as_python_formats() {
        let float = |value: f64, format: &str| format_number(Number::Float(value), format);
        for (value, format, want) in [
            (0.4, "8.3f", "   0.400"),
            (0.4, "e", "4.000000e-01"),
            (0.4, ".3e", "4.000e-01"),
            (0.4, "g", "0.4"),
            (0.400000006, "%", "40.000001%"),
            (0.4, ".1%", "40.0%"),
            (0.4, ".3", "0.4"),
            (0.4, "08.2f", "00000.40"),
            (-0.4, "08.2f", "-0000.40"),
            (0.4, "+.2f", "+0.40"),
            (0.4, " .2f", " 0.40"),
            (0.4, "_>9.2f", "_____0.40"),
            (0.4, "", "0.4"),
            (1e-7, "", "1e-07"),
            (1e-7, "g", "1e-07"),
            (123456.0, ".3", "1.23e+05"),
            (12.0, ".2", "1.2e+01"),
            (12.0, ".3", "12.0"),
            (12.0, ".2g", "12"),
            (1234567.0, "g", "1.23457e+06"),
            (0.0, ".3", "0.0"),
            (0.0, ".1", "0e+00"),
            (0.5, ".1", "0.5"),
            (9.99, ".2", "1e+01"),
            (0.0, "g", "0"),
            (f64::NAN, ".2f", "nan"),
            (f64::INFINITY, "G", "INF"),
            (1e-10, "E", "1.000000E-10"),
            (2.5, "<6", "2.5   "),
            (2.5, "^7", "  2.5  "),
            (2.5, "012", "0000000002.5"),
            (2.5, "<06", "2.5000"),
        ] {
            assert_eq!(float(value, format).as_deref(), Some(want), "{value:?} {format}");
        }
        for (n, format, want) in [
            (7, "02d", "07"),
            (7, "03", "007"),
            (7, ">4", "   7"),
            (7, "<4", "7   "),
            (7, "^5", "  7  "),
            (7, "+d", "+7"),
            (26, "x", "1a"),
            (26, "X", "1A"),
            (5, "b", "101"),
            (7, ".2f", "7.00"),
            (7, "*^5d", "**7**"),
        ] {
            assert_eq!(format_number(Number::Integer(n), format).as_deref(), Some(want), "{n} {format}");
        }
        for format in ["d", "q", ".f", ".2", "256", ".256f", "ff", "x"] {
            let given = if format == ".2" { Number::Integer(1) } else { Number::Float(0.5) };
            assert_eq!(format_number(given, format), None, "{format}");
        }
    }
}
