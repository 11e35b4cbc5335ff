//! Forms that change something: from our own page, in the browser that was given the page, or not at all.

use reqwest::RequestBuilder;
use rstest::rstest;
use url::Url;

use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, Postgres, READER, Sqlite, World};

/// A signed-in person with a connection, and everything they can change by a form.
struct Stage<'w> {
    world: &'w World,
    person: Person<'w>,
    connection: String,
    csrf: String,
}

impl<'w> Stage<'w> {
    async fn set(world: &'w World) -> Self {
        let person = world.signed_in(EDITOR).await;
        let connection = person.connect(APP).await;
        let csrf = person.get("/account/connected-apps").await.csrf();
        Self { world, person, connection, csrf }
    }

    fn paths(&self) -> [String; 3] {
        let revoke = format!("/account/connected-apps/{}/revoke", self.connection);
        ["/sign-out".to_owned(), format!("/connect/{APP}"), revoke]
    }

    async fn send(&self, path: &str, dress: impl Fn(RequestBuilder) -> RequestBuilder) -> Page {
        let url = Url::parse(&self.world.url(path)).expect("a URL");
        self.person.send(dress(self.world.http.post(url.clone())), url).await
    }

    /// Sends this to each form: a 403 page every time, and all is as it was.
    async fn assert_forged(&self, dress: impl Fn(RequestBuilder) -> RequestBuilder) {
        let attempts = self.world.rows("connect_attempts").await;
        for path in self.paths() {
            let page = self.send(&path, &dress).await;
            assert_eq!(page.status, 403, "{path}: {}", page.text);
            assert!(page.says("That form was not ours") && page.says("href=\"/"), "{path}: {}", page.text);
            assert!(!page.says(&self.csrf), "{path}: the proof is on the page");
        }
        assert_eq!(self.world.rows("connect_attempts").await, attempts);
        assert_eq!(self.world.status(&self.connection).await, "active");
        let list = self.person.get("/account/connected-apps").await;
        assert!(list.status == 200 && list.csrf() == self.csrf, "the session has changed");
    }

    fn own(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("origin", &self.world.public_url).header("sec-fetch-site", "same-origin")
    }
}

#[rstest]
#[tokio::test]
async fn a_form_without_its_proof_changes_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let stage = Stage::set(&world).await;
    let other = world.signed_in(READER).await.get("/account/connected-apps").await.csrf();
    let almost = format!("{}x", stage.csrf);
    for csrf in ["", "wrong", other.as_str(), almost.as_str(), "\u{0}"] {
        stage.assert_forged(|request| stage.own(request).form(&[("csrf", csrf)])).await;
    }
    stage.assert_forged(|request| stage.own(request).form(&[("other", "field")])).await;
    // Twice, the second one wrong; in the query, where it would end in logs.
    stage
        .assert_forged(|request| stage.own(request).form(&[("csrf", stage.csrf.as_str()), ("csrf", "b")]))
        .await;
    stage
        .assert_forged(|request| stage.own(request).query(&[("csrf", &stage.csrf)]).form(&[("a", "b")]))
        .await;
}

#[rstest]
#[case::cross_site(&[("sec-fetch-site", "cross-site")])]
#[case::same_site(&[("sec-fetch-site", "same-site")])]
#[case::none(&[("sec-fetch-site", "none")])]
#[case::cross_site_although_our_origin(&[("sec-fetch-site", "cross-site"), ("origin", "OURS")])]
#[case::foreign_origin(&[("origin", "https://evil.test")])]
#[case::null_origin(&[("origin", "null")])]
#[case::our_origin_as_prefix(&[("origin", "OURS.evil.test")])]
#[case::our_origin_with_path(&[("origin", "OURS/")])]
#[case::neither(&[])]
#[case::referer_alone(&[("referer", "OURS/account/connected-apps")])]
#[tokio::test]
async fn a_form_from_elsewhere_changes_nothing(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] headers: &[(&str, &str)],
) {
    let world = World::new(database).await;
    let stage = Stage::set(&world).await;
    let forged = |request: RequestBuilder| {
        let request = request.form(&[("csrf", &stage.csrf)]);
        headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, value.replace("OURS", &world.public_url))
        })
    };
    stage.assert_forged(forged).await;
}

#[rstest]
#[case::json("application/json")]
#[case::text("text/plain")]
#[case::multipart("multipart/form-data; boundary=x")]
#[case::none("")]
#[tokio::test]
async fn a_body_that_is_no_form_changes_nothing(#[case] kind: &str) {
    let world = World::new(Sqlite).await;
    let stage = Stage::set(&world).await;
    let as_json = serde_json::json!({ "csrf": stage.csrf }).to_string();
    let as_form = format!("csrf={}", stage.csrf);
    for body in [as_json, as_form] {
        let dress = |request: RequestBuilder| {
            let request = stage.own(request).body(body.clone());
            if kind.is_empty() { request } else { request.header("content-type", kind) }
        };
        stage.assert_forged(dress).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_browser_that_sends_only_one_of_the_two_headers_is_believed(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(("origin", "OURS"), ("sec-fetch-site", "same-origin"))] header: (&'static str, &'static str),
) {
    let world = World::new(database).await;
    let stage = Stage::set(&world).await;
    let value = header.1.replace("OURS", &world.public_url);
    let [_, connect, revoke] = stage.paths();
    for path in [connect, revoke, "/sign-out".to_owned()] {
        let page = stage
            .send(&path, |request| request.header(header.0, &value).form(&[("csrf", &stage.csrf)]))
            .await;
        assert!(page.location().is_some(), "{path}: {}", page.text);
    }
}

#[rstest]
#[tokio::test]
async fn a_form_of_somebody_who_is_not_signed_in_is_a_page_to_sign_in(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let stage = Stage::set(&world).await;
    let nobody = Person::new(&world);
    for path in stage.paths() {
        let page = nobody.post(&path, &[("csrf", &stage.csrf)]).await;
        assert_eq!(page.status, 401, "{path}: {}", page.text);
        assert!(page.says("href=\"/sign-in\""), "{path}: {}", page.text);
    }
    assert_eq!(world.status(&stage.connection).await, "active");
}

#[rstest]
#[tokio::test]
async fn reading_never_changes(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let stage = Stage::set(&world).await;
    for path in ["/sign-out".to_owned(), format!("/account/connected-apps/{}/revoke", stage.connection)] {
        let with_proof = format!("{path}?csrf={}", stage.csrf);
        for page in [stage.person.get(&with_proof).await, stage.person.head(&with_proof).await] {
            assert_eq!(page.status, 405, "{path}: {}", page.text);
        }
    }
    assert_eq!(world.status(&stage.connection).await, "active");
    assert_eq!(stage.person.get("/account/connected-apps").await.status, 200);
}
