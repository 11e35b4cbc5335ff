//! Lists on pages: everything is met once, in its order, whichever way the pages fall.

use rstest::rstest;

use crate::many::{Copy, copy, more_apps, note};
use crate::person::{Page, Person};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

const LIST: &str = "/account/connected-apps";
/// After every moment that a promise begins with.
const LATER: i64 = 1_800_100_000;

/// The ids of the connections that a page lists, in its order.
fn listed(page: &Page) -> Vec<String> {
    let links = page.text.split("class=\"open\" href=\"/account/connected-apps/").skip(1);
    links.map(|rest| rest.split('"').next().expect("an end").to_owned()).collect()
}

/// The address behind a link's words.
fn link(page: &Page, words: &str) -> Option<String> {
    let before = page.text.split(&format!(">{words}</a>")).next().filter(|before| *before != page.text)?;
    let href = before.rsplit("href=\"").next()?.split('"').next()?;
    Some(href.replace("&#38;", "&").replace("&amp;", "&"))
}

/// Every page from this one on, by its links.
async fn pages(person: &Person<'_>, first: &str, words: &str) -> Vec<Page> {
    let mut pages = vec![person.get(first).await];
    while let Some(next) = link(pages.last().expect("a page"), words) {
        assert!(pages.len() < 20, "pages without end: {next}");
        pages.push(person.get(&next).await);
    }
    pages
}

#[rstest]
#[tokio::test]
async fn every_connection_is_listed_once_what_needs_the_person_first_then_the_last_used(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let own = person.connect(APP).await;
    // Ties in the time of use, on both sides of the ends of pages; some never used; some that need the person.
    let mut copies: Vec<Copy> = (0..170)
        .map(|number| {
            let one = Copy::new(number, APP);
            if number % 17 == 0 { one } else { one.used(LATER - i64::try_from(number / 10).expect("small")) }
        })
        .collect();
    for number in (0..170).step_by(3) {
        copies[number].status = "needs_reconnect";
    }
    for (number, status) in
        [(1, "backoff"), (2, "in_doubt"), (4, "misconfigured"), (5, "refreshing"), (7, "revoking")]
    {
        copies[number].status = status;
    }
    copies.extend((900..930).map(|number| Copy::new(number, APP).used(LATER).in_state("revoked")));
    copy(&world, &own, &copies).await;
    let pages = pages(&person, LIST, "More apps").await;
    let met: Vec<Vec<String>> = pages.iter().map(listed).collect();
    assert_eq!(met.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 50, 21]);
    let mut expected: Vec<(bool, i64, String)> = copies
        .iter()
        .filter(|copy| copy.status != "revoked")
        .map(|copy| {
            (copy.status == "needs_reconnect", copy.used_at.unwrap_or(1_800_000_000), copy.id.clone())
        })
        .collect();
    expected.push((false, 1_800_000_000, own));
    expected.sort_unstable();
    let expected: Vec<String> = expected.into_iter().rev().map(|(_, _, id)| id).collect();
    assert_eq!(met.concat(), expected);
}

#[rstest]
#[tokio::test]
async fn a_mark_that_is_none_is_the_first_page(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let own = person.connect(APP).await;
    copy(&world, &own, &(0..60).map(|number| Copy::new(number, APP).used(LATER)).collect::<Vec<_>>()).await;
    let first = listed(&person.get(LIST).await);
    for mark in
        ["", "2-1-Et1", "-1-1-Et1", "1-x-Et1", "1-1-Et%00", "1-1-", "1-99999999999999999999-Et1", "%FF"]
    {
        assert_eq!(listed(&person.get(&format!("{LIST}?after={mark}")).await), first, "{mark}");
    }
    let second = link(&person.get(LIST).await, "More apps").expect("more");
    assert_ne!(listed(&person.get(&second).await), first);
    // A mark of somebody else's list tells nothing of theirs.
    let reader = world.signed_in(READER).await;
    assert!(listed(&reader.get(&second).await).is_empty());
}

