//! An HTTP/1.1 server with faults, in threads of the standard library.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The status, with a body that says so.
    Status(u16),
    /// The body ends half-way, and the connection with it.
    Short,
    /// The connection ends before there is an answer.
    Dropped,
    /// The etag is another one, and `If-Match` is answered accordingly.
    Changed,
    /// The etag is another one, but `If-Match` is ignored.
    ChangedUnnoticed,
    /// A few bytes come now and then.
    Drip,
    /// The range is one byte further on than asked for.
    WrongRange,
    /// The range is ignored: all bytes come.
    WithoutRanges,
}

/// A request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) if_match: Option<String>,
}

/// A server of one object, whatever the path, or of the listing of a bucket. Each request takes the next fault; the
/// last stays.
#[derive(Debug)]
pub(crate) struct Server {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// How the server presents its object.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    pub(crate) faults: Vec<Fault>,
    pub(crate) etag: Option<&'static str>,
    /// The keys of the bucket in the order in which they are listed, two on each page.
    pub(crate) keys: Vec<&'static str>,
}

impl Server {
    pub(crate) fn start(bytes: Vec<u8>, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, bytes, behaviour) = (Arc::clone(&seen), Arc::new(bytes), Arc::new(behaviour));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, bytes, behaviour) = (Arc::clone(&log), Arc::clone(&bytes), Arc::clone(&behaviour));
                // A client that goes away ends its own thread.
                thread::spawn(move || drop(serve(&stream, &log, &bytes, &behaviour)));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(
    stream: &TcpStream,
    log: &Mutex<Vec<Seen>>,
    bytes: &[u8],
    behaviour: &Behaviour,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut range, mut if_match) = (None, None);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "range" => range = Some(value.trim().to_owned()),
                "if-match" => if_match = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let seen = Seen { method, path, range, if_match };
        let fault = {
            let mut log = log.lock().unwrap();
            log.push(seen.clone());
            *behaviour.faults.get(log.len() - 1).or_else(|| behaviour.faults.last()).unwrap_or(&Fault::None)
        };
        if seen.path.contains("list-type=2") {
            list(stream, &seen.path, &behaviour.keys)?;
        } else if !answer(stream, &seen, fault, bytes, behaviour.etag)? {
            return stream.shutdown(Shutdown::Both);
        }
    }
}

/// Answers one request; false if the connection is to end.
fn answer(
    mut stream: &TcpStream,
    seen: &Seen,
    fault: Fault,
    bytes: &[u8],
    etag: Option<&str>,
) -> std::io::Result<bool> {
    let changed = matches!(fault, Fault::Changed | Fault::ChangedUnnoticed);
    let etag = if changed { etag.map(|_| "\"other\"") } else { etag };
    let refuses =
        fault != Fault::ChangedUnnoticed && seen.if_match.is_some() && seen.if_match.as_deref() != etag;
    let status = match fault {
        Fault::Dropped => return Ok(false),
        Fault::Status(status) => Some(status),
        _ if refuses => Some(412),
        _ => None,
    };
    if let Some(status) = status {
        let body = format!("status {status}");
        let head = format!("HTTP/1.1 {status} Some Reason\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes())?;
        return Ok(true);
    }
    let asked = seen.range.as_ref().filter(|_| fault != Fault::WithoutRanges);
    let mut range = asked.map(|text| parse(text, bytes.len()));
    if range.as_ref().is_some_and(Range::is_empty) {
        stream.write_all(b"HTTP/1.1 416 Range Not Satisfiable\r\ncontent-length: 0\r\n\r\n")?;
        return Ok(true);
    }
    let body = &bytes[range.clone().unwrap_or(0..bytes.len())];
    if fault == Fault::WrongRange {
        range = range.map(|range| range.start + 1..range.end + 1);
    }
    let mut head = vec![format!("HTTP/1.1 {}", if range.is_some() { "206 Partial" } else { "200 OK" })];
    if let Some(Range { start, end }) = range {
        head.push(format!("content-range: bytes {start}-{}/{}", end - 1, bytes.len()));
    }
    if let Some(etag) = etag {
        head.push(format!("etag: {etag}"));
    }
    head.push(format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.join("\r\n").as_bytes())?;
    if seen.method == "HEAD" {
        return Ok(true);
    }
    match fault {
        Fault::Short => {
            stream.write_all(&body[..body.len() / 2])?;
            Ok(false)
        }
        Fault::Drip => {
            for byte in body {
                stream.write_all(&[*byte])?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(true)
        }
        _ => stream.write_all(body).map(|()| true),
    }
}

/// Answers a request for a page of the listing as S3 does (`ListObjectsV2`).
fn list(mut stream: &TcpStream, path: &str, keys: &[&str]) -> std::io::Result<()> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let find = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let prefix = find("prefix").unwrap_or_default().replace("%2F", "/").replace("%3D", "=");
    let first: usize = find("continuation-token").map_or(0, |token| token.parse().unwrap());
    let found: Vec<_> = keys.iter().filter(|key| key.starts_with(&prefix)).skip(first).collect();
    let contents = found.iter().take(2).map(|key| {
        let time = "<LastModified>2024-01-01T00:00:00.000Z</LastModified>";
        format!("<Contents><Key>{key}</Key>{time}<ETag>\"{key}\"</ETag><Size>{}</Size></Contents>", key.len())
    });
    let next = if found.len() > 2 {
        format!("<NextContinuationToken>{}</NextContinuationToken>", first + 2)
    } else {
        String::new()
    };
    let body = format!("<ListBucketResult>{next}{}</ListBucketResult>", contents.collect::<String>());
    stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())
}

fn parse(text: &str, len: usize) -> Range<usize> {
    let (start, end) = text.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    if start.is_empty() {
        return len.saturating_sub(end.parse().unwrap())..len;
    }
    let start: usize = start.parse().unwrap();
    let end = if end.is_empty() { len } else { (end.parse::<usize>().unwrap() + 1).min(len) };
    start..end.max(start)
}
