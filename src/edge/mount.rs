//! Behind a path of the app's own origin. Inside, every address counts from the public URL. This is the one border where the
//! path is taken from what is asked and put before what is answered, so no page and no redirect can forget it. Where the
//! origin is our own, nothing of this is there.
//!
//! The app's pages share our origin then, and so may whatever script somebody brought into them. So a page of ours is shown to
//! whoever opens it, and to no script that fetches it: the value that proves a form stands in it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tower::ServiceExt;

use crate::web::headers::secure;

/// Which metadata stand between host and path (RFC 8414 section 3.1, RFC 9728 section 3.1).
const WELL_KNOWN: [&str; 2] =
    ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource"];
/// No route has this path: what lies outside is none of ours, and is answered so by the same edge.
const NOWHERE: &str = "/nowhere";
/// The attributes by which our templates name addresses. What others wrote has no plain quotation mark on a page.
const ADDRESSES: [&str; 4] = [" href=\"/", " action=\"/", " src=\"/", " formaction=\"/"];

/// Everything that is served, behind the path of the public URL. All of our cookies' names begin with `cookie`.
pub fn mount(path: Option<String>, cookie: String, routes: Router) -> Router {
    let Some(path) = path else { return routes };
    Router::new()
        .fallback(move |request: Request| async move { serve(&path, &cookie, routes, request).await })
}

async fn serve(path: &str, cookie: &str, routes: Router, mut request: Request) -> Response {
    let Some(inside) = inside(path, request.uri()) else { return to_the_slash(path, request.uri()) };
    *request.uri_mut() = inside;
    forget_doubtful_cookies(cookie, request.headers_mut());
    let is_opened = request.headers().get("sec-fetch-dest").is_none_or(|kind| kind == "document");
    let is_head = request.method() == Method::HEAD;
    let Ok(mut response) = routes.oneshot(request).await;
    let headers = response.headers_mut();
    // The host is the app's, and so is what browsers are told of it.
    headers.remove(header::STRICT_TRANSPORT_SECURITY);
    if let Some(to) = headers.get(header::LOCATION).filter(|to| to.as_bytes().starts_with(b"/"))
        && let Ok(to) = HeaderValue::from_bytes(&[path.as_bytes(), to.as_bytes()].concat())
    {
        headers.insert(header::LOCATION, to);
    }
    let is_page =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    match is_page {
        true if !is_opened => not_for_scripts(),
        true => page(path, is_head, response).await,
        false => response,
    }
}

/// The address as it is inside; None for the bare path, which browsers send no cookie to.
fn inside(path: &str, uri: &Uri) -> Option<Uri> {
    let asked = uri.path();
    let rest = asked.strip_prefix(path);
    let inside = match rest {
        Some("") => return None,
        Some(rest) if rest.starts_with('/') => Some(rest.to_owned()),
        _ => WELL_KNOWN.iter().find_map(|name| {
            let rest = asked.strip_prefix(name)?.strip_prefix(path)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{name}{rest}"))
        }),
    };
    let inside = inside.unwrap_or_else(|| NOWHERE.to_owned());
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    let read = PathAndQuery::try_from(format!("{inside}{query}"));
    parts.path_and_query = Some(read.unwrap_or_else(|_| PathAndQuery::from_static(NOWHERE)));
    Some(Uri::from_parts(parts).unwrap_or_else(|_| Uri::from_static(NOWHERE)))
}

fn to_the_slash(path: &str, uri: &Uri) -> Response {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let to = HeaderValue::try_from(format!("{path}/{query}"));
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    response.headers_mut().extend(to.map(|to| (header::LOCATION, to)));
    secure(response.headers_mut(), false);
    response
}

