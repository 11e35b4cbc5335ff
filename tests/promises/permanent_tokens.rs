//! Permanent tokens: what one gives and for how long, that a revoke of one is final at once, and what is refused when one is
//! made.

use attache::content::permission::{Action, Permissions, Request};
use attache::operator::{Command, run};
use attache::permanent_token::create::Wanted;
use attache::permanent_token::{PermanentToken, by_token, last_use, shown_at};
use attache::secret::Token;
use attache::{Broker, freeze};
use rstest::rstest;
use serde_json::Map;

use crate::command_line::{Place, text};
use crate::world::{Database, EDITOR, Postgres, Sqlite, World};

pub const READS: &str = r#"[{"actions":["read"],"stages":["PUBLISHED"]}]"#;

pub fn wanted() -> Wanted {
    Wanted {
        environment: "demo-master".to_owned(),
        name: "Preview site".to_owned(),
        permissions: READS.to_owned(),
        default_stage: None,
        expires_at: None,
    }
}

pub async fn make(world: &World, wanted: Wanted) -> (String, Token) {
    let made = run(&world.broker, Command::CreatePermanentToken(wanted)).await.expect("a token");
    let id = made.lines[0].split(' ').nth(2).expect("an id").to_owned();
    (id, made.secret.expect("the token"))
}

async fn revoke(world: &World, id: &str) -> Result<Vec<String>, String> {
    let revoked = run(&world.broker, Command::RevokePermanentToken { id: id.to_owned() }).await;
    revoked.map(|output| output.lines).map_err(|error| error.to_string())
}

async fn given_at(world: &World, token: &Token) -> String {
    found(&world.broker, token).await.expect("it stands").environment_id
}

async fn found(broker: &Broker, token: &Token) -> Option<PermanentToken> {
    by_token(broker, token).await.expect("an answer").map(|found| PermanentToken::clone(&found))
}

#[rstest]
#[tokio::test]
async fn one_gives_its_permissions_at_one_environment_and_only_its_hash_is_kept(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let stage = Some("DRAFT".to_owned());
    let (id, token) = make(&world, Wanted { default_stage: stage.clone(), ..wanted() }).await;
    assert!(token.expose().starts_with(&format!("{id}_")) && id.starts_with("pt_"), "{id}");
    let environment = world.column("SELECT id FROM environments WHERE key = $1", "demo-master").await;
    let given = found(&world.broker, &token).await.expect("it stands");
    assert_eq!(Some(&given.environment_id), environment.as_ref());
    assert_eq!((given.default_stage, given.expires_at), (stage, None));
    let may = |action, stage| {
        let entry = Map::new();
        given.permissions.allows(&Request { action, model: "Page", stage, locale: "en", entry: &entry })
    };
    assert!(may(Action::Read, "PUBLISHED"));
    assert!(!may(Action::Read, "DRAFT") && !may(Action::Update, "PUBLISHED"));
    let kept = world.column("SELECT token_hash FROM permanent_tokens WHERE id = $1", &id).await;
    assert_eq!(kept.as_deref(), Some(token.hash().as_str()));
    for other in ["", "pt_", &format!("{}0", token.expose()), &token.expose().replace("pt_", "ak_")] {
        assert_eq!(found(&world.broker, &Token::new(other)).await, None);
    }
}

#[rstest]
#[tokio::test]
async fn a_revoke_is_final_at_once_on_every_server(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let (id, token) = make(&world, wanted()).await;
    let (_, kept) = make(&world, wanted()).await;
    let brokers = match database {
        Sqlite => vec![world.broker.clone()],
        Postgres => vec![world.broker.clone(), world.process_broker().await],
    };
    for broker in &brokers {
        assert!(found(broker, &token).await.is_some());
    }
    revoke(&world, &id).await.expect("a revoke");
    for broker in &brokers {
        assert_eq!(found(broker, &token).await, None);
        assert!(found(broker, &kept).await.is_some(), "only the one");
    }
    let again = revoke(&world, &id).await.expect_err("no live one");
    assert!(again.contains(&id), "{again}");
    revoke(&world, "pt_\u{0}").await.expect_err("no id");
}

#[rstest]
#[tokio::test]
async fn one_that_has_run_out_is_good_for_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let expires_at = Some(world.clock.now().plus(60));
    let (id, token) = make(&world, Wanted { expires_at, ..wanted() }).await;
    world.clock.advance(59);
    assert!(found(&world.broker, &token).await.is_some());
    world.clock.advance(1);
    assert_eq!(found(&world.broker, &token).await, None);
    let listed = run(&world.broker, Command::ListPermanentTokens).await.expect("a list").lines;
    assert!(listed[0].starts_with(&id) && listed[0].contains("ran out"), "{listed:?}");
}

#[rstest]
#[tokio::test]
async fn one_ends_with_its_environment_and_a_freeze_of_everything_and_comes_back_with_them(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let (_, token) = make(&world, wanted()).await;
    let begin = world.config.find("[environments.demo-master]").expect("an environment");
    world.restart(&world.config[..begin]).await;
    assert_eq!(found(&world.broker, &token).await, None);
    world.restart(&world.config).await;
    assert!(found(&world.broker, &token).await.is_some());
    let everything = freeze::selection::Selection::of(freeze::selection::Scope::All, "");
    let why = freeze::selection::Why::operator("a promise");
    let frozen = freeze::freezes::freeze(&world.broker, &everything, &why).await.expect("a freeze");
    assert_eq!(found(&world.broker, &token).await, None);
    run(&world.broker, Command::Unfreeze { id: frozen.id }).await.expect("an end");
    assert!(found(&world.broker, &token).await.is_some());
    // Nobody knows what was revoked since a copy was made.
    run(&world.broker, Command::MarkRestored).await.expect("a copy");
    assert_eq!(found(&world.broker, &token).await, None);
    world.clock.advance(5);
    let (_, later) = make(&world, wanted()).await;
    assert!(found(&world.broker, &later).await.is_some(), "it was made after the copy");
    run(&world.broker, Command::UseRestored).await.expect("an end");
    assert!(found(&world.broker, &token).await.is_some());
}

