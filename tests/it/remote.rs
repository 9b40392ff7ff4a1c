//! Archives behind HTTP: which requests are made, how many bytes come, and what happens if something goes wrong.

use std::future::Future;
use std::io::{Cursor, Write as _};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, UInt8Type};
use npzarrow::NpzDataset;
use npzarrow::dataset::DatasetOptions;
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{NpzWriter, OpenOptions, ReadOptions, WriteOptions};
use npzarrow::sink::PendingObject;
use npzarrow::source::Source;
use npzarrow::source::remote::object_store::memory::InMemory;
use npzarrow::source::remote::object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use npzarrow::source::remote::{Object, RemoteOptions, list, list_async};
use npzarrow::{ErrorKind, Interrupt, NpyArray, NpzArchive};
use zip::CompressionMethod::{Deflated, Stored};
use zip::write::SimpleFileOptions;

use crate::http_server::{Behaviour, Fault, Seen, Server};

const ETAG: Option<&str> = Some("\"v1\"");
const MEMBER: usize = 100_000;
const TAIL: u64 = 66_036;

fn npy(values: &[u8]) -> Vec<u8> {
    let dtype = Dtype::from_type_str("|u1").unwrap();
    let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![values.len() as u64])).unwrap();
    [header.to_bytes(), values.to_vec()].concat()
}

/// The values of a member: no two members or neighbours are the same.
fn values(member: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| ((i * (member + 3)) ^ (i >> 8)) as u8).collect()
}

