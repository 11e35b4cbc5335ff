//! The examples of the document: each request is sent as it stands, with real ids where the example has placeholders, and
//! what comes back is what the document says of that status.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, Url, header};
use rstest::rstest;
use serde_json::{Value, json};

use crate::openapi::{document, operations};
use crate::person::{Page, Person};
use crate::platform_users;
use crate::resource_servers::{ResourceServer, content_token, create};
use crate::session_tokens::SECTIONS;
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World};

/// What an example's placeholders stand for, for one request.
struct Stage<'w> {
    world: &'w World,
    person: Person<'w>,
    connection: String,
    account: String,
    content_token: String,
    asks: ResourceServer,
    /// The key of a platform's backend.
    backend: String,
}

impl<'w> Stage<'w> {
    async fn set(world: &'w World, asks: ResourceServer, backend: String) -> Self {
        let person = world.signed_in(EDITOR).await;
        let connection = person.connect(APP).await;
        let account = world.column("SELECT account_id FROM connections WHERE id = $1", &connection).await;
        let content_token = content_token(world, &connection, &[]).await;
        Self {
            world,
            person,
            connection,
            account: account.expect("an account"),
            content_token,
            asks,
            backend,
        }
    }

    /// The real value, where an example holds a placeholder.
    fn real(&self, name: &str, example: &Value) -> String {
        let account = &self.account;
        match (name, example.as_str()) {
            (_, Some("Et…")) => self.connection.clone(),
            (_, Some("ac_…")) => account.clone(),
            ("cursor", Some(_)) => URL_SAFE_NO_PAD.encode(format!("{account}.{}", self.connection)),
            ("token", Some("eyJ…")) => self.content_token.clone(),
            ("user_token", Some("eyJ…")) => {
                platform_users::signed(&platform_users::claims(self.world, "one"))
            }
            (_, Some(text)) => {
                assert!(!text.contains('…'), "{name}: nobody knows what {text} stands for");
                text.to_owned()
            }
            (_, None) => example.to_string(),
        }
    }

    /// Proves by the first way that is named there.
    async fn proven(&self, request: reqwest::RequestBuilder, operation: &Value) -> reqwest::RequestBuilder {
        let (id, key) = self.world.caller().await;
        let way = operation["security"][0].as_object().expect("a way");
        way.keys().fold(request, |request, scheme| match scheme.as_str() {
            // A platform's backend, which may use the app too.
            "apiKey" => request.bearer_auth(&self.backend),
            "client" => request.basic_auth(&id, Some(&key)),
            "resourceServer" => request.header("attache-resource-server", &self.asks.secret),
            "resourceServerClient" => request.basic_auth(&self.asks.id, Some(&self.asks.secret)),
            "contentToken" => request.bearer_auth(&self.content_token),
            // The person's browser sends it.
            "session" => request,
            other => panic!("nobody knows how to prove {other}"),
        })
    }

    async fn send(&self, path: &str, method: &str, operation: &Value) -> Page {
        let mut path = path.to_owned();
        let mut query = Vec::new();
        let mut headers = header::HeaderMap::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            let real = self.real(name, &parameter["example"]);
            match parameter["in"].as_str().expect("a place") {
                "path" => path = path.replace(&format!("{{{name}}}"), &real),
                "query" => query.push((name, real)),
                "header" => {
                    let name = header::HeaderName::from_bytes(name.as_bytes()).expect("a name");
                    headers.insert(name, real.parse().expect("a value"));
                }
                other => panic!("{name}: {other}?"),
            }
        }
        let mut url = Url::parse(&self.world.url(&path)).expect("a URL");
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
        let mut request = self.world.http.request(method, url.clone()).headers(headers);
        for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            let example = content["example"].as_object().expect("an example");
            let real = example.iter().map(|(name, value)| (name, self.real(name, value)));
            request = if kind == "application/json" {
                let mut body = example.clone();
                for (name, text) in real.filter(|(name, _)| example[*name].is_string()) {
                    body.insert(name.clone(), json!(text));
                }
                request.json(&body)
            } else {
                request.form(&real.collect::<Vec<_>>())
            };
        }
        self.person.send(self.proven(request, operation).await, url).await
    }
}

/// What is wrong with a value, by a schema of the document.
fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let whole = json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema");
    validator.iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}

fn check(document: &Value, place: &str, operation: &Value, page: &Page) {
    let responses = operation["responses"].as_object().expect("answers");
    let expected = responses.keys().find(|status| status.as_str() < "400").expect("an answer that is good");
    assert_eq!(page.status.as_str(), expected, "{place}: {}", page.text);
    let response = &responses[expected];
    for name in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        assert!(page.headers.contains_key(name), "{place}: no {name}");
    }
    let content = &response["content"]["application/json"];
    if content.is_null() {
        assert!(page.text.is_empty(), "{place}: {}", page.text);
        return;
    }
    let body: Value = serde_json::from_str(&page.text).expect("JSON");
    assert_eq!(faults(document, &content["schema"], &body), Vec::<String>::new(), "{place}: {body}");
}

#[rstest]
#[tokio::test]
async fn each_example_can_be_sent_and_is_answered_as_it_is_documented(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let more_config = format!("{SECTIONS}{}", platform_users::sections());
    let world = World::planned(database, Plan { more_config, ..Plan::default() }).await;
    let backend = platform_users::backend(&world).await;
    let document = document();
    let all = operations(&document);
    assert!(all.len() > 10, "there are more operations than that");
    for (path, method, operation) in all {
        let asks = create(&world).await;
        let id = asks.id.clone();
        let stage = Stage::set(&world, asks, backend.clone()).await;
        let page = stage.send(path, method, operation).await;
        check(&document, &format!("{method} {path}"), operation, &page);
        // Two may live at a time.
        let revoke = attache::operator::Command::RevokeResourceServer { id };
        attache::operator::run(&world.broker, revoke).await.expect("a revoke");
    }
}

#[test]
fn each_example_is_what_its_schema_says() {
    let document = document();
    let mut seen = 0;
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let responses = operation["responses"].as_object().expect("answers").values();
        for body in responses.chain([&operation["requestBody"]]) {
            for (kind, content) in body["content"].as_object().into_iter().flatten() {
                if let Some(example) = content.get("example") {
                    let faults = faults(&document, &content["schema"], example);
                    assert_eq!(faults, Vec::<String>::new(), "{place}: {kind}: {example}");
                    seen += 1;
                }
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let faults = faults(&document, &parameter["schema"], &parameter["example"]);
            assert_eq!(faults, Vec::<String>::new(), "{place}: {parameter}");
        }
    }
    assert!(seen > 50, "there are more examples than that");
}

#[test]
fn a_schema_refuses_what_is_not_answered() {
    let document = document();
    let schema = json!({ "$ref": "#/components/schemas/Refused" });
    assert_eq!(faults(&document, &schema, &json!({ "error": "a", "message": "b" })), Vec::<String>::new());
    for wrong in [json!({}), json!({ "error": 1, "message": "b" }), json!({ "error": "a", "message": null })]
    {
        assert!(!faults(&document, &schema, &wrong).is_empty(), "{wrong}");
    }
}
