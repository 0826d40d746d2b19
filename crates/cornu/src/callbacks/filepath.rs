//! Names of files with values in them.
use crate::saving::words::number;
use crate::training::Logs;
use crate::utils::python_format::{Number, format_number};
use cornu_graph::{Error, Result};

/// Python's `str.format` with the epoch, the batch if there is one, and the values of the logs by name.
///
/// # Errors
/// A name that is not there, or a format that Python does not have.
pub(super) fn fill_in(path: &str, epoch: usize, batch: Option<usize>, logs: &Logs) -> Result<String> {
    let bad = |what: &str| {
        let known = logs.iter().map(|(name, _)| name).chain(["epoch"]).chain(batch.map(|_| "batch"));
        let known: Vec<&str> = known.collect();
        let message = format!("`{{{what}}}` cannot be filled in; there are {known:?}");
        Error::argument("ModelCheckpoint.filepath", message)
    };
    let mut filled = String::new();
    let mut rest = path;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        filled.push_str(before);
        // Doubled, a brace is one of the name.
        if let Some(brace) = ["{{", "}}"].into_iter().find(|two| after.starts_with(two)) {
            filled.push_str(&brace[1..]);
            rest = &after[2..];
            continue;
        }
        let (field, after) =
            after[1..].split_once('}').filter(|_| after.starts_with('{')).ok_or_else(|| bad(after))?;
        let (name, format) = field.split_once(':').unwrap_or((field, ""));
        let (name, is_shown) = ["!r", "!s", "!a"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .map_or((name, false), |name| (name, true));
        let value = match (name, batch, logs.get(name)) {
            ("epoch", ..) => Number::Integer(epoch as u64),
            (_, _, Some(value)) => Number::Float(value),
            ("batch", Some(batch), None) => Number::Integer(batch as u64),
            _ => return Err(bad(field)),
        };
        let text = match value {
            _ if is_shown && !format.is_empty() => None,
            Number::Float(value) if format.is_empty() => Some(number(value)),
            value => format_number(value, format),
        };
        filled.push_str(&text.ok_or_else(|| bad(field))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let mut logs = Logs::new();
        logs.set("val_loss", 0.12345);
        let fill = |path: &str, batch| fill_in(path, 7, batch, &logs);
        for (path, batch, want) in [
            ("a/{epoch:02d}-{val_loss:.2f}.npz", None, "a/07-0.12.npz"),
            ("w{epoch}.npz", None, "w7.npz"),
            ("{epoch:>3}_{batch:03}_{val_loss}", Some(4), "  7_004_0.12345"),
            ("{{a}}{epoch!r}", None, "{a}7"),
        ] {
            assert_eq!(fill(path, batch).unwrap(), want);
        }
        for path in
            ["{val_acc}", "{batch}", "{epoch", "epoch}", "{}", "{val_loss:d}", "{epoch:q}", "{epoch!r:3}"]
        {
            let e = fill(path, None).unwrap_err().to_string();
            assert!(e.contains("cannot be filled in; there are [\"val_loss\", \"epoch\"]"), "{path}: {e}");
        }
    }
}
