//! Under a supervisor: systemd is told how the server is, SIGHUP brings new secrets, and what nobody sees in a secret is
//! named.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use attache::config::Config;
use attache::renew;
use attache::sandbox::fault::Fault;
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

use crate::command_line::Place;
use crate::world::{Database, EDITOR, LIFETIME, Postgres, Sqlite, World};

/// What comes next on systemd's socket.
fn told(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).expect("a word");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

fn told_in_the_end(socket: &UnixDatagram, word: &str) {
    while !told(socket).contains(word) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_is_told_of_readiness_life_a_reload_and_the_end() {
    let place = Place::new();
    let path = place.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a deadline");
    let mut command = place.command(&["serve"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000").env_remove("WATCHDOG_PID");
    let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("a process");
    let pid = child.id().try_into().ok().and_then(Pid::from_raw).expect("a process id");
    told_in_the_end(&socket, "READY=1");
    told_in_the_end(&socket, "WATCHDOG=1");
    told_in_the_end(&socket, "WATCHDOG=1");
    kill_process(pid, Signal::HUP).expect("a signal");
    told_in_the_end(&socket, "RELOADING=1");
    told_in_the_end(&socket, "READY=1");
    kill_process(pid, Signal::TERM).expect("a signal");
    told_in_the_end(&socket, "STOPPING=1");
    assert!(child.wait().expect("an end").success());
}

#[rstest]
#[tokio::test]
async fn secrets_that_are_read_anew_are_used_from_then_on(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let with = |from: &str, to: &str| Config::parse(&world.config.replace(from, to), []).expect("good");
    // The issuer knows the old ones only: that it refuses shows that the new ones are used.
    renew::renew(&world.broker, &with("app-s3cret", "another")).await.expect("read anew");
    world.clock.advance(LIFETIME + 1);
    assert_eq!(world.get(&connection).await["ok"], false);
    assert_eq!(world.status(&connection).await, "misconfigured");
    renew::renew(&world.broker, &with("sign-in-s3cret", "another")).await.expect("read anew");
    assert_eq!(world.broker.sign_in_secret.get().expect("one").expose(), "another");
    renew::renew(&world.broker, &with("nothing", "nothing")).await.expect("read anew");
    world.signed_in(EDITOR).await;
    // Corrected, it is tried at once.
    world.access_token(&connection).await;
}

#[rstest]
#[tokio::test]
async fn a_client_that_was_refused_is_tried_at_once_after_a_start(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.clock.advance(LIFETIME + 1);
    world.issuer.faults().token.next(Fault::oauth(401, "invalid_client"));
    assert_eq!(world.get(&connection).await["ok"], false);
    assert_eq!(world.status(&connection).await, "misconfigured");
    let (_, key) = world.caller().await;
    let started = world.replica().await;
    let token = format!("{}/v1/connections/{connection}/token", started.url);
    let asked = world.http.post(token).bearer_auth(&key).json(&serde_json::json!({})).send();
    assert_eq!(asked.await.expect("an answer").status(), 200);
}

#[rstest]
#[case::mark("\u{feff}s3cret", "byte-order mark")]
#[case::nul("s3\0cret", "NUL")]
fn what_nobody_sees_in_a_secrets_file_is_named(#[case] content: &str, #[case] word: &str) {
    let place = Place::new();
    let file = place.path("secret");
    fs::write(&file, content).expect("a file");
    place.replace(
        "client_secret = \"sign-in-s3cret\"",
        &format!("client_secret_file = \"{}\"", file.display()),
    );
    let output = place.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("sign_in.client_secret: ") && said.contains(word) && !said.contains("s3cret"),
        "{said}"
    );
    // A blank may be meant.
    for (content, blank) in [("s3cret \n", true), ("s3cret\r\n", false)] {
        fs::write(&file, content).expect("a file");
        let said = String::from_utf8(place.run(&["check"]).stdout).expect("text");
        assert_eq!(said.contains("sign_in.client_secret: has a blank"), blank, "{said}");
    }
}

#[tokio::test]
async fn on_loopback_our_cookies_are_of_their_port_alone() {
    let world = World::new(Sqlite).await;
    let answer = world.http.get(world.url("/sign-in")).send().await.expect("an answer");
    let cookies: Vec<_> =
        answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().expect("text")).collect();
    let port = world.public_url.rsplit(':').next().expect("a port");
    let ours = |cookie: &&str| cookie.starts_with(&format!("attache-{port}-sign-in-"));
    assert!(!cookies.is_empty() && cookies.iter().all(ours), "{cookies:?}");
}