fn archive(members: usize, len: usize, deflated: bool) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(if deflated { Deflated } else { Stored });
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for member in 0..members {
        writer.start_file(format!("x{member}.npy"), options).unwrap();
        writer.write_all(&npy(&values(member, len))).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn serve(bytes: Vec<u8>) -> Server {
    serve_with(bytes, vec![Fault::None], ETAG)
}

fn serve_with(bytes: Vec<u8>, faults: Vec<Fault>, etag: Option<&'static str>) -> Server {
    Server::start(bytes, Behaviour { faults, etag, keys: Vec::new() })
}

fn open(server: &Server, options: &RemoteOptions) -> npzarrow::Result<NpzArchive> {
    NpzArchive::with_options(Source::open_url(&server.url("b/a.npz"), options)?, &OpenOptions::default())
}

/// How many bytes a server was asked for.
fn bytes_of(seen: &[Seen]) -> u64 {
    let len = |range: &str| {
        let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let end: u64 = end.parse().unwrap();
        if start.is_empty() { end } else { end + 1 - start.parse::<u64>().unwrap() }
    };
    seen.iter().map(|seen| len(seen.range.as_deref().unwrap())).sum()
}

#[test]
fn one_of_twenty_members() {
    for deflated in [false, true] {
        let bytes = archive(20, MEMBER, deflated);
        let server = serve(bytes.clone());
        let options = RemoteOptions::default().with_whole_below(1 << 16);
        let archive = open(&server, &options).unwrap();
        let member = archive.entry(7).unwrap().compressed_size();
        let array = archive.array("x7").unwrap();
        assert_eq!(array.payload().as_slice(), values(7, MEMBER));
        assert!(deflated || array.payload().as_slice().as_ptr().addr().is_multiple_of(64));
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert_eq!((seen[0].range.as_deref(), seen[0].if_match.as_deref()), (Some("bytes=-66036"), None));
        assert_eq!(seen[1].if_match.as_deref(), ETAG, "of the version that was opened");
        assert!(bytes_of(&seen) <= member * 105 / 100 + (64 << 10), "{member}: {seen:?}");
        // Read again, it is fetched again, and verified again.
        assert_eq!(archive.array("x7").unwrap().payload().as_slice(), values(7, MEMBER));
        assert_eq!(server.seen().len(), 3);
    }
}

#[test]
fn small_objects_are_fetched_whole() {
    for (len, is_known, requests) in [(100, false, 1), (100, true, 1), (MEMBER, true, 1), (MEMBER, false, 2)]
    {
        let bytes = archive(5, len, false);
        let server = serve(bytes.clone());
        let options = RemoteOptions::default();
        let mut object = Object::parse(&server.url("a.npz"), &options).unwrap();
        if is_known {
            object = object.with_known(bytes.len() as u64, ETAG.map(str::to_owned));
        }
        let source = Source::open_object(object, &options).unwrap();
        let archive = NpzArchive::with_options(source, &OpenOptions::default()).unwrap();
        let batch = archive.record_batch(&ReadOptions::default()).unwrap();
        assert_eq!((batch.num_columns(), batch.num_rows()), (5, len));
        assert_eq!(server.seen().len(), requests, "{:?}", server.seen());
        assert!(bytes_of(&server.seen()) <= bytes.len() as u64 + TAIL);
    }
}

#[test]
fn all_members_come_with_few_requests() {
    let bytes = archive(20, MEMBER, false);
    for (request_len, requests) in [(8 << 20, 2), (1 << 18, 9), (100, 20_000)] {
        let server = serve(bytes.clone());
        let options = RemoteOptions::default().with_request_len(request_len);
        if requests > 1000 {
            // Only that it works: one member in small pieces.
            let options = options.with_request_len(10_000);
            let array = open(&server, &options).unwrap().array("x3").unwrap();
            assert_eq!(array.payload().as_slice(), values(3, MEMBER));
            continue;
        }
        let archive = open(&server, &options).unwrap();
        let arrays = archive.arrays(&(0..20).collect::<Vec<_>>(), &Interrupt::default());
        for (member, array) in arrays.into_iter().enumerate() {
            let array = array.unwrap();
            assert_eq!(array.payload().as_slice(), values(member, MEMBER));
            assert!(array.payload().as_slice().as_ptr().addr().is_multiple_of(64));
        }
        assert_eq!(server.seen().len(), requests, "{:?}", server.seen());
        assert!(bytes_of(&server.seen()) <= bytes.len() as u64 + TAIL);
    }
}

#[test]
fn headers_alone() {
    let server = serve(archive(20, MEMBER, false));
    let archive = open(&server, &RemoteOptions::default()).unwrap();
    let schema = archive.schema(&ReadOptions::default()).unwrap();
    assert_eq!(schema.fields().len(), 20);
    // One of them lies in the tail.
    assert_eq!(server.seen().len(), 1 + 20, "{:?}", server.seen());
    assert!(bytes_of(&server.seen()) < TAIL + 20 * 600);
    assert_eq!(archive.header("x5").unwrap().payload_len(), MEMBER as u64);
    assert_eq!(server.seen().len(), 21, "headers are kept");
    // The header is not fetched again with the payload.
    archive.array("x5").unwrap();
    let last = server.seen().pop().unwrap();
    assert!(bytes_of(&[last]) < MEMBER as u64);
}

#[test]
fn directories_longer_than_the_tail() {
    let server = serve(archive(3_000, 700, false));
    let archive = open(&server, &RemoteOptions::default()).unwrap();
    assert_eq!(archive.array("x1234").unwrap().payload().as_slice(), values(1234, 700));
    assert_eq!(
        server.seen().len(),
        3,
        "the tail, the rest of the directory, the member: {:?}",
        server.seen()
    );
}

#[test]
fn bare_arrays() {
    for len in [1000, 3 << 20] {
        let server = serve(npy(&values(1, len)));
        let source = Source::open_url(&server.url("a.npy"), &RemoteOptions::default()).unwrap();
        let array = NpyArray::read(&source, 1, &Interrupt::default()).unwrap();
        assert_eq!(array.payload().as_slice(), values(1, len));
        assert_eq!(server.seen().len(), if len == 1000 { 1 } else { 2 }, "{:?}", server.seen());
    }
}

/// Which faults, whether there is an etag, how many requests, and the error behind the URL, if there is one.
type FaultCase = (Vec<Fault>, bool, usize, &'static str);

fn fault_cases() -> Vec<FaultCase> {
    use Fault as F;
    vec![
        (vec![F::None], true, 2, ""),
        (vec![F::None], false, 2, ""),
        (vec![F::Status(503), F::Status(503), F::None], true, 4, ""),
        (vec![F::None, F::Status(429), F::Status(500), F::None], true, 4, ""),
        (
            vec![F::Status(503)],
            true,
            3,
            "tried 3 times: Server returned non-2xx status code: 503 Service Unavailable: status 503",
        ),
        (
            vec![F::None, F::Status(503)],
            true,
            4,
            "x2.npy: bytes 200328 to 300492: tried 3 times: Server returned non-2xx status code: 503 Service Unavailable: status 503",
        ),
        (
            vec![F::Status(404)],
            true,
            1,
            "not found: Server returned non-2xx status code: 404 Not Found: status 404",
        ),
        (
            vec![F::None, F::Status(404)],
            true,
            2,
            "x2.npy: not found: Server returned non-2xx status code: 404 Not Found: status 404",
        ),
        (
            vec![F::Status(403)],
            true,
            1,
            "access denied: Server returned non-2xx status code: 403 Forbidden: status 403",
        ),
        (
            vec![F::Status(401)],
            true,
            1,
            "authentication failed: Server returned non-2xx status code: 401 Unauthorized: status 401",
        ),
        (vec![F::Status(400)], true, 1, "Server returned non-2xx status code: 400 Bad Request: status 400"),
        // A body that ends too soon is continued where it ended, or begun again without an etag.
        (vec![F::None, F::Short, F::None], true, 3, ""),
        (vec![F::None, F::Short, F::None], false, 3, ""),
        (
            vec![F::None, F::Short],
            true,
            4,
            "x2.npy: bytes 200328 to 300492: request or response body error: error reading a body from connection: end of file before message length reached",
        ),
        (
            vec![F::None, F::Short],
            false,
            4,
            "x2.npy: bytes 200328 to 300492: request or response body error: error reading a body from connection: end of file before message length reached",
        ),
        (vec![F::None, F::Dropped, F::None], true, 3, ""),
        (
            vec![F::Dropped],
            true,
            3,
            "tried 3 times: error sending request: client error (SendRequest): connection closed before message completed",
        ),
        (
            vec![F::None, F::Changed],
            true,
            2,
            "x2.npy: object has changed: its etag was \"v1\", is another one",
        ),
        (
            vec![F::None, F::ChangedUnnoticed],
            true,
            2,
            "x2.npy: object has changed: its etag was \"v1\", is \"other\"",
        ),
        (
            vec![F::None, F::WrongRange],
            true,
            2,
            "x2.npy: bytes 200328 to 300492: Requested 200328..300492, got 200329..300493",
        ),
        // All of it, if the server knows no ranges.
        (vec![F::WithoutRanges], true, 2, ""),
        (
            vec![F::None, F::WithoutRanges],
            true,
            2,
            "x2.npy: bytes 200328 to 300492: Range request not supported by b/a.npz",
        ),
    ]
}

#[test]
fn faults() {
    let bytes = archive(12, MEMBER, false);
    for (faults, has_etag, requests, expected) in fault_cases() {
        let server = serve_with(bytes.clone(), faults.clone(), ETAG.filter(|_| has_etag));
        let options = RemoteOptions::default().with_retries(2).with_timeout(Duration::from_secs(20));
        let begun = Instant::now();
        let read = open(&server, &options).and_then(|archive| archive.array("x2"));
        match read {
            Ok(array) => {
                assert_eq!(expected, "", "{faults:?}");
                assert_eq!(array.payload().as_slice(), values(2, MEMBER), "{faults:?}");
            }
            Err(error) => {
                let text = error.to_string();
                let url = server.url("b/a.npz");
                assert!(error.is_io(), "{text}");
                let rest = text.strip_prefix(&format!("{url}: ")).unwrap_or_else(|| panic!("{text}"));
                assert!(!expected.is_empty() && rest.starts_with(expected), "{faults:?}: {rest}");
                assert!(!text.contains('\n'), "{text}");
            }
        }
        assert_eq!(server.seen().len(), requests, "{faults:?}: {:?}", server.seen());
        // Two pauses of less than a second each.
        assert!(begun.elapsed() < Duration::from_secs(10), "{faults:?}");
    }
}

#[test]
fn servers_that_are_slow() {
    let bytes = archive(12, MEMBER, false);
    let server = serve_with(bytes.clone(), vec![Fault::None, Fault::Drip], ETAG);
    let options = RemoteOptions::default().with_timeout(Duration::from_millis(300));
    let archive = open(&server, &options).unwrap();
    let error = archive.array("x2").unwrap_err().to_string();
    assert!(
        error.ends_with("a.npz: x2.npy: bytes 200328 to 300492: no complete answer within 300ms"),
        "{error}"
    );

    let server = serve_with(bytes, vec![Fault::None, Fault::Drip], ETAG);
    let archive = open(&server, &RemoteOptions::default()).unwrap();
    let interrupt = Interrupt::new();
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            interrupt.request();
        });
        archive.array_at(2, &interrupt).unwrap_err()
    });
    assert!(matches!(error.kind(), ErrorKind::Interrupted), "{error}");
}

