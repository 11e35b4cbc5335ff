//! What was asked for, what was given, and how it grows or shrinks on purpose.

use attache::sandbox::issuer::TokenShape;
use rstest::rstest;
use serde_json::{Value, json};
use url::Url;

use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, Sqlite, World};

fn asked(authorize: &Url) -> String {
    authorize.query_pairs().find(|(name, _)| name == "scope").expect("a scope").1.into_owned()
}

#[rstest]
#[tokio::test]
async fn what_was_asked_for_and_not_given_is_shown(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    world.issuer.faults().token_shape.next(TokenShape::With("scope", json!("openid email")));
    let connection = person.connect(APP).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("It asked for more, and") && page.says("Create and change content"), "{}", page.text);
    let (_, key) = world.caller().await;
    let url = world.url(&format!("/v1/connections/{connection}"));
    let told = world.http.get(url).bearer_auth(key).send().await.expect("an answer");
    let told: Value = told.json().await.expect("JSON");
    assert_eq!(told["scope"], "email offline_access openid", "a refresh token proves offline_access");
    assert_eq!(told["requested_scope"], "content:write email offline_access openid profile");
}

#[rstest]
#[tokio::test]
async fn what_an_app_asks_for_by_now_is_the_persons_to_decide_and_the_old_grant_serves_until_then(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let path = format!("/account/connected-apps/{connection}");
    assert!(!person.get(&path).await.says("asks for more"));
    let more = world.config.replace("\"content:write\"]", "\"content:write\", \"content:publish\"]");
    world.restart(&more.replace("[apps.", "\"content:publish\" = \"Publish content\"\n[apps.")).await;
    let page = person.get(&path).await;
    assert!(page.says("asks for more") && page.says("Publish content"), "{}", page.text);
    world.access_token(&connection).await;
    let consent = format!("/connect/{APP}?connection={connection}");
    let page = person.get(&consent).await;
    assert!(page.says("<strong>New:</strong>"), "{}", page.text);
    let authorize = person.ask_to_connect(&consent).await;
    assert_eq!(asked(&authorize), "content:publish content:write email offline_access openid profile");
    // Begun and not finished: nothing is lost.
    world.access_token(&connection).await;
    let callback = person.agree(&authorize, EDITOR).await;
    person.get(callback.as_str()).await;
    assert!(!person.get(&path).await.says("asks for more"));
}

#[rstest]
#[tokio::test]
async fn a_person_can_let_an_app_do_less(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let path = format!("/account/connected-apps/{connection}");
    assert!(person.get(&path).await.says("Let it do less"));
    let narrower = format!("/connect/{APP}?connection={connection}&narrow=yes&may-email=yes");
    let page = person.get(&narrower).await;
    assert!(!page.says("Create and change content"), "{}", page.text);
    let form = [("csrf", page.csrf()), ("connection", connection.clone()), ("narrow", "yes".to_owned())];
    let mut form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    form.push(("may-email", "yes"));
    let authorize = person.post(&format!("/connect/{APP}"), &form).await.location().expect("the issuer");
    assert_eq!(asked(&authorize), "email offline_access openid");
    let callback = person.agree(&authorize, EDITOR).await;
    assert_eq!(person.get(callback.as_str()).await.status, 303);
    let granted = world.column("SELECT granted_scopes FROM connections WHERE id = $1", &connection).await;
    assert_eq!(granted.as_deref(), Some("email offline_access openid"));
    world.clock.advance(LIFETIME + 1);
    world.access_token(&connection).await;
}

#[rstest]
#[tokio::test]
async fn a_scope_of_our_own_is_never_split_at_a_comma(
    #[values(None, Some("comma"), Some("plus"), Some("space"))] separator: Option<&'static str>,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let habit = separator.map_or("[issuers.sandbox]\n".to_owned(), |separator| {
        format!("[issuers.sandbox]\nscope_separator = \"{separator}\"\n")
    });
    let replace =
        vec![("\"content:write\"]", "\"content:read,write+more\"]"), ("[issuers.sandbox]\n", &*habit.leak())];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let authorize = person.ask_to_connect(&format!("/connect/{APP}")).await;
    assert_eq!(asked(&authorize), "content:read,write+more email offline_access openid profile");
    let told = json!("openid profile email content:read,write+more");
    world.issuer.faults().token_shape.always(TokenShape::With("scope", told));
    let connection = person.connect(APP).await;
    world.clock.advance(LIFETIME);
    world.access_token(&connection).await;
    let granted = world.column("SELECT granted_scopes FROM connections WHERE id = $1", &connection).await;
    assert_eq!(granted.as_deref(), Some("content:read,write+more email offline_access openid profile"));
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(!page.says("It asked for more"), "{}", page.text);
    let again = person.ask_to_connect(&format!("/connect/{APP}?connection={connection}")).await;
    assert_eq!(asked(&again), asked(&authorize));
}

#[rstest]
#[case::comma("comma", "openid,profile,email,content:write")]
#[case::plus("plus", "openid+profile+email+content:write")]
#[case::space("space", "openid profile email content:write")]
#[tokio::test]
async fn an_issuer_separates_scopes_in_its_own_way(
    #[case] separator: &str,
    #[case] told: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let habit: &'static str = format!("[issuers.sandbox]\nscope_separator = \"{separator}\"\n").leak();
    let plan = Plan { replace: vec![("[issuers.sandbox]\n", habit)], ..Plan::default() };
    let world = World::planned(database, plan).await;
    world.issuer.faults().token_shape.always(TokenShape::With("scope", json!(told)));
    let connection = world.connection().await;
    let granted = world.column("SELECT granted_scopes FROM connections WHERE id = $1", &connection).await;
    assert_eq!(granted.as_deref(), Some("content:write email offline_access openid profile"));
}

#[rstest]
#[tokio::test]
async fn what_an_issuer_does_not_tell_is_never_said_not_to_be_given(
    #[values(json!(null), json!(""), json!([]), json!(7), json!({}))] told: Value,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.issuer.faults().token_shape.always(TokenShape::With("scope", told));
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.clock.advance(LIFETIME);
    world.access_token(&connection).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Create and change content") && !page.says("It asked for more"), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn a_narrowing_that_leaves_nothing_asks_for_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let replace = vec![(
        "[\"openid\", \"profile\", \"email\", \"offline_access\", \"content:write\"]",
        "[\"content:write\", \"content:read\"]",
    )];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    let connection = world.connection().await;
    let person = world.signed_in(EDITOR).await;
    let path = format!("/connect/{APP}?connection={connection}");
    let page = person.get(&format!("{path}&narrow=yes")).await;
    assert!(page.status == 400 && page.says("Keep at least one permission"), "{}", page.text);
    let csrf = person.get(&path).await.csrf();
    let form = [("csrf", csrf.as_str()), ("connection", &connection), ("narrow", "yes")];
    let page = person.post(&format!("/connect/{APP}"), &form).await;
    assert!(page.status == 400 && page.location().is_none(), "{}", page.text);
    let page = person.get(&format!("{path}&narrow=yes&may-content:read=yes")).await;
    assert_eq!(page.status, 200, "{}", page.text);
}
