//! What people and operators read of connections: names as they are known, a sentence for each thing that happened, and
//! words of others that cannot turn what stands around them.

use attache::connection::status::Cause;
use attache::ledger::{self, Action, Entry};
use attache::operator::select::{Named, NamedSelection, Person as Whom};
use attache::operator::{Command, run};
use attache::sandbox::fault::Fault;
use rstest::rstest;
use strum::VariantArray;
use tokio::time::{Duration, Instant};

use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World};

async fn told(world: &World, command: Command) -> String {
    run(&world.broker, command).await.expect("an answer").lines.join("\n")
}

#[rstest]
#[tokio::test]
async fn everything_that_can_happen_has_a_sentence(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let mut sentences = Vec::new();
    for action in Action::VARIANTS {
        world.clock.advance(10);
        let mut transaction = world.broker.db.begin().await.expect("a transaction");
        let entry = Entry {
            actor: "operator".to_owned(),
            connection_id: Some(connection.clone()),
            ..Entry::default()
        };
        let now = world.clock.now();
        ledger::append(&mut transaction, &world.broker.ledger, *action, &entry, now).await.expect("an entry");
        transaction.commit().await.expect("a commit");
        let page = person.get(&format!("/account/connected-apps/{connection}")).await;
        let newest = page.text.split_once("<h2>Activity</h2>").expect("activity").1;
        let line = newest.split("<p>").nth(1).expect("a sentence").split("</p>").next().expect("its end");
        assert!(line.ends_with('.') && !line.contains('_'), "{action:?}: {line}");
        sentences.push(line.to_owned());
        let shown = told(&world, Command::ShowConnection { id: connection.clone() }).await;
        let word = <&str>::from(*action);
        assert!(shown.contains(&format!(" {word}: {}", action.sentence())), "{word}\n{shown}");
    }
    let mut different = sentences.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), sentences.len(), "two things have one sentence: {sentences:#?}");
}