/// Without `__Host-`, a page of a sibling host may set a cookie by the name of one of ours. Of two by one name nobody knows
/// which is ours, so neither counts.
fn forget_doubtful_cookies(ours: &str, headers: &mut HeaderMap) {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs: Vec<(&str, &str)> = lines
        .flat_map(|line| line.split(';'))
        .map(|pair| pair.trim().split_once('=').unwrap_or((pair, "")))
        .collect();
    let is_doubtful = |(name, value): &(&str, &str)| {
        name.starts_with(ours) && pairs.iter().any(|(other, its)| other == name && its != value)
    };
    if !pairs.iter().any(is_doubtful) {
        return;
    }
    let kept: Vec<String> = pairs
        .iter()
        .filter(|pair| !is_doubtful(pair))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let line = HeaderValue::try_from(kept.join("; "));
    headers.remove(header::COOKIE);
    headers.extend(line.map(|line| (header::COOKIE, line)));
}

async fn page(path: &str, is_head: bool, response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    if is_head {
        // Whose length nobody says.
        return Response::from_parts(
            head,
            Body::from_stream(stream::empty::<Result<String, std::io::Error>>()),
        );
    }
    // A page is a text in memory.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    for address in ADDRESSES {
        let behind = format!("{}{path}/", address.trim_end_matches('/'));
        text = text.replace(address, &behind);
    }
    Response::from_parts(head, Body::from(text))
}

fn not_for_scripts() -> Response {
    let mut response =
        (StatusCode::FORBIDDEN, "This page is for a person to open, and for no script to fetch.")
            .into_response();
    secure(response.headers_mut(), false);
    response
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Uri, header};

    use super::{NOWHERE, forget_doubtful_cookies, inside};

    #[test]
    fn only_what_lies_behind_the_path_is_ours() {
        let asked =
            |uri: &str| inside("/.attache", &uri.parse::<Uri>().expect("a URI")).map(|uri| uri.to_string());
        assert_eq!(asked("/.attache"), None);
        assert_eq!(asked("/.attache?a"), None);
        for (outer, inner) in [
            ("/.attache/", "/"),
            ("/.attache/?a=/.attache", "/?a=/.attache"),
            ("/.attache/sign-in?a=b", "/sign-in?a=b"),
            ("/.attache//elsewhere.example", "//elsewhere.example"),
            ("/.attache/.attache/a", "/.attache/a"),
            ("/.attache/../a", "/../a"),
            ("/.well-known/oauth-authorization-server/.attache", "/.well-known/oauth-authorization-server"),
            ("/.well-known/oauth-protected-resource/.attache/v1", "/.well-known/oauth-protected-resource/v1"),
        ] {
            assert_eq!(asked(outer).as_deref(), Some(inner), "{outer}");
        }
        for outside in [
            "/",
            "/sign-in",
            "/.attacheX",
            "/.attacheX/sign-in",
            "/.ATTACHE/sign-in",
            "/.attache%2fsign-in",
            "/%2eattache/sign-in",
            "//.attache/sign-in",
            "/./.attache/sign-in",
            "/a/../.attache/sign-in",
            "/.attache;a/sign-in",
            "/.attache\\sign-in",
            "/.well-known/jwks.json",
            "/.well-known/oauth-authorization-server",
            "/.well-known/oauth-protected-resource/v1",
            "/.well-known/oauth-authorization-server/.attacheX",
        ] {
            // Some are no address at all.
            if outside.parse::<Uri>().is_ok() {
                assert_eq!(asked(outside).as_deref(), Some(NOWHERE), "{outside}");
            }
        }
    }

    #[test]
    fn of_two_cookies_by_one_name_neither_counts() {
        let left = |line: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(line));
            forget_doubtful_cookies("__Secure-attache", &mut headers);
            headers[header::COOKIE].to_str().expect("a text").to_owned()
        };
        assert_eq!(left("a=1; __Secure-attache=2; a=3"), "a=1; __Secure-attache=2; a=3");
        assert_eq!(left("__Secure-attache=1; a=1; __Secure-attache=2"), "a=1");
        assert_eq!(
            left("__Secure-attache-browser=1; __Secure-attache=2; __Secure-attache-browser=3"),
            "__Secure-attache=2"
        );
        assert_eq!(left("__Secure-attache=1; __Secure-attache=1"), "__Secure-attache=1; __Secure-attache=1");
    }
}
