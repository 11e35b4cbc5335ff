//! What a start needs of PostgreSQL and of this machine, and what is said when it is not there: the host, the port and the
//! cause, and what to do.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use attache::clock::Clock;
use attache::config::Config;
use attache::db::{self, schema::State};
use attache::secret::Token;
use attache::start;

use crate::command_line::Place;
use crate::own_server::{ENCODED, PASSWORD, Server, as_owner, free_port, give_away, run};
use crate::world::{Sqlite, World};

/// Opens a database as a start does; what is said when that fails.
async fn opened(url: &str) -> Result<(), String> {
    match db::open(&Token::new(url), Some(2)).await {
        Ok(db) => {
            db.close().await;
            Ok(())
        }
        Err(error) => {
            let said = error.to_string();
            assert!(!said.contains(PASSWORD) && !said.contains(ENCODED), "{said}");
            Err(said)
        }
    }
}

async fn refused(url: &str, words: &[&str]) {
    let said = opened(url).await.expect_err("refused");
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

#[tokio::test]
async fn a_role_that_may_not_create_serves_once_all_is_migrated_and_is_told_of_migrate_before() {
    let server = Server::start(&[]);
    server.sql("postgres", "CREATE ROLE server LOGIN PASSWORD 'server-s3cret'").await;
    let as_server = format!("postgres://server:server-s3cret@127.0.0.1:{}/postgres", server.port);
    refused(&as_server, &["attache migrate", "may not create"]).await;
    opened(&server.url("postgres")).await.expect("migrated by its owner");
    let rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO server";
    server.sql("postgres", rights).await;
    opened(&as_server).await.expect("served");
    assert_eq!(db::look(&Token::new(as_server.as_str())).await.expect("a look"), Some(State::Current));
    let newer = "INSERT INTO _sqlx_migrations VALUES (9999, 'of tomorrow', NOW(), TRUE, '\\x00', 0)";
    server.sql("postgres", newer).await;
    refused(&as_server, &["newer version", "9999"]).await;
    refused(&server.url("postgres"), &["newer version", "9999"]).await;
    let place = Place::new();
    place.replace("sqlite://", &format!("{as_server}?application_name="));
    let said = String::from_utf8(place.run(&["check"]).stdout).expect("text");
    assert!(said.contains("database: the database was made by a newer version"), "{said}");
}

/// `PgBouncer` before a server; ended with the promise.
struct Pooler(Child, u16);

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Pooler {
    fn start(folder: &Path, server: &Server, mode: &str) -> Self {
        let port = free_port();
        let users = folder.join("users");
        fs::write(&users, format!("\"attache\" \"{PASSWORD}\"\n")).expect("a file");
        let ini = folder.join(format!("{mode}.ini"));
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\n\
             unix_socket_dir=\nauth_type=scram-sha-256\nauth_file={}\npool_mode={mode}\n\
             ignore_startup_parameters=extra_float_digits\n",
            server.port,
            users.display()
        );
        fs::write(&ini, text).expect("a file");
        give_away(folder);
        let mut command = as_owner(Path::new("/usr/sbin/pgbouncer"));
        let child = command.arg("--quiet").arg(ini).stderr(Stdio::null()).spawn();
        let pooler =
            Self(child.expect("PgBouncer is installed; on Debian it is the package pgbouncer"), port);
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed().as_secs() < 20, "PgBouncer does not listen");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        pooler
    }

    fn url(&self) -> String {
        format!("postgres://attache:{ENCODED}@127.0.0.1:{}/postgres", self.1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_pools_sessions_is_good_and_one_that_pools_transactions_is_refused_by_name() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let transactions = Pooler::start(folder.path(), &server, "transaction");
    refused(&transactions.url(), &["PgBouncer", "pool_mode = session"]).await;
    let sessions = Pooler::start(folder.path(), &server, "session");
    opened(&sessions.url()).await.expect("good");
}

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    run(command.current_dir(folder).args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()));
}

