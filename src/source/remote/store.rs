//! Which store a URL means, and making it.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::ClientConfigKey;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::failure;
use super::options::RemoteOptions;
use crate::error::{Error, Result};

/// One attempt of a request; a stalled connection is given up and tried again.
const MAX_ATTEMPT: Duration = Duration::from_secs(30);

/// The services that have a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Service {
    S3,
    GoogleCloud,
    Azure,
    Http,
}

/// What makes two objects belong to the same store, and thereby share its connections.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct StoreKey {
    service: Service,
    /// The URL of the bucket or server.
    base: String,
    options: BTreeMap<String, String>,
    retries: usize,
    timeout: Duration,
}

/// A URL, sorted out.
pub(super) struct Location {
    pub(super) key: StoreKey,
    /// The path within the store: the key of the object as it is, or a pattern.
    pub(super) path: String,
    /// The URL without what may be secret, to be shown.
    pub(super) name: String,
    /// What stands before the path in the URL of another object of this store.
    pub(super) prefix: String,
}

/// True if a string is a URL of an object store, rather than a path.
pub fn is_url(source: &str) -> bool {
    source.split_once("://").is_some_and(|(scheme, _)| service(scheme).is_some())
}

/// Returns the path that a `file://` URL means; none if it is no such URL.
pub fn local_path(url: &str) -> Option<std::path::PathBuf> {
    let (_, rest) = url.split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("file"))?;
    // These stand for themselves in patterns.
    let rest = rest.replace('?', "%3F").replace('#', "%23");
    Url::parse(&format!("file://{rest}")).ok()?.to_file_path().ok()
}

fn service(scheme: &str) -> Option<Service> {
    match scheme.to_ascii_lowercase().as_str() {
        "s3" | "s3a" => Some(Service::S3),
        "gs" => Some(Service::GoogleCloud),
        "az" | "adl" | "azure" | "abfs" | "abfss" => Some(Service::Azure),
        "http" | "https" => Some(Service::Http),
        _ => None,
    }
}

impl Location {
    /// Sorts a URL out. Behind the name of a bucket comes the key as it is, as S3's own tools take it; the paths
    /// of HTTP are decoded.
    pub(super) fn parse(url: &str, options: &RemoteOptions) -> Result<Self> {
        let invalid = |text: &str| failure::invalid(text).in_path(shown(url));
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("not a URL"))?;
        let service = service(scheme)
            .ok_or_else(|| invalid("not a URL of s3, gs, az, abfs, abfss, http, https or file"))?;
        if service == Service::Http {
            return Self::parse_http(url, options);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.is_empty() {
            return Err(invalid("the name of the bucket is missing"));
        }
        let base = format!("{}://{authority}", scheme.to_ascii_lowercase());
        let prefix = format!("{base}/");
        let key = StoreKey::new(service, base, options);
        Ok(Self { key, path: path.to_owned(), name: url.to_owned(), prefix })
    }

    fn parse_http(url: &str, options: &RemoteOptions) -> Result<Self> {
        let name = shown(url);
        let invalid = |text: String| failure::invalid(&text).in_path(&name);
        let parsed = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
        // The query, which may be a signature, goes with every request.
        let mut base = parsed.clone();
        base.set_path("/");
        base.set_fragment(None);
        // A signed URL says it all. Otherwise options make a URL of a known service one of that service.
        if parsed.query().is_none() && !options.storage.is_empty() {
            let (scheme, path) =
                ObjectStoreScheme::parse(&parsed).map_err(|error| invalid(error.to_string()))?;
            let service = match scheme {
                ObjectStoreScheme::AmazonS3 => Some(Service::S3),
                ObjectStoreScheme::MicrosoftAzure => Some(Service::Azure),
                _ => None,
            };
            if let Some(service) = service {
                let path = path.to_string();
                let prefix = url.strip_suffix(&path).unwrap_or(url).to_owned();
                return Ok(Self { key: StoreKey::new(service, url.to_owned(), options), path, name, prefix });
            }
        }
        let path = Path::from_url_path(parsed.path()).map_err(|error| invalid(error.to_string()))?;
        let key = StoreKey::new(Service::Http, base.to_string(), options);
        Ok(Self { key, path: path.to_string(), name, prefix: base.to_string() })
    }

    /// True if the store is a plain server, which has no listing.
    pub(super) fn is_http(&self) -> bool {
        self.key.service == Service::Http
    }
}

/// A URL without user, password and query, which may be secret.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    if service(scheme) != Some(Service::Http) {
        return url.to_owned();
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

impl StoreKey {
    fn new(service: Service, base: String, options: &RemoteOptions) -> Self {
        let (retries, timeout) = (options.retries, options.timeout);
        Self { service, base, options: options.storage.clone(), retries, timeout }
    }
}