#[test]
fn servers_without_ranges_and_empty_objects() {
    let server = serve_with(archive(12, MEMBER, false), vec![Fault::WithoutRanges], ETAG);
    let few = RemoteOptions::default().with_max_without_ranges(1000);
    let error = open(&server, &few).unwrap_err().to_string();
    let expected = "size of an object on a server that ignores ranges: 1202618 exceeds the limit of 1000";
    assert!(error.ends_with(expected), "{error}");

    let empty = serve(Vec::new());
    let error = open(&empty, &RemoteOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: The data is not a valid zip file.", empty.url("b/a.npz")));
}

#[test]
fn what_a_listing_said_must_be_true() {
    let bytes = archive(2, MEMBER, false);
    let server = serve(bytes.clone());
    let options = RemoteOptions::default();
    for (size, etag, text) in [
        (bytes.len() as u64, "\"v0\"", "object has changed: its etag was \"v0\", is another one".to_owned()),
        (12, "\"v1\"", format!("object has changed: its size was 12, is {}", bytes.len())),
    ] {
        let object = Object::parse(&server.url("a.npz"), &options).unwrap();
        let error =
            Source::open_object(object.with_known(size, Some(etag.to_owned())), &options).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: {text}", server.url("a.npz")));
        assert!(matches!(error.kind(), ErrorKind::ObjectChanged { .. }));
    }
}

#[test]
fn known_objects_are_opened_without_a_request() {
    for (len, requests) in [(MEMBER, 2), (1000, 1)] {
        let bytes = archive(12, len, false);
        let server = serve(bytes.clone());
        let options = RemoteOptions::default();
        let object = Object::parse(&server.url("a.npz"), &options).unwrap();
        let error = Source::known_object(object.clone(), &options).unwrap_err();
        assert!(error.to_string().ends_with("a.npz: the size of the object is not known"), "{error}");
        let object = object.with_known(bytes.len() as u64, ETAG.map(str::to_owned));
        let source = Source::known_object(object, &options).unwrap();
        assert_eq!((source.len(), source.version(), server.seen().len()), (bytes.len() as u64, ETAG, 0));
        let archive = NpzArchive::with_options(source, &OpenOptions::default()).unwrap();
        assert_eq!(archive.array("x9").unwrap().payload().as_slice(), values(9, len));
        assert_eq!(server.seen().len(), requests, "{:?}", server.seen());
    }
}

#[test]
fn damage_is_found_and_named() {
    let mut bytes = archive(12, MEMBER, false);
    bytes[250_000] ^= 1;
    let server = serve(bytes);
    let archive = open(&server, &RemoteOptions::default()).unwrap();
    let error = archive.array("x2").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ChecksumMismatch { .. }), "{error}");
    assert!(error.to_string().starts_with(&format!("{}: x2.npy: checksum is ", server.url("b/a.npz"))));
    assert_eq!(archive.array("x3").unwrap().payload().as_slice(), values(3, MEMBER));
}