#[tokio::test]
async fn each_mode_of_tls_does_what_it_says_and_a_refusal_names_host_port_and_cause() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    for name in ["authority", "other"] {
        openssl(
            at,
            &format!(
                "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN={name} -keyout {name}.key -out {name}.pem"
            ),
        );
    }
    openssl(
        at,
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout server.key -out server.csr",
    );
    openssl(
        at,
        "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -copy_extensions copy -days 30 -out server.pem",
    );
    run(Command::new("chmod").arg("600").arg(at.join("server.key")));
    give_away(at);
    run(Command::new("chmod").arg("755").arg(at));
    let file = |name: &str| at.join(name).display().to_string();
    let settings =
        [format!("ssl_cert_file={}", file("server.pem")), format!("ssl_key_file={}", file("server.key"))];
    let server = Server::start(&["ssl=on", &settings[0], &settings[1]]);
    let plain = Server::start(&[]);
    let url = |host: &str, server: &Server, mode: &str| {
        format!("postgres://attache:{ENCODED}@{host}:{}/postgres?sslmode={mode}", server.port)
    };
    let (good, other) = (file("authority.pem"), file("other.pem"));
    for mode in ["disable", "prefer", "require"] {
        opened(&url("localhost", &server, mode)).await.unwrap_or_else(|said| panic!("{mode}: {said}"));
    }
    let verified =
        |host: &str, mode: &str, ca: &str| format!("{}&sslrootcert={ca}", url(host, &server, mode));
    opened(&verified("localhost", "verify-full", &good)).await.expect("verified");
    opened(&verified("127.0.0.1", "verify-ca", &good)).await.expect("verified but for the name");
    let there = format!("localhost:{}", server.port);
    refused(&verified("localhost", "verify-full", &other), &[&there, "TLS", "certificate", "sslrootcert"])
        .await;
    refused(&verified("127.0.0.1", "verify-full", &good), &["127.0.0.1:", "TLS", "certificate"]).await;
    opened(&url("localhost", &plain, "prefer")).await.expect("without TLS where there is none");
    refused(&url("localhost", &plain, "require"), &[&plain.port.to_string(), "TLS"]).await;
    let wrong = url("127.0.0.1", &plain, "disable").replace(ENCODED, "another");
    refused(&wrong, &[&format!("127.0.0.1:{}", plain.port), "password", "percent-encoded"]).await;
    let nobody = free_port();
    let began = Instant::now();
    refused(&format!("postgres://u:p@127.0.0.1:{nobody}/x"), &[&format!("127.0.0.1:{nobody}"), "refused"])
        .await;
    assert!(began.elapsed().as_secs() < 2);
}

#[test]
fn a_rescue_journal_that_cannot_be_written_is_named_by_serve_and_by_check() {
    let place = Place::new();
    let checked = String::from_utf8(place.run(&["check"]).stdout).expect("text");
    assert!(
        checked.contains("database.rescue_journal: ") && checked.contains("attache.rescue is written"),
        "{checked}"
    );
    let left: Vec<_> =
        fs::read_dir(place.path("")).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("rescue")), "{left:?}");
    place.replace("[vault]", "state_directory = \"/proc/nowhere\"\n[vault]");
    let checked = place.run(&["check"]);
    let said = String::from_utf8(checked.stdout).expect("text");
    assert!(said.contains("/proc/nowhere/attache.rescue") && said.contains("state_directory"), "{said}");
    assert_eq!(checked.status.code(), Some(1));
    let served = place.run(&["serve"]);
    let said = String::from_utf8(served.stderr).expect("text");
    assert!(said.contains("/proc/nowhere/attache.rescue"), "{said}");
    assert_eq!(served.status.code(), Some(1));
}

#[tokio::test]
async fn the_journal_is_made_in_the_state_directory_that_is_said() {
    let world = World::new(Sqlite).await;
    let journal = format!("rescue_journal = \"{}/rescue\"", world.directory().display());
    let state = world.directory().join("state/of/ours");
    let config = world.config.replace(&journal, &format!("state_directory = \"{}\"", state.display()));
    let config = Config::parse(&config, []).expect("a good configuration");
    start::start(config, Clock::System).await.expect("a start");
    assert!(state.join("attache.rescue").exists());
}
