//! Whatever a token endpoint answers, at whatever status: a rotated refresh token is kept or its loss is named, nothing is
//! handed out under another identity, and no answer makes us refresh one connection twice in thirty seconds.

use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::{IdTokenFault, TokenShape};
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, Sqlite, World};

/// Answers for each database and each kind of issuer.
const ANSWERS: u64 = 60;

/// xorshift64: the same answers in each run.
struct Chance(u64);

impl Chance {
    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        &choices[usize::try_from(self.0 % choices.len() as u64).expect("a small number")]
    }
}

struct Answer {
    status: u16,
    body: String,
    /// The issuer carries the request out: what it refuses it does not do.
    done: bool,
    /// It says in so many words that the grant is dead.
    dead: bool,
    /// Its ID token is the other person's.
    crossed: bool,
}

fn answer(chance: &mut Chance) -> Answer {
    let status =
        *chance.of(&[200, 200, 200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 429, 500, 502, 503, 504]);
    let mut members = Map::new();
    let choices: [(&str, Vec<Value>); 8] = [
        (
            "access_token",
            json_list(&json!(["{access_token}", "{access_token}", "{access_token}", null, 7, "", "a b"])),
        ),
        (
            "refresh_token",
            json_list(&json!(["{refresh_token}", "{refresh_token}", "{refresh_token}", null, "", 7, []])),
        ),
        ("id_token", json_list(&json!(["{id_token}", "{id_token}", "{id_token}", "-", null, 7, "x.y.z"]))),
        ("expires_in", json_list(&json!([3600, 3600, 0, -1, "3600", "soon", null, {}, 1e99, 5]))),
        ("token_type", json_list(&json!(["Bearer", "Bearer", "bearer", "-", null, "DPoP", 7, "N_A"]))),
        ("scope", json_list(&json!(["openid", "-", ["openid", "email"], 7, null, ""]))),
        (
            "error",
            json_list(
                &json!(["-", "-", "-", "-", "-", null, "", "odd", "invalid_grant", {"code": "invalid_grant"}, "login_required"]),
            ),
        ),
        ("more", json_list(&json!(["-", {"a": [1, 2]}, null, "\u{0}"]))),
    ];
    for (name, values) in &choices {
        let value = chance.of(values);
        if value != "-" {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    let word = members.get("error").is_some_and(|error| !error.is_null() && error != "");
    let dead = members.get("error").is_some_and(|error| error.to_string().contains("invalid_grant"));
    let brings = |name: &str| members.get(name) == Some(&json!(format!("{{{name}}}")));
    let done = match status {
        200..=299 => !word || brings("refresh_token"),
        500 | 502 | 504 => !dead,
        _ => false,
    };
    let crossed = brings("id_token") && *chance.of(&[true, false, false, false]);
    let mut body = Value::Object(members).to_string();
    if *chance.of(&[true, false, false, false, false, false, false, false]) {
        body.truncate(body.len() / 2);
    }
    Answer { status, body, done, dead, crossed }
}

fn json_list(list: &Value) -> Vec<Value> {
    list.as_array().expect("a list").clone()
}

async fn ask(world: &World, connection: &str) -> Value {
    let force = [("external_token_id", connection), ("force_refresh", "true")];
    let answer = world.slack("get", &force).await;
    if let Some(token) = answer["external_token"].as_str() {
        let whose = world.issuer.whose(token).map(|(whose, _)| whose);
        assert_eq!(whose.as_deref(), Some(EDITOR), "handed out: {token}");
    }
    answer
}

async fn cause(world: &World, connection: &str) -> String {
    let cause = world.column("SELECT cause FROM connections WHERE id = $1", connection).await;
    cause.unwrap_or_default()
}

async fn one(world: &World, connection: &str, answer: &Answer, overlap: bool) {
    let what = format!("{} {} (carried out: {})", answer.status, answer.body, answer.done);
    world.clock.advance(LIFETIME + 1);
    let before = world.issuer.refreshes();
    {
        let mut faults = world.issuer.faults();
        if answer.done {
            faults.token_shape.next(TokenShape::As(answer.status, answer.body.clone()));
        } else {
            let (code, body) = (answer.status, answer.body.clone());
            faults.token.always(Fault::Status { code, body, retry_after: None });
        }
        if answer.crossed && answer.done {
            faults.id_token.next(IdTokenFault::OtherSub);
        }
    }
    let first = ask(world, connection).await;
    let crossed = answer.crossed && answer.done && !overlap && (200..300).contains(&answer.status);
    if crossed && answer.body.contains("{id_token}") && serde_json::from_str::<Value>(&answer.body).is_ok() {
        assert_eq!(first["ok"], false, "{what}: {first}");
    }
    let answered = world.issuer.refreshes() - before;
    if (200..300).contains(&answer.status) {
        for _ in 0..2 {
            world.clock.advance(10);
            ask(world, connection).await;
        }
        assert_eq!(world.issuer.refreshes() - before, answered, "{what}: asked again within thirty seconds");
    }
    world.issuer.faults().token.clear();
    world.issuer.faults().id_token.clear();
    world.clock.advance(LIFETIME + 1);
    let later = ask(world, connection).await;
    if later["ok"] == true {
        return;
    }
    assert_eq!(world.status(connection).await, "needs_reconnect", "{what}: {later}");
    let cause = cause(world, connection).await;
    let named = match cause.as_str() {
        "rotation_lost" => answer.done,
        "identity_changed" => (200..300).contains(&answer.status),
        "login_required" => answer.body.contains("login_required"),
        "revoked_upstream" => answer.dead && !answer.done,
        _ => false,
    };
    assert!(named, "{what}: {cause}");
}

async fn as_often_as_may_be(database: Database, overlap: bool) {
    let replace = vec![("profile = \"auth0\"\n", "profile = \"auth0\"\nleeway_seconds = 7200\n")];
    let plan = Plan {
        replace: if overlap { replace } else { Vec::new() },
        issuer: overlap.then_some(|settings| settings.leeway = 7200),
        ..Plan::default()
    };
    let world = World::planned(database, plan).await;
    world.caller().await;
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for _ in 0..ANSWERS {
        let person = world.signed_in(EDITOR).await;
        let connection = person.connect(APP).await;
        one(&world, &connection, &answer(&mut chance), overlap).await;
        world.slack("delete", &[("external_token_id", &connection)]).await;
        world.settle().await;
    }
}

#[rstest]
#[tokio::test]
async fn no_answer_of_a_strict_issuer_loses_a_grant_silently_or_crosses_one(
    #[values(Sqlite, Postgres)] database: Database,
) {
    as_often_as_may_be(database, false).await;
}

#[rstest]
#[tokio::test]
async fn no_answer_of_an_issuer_with_an_overlap_loses_a_grant_silently_or_crosses_one(
    #[values(Sqlite, Postgres)] database: Database,
) {
    as_often_as_may_be(database, true).await;
}