/// Options for a builder: ours first, so that the caller's win.
macro_rules! configured {
    ($builder:expr, $key:expr, $client:expr) => {{
        let mut builder = $builder.with_retry(RetryConfig {
            max_retries: $key.retries,
            retry_timeout: $key.timeout,
            ..RetryConfig::default()
        });
        for (option, value) in client_options($key) {
            builder = builder.with_config($client(option), value);
        }
        for (option, value) in &$key.options {
            let parsed = FromStr::from_str(&option.to_ascii_lowercase());
            builder = builder.with_config(parsed.map_err(|_| unknown(option))?, value.clone());
        }
        let store = builder.build().map_err(|error| failure::of_store(&error))?;
        Arc::new(store) as Arc<dyn ObjectStore>
    }};
}

/// Makes a store. Connects to nothing yet.
pub(super) fn build(key: &StoreKey) -> Result<Arc<dyn ObjectStore>> {
    let base = key.base.clone();
    Ok(match key.service {
        Service::S3 => {
            configured!(AmazonS3Builder::from_env().with_url(base), key, AmazonS3ConfigKey::Client)
        }
        Service::GoogleCloud => {
            configured!(GoogleCloudStorageBuilder::from_env().with_url(base), key, GoogleConfigKey::Client)
        }
        Service::Azure => {
            configured!(MicrosoftAzureBuilder::from_env().with_url(base), key, AzureConfigKey::Client)
        }
        Service::Http => configured!(HttpBuilder::new().with_url(base), key, std::convert::identity),
    })
}

/// What applies to every service.
fn client_options(key: &StoreKey) -> Vec<(ClientConfigKey, String)> {
    // What is shorter than one attempt is bounded as a whole.
    let attempt = if key.timeout > MAX_ATTEMPT { MAX_ATTEMPT } else { key.timeout.saturating_mul(2) };
    let attempt = attempt.as_millis();
    let mut options = vec![
        (ClientConfigKey::Timeout, format!("{attempt}ms")),
        (ClientConfigKey::UserAgent, concat!("npzarrow/", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    // Whoever writes http:// means it.
    let is_plain = |url: &String| url.starts_with("http://");
    if is_plain(&key.base) || key.options.iter().any(|(name, url)| name.contains("endpoint") && is_plain(url))
    {
        options.push((ClientConfigKey::AllowHttp, "true".to_owned()));
    }
    options
}

fn unknown(option: &str) -> Error {
    failure::invalid(&format!("storage option {option:?} is not one of this service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let options = RemoteOptions::default();
        for (url, base, path, name) in [
            ("s3://b/x/a b%20c.npz", "s3://b", "x/a b%20c.npz", "s3://b/x/a b%20c.npz"),
            ("S3://b", "s3://b", "", "S3://b"),
            ("gs://b/x/?.npz", "gs://b", "x/?.npz", "gs://b/x/?.npz"),
            (
                "abfss://c@a.dfs.core.windows.net/x",
                "abfss://c@a.dfs.core.windows.net",
                "x",
                "abfss://c@a.dfs.core.windows.net/x",
            ),
            ("http://h:81/x/a%20b.npz", "http://h:81/", "x/a b.npz", "http://h:81/x/a%20b.npz"),
            ("https://u:p@h/x.npz?X-Sig=1#f", "https://u:p@h/?X-Sig=1", "x.npz", "https://h/x.npz"),
        ] {
            let location = Location::parse(url, &options).unwrap();
            assert_eq!((&*location.key.base, &*location.path, &*location.name), (base, path, name), "{url}");
            assert!(build(&location.key).is_ok(), "{url}");
        }
        for (url, text) in [
            ("a.npz", "a.npz: not a URL"),
            ("ftp://h/a", "ftp://h/a: not a URL of s3, gs, az, abfs, abfss, http, https or file"),
            ("s3:///a", "s3:///a: the name of the bucket is missing"),
            ("http://?token=1", "http://: empty host"),
        ] {
            assert_eq!(Location::parse(url, &options).err().unwrap().to_string(), text);
        }
        let wrong = RemoteOptions::default().with_storage([("aws_regoin", "x")]);
        let error = build(&Location::parse("s3://b/x", &wrong).unwrap().key).unwrap_err();
        assert_eq!(error.to_string(), r#"storage option "aws_regoin" is not one of this service"#);
    }

    #[test]
    fn local_urls() {
        for (url, path) in [
            ("file:///a/b%20c.npz", Some("/a/b c.npz")),
            ("FILE:///a/*/?.npz", Some("/a/*/?.npz")),
            ("s3://b/a", None),
            ("/a/b", None),
        ] {
            assert_eq!(local_path(url).as_deref(), path.map(std::path::Path::new), "{url}");
        }
        assert!(is_url("gs://b/x") && !is_url("file:///x") && !is_url("C:\\x") && !is_url("x"));
    }
}
