//! Files from servers: resumed, checked, and never half there.
use super::checksum::Checksum;
use cornu_graph::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// One request may take this long; a download that grew within it goes on with another.
const SECONDS_A_REQUEST: u64 = 60;

/// Downloads `url` to `path`, which is there only once its SHA-256 (in hexadecimal) is right.
///
/// Data go to `path` with `.part` at its end, so that a later call resumes a download that was cut. Processes that want
/// the same file wait for each other. The hash makes plain `http` safe against changes on the way; `https` needs the
/// feature `tls`. A bar on standard error shows the progress when that is a terminal.
///
/// # Errors
/// When the server cannot be reached, does not have the file or cuts the connection, the hash differs, or `path` cannot
/// be written.
pub fn download(url: &str, sha256: &str, path: &Path) -> Result<()> {
    download_checked(url, Some(Checksum::Sha256(sha256)), path)
}

/// [`download`] with a hash of either kind, or with none: then the way must be safe, over `https`.
///
/// # Errors
/// As [`download`].
pub(crate) fn download_checked(url: &str, checksum: Option<Checksum>, path: &Path) -> Result<()> {
    fetch(url, checksum, path, false)
}

/// [`download_checked`], with `anew` even if the file is there.
///
/// # Errors
/// As [`download`].
pub(crate) fn fetch(url: &str, checksum: Option<Checksum>, path: &Path, anew: bool) -> Result<()> {
    let at = |e: io::Error| Error::io(path, e);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = Path::new(&name);
    let at_part = |e: io::Error| Error::io(part, e);
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(part);
    let mut file = options.map_err(at_part)?;
    file.lock().map_err(at_part)?;
    let fits = |path: &Path| checksum.map_or(Ok(true), |checksum| checksum.fits(path));
    if !anew && path.exists() && fits(path)? {
        // Another process was faster.
        return fs::remove_file(part).map_err(at_part);
    }

    loop {
        let before = file.metadata().map_err(at_part)?.len();
        match request(url, &mut file, before) {
            Ok(()) => break,
            Err(e) if file.metadata().map_err(at_part)?.len() <= before => return Err(e),
            // It grew: ask for the rest.
            Err(_) => {}
        }
    }
    if let Some(checksum) = checksum {
        let got = checksum.of(part)?;
        if got != checksum.hex() {
            fs::remove_file(part).map_err(at_part)?;
            let message = format!(
                "the file has {} {got}, expected {}; it was not kept",
                checksum.name(),
                checksum.hex()
            );
            return Err(Error::Format { what: url.to_string(), message });
        }
    }
    fs::rename(part, path).map_err(at)
}

/// Asks for the bytes after the first `have` and appends them to `file`.
fn request(url: &str, file: &mut File, have: u64) -> Result<()> {
    let failed = |e: io::Error| Error::io(url, e);
    let mut request = minreq::get(url).with_timeout(SECONDS_A_REQUEST);
    if have > 0 {
        request = request.with_header("Range", format!("bytes={have}-"));
    }
    let mut response = request.send_lazy().map_err(|e| match e {
        minreq::Error::IoError(e) => failed(e),
        minreq::Error::HttpsFeatureNotEnabled => failed(io::Error::other("https needs the feature `tls`"))
            .help("enable cornu's feature `tls`, or use an http address"),
        e => failed(io::Error::other(e)),
    })?;
    let header = |name: &str| {
        response
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    };
    let range = header("Content-Range").unwrap_or_default();
    let length: Option<u64> = header("Content-Length").and_then(|v| v.trim().parse().ok());
    let start = match response.status_code {
        200 => 0,
        206 if range.starts_with(&format!("bytes {have}-")) => have,
        // Nothing is left to ask for.
        416 if range == format!("bytes */{have}") => return Ok(()),
        416 => {
            file.set_len(0).map_err(failed)?;
            return self::request(url, file, 0);
        }
        status => {
            let message = format!("the server answered {status} {}", response.reason_phrase);
            return Err(failed(io::Error::other(message)));
        }
    };
    file.set_len(start).and_then(|()| file.seek(SeekFrom::Start(start))).map_err(failed)?;
    let total = length.map(|n| start + n);
    let mut bar = Bar::new(url, total);
    let mut done = start;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = response.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n]).map_err(failed)?;
        done += n as u64;
        bar.show(done);
    }
    match total {
        Some(total) if done < total => {
            let message = format!("the connection ended after {done} of {total} bytes");
            Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, message)))
        }
        _ => Ok(()),
    }
}

/// Progress on standard error.
struct Bar<'a> {
    name: &'a str,
    total: Option<u64>,
    shown: Option<u64>,
    visible: bool,
}

impl Bar<'_> {
    fn new(url: &str, total: Option<u64>) -> Bar<'_> {
        let name = url.rsplit('/').next().unwrap_or(url);
        Bar { name, total, shown: None, visible: io::stderr().is_terminal() }
    }

    fn show(&mut self, done: u64) {
        if !self.visible {
            return;
        }
        // Redrawn for each percent, or for each megabyte when the size is not known.
        let step = match self.total {
            Some(total) => done * 100 / total.max(1),
            None => done >> 20,
        };
        if self.shown.replace(step) != Some(step) {
            eprint!("\r{}", line(self.name, done, self.total));
        }
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprintln!();
        }
    }
}

/// `mnist.npz  45% [=========>          ] 5.2/11.5 MB`.
fn line(name: &str, done: u64, total: Option<u64>) -> String {
    const WIDTH: usize = 20;
    let mb = |n: u64| n as f64 / 1e6;
    match total {
        Some(total) => {
            let share = (done as f64 / total.max(1) as f64).min(1.0);
            let filled = (share * WIDTH as f64) as usize;
            let arrow = if filled < WIDTH { ">" } else { "" };
            let bar = format!("{:WIDTH$}", "=".repeat(filled) + arrow);
            format!("{name} {:3.0}% [{bar}] {:.1}/{:.1} MB", share * 100.0, mb(done), mb(total))
        }
        None => format!("{name} {:.1} MB", mb(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn bar() {
        let half = "a.npz  50% [==========>         ] 1.0/2.0 MB";
        assert_eq!(line("a.npz", 1_000_000, Some(2_000_000)), half);
        assert_eq!(line("a.npz", 2, Some(2)), "a.npz 100% [====================] 0.0/0.0 MB");
        assert_eq!(line("a.npz", 2_500_000, None), "a.npz 2.5 MB");
    }
}