/// Runs a future with nothing but the standard library: no executor is needed.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn without_waiting() {
    let server = serve(archive(3_000, 700, false));
    let options = RemoteOptions::default();
    block_on(async {
        let source = Source::open_url_async(&server.url("a.npz"), &options).await.unwrap();
        let open = OpenOptions::default();
        let error = NpzArchive::with_options(source.clone(), &open).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::RangeMissing { .. }), "{error}");
        let archive = NpzArchive::with_options_async(source, &open).await.unwrap();
        let headers = archive.headers_async(&[5, 1234]).await.unwrap();
        assert_eq!(headers[1].payload_len(), 700);
        let error = archive.array("x7").unwrap_err().to_string();
        assert!(error.contains(" were not fetched: prepare the member before it is read"), "{error}");
        archive.prepare_async(&[7, 8]).await.unwrap();
        for member in [7, 8] {
            let array = archive.array_at(member, &Interrupt::default()).unwrap();
            assert_eq!(array.payload().as_slice(), values(member, 700));
        }
        // Waiting within a runtime is no panic either.
        let batch = open_in_runtime(&server.url("a.npz"));
        assert_eq!(batch, values(9, 700));
    });
}

/// Reads a member on a thread that belongs to a runtime.
fn open_in_runtime(url: &str) -> Vec<u8> {
    let archive = NpzArchive::with_options(
        Source::open_url(url, &RemoteOptions::default()).unwrap(),
        &OpenOptions::default(),
    );
    archive.unwrap().array("x9").unwrap().payload().as_slice().to_vec()
}

