//! Who a request comes from: whoever connected, or whom a proxy before the server names. A proxy is believed only
//! where the server was told of its address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::route::Peer;

/// Headers of proxies: the addresses that a request came by, the client's first; and how the client is connected.
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Proxies before each other that are looked through.
const HOPS: usize = 32;

/// The address of a proxy that is believed, or a network of such: `10.0.0.5`, `10.0.0.0/24`, `fd00::/64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyAddress {
    /// Not an IPv4 address in the form of IPv6.
    ip: IpAddr,
    /// Bits from the left that count.
    bits: u32,
}

/// Why a text is no [`ProxyAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProxyAddressError(&'static str);

impl ProxyAddress {
    /// The addresses of this computer itself.
    pub fn loopback() -> Vec<ProxyAddress> {
        let (v4, v6) = (Ipv4Addr::new(127, 0, 0, 0), Ipv6Addr::LOCALHOST);
        vec![
            ProxyAddress {
                ip: v4.into(),
                bits: 8,
            },
            ProxyAddress {
                ip: v6.into(),
                bits: 128,
            },
        ]
    }

    fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                let differing = (own.to_bits() ^ ip.to_bits()).leading_zeros();
                differing >= self.bits
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                let differing = (own.to_bits() ^ ip.to_bits()).leading_zeros();
                differing >= self.bits
            }
            _ => false,
        }
    }
}

impl FromStr for ProxyAddress {
    type Err = ProxyAddressError;

    fn from_str(text: &str) -> Result<ProxyAddress, ProxyAddressError> {
        const FORM: ProxyAddressError = ProxyAddressError(
            "expected an IP address or a network, such as 10.0.0.5 or 10.0.0.0/24",
        );
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(bits)),
            None => (text, None),
        };
        let ip: IpAddr = ip.trim().parse().map_err(|_| FORM)?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let bits: u32 = match bits {
            None => most,
            Some(bits) => bits.trim().parse().map_err(|_| FORM)?,
        };
        if bits == 0 {
            return Err(ProxyAddressError(
                "a network of all addresses would believe everybody",
            ));
        }
        if bits > most {
            return Err(FORM);
        }
        let canonical = ip.to_canonical();
        let bits = match canonical.is_ipv4() == ip.is_ipv4() {
            true => bits,
            // An IPv4 network in the form of IPv6: 96 bits say that.
            false => bits.checked_sub(96).filter(|bits| *bits > 0).ok_or(FORM)?,
        };
        Ok(ProxyAddress {
            ip: canonical,
            bits,
        })
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.bits) {
            (IpAddr::V4(ip), 32) => ip.fmt(f),
            (IpAddr::V6(ip), 128) => ip.fmt(f),
            (ip, bits) => write!(f, "{ip}/{bits}"),
        }
    }
}

/// Whether an address is one of the proxies'.
pub(crate) fn is_proxy(proxies: &[ProxyAddress], ip: IpAddr) -> bool {
    proxies.iter().any(|proxy| proxy.contains(ip))
}

/// Who asks, as far as addresses tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// `None`: the request did not come over a connection.
    pub(crate) address: Option<IpAddr>,
    /// Whether the client's own connection is encrypted, as far as is known: to us, or to the proxy.
    pub(crate) secure: bool,
}

impl Client {
    /// The client of a request to a server that is secured itself, or not. What headers say counts only where a
    /// proxy that is believed has sent them.
    pub(crate) fn of(proxies: &[ProxyAddress], tls: bool, parts: &Parts) -> Client {
        let peer = parts.extensions.get::<Peer>();
        let peer = peer.map(|peer| peer.0.ip().to_canonical());
        match peer.filter(|peer| is_proxy(proxies, *peer)) {
            None => Client {
                address: peer,
                secure: tls,
            },
            Some(peer) => Client {
                address: Some(forwarded_for(proxies, peer, &parts.headers)),
                secure: forwarded_secure(&parts.headers).unwrap_or(tls),
            },
        }
    }
}

