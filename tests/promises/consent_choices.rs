//! What a person can choose of many environments: what could be given, the same for all at once, and reading where an app
//! did not ask for more.

use rstest::rstest;
use serde_json::{Value, json};

use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World};

const READS_ONLY: (&str, &str) = (
    "accounts = \"any\"",
    "roles = [{ name = \"reader\", accounts = \"any\", permissions = [{ actions = [\"read\"] }] }]",
);

fn environment(key: &str, project: &str, more: &str) -> String {
    format!(
        "[environments.{key}]\nproject = \"{project}\"\nenvironment = \"{key}\"\napps = \"any\"\n\
         content_api_url = \"https://{key}.example.com/v2/{project}\"\n{more}\n"
    )
}

/// Two more of one project; at the second everybody only reads.
fn two_more() -> String {
    let (reads, open) =
        (READS_ONLY.1, "accounts = \"any\"\nproject_name = \"The Blog\"\nenvironment_name = \"Main\"");
    [environment("main", "blog", open), environment("old", "blog", reads)].concat()
}

async fn with_two_more(database: Database) -> World {
    World::planned(database, Plan { more_config: two_more(), ..Plan::default() }).await
}

/// Each field of the page with the values that it offers, the marked one first.
fn offered(page: &Page, name: &str) -> Vec<String> {
    let inputs = page.text.split("<input ").skip(1).filter_map(|rest| rest.split('>').next());
    let of_name = inputs.filter(|input| input.contains(&format!("name=\"{name}\"")));
    let mut values: Vec<(bool, String)> = of_name
        .map(|input| {
            let value = input.split("value=\"").nth(1).and_then(|rest| rest.split('"').next());
            (!input.contains(" checked"), value.expect("a value").to_owned())
        })
        .collect();
    values.sort_by_key(|(unmarked, _)| *unmarked);
    values.into_iter().map(|(_, value)| value).collect()
}

async fn field(world: &World, key: &str) -> String {
    format!("at-{}", world.column("SELECT id FROM environments WHERE key = $1", key).await.expect("one"))
}

/// Continues with these fields; the connection's id.
async fn connect(person: &Person<'_>, fields: &[(&str, &str)]) -> String {
    let path = format!("/connect/{APP}");
    let csrf = person.get(&path).await.csrf();
    let form = [&[("csrf", csrf.as_str())], fields].concat();
    let authorize = person.post(&path, &form).await.location().expect("the issuer");
    let callback = person.agree(&authorize, EDITOR).await;
    let connected = person.get(callback.as_str()).await.location().expect("the list");
    connected.query_pairs().find(|(name, _)| name == "connected").expect("an id").1.into_owned()
}

/// The scope of a token for an environment, or why there is none.
async fn scope(world: &World, connection: &str, audience: &str) -> Value {
    let form = [
        ("subject_token", connection),
        ("subject_token_type", "urn:attache:params:oauth:token-type:connection"),
        ("audience", audience),
    ];
    let answer: Value = world.exchange(&form).await.json().await.expect("JSON");
    answer.get("scope").or_else(|| answer.get("error")).cloned().unwrap_or_default()
}

const DEMO: &str = "cmaz8u024000b07w2o46szn1y/master";
const BOTH: &str = "content:read content:write";

#[rstest]
#[tokio::test]
async fn nothing_is_offered_that_could_not_be_given(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_two_more(database).await;
    let person = world.signed_in(EDITOR).await;
    let page = person.get(&format!("/connect/{APP}")).await;
    assert_eq!(offered(&page, &field(&world, "demo-master").await), ["write", "read", "none"]);
    assert_eq!(offered(&page, &field(&world, "old").await), ["read", "none"]);
    assert!(page.says("Where a choice is missing, no more can be given."), "{}", page.text);
    for name in ["The Blog", "Main", "old", "In all 3 environments", "Read and change, where it can"] {
        assert!(page.says(name), "{name}: {}", page.text);
    }
    // Whoever sends more all the same gets no more.
    let (old, main) = (field(&world, "old").await, field(&world, "main").await);
    let connection = connect(&person, &[("all", "each"), (&old, "write"), (&main, "none")]).await;
    assert_eq!(scope(&world, &connection, "blog/old").await, "content:read");
    assert_eq!(scope(&world, &connection, "blog/main").await, "invalid_target");
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert_eq!(offered(&page, &old), ["read", "none"]);
    assert_eq!(offered(&page, &main), ["none", "write", "read"]);
    assert_eq!(offered(&page, "all").first().map(String::as_str), Some("each"));
}

