//! Whether a gateway may run without keys, and what it then accepts. Pure: the
//! caller brings the facts.

use std::net::{Ipv4Addr, Ipv6Addr};

/// How requests are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No key was ever made and only this machine can connect: see [`open_mode_guard`].
    Open,
    /// Each request shows a key.
    Keyed,
}

/// Why the gateway does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartRefused {
    /// Off loopback without any key.
    #[error(
        "the bind address is reachable from other machines and there is no key: make one with `reprise keys create`, or set REPRISE_ADMIN_KEY"
    )]
    NoKey,
    /// Off loopback with none but revoked keys.
    #[error(
        "the bind address is reachable from other machines and every key is revoked, or came from REPRISE_ADMIN_KEY, which is not set: make one with `reprise keys create`, or set REPRISE_ADMIN_KEY"
    )]
    AllRevoked,
}

/// What is known about keys at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyFacts {
    /// A stored key is valid now.
    pub any: bool,
    /// The data folder ever held a key, revoked or lost ones included.
    pub ever: bool,
    /// A bootstrap key is set.
    pub bootstrap: bool,
}

/// Decides how a gateway starts. A folder that ever held a key never runs
/// open; with every key revoked, requests are refused and not let in.
///
/// # Errors
/// When other machines could connect and nobody could show a key.
pub fn start_rule(bind_is_loopback: bool, keys: KeyFacts) -> Result<Access, StartRefused> {
    match keys {
        KeyFacts {
            bootstrap: true, ..
        }
        | KeyFacts { any: true, .. } => Ok(Access::Keyed),
        KeyFacts { ever: true, .. } if bind_is_loopback => Ok(Access::Keyed),
        KeyFacts { ever: true, .. } => Err(StartRefused::AllRevoked),
        _ if bind_is_loopback => Ok(Access::Open),
        _ => Err(StartRefused::NoKey),
    }
}

/// Why a request without keys is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name in `Host` could be anyone's that points here (DNS rebinding).
    #[error("without keys only localhost, 127.0.0.0/8 and [::1] are accepted as the host")]
    ForeignHost,
    /// A page from elsewhere runs in a browser of this machine.
    #[error("without keys a request from another origin is refused")]
    ForeignOrigin,
    /// Browsers send other types across origins without asking first.
    #[error("without keys a request with a body must have the content type application/json")]
    NotJson,
}

/// The headers of a request that [`open_mode_guard`] looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenRequest<'a> {
    /// `Host`.
    pub host: Option<&'a str>,
    /// The authority of an absolute request line, which a server must heed before `Host`.
    pub authority: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Whether it carries a body: POST, PUT, PATCH.
    pub is_post: bool,
}

/// Lets in only what a program on this machine meant to send here. Without it
/// any web page could ask, through a visitor's browser.
///
/// # Errors
/// Why the request is refused.
pub fn open_mode_guard(request: OpenRequest<'_>) -> Result<(), Refusal> {
    if !request.host.is_some_and(is_loopback) || !request.authority.is_none_or(is_loopback) {
        return Err(Refusal::ForeignHost);
    }
    if !request.origin.is_none_or(|origin| {
        let authority = origin
            .strip_prefix("http://")
            .or(origin.strip_prefix("https://"));
        authority.is_some_and(is_loopback)
    }) {
        return Err(Refusal::ForeignOrigin);
    }
    let json = |kind: &str| {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    };
    if request.is_post && !request.content_type.is_some_and(json) {
        return Err(Refusal::NotJson);
    }
    Ok(())
}

