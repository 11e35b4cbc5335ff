//! The house: what may stand where. Read from the source itself.

use std::path::{Path, PathBuf};

struct Source {
    /// From the root, with `/`.
    path: String,
    text: String,
    /// Without comments' lines.
    code: String,
}

fn sources(root: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a file");
                let is_code = |line: &&str| !line.trim_start().starts_with("//");
                let code = text.lines().filter(is_code).collect::<Vec<_>>().join("\n");
                let path = path.to_string_lossy().replace('\\', "/");
                found.push(Source { path, text, code });
            }
        }
    }
    assert!(found.len() > 10, "{root} has more files than that");
    found
}

/// The files that hold one of these words, among those that `judged` picks.
fn holding(root: &str, words: &[&str], judged: impl Fn(&Source) -> bool) -> Vec<String> {
    let holds = |source: &Source| words.iter().any(|word| source.code.contains(word));
    sources(root)
        .into_iter()
        .filter(|source| judged(source) && holds(source))
        .map(|source| source.path)
        .collect()
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_sandbox(source: &Source) -> bool {
    source.path.starts_with("src/sandbox/")
}

#[test]
fn sql_stands_in_stores_only() {
    let may = |path: &str| path.ends_with("/store.rs") || path.starts_with("src/db/") || path == "src/db.rs";
    none(&holding("src", &["sql(", "Constants(", "SELECT ", "INSERT INTO ", "DELETE FROM "], |source| {
        !may(&source.path)
    }));
    // The driver's events are named by it.
    none(&holding("src", &["sqlx"], |source| {
        !source.path.starts_with("src/db") && source.path != "src/log.rs"
    }));
    // `QueryBuilder` writes `?`, which PostgreSQL does not know; Any has no FOR UPDATE on SQLite.
    none(&holding("src", &["QueryBuilder", "FOR UPDATE", "INSERT OR "], |_| true));
}

#[test]
fn axum_stands_at_the_edge_only() {
    let edge = [
        "src/dialect",
        "src/edge",
        "src/error.rs",
        "src/lib.rs",
        "src/machine_room.rs",
        "src/request_id.rs",
        "src/server",
        "src/web",
    ];
    none(&holding("src", &["axum::", "use axum", "hyper::"], |source| {
        let at_the_edge = edge.iter().any(|edge| source.path.starts_with(edge));
        !is_sandbox(source) && !at_the_edge && !source.path.contains("/pages")
    }));
    let error = std::fs::read_to_string("src/error.rs").expect("a file");
    let lines: Vec<&str> = error.lines().filter(|line| line.contains("axum")).collect();
    assert_eq!(
        lines,
        ["use axum::http::StatusCode;"],
        "error.rs knows statuses and nothing else of the edge"
    );
}

#[test]
fn the_protocol_toward_issuers_knows_neither_database_nor_app() {
    none(&holding("src", &["crate::db", "crate::Broker", "axum"], |source| {
        source.path.starts_with("src/issuer/")
    }));
}

#[test]
fn a_slice_does_not_reach_into_another_ones_store() {
    let slices = ["account", "app", "caller", "connection", "content", "ledger", "vault"];
    // Of the connection's row each wing writes what its own work is.
    let wings = ["access", "consent", "freeze", "pages", "refresh", "revoke"];
    let mut wrong = Vec::new();
    for source in sources("src") {
        for slice in slices {
            let lives_in = |folder: &str| source.path.starts_with(&format!("src/{folder}/"));
            let own = lives_in(slice) || slice == "connection" && wings.into_iter().any(lives_in);
            let reaches = source.code.contains(&format!("crate::{slice}::store"))
                || source.code.contains(&format!("attache::{slice}::store"));
            if reaches && !own {
                wrong.push(format!("{} reaches into {slice}", source.path));
            }
        }
        // The compiler keeps everybody else out of a private module.
        if source.path.ends_with("/mod.rs") && source.code.contains("pub mod store;") {
            wrong.push(format!("{} shows its store to all", source.path));
        }
    }
    none(&wrong);
}

#[test]
fn hardly_anybody_asks_whether_this_process_is_alone_with_its_database() {
    let asking = holding("src", &[".is_alone()"], |source| !source.path.starts_with("src/db"));
    assert!(!asking.is_empty() && asking.len() <= 4, "{asking:#?}");
}

#[test]
fn verbs_do_not_know_how_they_are_asked() {
    let edge = [
        "/pages",
        "src/dialect",
        "src/edge",
        "src/web",
        "src/lib.rs",
        "src/start.rs",
        "src/session.rs",
        "src/cli/",
    ];
    none(&holding("src", &["crate::dialect", "crate::web", "tower_sessions::"], |source| {
        !is_sandbox(source) && !edge.iter().any(|edge| source.path.contains(edge))
    }));
}

#[test]
fn nobody_but_the_clock_reads_the_time() {
    let words = [
        "SystemTime::now",
        "now_utc",
        "now_local",
        "UtcDateTime::now",
        "CURRENT_TIMESTAMP",
        "unixepoch",
        "NOW()",
    ];
    none(&holding("src", &words, |source| source.path != "src/clock.rs"));
    // PostgreSQL's own clock is asked for in one place, beside that of who holds a lock for how long.
    let mut judging = holding("src", &["clock_timestamp"], |_| true);
    judging.sort();
    assert_eq!(judging, ["src/db/presence.rs", "src/db/time.rs"]);
}

#[test]
fn only_the_command_line_prints_and_only_it_ends_the_process() {
    none(&holding("src", &["println!", "eprintln!", "print!(", "dbg!(", "process::exit"], |source| {
        !source.path.starts_with("src/cli/")
    }));
}

#[test]
fn outgoing_calls_are_made_in_one_place() {
    none(&holding("src", &["Client::builder", "reqwest::get", "reqwest::Client::new"], |source| {
        !is_sandbox(source) && source.path != "src/issuer/http.rs"
    }));
}

#[test]
fn the_program_that_serves_people_cannot_be_tortured() {
    let word = "ATTACHE_TEST_TORTURE";
    let control = std::fs::read_to_string("src/torture/control.rs").expect("a file");
    assert!(control.contains(word), "what a torture run is steered by has another name");
    let program = std::fs::read(env!("CARGO_BIN_EXE_attache")).expect("the program");
    let steered = memchr::memmem::find(&program, word.as_bytes()).is_some();
    assert_eq!(steered, cfg!(feature = "torture"), "only the feature `torture` puts it there");
}

#[test]
fn every_file_says_what_it_owns() {
    for root in ["src", "tests/promises", "tests/torture"] {
        let silent = sources(root).into_iter().filter(|source| !source.text.starts_with("//! "));
        none(&silent.map(|source| source.path).collect::<Vec<_>>());
    }
}

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    for root in ["src", "tests/promises", "tests/torture"] {
        let long = sources(root).into_iter().filter(|source| source.text.lines().count() > 400);
        none(&long.map(|source| source.path).collect::<Vec<_>>());
    }
}

