//! `GET /`: what was written so far, and by whom.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Entry, Platform};
use crate::sandbox::page;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Content entries</h1>
<p class="quiet">Everything that was created here, the newest first. Each entry carries the name of the person for whom it was created, not that of a shared key.</p>
{% if entries.is_empty() %}<p>There are none yet. Connect an app, let it create an entry, and load this page again.</p>
{% else %}<ol class="entries">
{% for entry in entries %}<li>
<strong>{{ entry.title.as_deref().unwrap_or("Untitled") }}</strong>
<span class="quiet"><code>{{ entry.slug.as_deref().unwrap_or("no slug") }}</code> in <code>{{ entry.environment.project }}/{{ entry.environment.environment }}</code></span>
{% if let Some(user) = entry.created_by %}<span>Created by {{ user.name }}{% if user.name != user.id %} <code class="quiet">{{ user.id }}</code>{% endif %}</span>
{% if let Some(app) = user.app %}<span class="quiet">through <code>{{ app }}</code>{% if let Some(actor) = user.actor %}, asked by <code>{{ actor }}</code>{% endif %}</span>
{% endif %}{% endif %}{% if entry.is_published %}<span>Published{% if let Some(user) = entry.published_by %} by {{ user.name }}{% endif %}</span>
{% endif %}<time class="quiet" datetime="{{ entry.created_at.rfc3339() }}">{{ entry.created_at.exact() }}</time>
</li>
{% endfor %}</ol>
{% endif %}"#
)]
struct Entries {
    entries: Vec<Entry>,
}

/// The list of entries.
pub(super) async fn entries(State(platform): State<Platform>) -> Response {
    let mut entries = platform.entries();
    entries.reverse();
    page::wide("Content entries", &Entries { entries })
}
