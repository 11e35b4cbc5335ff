//! The servers that a PostgreSQL URL names, several hosts and Unix sockets included. Says what keeps a connection to one from
//! being made, with the host, the port and the cause. Connects to nothing.

use std::io;
use std::path::Path;
use std::str::FromStr;

use sqlx::any::AnyConnectOptions;
use sqlx::error::DatabaseError;
use url::{Url, form_urlencoded};

use super::open_error::OpenError;
use crate::secret::Token;

const PORT: &str = "5432";
/// Where Debian and its like put the socket.
const SOCKETS: &str = "/var/run/postgresql";

/// What most often keeps a URL from being understood.
const ENCODE: &str = "in a password write / as %2F, @ as %40, : as %3A, ? as %3F, # as %23, % as %25";

/// One of the servers that may be the primary.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub options: AnyConnectOptions,
    /// `host:port`, or the folder of a socket and its port; for people.
    pub place: String,
}

/// In the order in which they are tried.
///
/// # Errors
/// What is wrong with the URL; it is not quoted, because it may hold a password.
pub fn candidates(url: &Token) -> Result<Vec<Candidate>, OpenError> {
    let fault = |what: &str| OpenError::Url(what.to_owned());
    let (scheme, rest) = url.expose().split_once("://").ok_or_else(|| fault("it has no //"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
    let mut hosts: Vec<(String, String)> =
        hosts.split(',').filter(|host| !host.is_empty()).map(host_and_port).collect();
    let mut pairs = Vec::new();
    let (mut more_hosts, mut ports) = (Vec::new(), Vec::new());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*key, &*value) {
            ("host", list) => more_hosts = list.split(',').map(str::to_owned).collect(),
            ("port", list) => ports = list.split(',').map(str::to_owned).collect(),
            // What is asked of a server anyway.
            ("target_session_attrs", "read-write" | "primary" | "any") => {}
            ("target_session_attrs", _) => {
                return Err(fault("target_session_attrs must be read-write: only a primary is used"));
            }
            ("sslmode", "allow") => {
                return Err(fault(
                    "sslmode=allow would never use TLS here; use prefer, require or verify-full",
                ));
            }
            (key, value) => pairs.push((key.to_owned(), value.to_owned())),
        }
    }
    if !more_hosts.is_empty() {
        hosts = more_hosts.into_iter().map(|host| (host, String::new())).collect();
    }
    if hosts.is_empty() {
        let usual = if Path::new(SOCKETS).is_dir() { SOCKETS } else { "localhost" };
        hosts.push((usual.to_owned(), String::new()));
    }
    let nth = |number: usize| ports.get(number).or_else(|| ports.first()).map(String::as_str);
    let named = hosts.iter().enumerate().map(|(number, (host, port))| {
        let port = if port.is_empty() { nth(number).unwrap_or(PORT) } else { port };
        (host, if port.is_empty() { PORT } else { port })
    });
    named.map(|(host, port)| candidate(scheme, user, host, port, path, &pairs)).collect()
}

fn candidate(
    scheme: &str,
    user: &str,
    host: &str,
    port: &str,
    path: &str,
    pairs: &[(String, String)],
) -> Result<Candidate, OpenError> {
    if port.parse::<u16>().ok().is_none_or(|port| port == 0) {
        return Err(OpenError::Url(format!("a port in it is no number; {ENCODE}")));
    }
    let at = if user.is_empty() { "" } else { "@" };
    let is_socket = host.starts_with('/');
    // A socket's folder is no name of a host: it is said by a parameter of its own.
    let name = if is_socket { "localhost" } else { host };
    let mut url = Url::parse(&format!("{scheme}://{user}{at}{name}:{port}{path}"))
        .map_err(|error| OpenError::Url(format!("it is no URL ({error}); {ENCODE}")))?;
    if url.fragment().is_some() {
        return Err(OpenError::Url(format!("it has a #; {ENCODE}")));
    }
    url.query_pairs_mut().extend_pairs(pairs);
    if is_socket {
        url.query_pairs_mut().append_pair("host", host);
    }
    let options = AnyConnectOptions::from_str(url.as_str())
        .map_err(|_| OpenError::Url("it is no URL of PostgreSQL".to_owned()))?;
    Ok(Candidate { options, place: format!("{host}:{port}") })
}

/// `host`, `host:port`, `[::1]:port`, or the folder of a socket, percent-encoded.
fn host_and_port(text: &str) -> (String, String) {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    (host.replace("%2F", "/").replace("%2f", "/"), port.to_owned())
}

/// Why a server cannot be used, in words, without a secret.
#[must_use]
pub fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => io_cause(error),
        sqlx::Error::Tls(error) => format!("TLS: {error}"),
        sqlx::Error::Database(error) => {
            let cure = match error.code().as_deref() {
                Some("28P01") => "; check the user and the password in database.url, percent-encoded",
                Some("53300") => "; raise max_connections there, or lower database.connections",
                Some("42P05" | "26000") => {
                    "; that is a pooler that pools transactions (PgBouncer: use pool_mode = session)"
                }
                Some("08P01") => "; is it a pooler that must ignore this parameter?",
                _ => "",
            };
            format!("{}{cure}", DatabaseError::message(&**error))
        }
        other => other.to_string(),
    }
}

fn io_cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there (connection refused)".to_owned(),
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        // That is how the TLS library says what it thinks of a certificate.
        io::ErrorKind::InvalidData => {
            format!(
                "TLS: {error}; sslrootcert in database.url names the authority that signs the server's certificate"
            )
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(url: &str) -> Vec<(String, String)> {
        let all = candidates(&Token::new(url)).expect("a URL that is understood");
        all.into_iter().map(|one| (one.place, one.options.database_url.to_string())).collect()
    }

    fn refused(url: &str) -> String {
        candidates(&Token::new(url)).expect_err("refused").to_string()
    }

    #[test]
    fn several_hosts_sockets_and_ports_are_understood() {
        let two = urls("postgres://u:p%40@one,[::1]:5433/db?target_session_attrs=read-write&sslmode=require");
        assert_eq!(two[0].0, "one:5432");
        assert_eq!(two[0].1, "postgres://u:p%40@one:5432/db?sslmode=require");
        assert_eq!(
            two[1],
            ("[::1]:5433".to_owned(), "postgres://u:p%40@[::1]:5433/db?sslmode=require".to_owned())
        );
        let socket = urls("postgres://u@%2Frun%2Fpg/db");
        assert_eq!(socket[0].0, "/run/pg:5432");
        assert_eq!(socket[0].1, "postgres://u@localhost:5432/db?host=%2Frun%2Fpg");
        assert_eq!(urls("postgres://u@/db?host=/run/pg&port=5439")[0].0, "/run/pg:5439");
        assert_eq!(urls("postgres:///db?host=a,b&port=1,2")[1].0, "b:2");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for url in ["postgres://u:se/cret@h/db", "postgres://u:se#cret@h/db", "postgres://u:secret@h:x/db"] {
            let said = refused(url);
            assert!(!said.contains("cret") && said.contains("%23"), "{said}");
        }
        assert!(refused("postgres://h/db?target_session_attrs=standby").contains("primary"));
        assert!(refused("postgres://h/db?sslmode=allow").contains("sslmode"));
    }
}