#[test]
fn stores_that_are_handed_over() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = Path::from("train/a.npz");
    let bytes = archive(20, MEMBER, true);
    block_on(store.put(&path, bytes.into())).unwrap();
    let options = RemoteOptions::default().with_whole_below(1000);
    let open = |name: &str| {
        let object = Object::new(Arc::clone(&store), Path::from(name));
        NpzArchive::with_options(Source::open_object(object, &options)?, &OpenOptions::default())
    };
    let archive = open("train/a.npz").unwrap();
    assert_eq!(archive.array("x19").unwrap().payload().as_slice(), values(19, MEMBER));
    block_on(store.put(&path, vec![1, 2, 3].into())).unwrap();
    assert_eq!(
        archive.array("x1").unwrap_err().to_string(),
        "train/a.npz: x1.npy: object has changed: its etag was 0, is another one"
    );
    let error = open("none.npz").unwrap_err();
    assert!(error.is_io() && error.to_string().starts_with("none.npz: not found: "), "{error}");
}

#[test]
fn listing_needs_a_store_that_can() {
    let options = RemoteOptions::default();
    let list = |url: &str| block_on(list_async(url, &options));
    for url in ["https://h/a.npz?X-Sig=%2A", "s3://b/x/a.npz", "gs://b/a.npy", "http://h/anything"] {
        let found = list(url).unwrap();
        assert_eq!((found.len(), &*found[0].url, found[0].size), (1, url, None));
    }
    for (url, text) in [
        ("http://h/*.npz", "http://h/*.npz: HTTP has no listing: name each object"),
        ("http://h/train/", "http://h/train/: HTTP has no listing: name each object"),
        ("s3://b/[x.npz", "s3://b/[x.npz: Pattern syntax error near position 0: invalid range pattern"),
    ] {
        assert_eq!(list(url).unwrap_err().to_string(), text);
    }
}

