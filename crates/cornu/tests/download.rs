//! Downloads from a server in this process.
#![allow(clippy::unwrap_used, clippy::panic)]

use cornu::data::download;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

fn content() -> Vec<u8> {
    (0..100_000u32).flat_map(|i| i.to_le_bytes()).collect()
}

/// SHA-256 of [`content`].
const CONTENT_SHA256: &str = "20ff50e632cc575386b15d7fcd9c3842ef435388ed29ae8c30617158ee907dc5";

/// An own folder for one test, removed after it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("cornu-download-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How the server answers one request, given the start of the range asked for.
type Answer = fn(&mut TcpStream, Option<usize>);

/// Serves one request for each answer; the address, and what ranges were asked for.
fn serve(answers: Vec<Answer>) -> (String, Receiver<Option<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.npz", listener.local_addr().unwrap());
    let (send, asked) = channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut range = None;
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let line = line.unwrap().to_lowercase();
                if let Some(value) = line.strip_prefix("range: bytes=") {
                    range = value.trim_end_matches('-').parse().ok();
                }
                if line.is_empty() {
                    break;
                }
            }
            // Not every test asks.
            let _ = send.send(range);
            answer(&mut stream, range);
        }
    });
    (url, asked)
}

fn reply(stream: &mut TcpStream, head: &str, length: usize, body: &[u8]) {
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // The client may go away at an error.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

fn whole(stream: &mut TcpStream, range: Option<usize>) {
    let content = content();
    let from = range.unwrap_or(0);
    let head = match range {
        Some(from) if from >= content.len() => {
            let head = format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{}", content.len());
            return reply(stream, &head, 0, &[]);
        }
        Some(from) => format!(
            "206 Partial Content\r\nContent-Range: bytes {from}-{}/{}",
            content.len() - 1,
            content.len()
        ),
        None => "200 OK".to_string(),
    };
    reply(stream, &head, content.len() - from, &content[from..]);
}

fn cut(stream: &mut TcpStream, _: Option<usize>) {
    reply(stream, "200 OK", content().len(), &content()[..150_000]);
}

fn nothing(stream: &mut TcpStream, _: Option<usize>) {
    reply(stream, "206 Partial Content\r\nContent-Range: bytes 150000-399999/400000", 250_000, &[]);
}

fn ignores_ranges(stream: &mut TcpStream, _: Option<usize>) {
    whole(stream, None);
}

fn not_found(stream: &mut TcpStream, _: Option<usize>) {
    reply(stream, "404 Not Found", 0, &[]);
}

#[test]
fn whole_file() {
    let (url, asked) = serve(vec![whole]);
    let folder = Folder::new("whole");
    let path = folder.join("deep/a.npz");
    download(&url, CONTENT_SHA256, &path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content());
    assert!(!path.with_extension("npz.part").exists());
    assert_eq!(asked.iter().collect::<Vec<_>>(), [None]);
}

#[test]
fn a_cut_is_resumed_at_once() {
    let (url, asked) = serve(vec![cut, whole]);
    let folder = Folder::new("cut");
    let path = folder.join("a.npz");
    download(&url, CONTENT_SHA256, &path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content());
    assert_eq!(asked.iter().collect::<Vec<_>>(), [None, Some(150_000)]);
}

#[test]
fn a_cut_is_resumed_by_a_later_call() {
    let folder = Folder::new("later");
    let path = folder.join("a.npz");
    let (url, _) = serve(vec![cut, nothing]);
    let e = download(&url, CONTENT_SHA256, &path).unwrap_err().to_string();
    assert_eq!(e, format!("{url}: the connection ended after 150000 of 400000 bytes"));
    assert!(!path.exists());
    let (url, asked) = serve(vec![whole]);
    download(&url, CONTENT_SHA256, &path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content());
    assert_eq!(asked.iter().collect::<Vec<_>>(), [Some(150_000)]);
}

#[test]
fn a_part_that_is_already_whole() {
    let folder = Folder::new("all");
    let path = folder.join("a.npz");
    std::fs::write(path.with_extension("npz.part"), content()).unwrap();
    let (url, asked) = serve(vec![whole]);
    download(&url, CONTENT_SHA256, &path).unwrap();
    assert_eq!(asked.iter().collect::<Vec<_>>(), [Some(400_000)]);
}

#[test]
fn a_part_that_is_too_long_is_dropped() {
    let folder = Folder::new("long");
    let path = folder.join("a.npz");
    std::fs::write(path.with_extension("npz.part"), [0; 400_001]).unwrap();
    let (url, asked) = serve(vec![whole, whole]);
    download(&url, CONTENT_SHA256, &path).unwrap();
    assert_eq!(asked.iter().collect::<Vec<_>>(), [Some(400_001), None]);
}

#[test]
fn a_server_without_ranges() {
    let folder = Folder::new("ranges");
    let path = folder.join("a.npz");
    std::fs::write(path.with_extension("npz.part"), [0; 1000]).unwrap();
    let (url, _) = serve(vec![ignores_ranges]);
    download(&url, CONTENT_SHA256, &path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content());
}

#[test]
fn wrong_hash() {
    let (url, _) = serve(vec![whole]);
    let folder = Folder::new("hash");
    let path = folder.join("a.npz");
    let want = "0".repeat(64);
    let e = download(&url, &want, &path).unwrap_err().to_string();
    let got = CONTENT_SHA256;
    assert_eq!(e, format!("{url}: the file has SHA-256 {got}, expected {want}; it was not kept"));
    assert!(!path.exists() && !path.with_extension("npz.part").exists());
}

#[test]
fn no_such_file() {
    let (url, _) = serve(vec![not_found]);
    let e = download(&url, "", &Folder::new("404").join("a.npz")).unwrap_err().to_string();
    assert_eq!(e, format!("{url}: the server answered 404 Not Found"));
}

#[test]
fn no_server() {
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/a.npz", listener.local_addr().unwrap())
    };
    let e = download(&url, "", &Folder::new("refused").join("a.npz")).unwrap_err().to_string();
    assert!(e.starts_with(&format!("{url}: ")) && e.to_lowercase().contains("refused"), "{e}");
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_without_tls() {
    let e = download("https://127.0.0.1:1/a", "", &Folder::new("tls").join("a")).unwrap_err().to_string();
    let want = "https://127.0.0.1:1/a: https needs the feature `tls`\n  help: enable cornu's feature `tls`, or use an http address";
    assert_eq!(e, want);
}

#[test]
fn get_file() {
    use cornu::utils::GetFile;
    let folder = Folder::new("get_file");
    let (url, asked) = serve(vec![whole, whole, whole]);
    let get = |file: &GetFile| file.clone().cache_dir(&folder.0).get();
    let path = get(&GetFile::new(&url).file_hash(CONTENT_SHA256)).unwrap();
    assert_eq!(path, folder.join("datasets").join("a.npz"));
    assert_eq!(std::fs::read(&path).unwrap(), content());
    // It is there: nothing is asked for.
    get(&GetFile::new(&url).file_hash(CONTENT_SHA256)).unwrap();
    get(&GetFile::new(&url)).unwrap();
    assert_eq!(asked.try_iter().count(), 1);
    // Another hash, or the wish for it, has it downloaded anew.
    std::fs::write(&path, "changed").unwrap();
    get(&GetFile::new(&url).file_hash(CONTENT_SHA256)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content());
    std::fs::write(&path, "changed").unwrap();
    get(&GetFile::new(&url).force_download(true)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), content());
    assert_eq!(asked.try_iter().count(), 2);
    let named = get(&GetFile::new("http://127.0.0.1:1/a?b").fname("../b")).unwrap_err().to_string();
    assert_eq!(named, "get_file.fname: `../b` is no name of a file");
    assert!(get(&GetFile::new("http://127.0.0.1:1/")).is_err());
    assert!(
        get(&GetFile::new(&url).file_hash("abc"))
            .unwrap_err()
            .to_string()
            .contains("is neither a SHA-256 nor an MD5")
    );
}

