//! Environments by configuration, command line, `/v1/environments` and GraphQL: addresses, names, roles, what is public.

use attache::config::{Config, unreachable};
use attache::operator::{Command, run};
use rstest::rstest;
use serde_json::{Value, json};

use crate::roles::with_roles;
use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

const SECTION: &str = "[environments.demo-master]\n";
const CDN: &str = "[environments.demo-master]\nregion = \"eu-west-2\"\nproject_name = \"Blog\"\n\
    environment_name = \"Production\"\ndefault_stage = \"DRAFT\"\n\
    high_performance_url = \"https://{region}.cdn.example.com/content/{project}/{environment}\"\n\
    public = [{ actions = [\"read\"], models = [\"Article\"], stages = [\"PUBLISHED\"] }]\n";
const SECOND: &str = "https://eu-west-2.cdn.example.com/content/cmaz8u024000b07w2o46szn1y/master";

async fn get(world: &World, key: &str, path: &str) -> (u16, Value) {
    let answer = world.http.get(world.url(path)).bearer_auth(key).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

#[rstest]
#[tokio::test]
async fn a_caller_is_told_of_the_environments_that_its_apps_may_reach(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_roles(database, vec![(SECTION, CDN)]).await;
    let (_, key) = world.caller().await;
    let (status, told) = get(&world, &key, "/v1/environments").await;
    assert_eq!(status, 200, "{told}");
    let drafts = json!({
        "actions": ["create", "update"], "models": ["DemoModel23May20250843"], "stages": ["DRAFT"],
    });
    let permissions = json!([{ "actions": ["read"] }, drafts]);
    let expected = json!({ "environments": [{
        "project": "cmaz8u024000b07w2o46szn1y",
        "environment": "master",
        "project_name": "Blog",
        "environment_name": "Production",
        "region": "eu-west-2",
        "endpoints": { "content": world.content_api_url(), "high_performance": SECOND },
        "default_stage": "DRAFT",
        "strategy": "mint",
        "public": [{ "actions": ["read"], "models": ["Article"], "stages": ["PUBLISHED"] }],
        "apps": [{ "app": APP, "permissions": permissions, "token_lifetime": 300 }],
    }] });
    assert_eq!(told, expected);
    let readers = world.signed_in(READER).await.connect_as(APP, READER).await;
    let (status, told) = get(&world, &key, &format!("/v1/environments?connection={readers}")).await;
    assert_eq!(status, 200, "{told}");
    let published = json!([{ "actions": ["read"], "stages": ["PUBLISHED"], "locales": ["en"] }]);
    assert_eq!(told["environments"][0]["apps"][0]["permissions"], published);
    let (_, other) = world.make_caller("without apps", &[]).await;
    assert_eq!(get(&world, &other, "/v1/environments").await.1, json!({ "environments": [] }));
    let foreign = get(&world, &other, &format!("/v1/environments?connection={readers}")).await;
    assert_eq!((foreign.0, &foreign.1["error"]), (404, &json!("connection_not_found")));
    for bad in ["connection=Et1&connection=Et2", "app=x", "connection"] {
        let (status, told) = get(&world, &key, &format!("/v1/environments?{bad}")).await;
        assert!(status == 400 || status == 404, "{bad}: {told}");
    }
    assert_eq!(get(&world, "no key", "/v1/environments").await.0, 401);
    assert_eq!(get(&world, "no key", "/v1/environments?app=x").await.0, 401);
}

#[rstest]
#[tokio::test]
async fn a_query_is_told_where_an_environment_is_and_what_the_app_may_do_there(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_roles(database, vec![(SECTION, CDN)]).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let query = "{ _viewer { ... on UserViewer { project(id: \"cmaz8u024000b07w2o46szn1y\") { \
        environment(id: \"master\") { defaultStage endpoints { content highPerformance } \
        permissions { actions models stages locales condition } } } } } }";
    let post = world.http.post(world.url("/graphql")).bearer_auth(token).json(&json!({ "query": query }));
    let told: Value = post.send().await.expect("an answer").json().await.expect("JSON");
    let expected = json!({
        "defaultStage": "DRAFT",
        "endpoints": { "content": world.content_api_url(), "highPerformance": SECOND },
        "permissions": [
            { "actions": ["READ"], "models": null, "stages": null, "locales": null, "condition": null },
            {
                "actions": ["CREATE", "UPDATE"], "models": ["DemoModel23May20250843"], "stages": ["DRAFT"],
                "locales": null, "condition": null,
            },
        ],
    });
    assert_eq!(told["data"]["_viewer"]["project"]["environment"], expected, "{told}");
}

#[rstest]
#[tokio::test]
async fn an_exchange_may_name_the_content_api_by_the_address_that_was_filled_in(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let more_config = "[environments.other]\nproject = \"p1\"\nenvironment = \"stage\"\nregion = \"us\"\n\
        content_api_url = \"https://{region}.api.example.com/v2/{project}/{environment}\"\napps = \"any\"\naccounts = \"any\"\n";
    let world =
        World::planned(database, Plan { more_config: more_config.to_owned(), ..Plan::default() }).await;
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    let form = [
        ("subject_token", subject.as_str()),
        ("audience", ""),
        ("resource", "https://us.api.example.com/v2/p1/stage"),
    ];
    assert_eq!(world.exchange(&form).await.status(), 200);
}

#[rstest]
#[tokio::test]
async fn nothing_is_public_until_one_command_says_so(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let (_, key) = world.caller().await;
    let public = async || get(&world, &key, "/v1/environments").await.1["environments"][0]["public"].clone();
    assert_eq!(public().await, json!([]));
    let set = async |open| {
        let command = Command::SetPublicDefaults { key: "demo-master".to_owned(), open };
        run(&world.broker, command).await
    };
    set(true).await.expect("done");
    let documented = json!([{ "actions": ["read"], "stages": ["PUBLISHED"] }]);
    assert_eq!(public().await, documented);
    // It outlives a restart.
    world.restart(&world.config).await;
    assert_eq!(public().await, documented);
    let written = world
        .column("SELECT detail FROM ledger WHERE action = $1 ORDER BY seq LIMIT 1", "public_access_changed")
        .await;
    assert!(written.is_some_and(|detail| detail.contains("cmaz8u024000b07w2o46szn1y/master")));
    set(false).await.expect("done");
    assert_eq!(public().await, json!([]));
    let unknown = Command::SetPublicDefaults { key: "elsewhere".to_owned(), open: true };
    assert!(run(&world.broker, unknown).await.expect_err("refused").to_string().contains("environment list"));
    // Where the file says what is public, the file decides.
    world.restart(&world.config.replace(SECTION, &format!("{SECTION}public = []\n"))).await;
    let said = set(true).await.expect_err("refused").to_string();
    assert!(said.contains("environments.demo-master.public"), "{said}");
}

#[rstest]
#[tokio::test]
async fn an_operator_is_shown_environments_as_they_are(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_roles(database, vec![(SECTION, CDN)]).await;
    let listed = run(&world.broker, Command::ListEnvironments).await.expect("a list").lines.join("\n");
    for said in ["demo-master\t", "cmaz8u024000b07w2o46szn1y/master", "2 roles", "public"] {
        assert!(listed.contains(said), "{said}: {listed}");
    }
    let show = Command::ShowEnvironment { key: "demo-master".to_owned() };
    let shown = run(&world.broker, show).await.expect("an environment").lines.join("\n");
    for said in
        [SECOND, "Blog", "Production", "eu-west-2", "DRAFT", "role editor", "role reader", "\"Article\""]
    {
        assert!(shown.contains(said), "{said}: {shown}");
    }
}

#[rstest]
#[tokio::test]
async fn whoever_brings_no_token_does_what_is_public_and_nothing_else(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let ask = async |query: &str, stage: Option<&str>| {
        let mut post = world.http.post(world.content_api_url()).json(&json!({ "query": query }));
        if let Some(stage) = stage {
            post = post.header("gcms-stage", stage);
        }
        post.send().await.expect("an answer")
    };
    let list = "{ demoModel23May20250843S { id } }";
    assert_eq!(ask(list, None).await.status(), 401);
    world.platform.set_public(attache::content::permission::Permissions::public_defaults());
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    let body: Value = world.exchange(&[("subject_token", &subject)]).await.json().await.expect("JSON");
    let token = body["access_token"].as_str().expect("a token");
    let made: Value = world.create_entry(token).await.json().await.expect("JSON");
    let id = made["data"]["createDemoModel23May20250843"]["id"].as_str().expect("an id").to_owned();
    let seen = async |stage| ask(list, stage).await.json::<Value>().await.expect("JSON");
    assert_eq!(seen(None).await["data"]["demoModel23May20250843S"], json!([]));
    assert_eq!(seen(Some("DRAFT")).await["errors"][0]["extensions"]["code"], "forbidden");
    assert_eq!(ask(list, Some("NOWHERE")).await.status(), 400);
    let publish = format!(
        "mutation {{ publishDemoModel23May20250843(where: {{id: \"{id}\"}}) {{ publishedBy {{ id }} }} }}"
    );
    assert_eq!(ask(&publish, None).await.status(), 403);
    let post = world.http.post(world.content_api_url()).bearer_auth(token).json(&json!({ "query": publish }));
    let published: Value = post.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(
        published["data"]["publishDemoModel23May20250843"]["publishedBy"]["id"], EDITOR,
        "{published}"
    );
    assert_eq!(seen(None).await["data"]["demoModel23May20250843S"][0]["id"], json!(id));
    assert_eq!(seen(Some("PUBLISHED")).await["data"]["demoModel23May20250843S"][0]["id"], json!(id));
}

const ROLE: &str = "\n[[environments.demo-master.roles]]\nname = \"r\"\naccounts = \"any\"\n";

#[rstest]
#[case::action(ROLE, "permissions = [{ actions = [\"reed\"] }]", "roles[0].permissions[0].actions[0]")]
#[case::no_action(ROLE, "permissions = [{ actions = [] }]", "roles[0].permissions[0].actions")]
#[case::member(
    ROLE,
    "permissions = [{ actions = [\"read\"], model = [\"A\"] }]",
    "roles[0].permissions[0].model"
)]
#[case::condition(
    ROLE,
    "permissions = [{ actions = [\"read\"], condition = \"id\" }]",
    "roles[0].permissions[0].condition"
)]
#[case::no_condition(
    ROLE,
    "permissions = [{ actions = [\"read\"], condition = {} }]",
    "roles[0].permissions[0].condition"
)]
#[case::models(
    ROLE,
    "permissions = [{ actions = [\"read\"], models = \"all\" }]",
    "roles[0].permissions[0].models"
)]
#[case::stage(
    ROLE,
    "permissions = [{ actions = [\"read\"], stages = [\"\"] }]",
    "roles[0].permissions[0].stages[0]"
)]
#[case::no_permissions(ROLE, "", "roles[0]")]
#[case::public("", "public = [{ actions = [\"red\"] }]", "public[0].actions[0]")]
#[case::no_region("", "high_performance_url = \"https://{region}.x.test/\"", "high_performance_url")]
#[case::another_place("", "high_performance_url = \"https://{reg}.x.test/\"", "high_performance_url")]
#[case::open_place("", "high_performance_url = \"https://{region.x.test/\"", "high_performance_url")]
#[case::bad_name(
    "",
    "region = \"a/b\"\nhigh_performance_url = \"https://{region}.x.test/\"",
    "high_performance_url"
)]
#[case::no_web("", "high_performance_url = \"ftp://x.test/\"", "high_performance_url")]
#[case::long_stage("", "default_stage = \" \"", "default_stage")]
#[tokio::test]
async fn a_mistake_is_refused_when_the_configuration_is_read_with_its_place(
    #[case] section: &str,
    #[case] line: &str,
    #[case] place: &str,
) {
    let world = World::new(Sqlite).await;
    let config = format!("{}{section}{line}\n", world.config);
    let faults = Config::parse(&config, []).expect_err("a fault");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].key, format!("environments.demo-master.{place}"), "{faults:?}");
}