/// The address that the outermost proxy which is believed was asked from. Each proxy appends whom it was asked by, so
/// the list is read from its end: what stands before an address that is not believed may be made up.
fn forwarded_for(proxies: &[ProxyAddress], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    // What is no text is no address, either.
    let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
    let mut last = peer;
    for hop in hops.take(HOPS) {
        let Some(ip) = address_in(hop) else { break };
        last = ip;
        if !is_proxy(proxies, ip) {
            break;
        }
    }
    last
}

/// An address as proxies write it, with a port or without.
fn address_in(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let ip = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let ip = ip.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    ip.map(|ip| ip.to_canonical())
}

/// What the nearest proxy says of the connection; `None`: nothing.
fn forwarded_secure(headers: &HeaderMap) -> Option<bool> {
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back()?;
    let last = last.to_str().ok()?.rsplit(',').next()?;
    Some(last.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn proxies_are_addresses_and_networks() {
        let table = [
            ("127.0.0.1", Some("127.0.0.1")),
            ("10.1.2.3/8", Some("10.1.2.3/8")),
            ("fd00::/64", Some("fd00::/64")),
            ("::1", Some("::1")),
            ("::ffff:10.0.0.5", Some("10.0.0.5")),
            ("::ffff:10.0.0.0/120", Some("10.0.0.0/24")),
            ("0.0.0.0/0", None),
            ("::/0", None),
            ("::ffff:0.0.0.0/96", None),
            ("10.0.0.0/33", None),
            ("fd00::/129", None),
            ("10.0.0.0/-1", None),
            ("10.0.0", None),
            ("proxy.example.com", None),
            ("127.0.0.1:80", None),
            ("", None),
        ];
        for (text, shown) in table {
            let parsed = text.parse::<ProxyAddress>().ok();
            assert_eq!(
                parsed.map(|one| one.to_string()).as_deref(),
                shown,
                "{text}"
            );
        }
        let inside =
            |network: &str, ip: &str| is_proxy(&[network.parse().unwrap()], ip.parse().unwrap());
        assert!(inside("10.0.0.0/24", "10.0.0.255") && !inside("10.0.0.0/24", "10.0.1.0"));
        assert!(inside("10.0.0.0/24", "::ffff:10.0.0.7"));
        assert!(inside("fd00::/64", "fd00::1") && !inside("fd00::/64", "fd00:0:0:1::1"));
        assert!(!inside("10.0.0.0/8", "::10.0.0.1") && !inside("::1", "127.0.0.1"));
        assert!(is_proxy(
            &ProxyAddress::loopback(),
            "127.9.9.9".parse().unwrap()
        ));
    }

    fn client(peer: Option<&str>, tls: bool, headers: &[(&str, &str)]) -> Client {
        let proxies = ["127.0.0.1", "10.0.0.0/24"].map(|one| one.parse().unwrap());
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(peer) = peer {
            parts
                .extensions
                .insert(Peer(SocketAddr::new(peer.parse().unwrap(), 1)));
        }
        Client::of(&proxies, tls, &parts)
    }

    #[test]
    fn only_proxies_are_believed_and_no_further_than_they_see() {
        const FOR: &str = "x-forwarded-for";
        // Who connects, what the headers say, who is taken for the client.
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
        let table: &[Case<'_>] = &[
            ("127.0.0.1", &[(FOR, "192.0.2.1")], "192.0.2.1"),
            ("::ffff:127.0.0.1", &[(FOR, "192.0.2.1")], "192.0.2.1"),
            ("10.0.0.9", &[(FOR, "2001:db8::1")], "2001:db8::1"),
            ("127.0.0.1", &[(FOR, "[2001:db8::1]:443")], "2001:db8::1"),
            ("127.0.0.1", &[(FOR, "[2001:db8::1]")], "2001:db8::1"),
            ("127.0.0.1", &[(FOR, "192.0.2.1:5000")], "192.0.2.1"),
            // Made up by the client; the proxy has appended whom it saw.
            ("127.0.0.1", &[(FOR, "203.0.113.9, 192.0.2.1")], "192.0.2.1"),
            ("127.0.0.1", &[(FOR, "127.0.0.1, 192.0.2.1")], "192.0.2.1"),
            (
                "127.0.0.1",
                &[(FOR, "203.0.113.9"), (FOR, "192.0.2.1")],
                "192.0.2.1",
            ),
            // Two proxies, one behind the other.
            (
                "127.0.0.1",
                &[(FOR, "203.0.113.9, 192.0.2.1, 10.0.0.7")],
                "192.0.2.1",
            ),
            (
                "127.0.0.1",
                &[(FOR, "192.0.2.1"), (FOR, "10.0.0.7")],
                "192.0.2.1",
            ),
            // Who asks sits at a proxy.
            ("127.0.0.1", &[(FOR, "10.0.0.8")], "10.0.0.8"),
            // What is no address ends it.
            ("127.0.0.1", &[(FOR, "unknown")], "127.0.0.1"),
            (
                "127.0.0.1",
                &[(FOR, "192.0.2.1, unknown, 10.0.0.7")],
                "10.0.0.7",
            ),
            ("127.0.0.1", &[(FOR, "192.0.2.1,")], "127.0.0.1"),
            ("127.0.0.1", &[(FOR, "")], "127.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            // Others say what they like.
            ("192.0.2.66", &[(FOR, "203.0.113.9")], "192.0.2.66"),
            ("10.0.1.1", &[(FOR, "203.0.113.9")], "10.0.1.1"),
            // Headers that are not looked at.
            (
                "127.0.0.1",
                &[("forwarded", "for=203.0.113.9")],
                "127.0.0.1",
            ),
            ("127.0.0.1", &[("x-real-ip", "203.0.113.9")], "127.0.0.1"),
        ];
        let mut wrong = Vec::new();
        for (peer, headers, expected) in table {
            let found = client(Some(peer), false, headers).address;
            if found != Some(expected.parse().unwrap()) {
                wrong.push(format!("{peer} {headers:?}: {found:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(client(None, false, &[(FOR, "192.0.2.1")]).address, None);
        // An endless chain is not followed.
        let chain = vec!["10.0.0.7"; 5000].join(",");
        let found = client(
            Some("127.0.0.1"),
            false,
            &[(FOR, &format!("192.0.2.1,{chain}"))],
        );
        assert_eq!(found.address, Some("10.0.0.7".parse().unwrap()));
    }

    #[test]
    fn a_proxy_says_whether_the_client_is_secure() {
        const PROTO: &str = "x-forwarded-proto";
        type Case<'a> = (&'a str, bool, &'a [(&'a str, &'a str)], bool);
        let table: &[Case<'_>] = &[
            ("127.0.0.1", false, &[(PROTO, "https")], true),
            ("127.0.0.1", false, &[(PROTO, "HTTPS")], true),
            ("127.0.0.1", false, &[(PROTO, "http")], false),
            ("127.0.0.1", false, &[(PROTO, "http, https")], true),
            ("127.0.0.1", false, &[(PROTO, "https, http")], false),
            (
                "127.0.0.1",
                false,
                &[(PROTO, "https"), (PROTO, "http")],
                false,
            ),
            ("127.0.0.1", false, &[], false),
            ("127.0.0.1", true, &[], true),
            ("127.0.0.1", true, &[(PROTO, "http")], false),
            ("192.0.2.66", false, &[(PROTO, "https")], false),
            ("192.0.2.66", true, &[(PROTO, "http")], true),
        ];
        let mut wrong = Vec::new();
        for (peer, tls, headers, expected) in table {
            if client(Some(peer), *tls, headers).secure != *expected {
                wrong.push(format!("{peer} {tls} {headers:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