/// Whether `host[:port]` names this machine whatever a resolver says.
fn is_loopback(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((v6, port)) => (v6, port),
            None => return false,
        },
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_fits = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    let this_machine = if authority.starts_with('[') {
        host.parse() == Ok(Ipv6Addr::LOCALHOST)
    } else {
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
    };
    port_fits && this_machine
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: KeyFacts = KeyFacts {
        any: false,
        ever: false,
        bootstrap: false,
    };
    const LIVE: KeyFacts = KeyFacts {
        any: true,
        ever: true,
        bootstrap: false,
    };
    const REVOKED: KeyFacts = KeyFacts {
        any: false,
        ever: true,
        bootstrap: false,
    };

    #[test]
    fn a_gateway_is_open_only_on_loopback_and_before_the_first_key() {
        assert_eq!(start_rule(true, NONE), Ok(Access::Open));
        assert_eq!(start_rule(true, LIVE), Ok(Access::Keyed));
        assert_eq!(start_rule(false, LIVE), Ok(Access::Keyed));
    }

    #[test]
    fn a_folder_that_ever_held_a_key_never_runs_open() {
        assert_eq!(start_rule(true, REVOKED), Ok(Access::Keyed));
        assert_eq!(start_rule(false, REVOKED), Err(StartRefused::AllRevoked));
    }

    #[test]
    fn off_loopback_a_start_without_any_key_stops_in_one_line_naming_the_way_out() {
        let refused = start_rule(false, NONE).unwrap_err();
        assert_eq!(refused, StartRefused::NoKey);
        let line = refused.to_string();
        assert!(
            !line.contains('\n') && line.contains("REPRISE_ADMIN_KEY"),
            "{line}"
        );
    }

    #[test]
    fn a_bootstrap_key_lets_any_start_go_on_with_keys_required() {
        for facts in [NONE, LIVE, REVOKED] {
            for loopback in [true, false] {
                let facts = KeyFacts {
                    bootstrap: true,
                    ..facts
                };
                assert_eq!(start_rule(loopback, facts), Ok(Access::Keyed));
            }
        }
    }

    fn local<'a>() -> OpenRequest<'a> {
        let content_type = Some("application/json");
        OpenRequest {
            host: Some("localhost:8080"),
            authority: None,
            origin: None,
            content_type,
            is_post: true,
        }
    }

    #[test]
    fn loopback_hosts_are_accepted_with_any_port() {
        for host in [
            "localhost",
            "LocalHost:1",
            "127.0.0.1:8080",
            "127.8.8.8",
            "[::1]",
            "[::1]:99",
        ] {
            assert_eq!(
                open_mode_guard(OpenRequest {
                    host: Some(host),
                    ..local()
                }),
                Ok(()),
                "{host}"
            );
        }
    }

    #[test]
    fn a_host_that_a_resolver_could_point_here_is_refused() {
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:8080",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "[::1",
            "::1",
            "localhost:",
            "localhost:x",
            "[::1]x",
            "localhost@evil.example",
            "127.0.0.1:1:2",
            "[127.0.0.1]",
        ] {
            let refused = open_mode_guard(OpenRequest {
                host: Some(host),
                ..local()
            });
            assert_eq!(refused, Err(Refusal::ForeignHost), "{host}");
        }
        assert_eq!(
            open_mode_guard(OpenRequest {
                host: None,
                ..local()
            }),
            Err(Refusal::ForeignHost)
        );
    }

    #[test]
    fn the_authority_of_a_request_line_counts_as_much_as_the_host() {
        for (authority, accepted) in [("localhost:1", true), ("evil.example", false)] {
            let asked = OpenRequest {
                authority: Some(authority),
                ..local()
            };
            assert_eq!(open_mode_guard(asked).is_ok(), accepted, "{authority}");
        }
    }

    #[test]
    fn a_page_from_elsewhere_is_refused() {
        for origin in [
            "https://evil.example",
            "null",
            "",
            "file://",
            "http://localhost.evil.example",
        ] {
            let refused = open_mode_guard(OpenRequest {
                origin: Some(origin),
                ..local()
            });
            assert_eq!(refused, Err(Refusal::ForeignOrigin), "{origin}");
        }
        let near = OpenRequest {
            origin: Some("http://localhost:3000"),
            ..local()
        };
        assert_eq!(open_mode_guard(near), Ok(()));
    }

    #[test]
    fn a_post_must_be_json_because_browsers_send_other_types_unasked() {
        for kind in [
            None,
            Some("text/plain"),
            Some("text/plain; application/json"),
            Some(""),
        ] {
            let refused = open_mode_guard(OpenRequest {
                content_type: kind,
                ..local()
            });
            assert_eq!(refused, Err(Refusal::NotJson), "{kind:?}");
        }
        let with_charset = Some("Application/JSON; charset=utf-8");
        assert_eq!(
            open_mode_guard(OpenRequest {
                content_type: with_charset,
                ..local()
            }),
            Ok(())
        );
        let get = OpenRequest {
            content_type: None,
            is_post: false,
            ..local()
        };
        assert_eq!(open_mode_guard(get), Ok(()));
    }
}
