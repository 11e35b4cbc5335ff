//! `POST /v1/connect-sessions`: a platform's backend is given a link for its user by the platform's own word, said now, to us and
//! once; and by nothing else.

use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::person::Person;
use crate::platform_users::{
    ACME, BACK, GLOBEX, answer, any_identity, ask, backend, claims, keys, link, refused, signed, signed_as,
    signed_by_a_stranger, stage, stage_with,
};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

#[rstest]
#[tokio::test]
async fn a_platforms_user_connects_an_app_by_a_link_and_its_backend_is_handed_the_token(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage_with(database, any_identity()).await;
    let body = json!({ "user_token": signed(&claims(&world, "1")), "app": APP, "return_to": BACK });
    let made = ask(&world, &key, &body).await;
    assert_eq!(
        (made.status(), &made.headers()["cache-control"]),
        (StatusCode::CREATED, &"no-store".parse().expect("a value"))
    );
    let made: Value = made.json().await.expect("JSON");
    assert_eq!(made["object"], "connect_session");
    assert!(made["id"].as_str().is_some_and(|id| id.starts_with("cs_")), "{made}");
    assert_eq!(made["expires_at"], world.clock.now().unix() + 600);
    assert_eq!(world.rows("accounts").await, 0, "a link makes no account");
    let path = made["url"].as_str().and_then(|url| url.strip_prefix(&world.public_url)).expect("a link");
    let person = Person::new(&world);
    let page = person.get(path).await;
    for said in ["Acme", "says that you are", "Ada Example", "ada@example.com", "Content Writer", "Not me"] {
        assert!(page.says(said), "{said}: {}", page.text);
    }
    let onward = answer(&person, path, "continue").await.location().expect("the app's page");
    assert_eq!(onward.path(), format!("/connect/{APP}"));
    let back = person.consent(&onward.as_str()[world.public_url.len()..], EDITOR).await;
    let back = person.get(back.as_str()).await.location().expect("Acme's page");
    let connection = back.as_str().strip_prefix(&format!("{BACK}&connection=")).expect("a connection");
    let account = world.column("SELECT account_id FROM connections WHERE id = $1", connection).await;
    let account = account.expect("an account");
    let issuer = world.column("SELECT issuer FROM accounts WHERE id = $1", &account).await;
    assert_eq!(issuer.as_deref(), Some("platform:acme"));
    let get = |path: String| world.http.get(world.url(&path)).bearer_auth(&key).send();
    let told: Value =
        get(format!("/v1/connections/{connection}")).await.expect("an answer").json().await.expect("JSON");
    assert_eq!(told["account"], json!({ "id": account, "platform": "acme", "external_id": "ada" }));
    let post = world.http.post(world.url(&format!("/v1/connections/{connection}/token"))).bearer_auth(&key);
    let handed: Value = post.send().await.expect("an answer").json().await.expect("JSON");
    assert!(handed["access_token"].is_string(), "{handed}");
}

