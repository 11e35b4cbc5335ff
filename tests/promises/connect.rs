//! The consent page and what follows a consent: who asks for what, and where the person lands.

use attache::web::encode;
use rstest::rstest;

use crate::person::Person;
use crate::world::{APP, AUDIENCE, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

const REGISTERED: &str = "https://writer.sandbox.test/connected";

#[rstest]
#[tokio::test]
async fn the_consent_page_says_who_asks_for_what_in_human_words(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let scopes =
        ("\"offline_access\", \"content:write\"]", "\"offline_access\", \"content:write\", \"content:odd\"]");
    let world = World::planned(database, Plan { replace: vec![scopes], ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let page = person.get(&format!("/connect/{APP}")).await;
    assert_eq!(page.status, 200);
    let said = [
        "Content Writer",
        "Creates content entries from workflows",
        "<bdi>writer.sandbox.test</bdi>",
        "Create and change content",
        "Know which account is yours",
        "See your name and picture",
        "See your e-mail address",
        "Keep working when you are not there",
        "1 more that <bdi>Sandbox</bdi> does not describe:",
        "<code>content:odd</code>",
        "Continue to <bdi>Sandbox</bdi>",
        "Cancel",
        "Demo Editor",
        "editor@sandbox.test",
        "master",
    ];
    for text in said {
        assert!(page.says(text), "the page does not say {text}: {}", page.text);
    }
    // What each permission is called by machines is for those who open the details.
    let (before, after) = page.text.split_once("<details>").expect("details");
    let (details, after) = after.split_once("</details>").expect("the details' end");
    for scope in ["openid", "profile", "offline_access", "content:write"] {
        let technical = format!("<code>{scope}</code>");
        assert!(details.contains(&technical), "{scope} is not in the details");
        assert!(
            !before.contains(&technical) && !after.contains(&technical),
            "{scope} is outside of the details"
        );
    }
    assert_eq!(world.rows("connect_attempts").await, 0, "looking begins nothing");
}

#[rstest]
#[tokio::test]
async fn continue_leads_to_the_issuer_with_all_that_was_shown(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let asked = person.ask_to_connect(&format!("/connect/{APP}")).await;
    assert!(asked.as_str().starts_with(&format!("{}authorize?", world.issuer.url())), "{asked}");
    let value = |name: &str| {
        let found: Vec<_> = asked.query_pairs().filter(|(other, _)| other == name).collect();
        assert_eq!(found.len(), 1, "{name} in {asked}");
        found[0].1.clone().into_owned()
    };
    assert_eq!((value("client_id").as_str(), value("audience").as_str()), (APP, AUDIENCE));
    assert_eq!(value("redirect_uri"), world.url(&format!("/connect/{APP}/callback")));
    assert_eq!((value("response_type").as_str(), value("code_challenge_method").as_str()), ("code", "S256"));
    let mut scopes: Vec<String> = value("scope").split(' ').map(str::to_owned).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["content:write", "email", "offline_access", "openid", "profile"]);
    assert!(value("state").len() >= 22 && value("nonce").len() >= 22);
    assert!(!asked.as_str().contains("s3cret"));
}

#[rstest]
#[tokio::test]
async fn a_connected_app_is_told_and_listed(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let empty = person.get("/account/connected-apps").await;
    assert!(empty.says("No app is connected."));
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    let answer = person.get(callback.as_str()).await;
    assert_eq!(answer.status, 303);
    let list = person.follow(answer).await;
    assert_eq!(list.url.path(), "/account/connected-apps");
    assert!(list.says("Content Writer is connected.") && list.says("Active"), "{}", list.text);
    let id = list.url.query_pairs().find(|(name, _)| name == "connected").expect("an id").1.into_owned();
    assert!(list.says(&format!("/account/connected-apps/{id}")));
    let detail = person.get(&format!("/account/connected-apps/{id}")).await;
    assert!(detail.says("Content Writer") && detail.says("Create and change content"), "{}", detail.text);
    assert_eq!((world.rows("connections").await, world.issuer.live_refresh_tokens()), (1, 1));
    // Somebody else is told nothing by the same address.
    let other = world.signed_in(READER).await.get(list.url.as_str()).await;
    assert!(other.status == 200 && !other.says("Content Writer"), "{}", other.text);
}

#[rstest]
#[tokio::test]
async fn who_is_not_signed_in_signs_in_first_and_comes_back(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = Person::new(&world);
    let path = format!("/connect/{APP}?redirect_uri={}&state=a%20b", encode(REGISTERED));
    let sent = person.get(&path).await.location().expect("sign-in");
    assert_eq!(sent.path(), "/sign-in");
    let callback = person.sign_in_up_to_the_callback(EDITOR, sent.as_str()).await;
    let back = person.get(callback.as_str()).await;
    assert_eq!(back.headers["location"], path.as_str());
}

#[rstest]
#[tokio::test]
async fn an_unknown_app_is_a_page_that_says_so(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let csrf = person.get("/account/connected-apps").await.csrf();
    for key in ["nobody", "Content-Writer", "content-writer%20", "%00", "%27%20OR%201=1", "..%2Fadmin"] {
        let callback = person.get(&format!("/connect/{key}/callback?code=1&state=2")).await;
        let shown = person.get(&format!("/connect/{key}")).await;
        let posted = person.post(&format!("/connect/{key}"), &[("csrf", &csrf)]).await;
        for page in [shown, posted, callback] {
            assert_eq!(page.status, 404, "{}", page.text);
            assert!(page.says("href=\"/account/connected-apps\""), "no way back: {}", page.text);
        }
    }
    assert_eq!(world.rows("connect_attempts").await, 0);
}

#[rstest]
#[tokio::test]
async fn the_person_is_returned_only_to_what_the_app_registered(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let csrf = person.get("/account/connected-apps").await.csrf();
    let other_spelling = [
        "https://evil.test/",
        "https://writer.sandbox.test/connected/",
        "https://writer.sandbox.test/connected?a=b",
        "https://writer.sandbox.test/Connected",
        "https://writer.sandbox.test:443/connected",
        "https://writer.sandbox.test/a/../connected",
        "https://writer.sandbox.test",
        "http://writer.sandbox.test/connected",
        "https://writer.sandbox.test@evil.test/connected",
        "//writer.sandbox.test/connected",
        "javascript:alert(1)",
        "",
    ];
    for uri in other_spelling {
        let shown = person.get(&format!("/connect/{APP}?redirect_uri={}", encode(uri))).await;
        let posted = person.post(&format!("/connect/{APP}"), &[("csrf", &csrf), ("redirect_uri", uri)]).await;
        for page in [shown, posted] {
            assert_eq!(page.status, 400, "{uri}: {}", page.text);
            assert!(page.location().is_none() && page.says("not registered"), "{uri}: {}", page.text);
        }
    }
    assert_eq!(world.rows("connect_attempts").await, 0);
}

#[rstest]
#[tokio::test]
async fn the_app_gets_its_person_back_with_the_connection_and_its_own_state(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let state = "a b&c=d#\"<ü>";
    let path = format!("/connect/{APP}?redirect_uri={}&state={}", encode(REGISTERED), encode(state));
    let page = person.get(&path).await;
    assert!(!page.says("\"<ü>"), "the state is not escaped");
    let form = [("csrf", page.csrf()), ("redirect_uri", REGISTERED.to_owned()), ("state", state.to_owned())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let authorize = person.post(&format!("/connect/{APP}"), &form).await.location().expect("the issuer");
    let sent: String =
        authorize.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
    assert_ne!(sent, state, "the app's state is not ours");
    let callback = person.agree(&authorize, EDITOR).await;
    let back = person.get(callback.as_str()).await.location().expect("the app");
    assert!(back.as_str().starts_with(&format!("{REGISTERED}?")), "{back}");
    let told: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    assert_eq!(told.len(), 2, "{back}");
    assert_eq!(told[1], ("state".to_owned(), state.to_owned()));
    assert_eq!(told[0].0, "connection");
    assert_eq!(world.status(&told[0].1).await, "active");
}

#[rstest]
#[case("a\u{0}b")]
#[case("a\r\nb")]
#[case(&"a".repeat(2049))]
#[tokio::test]
async fn a_state_that_could_not_be_returned_as_it_came_is_refused(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] state: &str,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let csrf = person.get("/account/connected-apps").await.csrf();
    let path = format!("/connect/{APP}?redirect_uri={}&state={}", encode(REGISTERED), encode(state));
    let form = [("csrf", csrf.as_str()), ("redirect_uri", REGISTERED), ("state", state)];
    for page in [person.get(&path).await, person.post(&format!("/connect/{APP}"), &form).await] {
        assert_eq!(page.status, 400, "{}", page.text);
        assert!(page.says("state") && page.says("href=\"/account/connected-apps\""), "{}", page.text);
    }
    assert_eq!(world.rows("connect_attempts").await, 0);
}

#[rstest]
#[tokio::test]
async fn cancel_leads_back_to_the_app_or_to_the_list(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let page = person.get(&format!("/connect/{APP}")).await;
    assert!(page.says("<a class=\"button\" href=\"/account/connected-apps\">Cancel</a>"), "{}", page.text);
    let page = person.get(&format!("/connect/{APP}?redirect_uri={}&state=s1", encode(REGISTERED))).await;
    let cancel = format!("href=\"{REGISTERED}?error=access_denied&#38;state=s1\">Cancel");
    assert!(page.says(&cancel), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn nobody_renews_anothers_connection(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let reader = world.signed_in(READER).await;
    let csrf = reader.get("/account/connected-apps").await.csrf();
    for id in [connection.as_str(), "Et00000000000000000000", "Et\u{0}", ""] {
        let shown = reader.get(&format!("/connect/{APP}?connection={}", encode(id))).await;
        let posted = reader.post(&format!("/connect/{APP}"), &[("csrf", &csrf), ("connection", id)]).await;
        assert_eq!((shown.status.as_u16(), posted.status.as_u16()), (404, 404), "{id:?}");
        assert!(shown.says("Nothing here"), "{}", shown.text);
    }
    assert_eq!(world.rows("connect_attempts").await, 1);
}

#[rstest]
#[tokio::test]
async fn what_an_app_says_of_itself_is_text(#[values(Sqlite, Postgres)] database: Database) {
    let hostile = vec![
        ("name = \"Content Writer\"", "name = \"<script>alert(1)</script>\\\"'&\""),
        ("\"Creates content entries from workflows\"", "\"\\\"><img src=x onerror=alert(1)></p>\""),
        ("\"Create and change content\"", "\"<svg onload=alert(1)>\""),
        ("name = \"Sandbox\"", "name = \"<style>*{display:none}</style>\""),
    ];
    let world = World::planned(database, Plan { replace: hostile, ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let consent = person.get(&format!("/connect/{APP}")).await;
    let id = person.connect(APP).await;
    let list = person.get(&format!("/account/connected-apps?connected={id}")).await;
    let found = person.get("/account/connected-apps?q=%3Cscript%3E").await;
    let detail = person.get(&format!("/account/connected-apps/{id}")).await;
    person.stop(&id).await;
    let receipt = person.get(&format!("/account/connected-apps/{id}")).await;
    let front = Person::new(&world).get("/").await;
    for page in [consent, list, found, detail, receipt] {
        assert_eq!(page.status, 200);
        assert!(page.says("&#60;script&#62;alert(1)"), "the name is gone: {}", page.text);
        assert!(!page.says("<script") && !page.says("<img") && !page.says("<style"), "{}", page.text);
        assert!(!page.says("<svg onload"), "{}", page.text);
    }
    assert!(front.says("&#60;style&#62;") && !front.says("<style"), "{}", front.text);
}