#[tokio::test]
async fn what_nobody_can_have_is_warned_about() {
    let world = World::new(Sqlite).await;
    let warned = |config: &str| {
        let config = Config::parse(config, []).unwrap_or_else(|faults| panic!("{faults:?}"));
        unreachable::warnings(&config).join("\n")
    };
    assert_eq!(warned(&world.config), "");
    let good = "\n[[environments.demo-master.roles]]\nname = \"r\"\naccounts = [\"sandbox|editor\"]\n\
        permissions = [{ actions = [\"read\", \"publish\"] }]\n";
    let config = format!("{}{good}", world.config);
    assert_eq!(warned(&config), "");
    let nobody = warned(&config.replace("accounts = \"any\"", "accounts = [\"sandbox|reader\"]"));
    assert!(nobody.contains("environments.demo-master.roles[0]: nobody can have this role"), "{nobody}");
    let bound = "kind = \"native\"\npermissions = [{ actions = [\"create\"] }]\n";
    let bounded = warned(&config.replace("kind = \"native\"\n", bound));
    assert!(bounded.contains("roles[0].permissions[0]: nobody can have this permission"), "{bounded}");
    let roleless =
        "kind = \"native\"\npermissions = [{ actions = [\"read\"] }, { actions = [\"delete\"] }]\n";
    let of_app = warned(&config.replace("kind = \"native\"\n", roleless));
    assert!(
        of_app.starts_with("apps.content-writer.permissions[1]: nobody can have this permission"),
        "{of_app}"
    );
    let closed = warned(&config.replace("apps = [\"content-writer\"]\n", ""));
    assert!(closed.contains("no app may reach this environment"), "{closed}");
    let nothing =
        warned(&config.replace("permissions = [{ actions = [\"read\", \"publish\"] }]", "permissions = []"));
    assert!(nothing.contains("permits nothing"), "{nothing}");
}
