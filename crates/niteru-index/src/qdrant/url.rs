//! Where a cluster is, as people write it: `qdrant+https://host:6334?shards=3&replicas=2`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The port of Qdrant's gRPC interface.
const PORT: u16 = 6334;

/// The address of a Qdrant cluster's gRPC interface, and how a collection is made and written there.
///
/// It never holds a secret: the API key comes from [`API_KEY`](super::API_KEY). Displayed as it can be
/// read again, parameters that are not the default included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterUrl {
    encrypted: bool,
    host: String,
    port: u16,
    /// Pieces that a new collection is cut into; `None`: what the cluster chooses.
    pub shards: Option<u32>,
    /// Copies of each piece; `None`: what the cluster chooses.
    pub replicas: Option<u32>,
    /// Copies that must have a write before it counts; `None`: what the cluster chooses.
    pub write_consistency: Option<u32>,
    /// How often a write is tried, at least 1.
    pub tries: u32,
    /// After so long no further try is begun.
    pub patience: Duration,
}

/// Why a text is no [`ClusterUrl`]. Never repeats the text: it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClusterUrlError(String);

const FORM: &str = "an index is local, or at a URL such as qdrant+http://host:6334?shards=3&replicas=2 \
                    or qdrant+https://host:6334";
const KEY: &str = "a URL is shown and logged, so it must not hold a secret: take it out, and put the \
                   API key into the environment variable NITERU_QDRANT_API_KEY";
const DEFAULT_TRIES: u32 = 5;
const DEFAULT_PATIENCE: Duration = Duration::from_secs(10);

impl ClusterUrl {
    /// Scheme, host and port: the same for two URLs that mean the same cluster.
    pub fn address(&self) -> String {
        let scheme = if self.encrypted { "https" } else { "http" };
        format!("qdrant+{scheme}://{}:{}", self.host, self.port)
    }

    /// What the client connects to.
    pub(super) fn endpoint(&self) -> String {
        let scheme = if self.encrypted { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), ClusterUrlError> {
        let secret = ["key", "token", "password", "secret"];
        let lower = name.to_ascii_lowercase();
        if secret.iter().any(|word| lower.contains(word)) {
            return Err(error(KEY));
        }
        match name {
            "shards" => self.shards = Some(within(name, value, 10_000)?),
            "replicas" => self.replicas = Some(within(name, value, 100)?),
            "write_consistency" => self.write_consistency = Some(within(name, value, 100)?),
            "tries" => self.tries = within(name, value, 100)?,
            "patience" => {
                self.patience = Duration::from_secs(within(name, value, 3600)?.into());
            }
            _ => {
                return Err(error(
                    "the index's URL has an unknown parameter: there are shards, replicas, \
                     write_consistency, tries and patience (seconds)",
                ));
            }
        }
        Ok(())
    }
}

impl FromStr for ClusterUrl {
    type Err = ClusterUrlError;

    fn from_str(text: &str) -> Result<Self, ClusterUrlError> {
        // First of all, so that no other message can make people show it.
        if text.contains('@') {
            return Err(error(KEY));
        }
        let (encrypted, rest) = match text.split_once("://") {
            Some(("qdrant+http", rest)) => (false, rest),
            Some(("qdrant+https", rest)) => (true, rest),
            _ => return Err(error(FORM)),
        };
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, port) = host_and_port(place.strip_suffix('/').unwrap_or(place))?;
        let mut url = Self {
            encrypted,
            host,
            port,
            shards: None,
            replicas: None,
            write_consistency: None,
            tries: DEFAULT_TRIES,
            patience: DEFAULT_PATIENCE,
        };
        for parameter in parameters.split('&').filter(|text| !text.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            url.set(name, value)?;
        }
        Ok(url)
    }
}

impl fmt::Display for ClusterUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address())?;
        let tries = (self.tries != DEFAULT_TRIES).then_some(self.tries.into());
        let patience = (self.patience != DEFAULT_PATIENCE).then_some(self.patience.as_secs());
        let parameters = [
            ("shards", self.shards.map(u64::from)),
            ("replicas", self.replicas.map(u64::from)),
            ("write_consistency", self.write_consistency.map(u64::from)),
            ("tries", tries),
            ("patience", patience),
        ];
        let mut sign = '?';
        for (name, value) in parameters {
            if let Some(value) = value {
                write!(f, "{sign}{name}={value}")?;
                sign = '&';
            }
        }
        Ok(())
    }
}

fn error(message: &str) -> ClusterUrlError {
    ClusterUrlError(message.into())
}

fn within(name: &str, value: &str, most: u32) -> Result<u32, ClusterUrlError> {
    let number = value
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        ClusterUrlError(format!(
            "{name} in the index's URL must be a number from 1 to {most}"
        ))
    })
}

fn host_and_port(place: &str) -> Result<(String, u16), ClusterUrlError> {
    let is_name = |host: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        !host.is_empty() && host.bytes().all(good)
    };
    let is_v6 = |host: &str| {
        let inside = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        inside.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (place, None),
    };
    if !is_name(host) && !is_v6(host) {
        return Err(error(FORM));
    }
    let port =
        match port {
            None => PORT,
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                error("the port in the index's URL must be a number from 1 to 65535")
            })?,
        };
    Ok((host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_as_people_write_them() {
        let table = [
            ("qdrant+http://host", "qdrant+http://host:6334"),
            ("qdrant+http://Host:1234/", "qdrant+http://host:1234"),
            ("qdrant+https://[::1]:6334", "qdrant+https://[::1]:6334"),
            ("qdrant+http://[::1]", "qdrant+http://[::1]:6334"),
            (
                "qdrant+http://10.0.0.1:6334?replicas=2&shards=3",
                "qdrant+http://10.0.0.1:6334?shards=3&replicas=2",
            ),
            (
                "qdrant+http://h?write_consistency=2&tries=9&patience=60",
                "qdrant+http://h:6334?write_consistency=2&tries=9&patience=60",
            ),
            (
                "qdrant+http://h?tries=5&patience=10",
                "qdrant+http://h:6334",
            ),
        ];
        for (text, expected) in table {
            let url: ClusterUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), expected, "{text}");
            assert_eq!(expected.parse(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        let table = [
            ("", "qdrant+http://"),
            ("http://hush:6334", "qdrant+http://"),
            ("qdrant://hush", "qdrant+http://"),
            ("qdrant+http://", "qdrant+http://"),
            ("qdrant+http://hush/path", "qdrant+http://"),
            ("qdrant+http://hu sh", "qdrant+http://"),
            ("qdrant+http://[hush]", "qdrant+http://"),
            ("qdrant+http://hush:0", "65535"),
            ("qdrant+http://hush:99999", "65535"),
            ("qdrant+http://h?shards=0", "shards"),
            ("qdrant+http://h?shards=hush", "shards"),
            ("qdrant+http://h?replicas=", "replicas"),
            ("qdrant+http://h?hush=1", "unknown parameter"),
            ("qdrant+http://user:hush@h", "NITERU_QDRANT_API_KEY"),
            ("http://user:hush@h", "NITERU_QDRANT_API_KEY"),
            ("qdrant+http://h?api_key=hush", "NITERU_QDRANT_API_KEY"),
            (
                "qdrant+http://h?shards=1&API-KEY=hush",
                "NITERU_QDRANT_API_KEY",
            ),
            ("qdrant+http://h?token=hush", "NITERU_QDRANT_API_KEY"),
        ];
        for (text, part) in table {
            let error = text.parse::<ClusterUrl>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("hush"), "{text}: {error}");
        }
    }
}