#[rstest]
#[tokio::test]
async fn people_are_named_by_what_is_known_of_them(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let account = world.column("SELECT account_id FROM connections WHERE id = $1", &connection).await;
    let account = account.expect("an account");
    let whom = Whom { issuer: None, who: account.clone() };
    let asked = |what| NamedSelection { what, issued_before: None };
    let freeze = |what| Command::Freeze { asked: asked(what), reason: "r".to_owned() };
    let named = format!("editor@sandbox.test (Demo Editor), {account}");
    for command in [
        Command::ShowConnection { id: connection.clone() },
        Command::DryRun { asked: asked(Named::All), limit: 5 },
        freeze(Named::Account(whom.clone())),
        freeze(Named::Connection(connection.clone())),
        Command::ListFreezes,
        Command::DeleteAccount { person: whom, reason: "r".to_owned() },
    ] {
        let said = format!("{command:?}");
        let lines = told(&world, command).await;
        assert!(lines.contains(&named), "{said}\n{lines}");
        for line in lines.lines().filter(|line| line.contains(&account)) {
            assert!(line.contains("editor@sandbox.test"), "{said}: by an id alone: {line}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_name_that_turns_text_is_shown_with_what_turns_it(#[values(Sqlite, Postgres)] database: Database) {
    let turning: String = ['\u{61c}', '\u{200e}', '\u{200f}']
        .into_iter()
        .chain('\u{202a}'..='\u{202e}')
        .chain('\u{2066}'..='\u{2069}')
        .collect();
    let seen =
        turning.chars().map(|turns| format!("[U+{:04X}]", u32::from(turns))).collect::<Vec<_>>().concat();
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let config = world
        .config
        .replace("name = \"Content Writer\"", &format!("name = \"App {turning}\""))
        .replace("name = \"Sandbox\"", &format!("name = \"Issuer {turning}\""))
        .replace("Creates content entries", &format!("Says {turning}"))
        .replace("\"Create and change content\"", &format!("\"May {turning}\""));
    world.restart(&config).await;
    let named = format!("Person {turning}");
    world.change(sqlx::query("UPDATE accounts SET name = $1").bind(named)).await;
    let path = format!("/account/connected-apps/{connection}");
    let state = format!("state={}", attache::web::encode(&turning));
    let back = attache::web::encode("https://writer.sandbox.test/connected");
    let consent = format!("/connect/{APP}?{state}&redirect_uri={back}");
    for (path, whose) in [
        (consent.as_str(), ["App", "Issuer", "Says", "May", "Person"].as_slice()),
        ("/account/connected-apps", &["App", "Issuer", "Person"]),
        (path.as_str(), &["App", "Issuer", "May", "Person"]),
    ] {
        let page = person.get(path).await;
        for whose in whose {
            assert!(page.says(&format!("{whose} {seen}")), "{whose} on {path}: {}", page.text);
        }
        // What is carried along for the app comes back as it was.
        let carried = format!("value=\"{turning}\"");
        assert_eq!(page.says(&carried), path == consent);
        assert!(!page.text.replace(&carried, "").contains(|c: char| turning.contains(c)), "{}", page.text);
    }
}

#[rstest]
#[tokio::test]
async fn a_right_to_left_name_stays_beside_its_logo(
    #[values("شركة المثال", "יישום")] name: &'static str
) {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.restart(&world.config.replace("name = \"Content Writer\"", &format!("name = \"{name}\""))).await;
    let isolated = format!("<bdi>{name}</bdi>");
    for path in [
        format!("/connect/{APP}"),
        "/account/connected-apps".to_owned(),
        format!("/account/connected-apps/{connection}"),
    ] {
        let page = person.get(&path).await;
        assert!(page.says(&isolated), "{path}: {}", page.text);
        // A heading or sentence that took the name's direction would stand at the other side of the page.
        assert!(!page.says("<h1 dir") && !page.says("<p dir"), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn a_home_page_is_a_web_address_or_the_app_is_refused() {
    let world = World::new(Sqlite).await;
    for home_page in
        ["javascript:alert(1)", "javascript://writer.sandbox.test/%0aalert(1)", "data:text/html,x"]
    {
        let config = world.config.replace("https://writer.sandbox.test/\"", &format!("{home_page}\""));
        let faults = attache::config::Config::parse(&config, []).expect_err("a fault");
        assert!(faults.iter().any(|fault| fault.to_string().contains("home_page")), "{faults:?}");
        let new = serde_json::json!({
            "key": "other", "name": "Other", "description": "", "logo": null, "kind": "web",
            "home_page": home_page, "issuer": "sandbox", "client_id": "other", "client_secret": null,
            "client_auth": null, "scopes": ["openid"], "exact_scopes": false, "audience": null,
            "authorization_url_extras": {}, "pkce": null, "identity": null, "identity_config": null,
            "accepted_audiences": [], "redirect_uris": [], "egress": [], "slack_app_id": null, "provider_key": null
        });
        let new = serde_json::from_value(new).expect("an app");
        let refused = run(&world.broker, Command::AddApp(new)).await.expect_err("a refusal").to_string();
        assert!(refused.contains("home page"), "{refused}");
        // One that an older release let in leads nowhere.
        world.change(sqlx::query("UPDATE apps SET home_page = $1").bind(home_page)).await;
        let page = world.signed_in(EDITOR).await.get(&format!("/connect/{APP}")).await;
        assert!(page.status == 200 && !page.says("javascript:") && !page.says("data:"), "{}", page.text);
    }
}

#[tokio::test]
async fn what_the_issuer_does_not_describe_stands_in_one_block() {
    let plan = Plan {
        replace: vec![("\"content:write\"]", "\"content:write\", \"a:one\", \"b:two\"]")],
        ..Plan::default()
    };
    let world = World::planned(Sqlite, plan).await;
    let page = world.signed_in(EDITOR).await.get(&format!("/connect/{APP}")).await;
    assert!(page.says("2 more that <bdi>Sandbox</bdi> does not describe:"), "{}", page.text);
    assert_eq!(page.text.matches("does not describe").count(), 1);
    let described = page.text.find("Create and change content").expect("a line");
    let block = page.text.find("does not describe").expect("the block");
    let names =
        ["a:one", "b:two"].map(|name| page.text.find(&format!("<code>{name}</code>")).expect("a name"));
    assert!(described < block && names.iter().all(|at| *at > block), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn who_must_reconnect_is_told_why(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let mut seen = std::collections::BTreeSet::new();
    for cause in [
        Cause::RevokedUpstream,
        Cause::RotationLost,
        Cause::Expired,
        Cause::NoRefreshToken,
        Cause::Refused,
        Cause::InteractionRequired,
        Cause::LoginRequired,
        Cause::ConsentRequired,
        Cause::MfaRequired,
        Cause::IdentityChanged,
        Cause::RestoredCopy,
    ] {
        let update = "UPDATE connections SET status = 'needs_reconnect', cause = $1 WHERE id = $2";
        world.change(sqlx::query(update).bind(<&str>::from(cause)).bind(&connection)).await;
        let list = person.get("/account/connected-apps").await;
        assert!(list.says("Needs you: ") && list.says("Reconnect"), "{}", list.text);
        let page = person.get(&format!("/account/connected-apps/{connection}")).await;
        let sentence = page.text.split_once("class=\"trouble\">").expect("a sentence").1;
        let sentence = sentence.split("</p>").next().expect("its end").to_owned();
        assert!(sentence.contains("Sandbox") || cause == Cause::RestoredCopy, "{sentence}");
        assert!(seen.insert(sentence.clone()), "said of two causes: {sentence}");
    }
}

#[rstest]
#[tokio::test]
async fn after_stop_a_quick_issuers_word_is_there_at_the_first_look(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let stopped = person.stop(&connection).await;
    let page = person.follow(stopped).await;
    assert!(page.says("Sandbox confirmed."), "{}", page.text);
}

#[tokio::test]
async fn after_stop_a_hung_issuer_is_waited_for_no_longer_than_a_second() {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.issuer.faults().revoke.always(Fault::Hang);
    let begun = Instant::now();
    let stopped = person.stop(&connection).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let page = person.follow(stopped).await;
    assert!(page.says("Sandbox is being told") && page.says("Stopped here."), "{}", page.text);
}

#[tokio::test]
async fn pause_and_stop_stand_apart() {
    let world = World::new(Sqlite).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    let at = |text: &str| page.text.find(text).unwrap_or_else(|| panic!("no {text}: {}", page.text));
    let (stop, pause) = (at(">Stop access</summary>"), at(">Pause</button>"));
    let between = &page.text[stop..pause];
    assert!(between.matches("<section").count() >= 2, "{between}");
}

#[tokio::test]
async fn an_app_whose_grants_may_end_with_a_session_is_warned_of() {
    let plan = Plan {
        replace: vec![("\"email\", \"offline_access\", \"content", "\"email\", \"content")],
        ..Plan::default()
    };
    let world = World::planned(Sqlite, plan).await;
    let connection = world.connection().await;
    let shown = told(&world, Command::ShowConnection { id: connection }).await;
    assert!(shown.contains("asks for no `offline_access`"), "{shown}");
    let new = |key: &str, scopes: &[&str]| {
        let new = serde_json::json!({
            "key": key, "name": key, "description": "", "logo": null, "kind": "web", "home_page": null,
            "issuer": "sandbox", "client_id": key, "client_secret": null, "client_auth": null, "scopes": scopes,
            "exact_scopes": false, "audience": null, "authorization_url_extras": {}, "pkce": null,
            "identity": null, "identity_config": null, "accepted_audiences": [], "redirect_uris": [], "egress": [],
            "slack_app_id": null, "provider_key": null
        });
        Command::AddApp(serde_json::from_value(new).expect("an app"))
    };
    let added = told(&world, new("short", &["openid"])).await;
    assert!(added.contains("asks for no `offline_access`"), "{added}");
    let added = told(&world, new("long", &["openid", "offline_access"])).await;
    assert!(!added.contains("offline_access"), "{added}");
}