#[test]
fn buckets_are_listed() {
    let keys = vec![
        "a.npz",
        "b.npy",
        "c.txt",
        "train/",
        "train/x=1/a.npz",
        "train/x=10/y/a.npz",
        "train/x=2/.tmp.npz",
        "B.npz",
        "train/_old/a.npz",
        "train/100%.npz",
        "trainer/a.npz",
    ];
    let server = Server::start(Vec::new(), Behaviour { faults: Vec::new(), etag: None, keys });
    let endpoint = server.url("");
    let options = RemoteOptions::default().with_storage([
        ("aws_access_key_id", "x"),
        ("aws_secret_access_key", "x"),
        ("aws_region", "us-east-1"),
        ("endpoint", endpoint.trim_end_matches('/')),
    ]);
    for (pattern, expected) in [
        (
            "",
            &[
                "B.npz",
                "a.npz",
                "b.npy",
                "train/100%.npz",
                "train/x=1/a.npz",
                "train/x=10/y/a.npz",
                "trainer/a.npz",
            ][..],
        ),
        ("*.npz", &["B.npz", "a.npz"]),
        ("train", &["train/100%.npz", "train/x=1/a.npz", "train/x=10/y/a.npz"]),
        ("train/", &["train/100%.npz", "train/x=1/a.npz", "train/x=10/y/a.npz"]),
        ("train/x=1*/**/*.npz", &["train/x=1/a.npz", "train/x=10/y/a.npz"]),
        ("train/*/a.npz", &["train/_old/a.npz", "train/x=1/a.npz"]),
        ("[ab].np?", &["a.npz", "b.npy"]),
    ] {
        let found = list(&format!("s3://bucket/{pattern}"), &options).unwrap();
        let urls: Vec<_> = expected.iter().map(|key| format!("s3://bucket/{key}")).collect();
        assert_eq!(found.iter().map(|listed| listed.url.clone()).collect::<Vec<_>>(), urls, "{pattern}");
        for (listed, key) in found.iter().zip(expected) {
            assert_eq!((listed.size, &listed.etag), (Some(key.len() as u64), &Some(format!("\"{key}\""))));
        }
    }
    for (pattern, text) in [
        ("*.csv", "no object matches"),
        ("none/*.npz", "no object matches"),
        ("trai", "no .npz or .npy object lies below"),
    ] {
        let error = list(&format!("s3://bucket/{pattern}"), &options).unwrap_err();
        assert_eq!(error.to_string(), format!("s3://bucket/{pattern}: {text}"));
    }
}

#[test]
fn datasets_of_urls() {
    // For each shard its end, the beginnings of its members, and the payloads; or all of it, twice.
    for (len, columns, requests) in
        [(MEMBER, Some(&["x3"][..]), 28), (MEMBER, None, 28), (1000, Some(&["x3"][..]), 4)]
    {
        let server = serve(archive(12, len, false));
        let urls = [server.url("x=1/a.npz"), server.url("x=2/b.npz")];
        let mut options = DatasetOptions::default();
        options.include_file_paths = Some("path".to_owned());
        options.open = options.open.with_threads(1);
        let dataset = NpzDataset::new(urls.clone(), options);
        assert_eq!(dataset.num_rows().unwrap(), 2 * len as u64);
        let names = columns.map(|columns| [columns, &["x", "path"]].concat());
        let batches: Vec<_> = dataset.scan(names.as_deref(), None).unwrap().map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2 * len);
        let first = batches[0].column_by_name("x3").unwrap().as_primitive::<UInt8Type>();
        assert_eq!(first.values()[..len], values(3, len));
        assert_eq!(batches[0].column_by_name("x").unwrap().as_primitive::<Int64Type>().value(0), 1, "hive");
        assert_eq!(batches[0].column_by_name("path").unwrap().as_string::<i32>().value(0), urls[0]);
        assert_eq!(server.seen().len(), requests, "{:?}", server.seen());
    }
}

