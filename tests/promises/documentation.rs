//! What the documents show is what happens: their commands are run as they stand, against a real broker.

use std::process::Output;

use attache::clock::Clock;
use attache::config::Config;
use attache::sandbox::issuer;
use attache::sandbox::platform::Environment;
use serde_json::Value;
use tokio::process::Command;

use crate::own_server::free_port;
use crate::world::{MASTER_KEY, Sqlite, World};

/// The fenced shell blocks of a document.
fn shell_blocks(document: &str) -> Vec<&str> {
    let blocks = document.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("```").next().expect("an end of the block")).collect()
}

async fn run(world: &World, block: &str, connection: &str, access_token: &str) -> Output {
    let (caller_id, api_key) = world.caller().await;
    let Environment { project, environment, .. } = Environment::demo();
    let script = block
        .replace("https://attache.example.com", &world.public_url)
        .replace("Et…", connection)
        .replace("PROJECT/ENVIRONMENT", &format!("{project}/{environment}"));
    let mut bash = Command::new("bash");
    bash.args(["-euc", &script]).env("API_KEY", api_key).env("CALLER_ID", caller_id);
    bash.env("ACCESS_TOKEN", access_token).output().await.expect("bash runs")
}

#[tokio::test]
async fn the_commands_for_callers_work_as_they_are_written() {
    let world = World::new(Sqlite).await;
    let connection = world.connection().await;
    let access_token = world.access_token(&connection).await;
    let document = std::fs::read_to_string("docs/callers.md").expect("the document");
    let blocks = shell_blocks(&document);
    let members = ["external_token", "access_token", "connections", "state", "access_token"];
    assert_eq!(blocks.len(), members.len(), "each block has an expectation");
    for (block, member) in blocks.into_iter().zip(members) {
        let output = run(&world, block, &connection, &access_token).await;
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{block}\n{}", String::from_utf8_lossy(&output.stderr)));
        let told = answer[member].is_string() || answer[member].as_array().is_some_and(|all| !all.is_empty());
        assert!(told, "{block}\n{answer}");
    }
}

#[test]
fn every_document_that_the_readme_names_is_there() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let targets = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local: Vec<&str> = targets.filter(|target| !target.starts_with("http")).collect();
    assert!(local.len() > 5);
    for target in local {
        let target = target.split('#').next().expect("a path");
        assert!(std::path::Path::new(target).exists(), "{target}");
    }
}

/// What the first configuration is when its operator has filled it in, for a sandbox issuer and ports that are free.
fn filled_in(first: &str, issuer: &str, port: u16, machine_room: u16) -> String {
    let listen = format!(
        "[listen]\naddress = \"127.0.0.1:{port}\"\nmachine_room = \"127.0.0.1:{machine_room}\"\n\
         [outbound]\nallow_origins = [\"{issuer}\"]\n[database]"
    );
    first
        .replace("https://issuer.example.com/", issuer)
        .replace("http://127.0.0.1:8080", &format!("http://127.0.0.1:{port}"))
        .replace("[database]", &listen)
        .replace("CLIENT-ID-OF-ATTACHE", "attache")
        .replace("CLIENT-SECRET-OF-ATTACHE", "sign-in-s3cret")
        .replace("CLIENT-ID-OF-THE-APP", "my-app")
        .replace("CLIENT-SECRET-OF-THE-APP", "app-s3cret")
}

