//! The pages that a person sees at the issuer: who signs in, what they allow, and why something is refused.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::Issuer;
use super::book::Grant;
use super::prompt::Prompt;
use crate::sandbox::{Person, page};

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Who signs in?</h1>
<p class="quiet">{{ client }} sent you here. Choose one of the sandbox's people; there are no passwords.</p>
<form method="post" action="/authorize">
<input type="hidden" name="request" value="{{ request }}">
{% for person in people %}<button class="person" name="person" value="{{ person.subject }}">{{ person.name }}<span class="quiet">{{ person.email }}</span></button>
{% endfor %}</form>"#
)]
struct Who {
    client: String,
    request: String,
    people: Vec<Person>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ client }} asks for access</h1>
<p class="quiet">Signed in as {{ name }} ({{ email }}). <a href="/authorize?{{ other }}">Use another account</a></p>
<p>If you allow it, {{ client }} can:</p>
<ul>
{% for scope in scopes %}<li>{{ scope.1 }} <code class="quiet">{{ scope.0 }}</code></li>
{% else %}<li>Know that you have an account here</li>
{% endfor %}</ul>
{% if let Some(audience) = audience %}<p class="quiet">At <code>{{ audience }}</code></p>
{% endif %}<p class="quiet">You return to <code>{{ returns_to }}</code></p>
<form class="choice" method="post" action="/authorize">
<input type="hidden" name="request" value="{{ request }}">
<button class="primary" name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form>"#
)]
struct Consent<'a> {
    client: &'a str,
    name: &'a str,
    email: &'a str,
    scopes: Vec<(String, String)>,
    audience: Option<&'a str>,
    returns_to: String,
    other: String,
    request: String,
}

#[derive(Template)]
#[template(ext = "html", source = "<h1>{{ title }}</h1>\n<p>{{ text }}</p>")]
struct Plain<'a> {
    title: &'a str,
    text: &'a str,
}

/// Asks who signs in; the one that `login_hint` means comes first.
pub(super) fn who(issuer: &Issuer, prompt: &Prompt) -> Response {
    let mut people = issuer.settings().people.clone();
    let hint = prompt.params.get("login_hint").unwrap_or_default();
    people.sort_by_key(|person| person.email != hint && person.subject != hint);
    let body = Who { client: prompt.client.name.clone(), request: prompt.params.query(), people };
    page::narrow(StatusCode::OK, "Who signs in?", &body)
}

/// Asks for consent.
pub(super) fn consent(issuer: &Issuer, prompt: &Prompt, grant: &Grant) -> Response {
    let settings = issuer.settings();
    let described = |scope: &String| {
        let text = settings.scope_descriptions.get(scope).cloned();
        (scope.clone(), text.unwrap_or_else(|| "Use the permission".to_owned()))
    };
    let person = settings.person(&grant.subject);
    let again = match prompt.params.get("prompt") {
        Some(_) if prompt.wants("consent") => "login consent",
        _ => "login",
    };
    let body = Consent {
        client: &prompt.client.name,
        name: person.map_or("", |person| &person.name),
        email: person.map_or("", |person| &person.email),
        scopes: grant.scope.iter().map(described).collect(),
        audience: grant.audience.as_deref(),
        returns_to: prompt.way_back.uri.origin().ascii_serialization(),
        other: prompt.params.clone().with("prompt", again).query(),
        request: prompt.params.query(),
    };
    page::narrow(StatusCode::OK, "Allow access?", &body)
}

/// Refuses where no redirect would be safe.
pub(super) fn refusal(title: &str, text: &str) -> Response {
    page::narrow(StatusCode::BAD_REQUEST, title, &Plain { title, text })
}

/// Says something, without a question.
pub(super) fn notice(title: &str, text: &str) -> Response {
    page::narrow(StatusCode::OK, title, &Plain { title, text })
}