#[test]
fn objects_appear_whole_or_not_at_all() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = Path::from("a/b.npz");
    let begin = || {
        let object = Object::new(Arc::clone(&store), path.clone());
        PendingObject::new(object, &RemoteOptions::default().with_concurrency(2))
    };
    let content = || block_on(async { store.get(&path).await.ok()?.bytes().await.ok() });
    let mut before = None;
    for len in [0, 1, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, 40 << 20] {
        let bytes: Vec<u8> = values(len, len);
        let mut object = begin();
        for piece in bytes.chunks(999_999) {
            object.write_all(piece).unwrap();
        }
        assert_eq!(content(), before, "nothing before the end");
        object.commit().unwrap();
        before = content();
        assert!(before.as_deref() == Some(&bytes[..]), "{len}");
        let mut object = begin();
        object.write_all(&bytes).unwrap();
        drop(object);
        assert_eq!(content(), before, "nothing that was given up");
    }
    let mut object = begin();
    let panicked = thread::spawn(move || {
        object.write_all(&vec![7; 20 << 20]).unwrap();
        panic!("in the middle");
    });
    assert!(panicked.join().is_err());
    assert_eq!(content(), before);
    let interrupt = Interrupt::new();
    let mut object = begin().with_interrupt(interrupt.clone());
    object.write_all(&vec![7; 9 << 20]).unwrap();
    interrupt.request();
    assert_eq!(object.commit().unwrap_err().to_string(), "a/b.npz: interrupted");
    assert_eq!(content(), before);
}

#[test]
fn archives_are_written_to_stores() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let object = || Object::new(Arc::clone(&store), Path::from("x.npz"));
    let dtype = Dtype::from_type_str("|u1").unwrap();
    let long = values(1, 20 << 20);
    let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![long.len() as u64])).unwrap();
    let output = PendingObject::new(object(), &RemoteOptions::default());
    let mut writer = NpzWriter::try_new(output, &WriteOptions::default()).unwrap();
    writer.add("x", &header, &long).unwrap();
    writer.finish().unwrap().commit().unwrap();
    let source = Source::open_object(object(), &RemoteOptions::default()).unwrap();
    let archive = NpzArchive::with_options(source, &OpenOptions::default()).unwrap();
    assert!(archive.array("x").unwrap().payload().as_slice() == long);
    let aligned = PendingObject::new(object(), &RemoteOptions::default());
    npzarrow::npz::align(&archive, aligned, &WriteOptions::default()).unwrap().commit().unwrap();
    let source = Source::open_object(object(), &RemoteOptions::default()).unwrap();
    let archive = NpzArchive::with_options(source, &OpenOptions::default()).unwrap();
    assert!(archive.array("x").unwrap().payload().as_slice() == long);
}

#[test]
fn urls_that_cannot_be_written_to() {
    let folder = tempfile::TempDir::new().unwrap();
    let batch =
        RecordBatch::try_from_iter([("x", Arc::new(arrow_array::Int8Array::from(vec![1])) as _)]).unwrap();
    let write = |dest: &str| npzarrow::write::npz(dest, &batch, &WriteOptions::default());
    for (url, text) in [
        ("ftp://h/x.npz", "ftp://h/x.npz: not a URL of s3, gs, az, abfs, abfss, http, https or file"),
        (
            "https://h/x.npz?signature=1",
            "https://h/x.npz: HTTP has no uploads that appear whole or not at all: write to s3, gs, az or abfs",
        ),
        ("s3://bucket", "s3://bucket: the name of the object is missing"),
        ("s3://bucket/folder/", "s3://bucket/folder/: the name of the object is missing"),
    ] {
        assert_eq!(write(url).unwrap_err().to_string(), text);
    }
    write(&format!("file://{}/x.npz", folder.path().display())).unwrap();
    assert_eq!(NpzArchive::open(folder.path().join("x.npz")).unwrap().names().collect::<Vec<_>>(), ["x"]);
}