#[tokio::test]
async fn the_steps_of_the_readme_work_as_they_stand_each_in_a_new_shell() {
    let first = std::fs::read_to_string("docs/first.toml").expect("the first configuration");
    assert!(first.lines().count() <= 25, "it is a first one");
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let blocks = shell_blocks(&readme);
    let [demo, test, install, new_key, configure, check, serve, make_key] = blocks.as_slice() else {
        panic!("each block of the README is one that is known here: {blocks:?}")
    };
    // Run by the journeys, and what runs this.
    assert_eq!([demo.trim(), test.trim()], ["cargo run --release -- demo", "tests/run"]);
    let (home, port, machine_room) = (tempfile::tempdir().expect("a directory"), free_port(), free_port());
    let public_url = format!("http://127.0.0.1:{port}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let callback = |path: &str| format!("{public_url}{path}/callback");
    let settings = issuer::Settings {
        clients: vec![
            issuer::Client::new("attache", "sign-in-s3cret", &callback("/sign-in")),
            issuer::Client::new("my-app", "app-s3cret", &callback("/connect/my-app")),
        ],
        ..issuer::Settings::default()
    };
    let sandbox = issuer::start(listener, settings, Clock::System).await;
    let binaries = std::path::Path::new(env!("CARGO_BIN_EXE_attache")).parent().expect("a directory");
    // Whatever `cargo` is asked for is built already: this very run has done it.
    let tools = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink("/bin/true", tools.path().join("cargo")).expect("a link");
    let path = format!("{}:{}:/usr/bin:/bin", tools.path().display(), binaries.display());
    let shell = |block: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-euc", block]).env_clear().env("PATH", &path).env("HOME", home.path());
        bash.current_dir(home.path()).kill_on_drop(true);
        bash
    };
    let step = async |block: &str| shell(block).output().await.expect("bash runs");
    let succeeded = |output: Output| {
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{told} {}", String::from_utf8_lossy(&output.stderr));
        told
    };
    let here = std::env::current_dir().expect("the repository");
    succeeded(shell(install).current_dir(here).output().await.expect("bash runs"));
    succeeded(step(new_key).await);
    let key = std::fs::read(home.path().join("master.key")).expect("the key");
    let again = step(new_key).await;
    assert!(!again.status.success(), "a second reading overwrites nothing");
    assert_eq!(std::fs::read(home.path().join("master.key")).expect("the key"), key);
    assert_eq!(crate::command_line::mode(&home.path().join("master.key")), 0o600);
    succeeded(step(configure).await);
    let taken = std::fs::read_to_string(home.path().join("attache.toml")).expect("the configuration");
    assert_eq!(taken, first);
    for said in ["/sign-in/callback", "/connect/my-app/callback"] {
        assert!(readme.contains(&format!("`http://127.0.0.1:8080{said}`")), "{said}");
    }
    let filled_in = filled_in(&taken, sandbox.url(), port, machine_room);
    std::fs::write(home.path().join("attache.toml"), filled_in).expect("a file");
    let told = succeeded(step(check).await);
    for said in [
        &callback("/sign-in"),
        &callback("/connect/my-app"),
        "sign_in: issuers.main knows its client",
        "is good",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let mut server = shell(&format!("exec {}", serve.trim())).spawn().expect("a server");
    let healthy = format!("http://127.0.0.1:{machine_room}/healthz");
    let begun = std::time::Instant::now();
    while reqwest::get(&healthy).await.is_err() {
        assert!(begun.elapsed().as_secs() < 30, "the server does not serve");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let told = succeeded(step(make_key).await);
    assert!(told.starts_with("ak_"), "{told}");
    let told = succeeded(step("attache app list | head -1").await);
    assert!(told.contains(&callback("/connect/my-app")), "{told}");
    server.kill().await.expect("an end");
    // The database is there now: nothing that is said leads to another key.
    std::fs::remove_file(home.path().join("master.key")).expect("a file");
    let keyless = step(serve).await;
    let said = String::from_utf8_lossy(&keyless.stderr).into_owned();
    assert!(!keyless.status.success() && said.contains("master.key") && !said.contains("new-key"), "{said}");
}

/// The fenced TOML of a document.
fn toml_block(document: &str) -> &str {
    let (_, rest) = document.split_once("```toml\n").expect("a configuration");
    rest.split("```").next().expect("an end of the block")
}

#[test]
fn the_configuration_of_each_issuers_page_can_be_used_and_its_preset_is_explained() {
    let explained = std::fs::read_to_string("docs/configuration.md").expect("the document");
    let list = std::fs::read_to_string("docs/issuers.md").expect("the document");
    let pages: Vec<_> = std::fs::read_dir("docs/issuers").expect("the pages").collect();
    assert_eq!(pages.len(), 10);
    for page in pages {
        let page = page.expect("a page").path();
        let name = page.file_name().expect("a name").to_string_lossy().into_owned();
        let document = std::fs::read_to_string(&page).expect("a page");
        let shown = toml_block(&document);
        let elsewhere = "[sign_in]\nissuer = \"home\"\nclient_id = \"attache\"\n\
            [issuers.home]\nissuer = \"https://home.example.com/\"\n";
        let signs_in_there = shown.contains("[sign_in]");
        let sign_in = if signs_in_there { "" } else { elsewhere };
        let whole = format!(
            "public_url = \"https://attache.example.com\"\n[database]\nurl = \"sqlite://attache.db\"\n\
             [vault]\nmaster_key = \"{MASTER_KEY}\"\n{sign_in}{shown}"
        );
        let config = Config::parse(&whole, []).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        let app = &config.apps["my-app"];
        let preset = config.issuers[&app.issuer].profile().preset;
        let preset = serde_json::to_value(preset).expect("a word");
        let word = preset.as_str().expect("a word");
        assert!(explained.contains(&format!("`\"{word}\"`")), "{word}");
        assert!(word == "generic" || shown.contains(&format!("profile = \"{word}\"")), "{name}: {word}");
        assert!(list.contains(&format!("(issuers/{name})")), "{name} is on the list");
        assert!(document.contains("https://attache.example.com/connect/my-app/callback"), "{name}");
        let sign_in = document.contains("https://attache.example.com/sign-in/callback");
        assert_eq!(sign_in, signs_in_there, "{name}");
        assert!(document.contains("**Tried** with") ^ document.contains("**Not tried.**"), "{name}");
    }
}

#[test]
fn what_a_graphql_query_may_ask_for_is_what_callers_read() {
    let bounds = std::fs::read_to_string("src/dialect/graphql/bounds.rs").expect("the bounds");
    let document = std::fs::read_to_string("docs/callers.md").expect("the document");
    for (constant, what) in [
        ("TOKENS", "words and signs"),
        ("BRACKETS", "opening brackets"),
        ("DEPTH", "levels"),
        ("FIELDS", "fields"),
        ("LOOK_UPS", "`projects`, `project` and `environment`"),
        ("AUTH_TOKENS", "`authToken`"),
    ] {
        let digits = |line: &str| line.chars().filter(char::is_ascii_digit).collect::<String>();
        let line = |text: &str, start: &str| text.lines().find(|line| line.starts_with(start)).map(digits);
        let judged = line(&bounds, &format!("const {constant}: usize = "));
        assert!(judged.is_some(), "{constant}");
        assert_eq!(judged, line(&document, &format!("| {what} |")), "{what}");
    }
}