#[rstest]
#[tokio::test]
async fn a_word_that_is_not_the_platforms_for_us_and_now_is_refused_with_the_reason(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let now = world.clock.now().unix();
    let long = "a".repeat(256);
    let slash = format!("{}/", world.public_url);
    let changes: [(&str, Value, &str); 27] = [
        ("aud", json!("https://elsewhere.test"), "`aud`"),
        ("aud", json!([world.public_url, "https://elsewhere.test"]), "`aud`"),
        ("aud", json!([world.public_url, 7]), "`aud`"),
        ("aud", json!(slash), "`aud`"),
        ("aud", Value::Null, "`aud`"),
        ("sub", Value::Null, "subject"),
        ("sub", json!(""), "subject"),
        ("sub", json!(7), "subject"),
        ("sub", json!(long), "subject"),
        ("sub", json!("a\u{0}b"), "subject"),
        ("iat", Value::Null, "`iat`"),
        ("iat", json!(now + 31), "future"),
        ("iat", json!(now.to_string()), "number"),
        ("iat", json!(now - 241), "300 seconds"),
        ("exp", Value::Null, "expiry"),
        ("exp", json!(now + 301), "300 seconds"),
        ("exp", json!(now), "`exp`"),
        ("exp", json!(1e300), "300 seconds"),
        ("nbf", json!(now + 31), "not valid yet"),
        ("jti", Value::Null, "`jti`"),
        ("jti", json!(""), "`jti`"),
        ("jti", json!(long), "`jti`"),
        ("jti", json!(7), "`jti`"),
        ("name", json!(7), "`name`"),
        ("name", json!("n".repeat(201)), "`name`"),
        ("email", json!("a\r\nb"), "`email`"),
        ("email", json!(["ada@example.com"]), "`email`"),
    ];
    let mut words = Vec::new();
    for (claim, value, reason) in changes {
        let mut said = claims(&world, "1");
        match value {
            Value::Null => drop(said.as_object_mut().expect("an object").remove(claim)),
            value => said[claim] = value,
        }
        words.push((signed(&said), reason));
    }
    let good = claims(&world, "1");
    let mut old = good.clone();
    (old["iat"], old["exp"]) = (json!(now - 100), json!(now - 31));
    words.push((signed(&old), "expired"));
    words.push((signed_by_a_stranger(&good), "signature"));
    for (header, reason) in [
        (json!({ "alg": "none", "kid": "one" }), "algorithm"),
        (json!({ "alg": "HS256", "kid": "one" }), "algorithm"),
        (json!({ "alg": "EdDSA", "kid": "two" }), "signature"),
        (json!({ "alg": "EdDSA", "typ": "at+jwt" }), "type"),
        (json!({ "alg": "EdDSA", "crit": ["b64"] }), "extensions"),
    ] {
        words.push((signed_as(&header, &good), reason));
    }
    for (word, reason) in words {
        let said =
            refused(ask(&world, &key, &json!({ "user_token": word })).await, 400, "invalid_user_token").await;
        assert!(said.contains(reason) && said.len() < 300, "{reason}: {said}");
        let signature = word.rsplit('.').next().expect("a signature");
        assert!(signature.is_empty() || !said.contains(signature), "{said}");
    }
    assert_eq!(world.rows("connect_sessions").await, 0);
    // What is good is good in each of these forms, and none of the refused ones has used up the `jti`.
    for (jti, header) in [
        ("1", json!({ "alg": "EdDSA" })),
        ("2", json!({ "alg": "EdDSA", "typ": "connect-session+jwt", "kid": "one" })),
        ("3", json!({ "alg": "EdDSA", "typ": "application/JWT", "kid": "one" })),
    ] {
        let mut said = claims(&world, jti);
        (said["aud"], said["name"], said["email"]) = (json!([world.public_url]), Value::Null, json!(" "));
        assert_eq!(
            ask(&world, &key, &json!({ "user_token": signed_as(&header, &said) })).await.status(),
            201
        );
    }
}

#[rstest]
#[tokio::test]
async fn a_word_is_good_once_however_often_it_is_brought_and_by_however_many(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let body = json!({ "user_token": signed(&claims(&world, "1")) });
    let asked = std::iter::repeat_with(|| ask(&world, &key, &body)).take(6);
    let mut good = 0;
    for answer in futures_util::future::join_all(asked).await {
        if answer.status() == 201 {
            good += 1;
        } else {
            assert!(refused(answer, 400, "invalid_user_token").await.contains("`jti`"));
        }
    }
    assert_eq!(good, 1);
    // Also when other claims stand around it, when the link was used, and as long as the word could be believed.
    let path = link(&world, &key, "2", json!({})).await;
    answer(&Person::new(&world), &path, "continue").await;
    let mut again = claims(&world, "2");
    again["sub"] = json!("bob");
    again["exp"] = json!(world.clock.now().unix() + 300);
    for seconds in [0, 200, 129] {
        world.clock.advance(seconds);
        attache::connect_session::sweep(&world.broker).await.expect("a database");
        let said = refused(
            ask(&world, &key, &json!({ "user_token": signed(&again) })).await,
            400,
            "invalid_user_token",
        );
        assert!(said.await.contains("`jti`"));
    }
    // Another platform counts its own.
    let mut other = claims(&world, "1");
    other["iss"] = json!(GLOBEX);
    assert_eq!(ask(&world, &key, &json!({ "user_token": signed(&other) })).await.status(), 201);
    // Nothing is remembered for ever.
    world.clock.advance(700);
    attache::connect_session::sweep(&world.broker).await.expect("a database");
    assert_eq!(world.rows("connect_sessions").await, 0);
}

#[rstest]
#[tokio::test]
async fn a_caller_learns_nothing_of_platforms_and_apps_that_are_not_its(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, key) = stage(database).await;
    let (_, stranger) = world.caller().await;
    let mut unknown = claims(&world, "1");
    unknown["iss"] = json!("https://unknown.test");
    let mut closed = claims(&world, "1");
    closed["iss"] = json!("initech");
    let good = signed(&claims(&world, "1"));
    let mut sentences = Vec::new();
    for (key, word) in [
        (&stranger, &good),
        (&key, &signed(&unknown)),
        (&key, &signed(&closed)),
        (&key, &"no word".to_owned()),
        (&key, &"a.b.c".to_owned()),
        (&key, &String::new()),
    ] {
        sentences.push(
            refused(ask(&world, key, &json!({ "user_token": word })).await, 404, "platform_not_found").await,
        );
    }
    sentences.dedup();
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    let apps = ["nowhere", "other", "a\u{0}b", "../..", ""];
    for app in apps {
        let body = json!({ "user_token": good, "app": app });
        refused(ask(&world, &key, &body).await, 404, "app_not_found").await;
    }
    let take = "DELETE FROM caller_apps WHERE caller_id = 'ca_acmebackend'";
    world.change(sqlx::query(take)).await;
    refused(ask(&world, &key, &json!({ "user_token": good, "app": APP })).await, 404, "app_not_found").await;
    // Who is nobody is told so before anything is looked at.
    for (key, word) in [("ak_x_y_z", "invalid_auth"), ("", "not_authed")] {
        refused(ask(&world, key, &json!({ "user_token": good })).await, 401, word).await;
    }
    assert_eq!(world.rows("connect_sessions").await, 0);
}