#[rstest]
#[tokio::test]
async fn a_search_finds_apps_by_any_letters_of_their_name(#[values(Sqlite, Postgres)] database: Database) {
    let apps = [
        ("ecole", "École du Web"),
        ("percent", "100%_sure"),
        ("other", "Other Tool"),
        ("never", "Never Tool"),
    ];
    let world = World::planned(database, Plan { more_config: more_apps(&apps), ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let own = person.connect(APP).await;
    let mut copies: Vec<Copy> = (0..120)
        .map(|number| {
            let app = if number % 2 == 0 { "ecole" } else { "other" };
            Copy::new(number, app).used(LATER + i64::try_from(number).expect("small"))
        })
        .collect();
    copies[11].status = "needs_reconnect";
    copies[13].status = "revoked";
    copies.push(Copy::new(500, "percent"));
    copy(&world, &own, &copies).await;
    let found = async |query: &str| {
        let pages = pages(&person, &format!("{LIST}?q={query}"), "More apps").await;
        pages.iter().flat_map(listed).collect::<Vec<_>>()
    };
    let id = |number: usize| copies[number].id.clone();
    let ecole: Vec<String> = (0..120).rev().filter(|number| number % 2 == 0).map(id).collect();
    assert_eq!(found("%C3%A9COLE%20du").await, ecole);
    let of_tools = (0..120).rev().filter(|number| number % 2 == 1 && ![11, 13].contains(number)).map(id);
    let other: Vec<String> = [id(11)].into_iter().chain(of_tools).collect();
    assert_eq!(found("tool").await, other);
    // Two apps by one search: one list, in the list's own order.
    let mut both: Vec<String> = (0..120).rev().filter(|number| ![11, 13].contains(number)).map(id).collect();
    both.insert(0, id(11));
    assert_eq!(found("e").await.len(), both.len() + 2, "Content Writer and 100%_sure have an e, too");
    assert_eq!(found("o").await, [both, vec![own]].concat());
    assert_eq!(found("%25_").await, [id(120)]);
    assert_eq!(found("%25%25").await, Vec::<String>::new());
    assert!(person.get(&format!("{LIST}?q=nothing")).await.says("No app of yours has a name like that."));
}

#[rstest]
#[tokio::test]
async fn what_was_just_used_is_listed_first(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let own = person.connect(APP).await;
    let now = world.broker.clock.now().unix();
    copy(&world, &own, &[Copy::new(1, APP).used(now + 10), Copy::new(2, APP).used(now - 10)]).await;
    let order = async || listed(&person.get(LIST).await).iter().position(|id| *id == own);
    assert_eq!(order().await, Some(1), "by when it was connected, as long as it was not used");
    world.clock.advance(60);
    world.access_token(&own).await;
    attache::ledger::hand_out::flush(&world.broker).await.expect("a ledger");
    assert_eq!(order().await, Some(0));
}

#[rstest]
#[tokio::test]
async fn all_activity_can_be_read_page_by_page(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let own = person.connect(APP).await;
    note(&world, &own, 120).await;
    let page = format!("{LIST}/{own}");
    let pages = pages(&person, &page, "Older activity").await;
    let times = |page: &Page| -> Vec<String> {
        let activity = page.text.split("id=\"activity\"").nth(1).expect("activity");
        let times = activity.split("datetime=\"").skip(1);
        times.map(|rest| rest.split('"').next().expect("an end").to_owned()).collect()
    };
    let met: Vec<Vec<String>> = pages.iter().map(times).collect();
    assert_eq!(met.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 21]);
    let met = met.concat();
    assert!(met.is_sorted_by(|newer, older| newer > older), "{met:?}");
    assert_eq!(link(&pages[0], "Newest activity"), None);
    let back = link(&pages[2], "Newest activity").expect("a way back");
    assert_eq!(times(&person.get(&back).await), times(&pages[0]));
    let malformed = person.get(&format!("{page}?before=%00")).await;
    assert_eq!(times(&malformed), times(&pages[0]));
    let before_all = person.get(&format!("{page}?before=0")).await;
    assert!(before_all.says("There is nothing older.") && link(&before_all, "Older activity").is_none());
}

#[rstest]
#[tokio::test]
async fn use_is_counted_for_thirty_days_and_no_longer(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let own = person.connect(APP).await;
    let page = format!("{LIST}/{own}");
    world.access_token(&own).await;
    // The 29th day after is the last one on which today is among the thirty.
    world.clock.advance(29 * 86_400);
    assert!(world.signed_in(EDITOR).await.get(&page).await.says("Used once, on "));
    world.clock.advance(86_400);
    assert!(world.signed_in(EDITOR).await.get(&page).await.says("Not used in the last 30 days."));
}