#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    for root in ["src", "tests/promises"] {
        let left =
            sources(root).into_iter().filter(|source| words.iter().any(|word| source.text.contains(word)));
        none(&left.map(|source| source.path).collect::<Vec<_>>());
    }
    none(&holding("src", &["todo!(", "unimplemented!(", "#[allow("], |_| true));
}

#[test]
fn folders_are_nouns_that_say_what_is_in_them() {
    for folder in ["utils", "util", "helpers", "common", "misc", "manager", "services", "core"] {
        assert!(!Path::new("src").join(folder).exists(), "src/{folder}");
        assert!(!Path::new("src").join(format!("{folder}.rs")).exists(), "src/{folder}.rs");
    }
}

#[test]
fn each_file_that_the_map_names_is_there() {
    let map = std::fs::read_to_string("docs/architecture.md").expect("the map");
    let named = map.split('`').filter(|word| {
        word.contains('/')
            && Path::new(word).extension().is_some_and(|kind| kind == "rs")
            && !word.contains(' ')
    });
    let gone: Vec<String> = named
        .clone()
        .filter(|file| !Path::new("src").join(file).exists() && !Path::new(file).exists())
        .map(str::to_owned)
        .collect();
    assert!(named.count() > 50, "the map names more files than that");
    none(&gone);
}