#[rstest]
#[tokio::test]
async fn one_choice_is_for_all_whatever_stands_at_each(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_two_more(database).await;
    let person = world.signed_in(EDITOR).await;
    let main = field(&world, "main").await;
    let connection = connect(&person, &[("all", "read"), (&main, "write")]).await;
    let all = async || {
        let mut told = Vec::new();
        for audience in [DEMO, "blog/main", "blog/old"] {
            told.push(scope(&world, &connection, audience).await);
        }
        told
    };
    assert_eq!(all().await, ["content:read"; 3]);
    let path = format!("/account/connected-apps/{connection}");
    let change = async |fields: &[(&str, &str)]| {
        let page = person.get(&path).await;
        let marked = offered(&page, "all").first().cloned();
        let csrf = page.csrf();
        let form = [&[("csrf", csrf.as_str())], fields].concat();
        let answer = person.post(&format!("{path}/consent"), &form).await;
        (marked.unwrap_or_default(), answer.status.as_u16())
    };
    assert_eq!(change(&[("all", "write"), (&main, "read")]).await, ("read".to_owned(), 303));
    assert_eq!(all().await, [BOTH, BOTH, "content:read"]);
    assert_eq!(change(&[("all", "each"), (&main, "read")]).await, ("write".to_owned(), 303));
    assert_eq!(all().await, [BOTH, "content:read", "content:read"]);
    assert_eq!(change(&[("all", "none")]).await, ("each".to_owned(), 303));
    assert_eq!(all().await, ["invalid_target"; 3]);
    assert_eq!(change(&[("all", "everything")]).await, ("none".to_owned(), 400));
}

#[rstest]
#[tokio::test]
async fn a_form_in_which_nothing_was_changed_changes_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_two_more(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let path = format!("/account/connected-apps/{connection}");
    let (old, main) = (field(&world, "old").await, field(&world, "main").await);
    let csrf = person.get(&path).await.csrf();
    let form =
        [("csrf", csrf.as_str()), ("lasts", "one_day"), ("all", "write"), (&old, "read"), (&main, "write")];
    assert_eq!(person.post(&format!("{path}/consent"), &form).await.status, 303);
    let chosen = "SELECT environments FROM connections WHERE id = $1";
    assert_eq!(world.column(chosen, &connection).await, None, "still wherever it is let in");
}

#[rstest]
#[case::by_scope("\"content:write\"", "\"content:read\"", "read")]
#[case::of_no_scope(", \"content:write\"", "", "read")]
#[case::by_its_bound(
    "kind = \"native\"\n",
    "kind = \"native\"\npermissions = [{ actions = [\"read\", \"update\"] }]\n",
    "write"
)]
#[tokio::test]
async fn reading_is_marked_where_an_app_did_not_ask_to_write(
    #[case] from: &'static str,
    #[case] to: &'static str,
    #[case] marked: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, Plan { replace: vec![(from, to)], ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let page = person.get(&format!("/connect/{APP}")).await;
    let field = field(&world, "demo-master").await;
    let values = offered(&page, &field);
    assert_eq!(values.first().map(String::as_str), Some(marked), "{}", page.text);
    assert_eq!(values.len(), 3, "the others can be chosen all the same");
    assert!(offered(&page, "all").is_empty(), "one needs no choice for all");
    let connection = connect(&person, &[(&field, marked)]).await;
    let expected = if marked == "read" { "content:read" } else { BOTH };
    assert_eq!(scope(&world, &connection, DEMO).await, expected);
}

#[rstest]
#[tokio::test]
async fn an_app_that_may_only_read_anywhere_is_offered_and_shown_as_that(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let bound = ("kind = \"native\"\n", "kind = \"native\"\npermissions = [{ actions = [\"read\"] }]\n");
    let world = World::planned(database, Plan { replace: vec![bound], ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let page = person.get(&format!("/connect/{APP}")).await;
    assert_eq!(offered(&page, &field(&world, "demo-master").await), ["read", "none"]);
    assert!(page.says("No more than that can be given there."), "{}", page.text);
    assert!(!page.says("Read and change"), "{}", page.text);
    let connection = person.connect(APP).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Only read") && !page.says("Read and change"), "{}", page.text);
    assert_eq!(scope(&world, &connection, DEMO).await, "content:read");
    let permitted = world.v1_token(&connection, &json!({})).await;
    assert_eq!(permitted.status(), 200);
}
