//! Limits that do not fail open: not by many addresses, not by one that is easily changed, and not by where a credential
//! stands. And each pays for itself: a caller for its subject tokens, a person for their consents.

use std::net::IpAddr;

use attache::edge::address::Address;
use attache::limits::REMEMBERED;
use attache::operator::{Command, run};
use rstest::rstest;
use serde_json::{Value, json};

use crate::limits::{THREE, behind_a_proxy, guess, limited, sent, use_up};
use crate::world::{APP, Database, EDITOR, Postgres, READER, Sqlite};

fn address(number: u32) -> Address {
    IpAddr::from(number.to_be_bytes()).into()
}

#[tokio::test]
async fn where_there_is_no_more_room_addresses_share_their_counts_and_nobody_goes_uncounted() {
    let world = limited(Sqlite, "failures_per_minute = 60\nfailure_burst = 1\nsign_ins_per_minute = 1").await;
    let limits = &world.broker.limits;
    let more = u32::try_from(REMEMBERED).expect("a number") + 5000;
    for number in 0..more {
        limits.count_failure(address(number), None);
        let _ = limits.admit_sign_in(address(number));
    }
    for number in [1, more - 1] {
        assert!(limits.admit_address(address(number), || None).is_err(), "{number}");
        assert!(limits.admit_sign_in(address(number)).is_err(), "{number}");
    }
    // Who was never here shares as well: there are a thousand counts for five thousand who came too late.
    let waiting = (0..100).filter(|n| limits.admit_address(address(more + n), || None).is_err()).count();
    assert!(waiting > 50, "{waiting}");
    world.clock.advance(60);
    limits.sweep();
    assert!(limits.admit_address(address(1), || None).is_ok());
    limits.count_failure(address(more), None);
    assert!(limits.admit_address(address(more), || None).is_err());
    assert!(limits.admit_address(address(more + 1), || None).is_ok());
}

#[rstest]
#[tokio::test]
async fn whoever_changes_its_ipv6_network_is_counted_by_its_site_too(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = behind_a_proxy(database, THREE).await;
    let status = async |from: &str| {
        let request = guess(&world, "/v1/connections/Et1/token").header("x-forwarded-for", from);
        sent(request).await.status().as_u16()
    };
    // A site may sixteen times as much as a network.
    for network in 0..16 {
        use_up(&world, &format!("2001:db8:1:{network:x}::1")).await;
    }
    assert_eq!(status("2001:db8:1:ffff::1").await, 429);
    assert_eq!(status("2001:db8:2:ffff::1").await, 401);
}

#[rstest]
#[tokio::test]
async fn one_ipv6_network_that_is_refused_uses_up_nothing_of_its_sites(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = limited(database, "sign_ins_per_minute = 3").await;
    let of = |text: &str| Address::from(text.parse::<IpAddr>().expect("an address"));
    let admitted =
        (0..100).filter(|_| world.broker.limits.admit_sign_in(of("2001:db8:1:1::1")).is_ok()).count();
    assert_eq!(admitted, 3);
    assert!(world.broker.limits.admit_sign_in(of("2001:db8:1:2::1")).is_ok());
}

#[rstest]
#[tokio::test]
async fn a_refused_subject_token_is_charged_to_its_caller_and_to_nobody_at_its_address(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = limited(database, &format!("{THREE}\nsubject_failures_per_minute = 3")).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let (other, other_key) = world.make_caller("another", &[APP]).await;
    for _ in 0..3 {
        assert_eq!(world.exchange(&[("subject_token", "guessed")]).await.status(), 400);
    }
    let told = world.exchange(&[("subject_token", &token)]).await;
    assert_eq!(
        (told.status().as_u16(), &told.headers()["retry-after"]),
        (429, &"20".parse().expect("a value"))
    );
    let body: Value = told.json().await.expect("JSON");
    assert_eq!(body["error"], "temporarily_unavailable", "{body}");
    // What the caller gets by its key alone goes on, and so does everybody else at the address.
    assert_eq!(world.v1_token(&connection, &json!({})).await.status(), 200);
    let exchange = world.exchange_as(&other, &other_key, &[("subject_token", &token)]);
    assert_eq!(sent(exchange).await.status(), 200);
    assert_eq!(sent(guess(&world, "/v1/connections/Et1/token")).await.status(), 401);
    world.clock.advance(20);
    assert_eq!(world.exchange(&[("subject_token", &token)]).await.status(), 200);
}

#[rstest]
#[tokio::test]
async fn a_known_credential_in_a_body_gets_past_a_guessers_wait_as_one_in_a_header_does(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = limited(database, THREE).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let (id, key) = world.caller().await;
    let (_, newcomer) = world.make_caller("newcomer", &[APP]).await;
    use_up(&world, "").await;
    let slack = || world.http.post(world.url("/api/apps.auth.external.get"));
    let form = |key: &str| slack().form(&[("token", key), ("external_token_id", &connection)]);
    let in_json = |key: &str| slack().json(&json!({ "token": key, "external_token_id": connection }));
    let exchange = |key: &str| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", &token),
            ("client_id", &id),
            ("client_secret", key),
        ];
        world.http.post(world.url("/oauth/token")).form(&form)
    };
    for request in [form(&key), in_json(&key), exchange(&key)] {
        let what = format!("{request:?}");
        assert_ne!(sent(request).await.status(), 429, "{what}");
    }
    let handed: Value = sent(form(&key)).await.json().await.expect("JSON");
    assert_eq!(handed["external_token"], token.as_str(), "{handed}");
    // Who is not known waits, and so does what cannot be read.
    for request in
        [form(&newcomer), in_json("ak_guessed"), exchange("ak_guessed"), slack().body("{"), slack()]
    {
        let what = format!("{request:?}");
        let answer = sent(request).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["retry-after"]),
            (429, &"10".parse().expect("a value")),
            "{what}"
        );
    }
    // One that was good once and is revoked gets past once.
    let key_id = key.split('_').nth(1).expect("the key's id").to_owned();
    run(&world.broker, Command::RevokeKey { id: key_id }).await.expect("a revoke");
    let told: Value = sent(form(&key)).await.json().await.expect("JSON");
    assert_eq!(told["error"], "invalid_auth");
    assert_eq!(sent(form(&key)).await.status(), 429);
}

#[rstest]
#[tokio::test]
async fn a_person_goes_on_to_connect_as_often_as_is_configured_and_then_a_page_says_to_wait(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = limited(database, "connects_per_minute = 2").await;
    let person = world.signed_in(EDITOR).await;
    let path = format!("/connect/{APP}?state=xyz");
    for _ in 0..2 {
        person.ask_to_connect(&path).await;
    }
    let rows = world.rows("connect_attempts").await;
    let csrf = person.get(&path).await.csrf();
    let page = person.post(&format!("/connect/{APP}"), &[("csrf", &csrf), ("state", "xyz")]).await;
    assert_eq!((page.status.as_u16(), &page.headers["retry-after"]), (429, &"30".parse().expect("a value")));
    assert!(page.says("Try again in 30 seconds") && page.says(&format!("href=\"{path}\"")), "{}", page.text);
    assert_eq!(world.rows("connect_attempts").await, rows);
    // Nobody else pays for it, and it passes.
    world.signed_in(READER).await.ask_to_connect(&path).await;
    world.clock.advance(30);
    person.ask_to_connect(&path).await;
}