#[test]
fn archives_are_unpacked() {
    use cornu::utils::GetFile;
    let folder = Folder::new("extract");
    std::fs::create_dir_all(folder.join("datasets")).unwrap();
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    archive.start_file("words/a.txt", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(b"one two").unwrap();
    let archive = archive.finish().unwrap().into_inner();
    // Keras's names of the archive and the folder. Nothing listens on port 1: the archive is there already.
    let get = GetFile::new("http://127.0.0.1:1/words.zip").cache_dir(&folder.0).extract(true);
    for (file, there, unpacked) in [
        (get.clone(), "words.zip_archive", "words.zip"),
        (get.clone().fname("w.v.zip"), "w.v.zip", "w_extracted"),
        (get.clone().fname("words").archive_format("zip"), "words_archive", "words"),
    ] {
        std::fs::write(folder.join("datasets").join(there), &archive).unwrap();
        // Again, over what is there.
        for _ in 0..2 {
            let path = file.get().unwrap();
            assert_eq!(path, folder.join("datasets").join(unpacked));
            assert_eq!(std::fs::read(path.join("words/a.txt")).unwrap(), b"one two");
        }
    }
    let said = |file: GetFile, word: &str| {
        let message = file.get().unwrap_err().to_string();
        assert!(message.contains(word), "{word:?} not in {message}");
    };
    said(get.clone().fname("words").archive_format("tar"), "is no archive (tar)");
    said(get.clone().archive_format("rar"), "archive_format");
    std::fs::write(folder.join("datasets/words.zip_archive"), "text").unwrap();
    said(get, "is no archive (auto)");
}