#[rstest]
#[tokio::test]
async fn an_operator_sees_which_there_are_and_when_each_was_last_used(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let (id, token) = make(&world, wanted()).await;
    let list = async || run(&world.broker, Command::ListPermanentTokens).await.expect("a list").lines;
    let listed = list().await;
    for said in [id.as_str(), "demo-master", "Preview site", "never used", "live", READS] {
        assert!(listed[0].contains(said), "{said}: {listed:?}");
    }
    assert!(!listed[0].contains(token.expose()));
    let at = given_at(&world, &token).await;
    let shown =
        async |environment: &str| shown_at(&world.broker, environment, &token).await.expect("an answer");
    assert!(shown("en_elsewhere").await.is_none());
    assert!(list().await[0].contains("never used"), "elsewhere it is of no use");
    shown(&at).await.expect("it stands");
    last_use::tell(&world.broker).await.expect("a write");
    let listed = list().await;
    assert!(listed[0].contains(&format!("last used {}", world.clock.now())), "{listed:?}");
}

#[rstest]
#[case::no_environment(Wanted { environment: "elsewhere".to_owned(), ..wanted() }, "elsewhere")]
#[case::no_name(Wanted { name: " ".to_owned(), ..wanted() }, "name")]
#[case::two_lines(Wanted { name: "a\nb".to_owned(), ..wanted() }, "name")]
#[case::no_json(Wanted { permissions: "read".to_owned(), ..wanted() }, "permissions")]
#[case::no_list(Wanted { permissions: "{}".to_owned(), ..wanted() }, "permissions")]
#[case::none(Wanted { permissions: "[]".to_owned(), ..wanted() }, "permissions")]
#[case::no_action(Wanted { permissions: "[{\"actions\":[]}]".to_owned(), ..wanted() }, "permissions[0].actions")]
#[case::an_action(Wanted { permissions: "[{\"actions\":[\"read\",\"burn\"]}]".to_owned(), ..wanted() }, "permissions[0].actions[1]")]
#[case::a_condition(Wanted { permissions: "[{\"actions\":[\"read\"],\"condition\":1}]".to_owned(), ..wanted() }, "permissions[0].condition")]
#[case::more(Wanted { permissions: format!("{READS} x"), ..wanted() }, "permissions")]
#[case::no_stage(Wanted { default_stage: Some(String::new()), ..wanted() }, "stage")]
#[case::over(Wanted { expires_at: Some(attache::clock::Timestamp::from_unix(1_800_000_000)), ..wanted() }, "run out")]
#[tokio::test]
async fn what_makes_no_sense_is_refused_by_its_path_and_nothing_is_made(
    #[case] wanted: Wanted,
    #[case] said: &str,
) {
    let world = World::new(Sqlite).await;
    let refused = run(&world.broker, Command::CreatePermanentToken(wanted)).await.expect_err("a fault");
    assert!(refused.to_string().contains(said), "{refused}");
    assert_eq!(world.rows("permanent_tokens").await, 0);
}

#[rstest]
#[tokio::test]
async fn nothing_here_takes_one_as_a_credential(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (id, token) = make(&world, wanted()).await;
    let token = token.expose();
    assert_eq!(world.viewer(token).await.status(), 401);
    let get =
        world.http.get(world.url("/v1/connections")).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(get.status(), 401);
    let subject = [("subject_token", connection.as_str())];
    let as_client = world.exchange_as(&id, token, &subject).send().await.expect("an answer");
    assert_eq!(as_client.status(), 401);
    let as_subject = world.exchange(&[("subject_token", token)]).await;
    assert_eq!(as_subject.status(), 400);
    let person = world.signed_in(EDITOR).await;
    assert!(!person.get("/account/connected-apps").await.says(&id), "it is nobody's");
}

#[test]
fn permissions_that_are_written_are_read_as_the_same() {
    let permissions: Permissions = serde_json::from_str(READS).expect("permissions");
    assert_eq!(serde_json::to_string(&permissions).expect("JSON"), READS);
}

#[tokio::test]
async fn the_command_prints_one_once_and_alone() {
    let place = Place::new();
    place.replace(
        "[apps.content-writer]",
        "[environments.demo]\nproject = \"p\"\nenvironment = \"master\"\ncontent_api_url = \"https://api.test/\"\n\
         [apps.content-writer]",
    );
    let _server = place.serve().await;
    std::fs::write(place.path("permissions.json"), READS).expect("a file");
    let create = |permissions: &str| {
        let name = ["--name", "Preview", "--permissions", permissions];
        place.run(&[["permanent-token", "create", "--environment", "demo"].as_slice(), &name].concat())
    };
    let (written, named) = (create(READS), create("@permissions.json"));
    for made in [&written, &named] {
        assert!(made.status.success(), "{}", text(&made.stderr));
        assert!(text(&made.stdout).starts_with("pt_") && text(&made.stdout).lines().count() == 1);
        assert!(text(&made.stderr).contains("never runs out"), "{}", text(&made.stderr));
    }
    assert!(!create("@nowhere.json").status.success());
    let listed = place.run(&["permanent-token", "list"]);
    assert_eq!(text(&listed.stdout).lines().count(), 2);
    let id = &text(&written.stdout)[.."pt_".len() + 12];
    assert!(place.run(&["permanent-token", "revoke", id]).status.success());
    assert!(text(&place.run(&["permanent-token", "list"]).stdout).contains("revoked"));
}
