//! Every statement of the house is one that both databases take, and each of its values is bound once, by its number.

use std::collections::BTreeSet;

use attache::db::{Constants, sql};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::texts::{Site, sites};
use crate::world::{Database, Postgres, Sqlite, World};

/// Made of as many ranges or rows as are asked for: a promise of its own runs each of these on both databases.
const BUILT: [(&str, &str); 4] = [
    ("src/access/read/store.rs", "list"),
    ("src/connection/store.rs", "count"),
    ("src/ledger/store.rs", "add_rows"),
    ("src/pages/store.rs", "list"),
];

/// Their parts go together by one question, which the source read by itself does not show. The promises in `facts`,
/// `exchange` and `introspection` run each kind on both databases.
const BY_QUESTION: [(&str, &str); 3] = [
    ("src/access/facts/store.rs", "load"),
    ("src/content/sight/store.rs", "look"),
    ("src/resource_server/sight/store.rs", "look"),
];

fn is_by_question(site: &Site) -> bool {
    BY_QUESTION.contains(&(site.path.as_str(), site.function.as_str()))
}

/// In the source, every `sql(` that is no declaration.
fn written() -> usize {
    let mut folders = vec![std::path::PathBuf::from("src")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a file");
                let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
                let calls = lines.flat_map(|line| line.match_indices("sql(").map(move |(at, _)| &line[..at]));
                count += calls
                    .filter(|before| {
                        !before.ends_with("fn ")
                            && !before.ends_with(|one: char| one.is_alphanumeric() || one == '_')
                    })
                    .count();
            }
        }
    }
    count
}

/// The numbers of the values in a text.
fn numbers(text: &str) -> BTreeSet<usize> {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    text.split('$').skip(1).filter_map(|rest| digits(rest).parse().ok()).collect()
}

#[test]
fn each_statement_in_the_source_is_found_and_its_values_are_numbered_without_a_gap() {
    let sites = sites("src");
    let deletes = sites.iter().filter(|site| {
        site.texts.iter().flatten().any(|text| text.starts_with("DELETE") && text.ends_with("<= $2"))
    });
    assert!(sites.len() > 150 && sites.len() >= written(), "{} of {} were found", sites.len(), written());
    assert!(deletes.count() > 2, "those that are removed a row at a time are among them");
    let unknown: BTreeSet<(&str, &str)> = sites
        .iter()
        .filter(|site| site.texts.is_none())
        .map(|site| (site.path.as_str(), site.function.as_str()))
        // Its text is a parameter of everybody's.
        .filter(|(path, _)| *path != "src/db.rs")
        .collect();
    assert_eq!(unknown, BTreeSet::from(BUILT), "their texts cannot be read in the source");
    assert_eq!(sites.iter().filter(|site| is_by_question(site)).count(), BY_QUESTION.len());
    for site in sites.iter().filter(|site| !is_by_question(site)) {
        for text in site.texts.iter().flatten() {
            let numbers = numbers(text);
            let whole: BTreeSet<usize> = (1..=numbers.len()).collect();
            assert_eq!(numbers, whole, "{} in {}: {text}", site.function, site.path);
        }
    }
}

#[rstest]
#[tokio::test]
async fn each_statement_in_the_source_is_taken_by_the_database(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let mut refused = Vec::new();
    let mut taken = 0;
    // What `db` asks of PostgreSQL alone is in its own folder.
    let is_meant =
        |site: &Site| !is_by_question(site) && (database == Postgres || !site.path.starts_with("src/db"));
    for site in sites("src").into_iter().filter(is_meant) {
        for text in site.texts.iter().flatten() {
            let statement = AssertSqlSafe(text.clone()).into_sql_str();
            match (&world.broker.db.pool).prepare(statement).await {
                Ok(_) => taken += 1,
                Err(error) => refused.push(format!("{} in {}: {error}\n{text}", site.function, site.path)),
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n\n"));
    assert!(taken > 150, "only {taken} statements");
}

#[rstest]
#[tokio::test]
async fn a_value_stands_wherever_its_number_does_and_in_whatever_order(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let select = "SELECT CAST($3 AS TEXT) AS third, CAST($1 AS TEXT) AS first, CAST($3 AS TEXT) AS again, \
        CAST($2 AS BIGINT) AS second, CAST($4 AS BIGINT) AS empty, CASE WHEN $1 = 'a' THEN 1 ELSE 0 END AS flag";
    let ask = || sql(select).bind("a").bind(2).bind("c").bind(None::<i64>);
    let row = ask().one(&world.broker.db).await.expect("a row");
    let text = |column: &str| row.get::<String>(column).expect("a text");
    assert_eq!(
        (text("first"), text("third"), text("again")),
        ("a".to_owned(), "c".to_owned(), "c".to_owned())
    );
    assert_eq!(row.get::<i64>("second").expect("a number"), 2);
    assert_eq!(row.get::<Option<i64>>("empty").expect("a null"), None);
    assert!(row.flag("flag").expect("a flag"));
    let joined = format!("{select} WHERE 1 = 1");
    let rows =
        sql(Constants(joined)).bind("a").bind(2).bind("c").bind(None::<i64>).all(&world.broker.db).await;
    assert_eq!(rows.expect("rows").len(), 1);
}