#[rstest]
#[tokio::test]
async fn a_person_is_sent_back_to_pages_of_the_platform_only(#[values(Sqlite, Postgres)] database: Database) {
    let (world, key) = stage(database).await;
    let good = signed(&claims(&world, "1"));
    let zoo = [
        "https://app.acme.test.evil.example/",
        "https://app.acme.test@evil.example/",
        "https://user@app.acme.test/",
        "https:\\\\app.acme.test/",
        "https://app.acme.test\\.evil.example/",
        "http://app.acme.test/",
        "https://app.acme.test:8443/",
        "//app.acme.test/",
        "/connect/content-writer",
        "blob:https://app.acme.test/a",
        "javascript:alert(1)//https://app.acme.test/",
        " https://app.acme.test/",
        "https://app.acme.test/\u{0}",
        "https://app.acme.test/a b",
        "https://pages.example.com/",
        "https://writer.sandbox.test/connected",
        "",
    ];
    for page in zoo {
        let body = json!({ "user_token": good, "return_to": page });
        let said = refused(ask(&world, &key, &body).await, 400, "invalid_request").await;
        assert!(said.contains("platforms.acme.return_origins"), "{page}: {said}");
    }
    // A platform that names none sends nobody anywhere.
    let mut other = claims(&world, "1");
    other["iss"] = json!(GLOBEX);
    let body = json!({ "user_token": signed(&other), "return_to": BACK });
    refused(ask(&world, &key, &body).await, 400, "invalid_request").await;
    // Nor is anybody else sent to its pages, whatever a link says.
    let bob = world.signed_in(READER).await;
    let page = bob.get(&format!("/connect/{APP}?redirect_uri={ACME}/connected")).await;
    assert_eq!(page.status, 400, "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn a_body_that_cannot_be_read_is_a_sentence_without_it(#[values(Sqlite, Postgres)] database: Database) {
    let (world, key) = stage(database).await;
    let good = signed(&claims(&world, "1"));
    let bodies = [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        json!([good, null, null]).to_string(),
        json!({ "user_token": 7 }).to_string(),
        json!({ "user_token": good, "app": 7 }).to_string(),
        json!({ "user_token": good, "return_to": [] }).to_string(),
        json!({ "user_token": good, "more": 1 }).to_string(),
        format!("{{\"user_token\": \"{good}\""),
    ];
    for body in bodies {
        let post = world.http.post(world.url("/v1/connect-sessions")).bearer_auth(&key).body(body.clone());
        let said = refused(post.send().await.expect("an answer"), 400, "invalid_request").await;
        assert!(!said.contains(&good) && said.contains("user_token"), "{body}: {said}");
    }
    let get = world.http.get(world.url("/v1/connect-sessions")).bearer_auth(&key).send().await;
    refused(get.expect("an answer"), 405, "method_not_allowed").await;
}

#[rstest]
#[tokio::test]
async fn a_platform_may_publish_its_keys_and_change_them(#[values(Sqlite, Postgres)] database: Database) {
    use std::sync::{Arc, Mutex};
    let published = Arc::new(Mutex::new(json!({ "keys": [] })));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let shown = Arc::clone(&published);
    let show = move || {
        let shown = shown.lock().expect("a lock").clone();
        async move { axum::Json(shown) }
    };
    let routes = axum::Router::new().route("/keys", axum::routing::get(show));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let more_config = format!(
        "[platforms.acme]\nname = \"Acme\"\nissuer = \"{ACME}\"\njwks_url = \"{address}/keys\"\ncallers = [\"ca_acmebackend\"]\n"
    );
    let allowed: &'static str = Box::leak(format!("allow_origins = [\"{address}\", ").into_boxed_str());
    let replace = vec![("allow_origins = [", allowed)];
    let world = World::planned(database, Plan { more_config, replace, ..Plan::default() }).await;
    let key = backend(&world).await;
    let word = |jti: &str| json!({ "user_token": signed(&claims(&world, jti)) });
    let said = refused(ask(&world, &key, &word("1")).await, 503, "platform_unavailable").await;
    assert!(said.contains("keys"), "{said}");
    *published.lock().expect("a lock") = keys();
    world.clock.advance(60);
    assert_eq!(ask(&world, &key, &word("1")).await.status(), 201);
}
