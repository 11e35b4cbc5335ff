//! The frame around every page of the sandbox: one quiet sheet of CSS, no scripts, nothing from elsewhere.

use askama::Template;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} · Sandbox</title>
<style>
:root { color-scheme: light dark; --ink: #1d2330; --quiet: #5a6274; --line: #d9dde5; --paper: #fff; --ground: #f3f4f7; --accent: #3b45c4; --on-accent: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaf0; --quiet: #a3abbd; --line: #363c4a; --paper: #1c202a; --ground: #13161d; --accent: #a5aefc; --on-accent: #14172b } }
* { box-sizing: border-box }
body { margin: 0; padding: clamp(1rem, 6vh, 4rem) 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
main { max-width: {{ width }}; margin: 0 auto; padding: clamp(1.25rem, 5vw, 2rem); background: var(--paper); border: 1px solid var(--line); border-radius: .75rem }
h1 { margin: 0 0 .5rem; font-size: 1.375rem; line-height: 1.25; text-wrap: balance }
p { margin: 0 0 1rem } ul { margin: 0 0 1.25rem; padding-left: 1.25rem } li { margin: .25rem 0 }
.quiet, footer { color: var(--quiet); font-size: .875rem }
footer { max-width: {{ width }}; margin: 1rem auto 0; text-align: center }
a { color: var(--accent) } code { font-size: .9375em }
form { display: grid; gap: .625rem; margin: 1.25rem 0 0 }
button { min-height: 2.75rem; padding: .625rem 1rem; border: 1px solid var(--line); border-radius: .5rem; background: transparent; color: inherit; font: inherit; cursor: pointer }
button:hover { border-color: var(--accent) }
button.primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent); font-weight: 600 }
button.person { text-align: left } button.person span { display: block }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.entries { list-style: none; padding: 0; margin: 1.25rem 0 0 } .entries li { margin: 0; padding: .875rem 0; border-top: 1px solid var(--line) }
.entries span { display: block }
@media (min-width: 26rem) { form.choice { grid-template-columns: 1fr 1fr } }
</style>
</head>
<body>
<main>
{{ body|safe }}
</main>
<footer>Sandbox on this computer. It holds no real accounts and no real content.</footer>
</body>
</html>
"##
)]
struct Frame<'a> {
    title: &'a str,
    width: &'a str,
    body: &'a str,
}

/// A page for one question.
pub(super) fn narrow(status: StatusCode, title: &str, body: &impl Template) -> Response {
    framed(status, title, "27rem", body)
}

/// A page for a list.
pub(super) fn wide(title: &str, body: &impl Template) -> Response {
    framed(StatusCode::OK, title, "44rem", body)
}

fn framed(status: StatusCode, title: &str, width: &str, body: &impl Template) -> Response {
    let page = body.render().and_then(|body| Frame { title, width, body: &body }.render());
    match page {
        Ok(page) => (status, HEADERS, Html(page)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
