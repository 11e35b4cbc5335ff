//! Whom the content platform believes, and whose name it writes down.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::routing::get;
use axum::{Json, Router};
use reqwest::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{AUDIENCE, Stage, listener, text};
use crate::sandbox::fault::Fault;
use crate::sandbox::jwt::{self, encode};
use crate::sandbox::platform::{Environment, Platform, Settings, start};

const CREATE: &str = "mutation createContent($data: DemoModel23May20250843CreateInput!) {
    createDemoModel23May20250843(data: $data) { id } }";
const LIST: &str = "{ demoModel23May20250843S { id title slug createdAt createdBy { id name kind } } }";

/// A platform, and the key of the broker that it believes.
struct Scene {
    stage: Stage,
    platform: Platform,
    broker: String,
    key: Ed25519KeyPair,
}

impl Scene {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let key = Ed25519KeyPair::generate().unwrap();
        let public = encode(key.public_key());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": public }] });
        let broker = listener().await;
        let address = format!("http://{}", broker.local_addr().unwrap());
        let router = Router::new().route("/.well-known/jwks.json", get(async move || Json(keys)));
        tokio::spawn(axum::serve(broker, router).into_future());
        let mut settings = Settings::demo(&address, stage.issuer.url());
        settings.management_audience = Some(AUDIENCE.to_owned());
        let platform = start(listener().await, settings, stage.clock.clone()).await;
        Self { stage, platform, broker: address, key }
    }

    fn url(&self) -> String {
        self.platform.content_api_url(&Environment::demo())
    }

    /// A content token as the broker makes them, with these claims changed.
    fn token(&self, header: &Value, changed: &Value) -> String {
        let now = self.stage.clock.now();
        let mut claims = jwt::object(json!({
            "iss": self.broker, "aud": self.url(), "sub": "ac_1", "client_id": "app_1", "act": { "sub": "ca_1" },
            "sub_id": { "format": "iss_sub", "iss": self.stage.issuer.url(), "sub": "sandbox|editor" },
            "scope": "content:read content:write", "iat": now, "exp": now.plus(300), "jti": "j",
        }));
        claims.extend(jwt::object(changed.clone()));
        let mut all = jwt::object(json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k1" }));
        all.extend(jwt::object(header.clone()));
        jwt::compact(&all, &claims, |input| self.key.sign(input).as_ref().to_vec())
    }

    async fn post(&self, url: &str, token: &str, body: &Value) -> Response {
        self.stage.http.post(url).bearer_auth(token).json(body).send().await.unwrap()
    }

    async fn create(&self, token: &str) -> Response {
        let data = json!({ "title": "Sample Content <1>", "slug": "sampleContent1s" });
        self.post(&self.url(), token, &json!({ "query": CREATE, "variables": { "data": data } })).await
    }

    async fn viewer(&self, token: &str) -> Response {
        let project = Environment::demo().project;
        let query = format!(
            "query Viewer {{_viewer {{... on UserViewer {{id user{{id profile{{email name}}}} \
             project(id: \"{project}\") {{environment(id: \"master\"){{authToken}}}}}}}}}}"
        );
        self.post(&self.platform.management_api_url(), token, &json!({ "query": query })).await
    }
}

#[tokio::test]
async fn an_entry_is_attributed_to_the_person() {
    let scene = Scene::new().await;
    let token = scene.token(&json!({}), &json!({}));
    let created = scene.create(&token).await;
    assert_eq!(created.status(), StatusCode::OK);
    let created: Value = created.json().await.unwrap();
    assert!(created["data"]["createDemoModel23May20250843"]["id"].is_string());
    let listed = scene.post(&scene.url(), &token, &json!({ "query": LIST })).await;
    let listed: Value = listed.json().await.unwrap();
    let author = &listed["data"]["demoModel23May20250843S"][0]["createdBy"];
    assert_eq!(author, &json!({ "id": "sandbox|editor", "name": "Demo Editor", "kind": "MEMBER" }));
    let author = scene.platform.entries()[0].created_by.clone().unwrap();
    assert_eq!((author.app.as_deref(), author.actor.as_deref()), (Some("app_1"), Some("ca_1")));
    let page = scene.stage.http.get(scene.platform.url()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Demo Editor") && page.contains("Sample Content &#60;1&#62;"));
}

#[tokio::test]
async fn only_a_token_for_this_very_place_is_believed() {
    let scene = Scene::new().await;
    let now = scene.stage.clock.now();
    let wrong = [
        (json!({}), json!({ "aud": format!("{}x", scene.url()) })),
        (json!({}), json!({ "iss": "http://127.0.0.1:1" })),
        (json!({}), json!({ "exp": now })),
        (json!({}), json!({ "exp": null })),
        (json!({}), json!({ "nbf": now.plus(1) })),
        (json!({ "typ": "JWT" }), json!({})),
        (json!({ "alg": "none" }), json!({})),
        (json!({ "kid": "k2" }), json!({})),
        (json!({ "crit": ["x"] }), json!({})),
    ];
    for (header, claims) in wrong {
        let answer = scene.create(&scene.token(&header, &claims)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{header} {claims}");
        assert!(answer.headers().contains_key(header::WWW_AUTHENTICATE));
        assert!(answer.json::<Value>().await.unwrap()["errors"].is_array());
    }
    let reader = scene.token(&json!({}), &json!({ "scope": "content:read" }));
    assert_eq!(scene.create(&reader).await.status(), StatusCode::FORBIDDEN);
    let listed = scene.post(&scene.url(), &reader, &json!({ "query": LIST })).await;
    assert_eq!(listed.status(), StatusCode::OK);
    assert_eq!(scene.create(&scene.token(&json!({}), &json!({}))).await.status(), StatusCode::OK);
    assert_eq!(scene.platform.entries().len(), 1);
}

#[tokio::test]
async fn the_management_api_gives_a_token_for_one_place_and_ten_minutes() {
    let mut scene = Scene::new().await;
    let tokens = scene.stage.connect().await;
    let answer: Value = scene.viewer(text(&tokens, "access_token")).await.json().await.unwrap();
    let viewer = &answer["data"]["_viewer"];
    assert_eq!(viewer["user"]["profile"]["name"], "Demo Editor");
    let token = text(&viewer["project"]["environment"], "authToken");
    assert_eq!(scene.create(token).await.status(), StatusCode::OK);
    assert_eq!(scene.platform.entries()[0].created_by.as_ref().unwrap().id, "sandbox|editor");
    scene.stage.clock.advance(600);
    assert_eq!(scene.create(token).await.status(), StatusCode::UNAUTHORIZED);

    assert_eq!(scene.viewer("made-up").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(scene.viewer(text(&tokens, "id_token")).await.status(), StatusCode::UNAUTHORIZED);
    scene.platform.faults().management.next(Fault::status(503));
    let answer = scene.viewer(text(&tokens, "access_token")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(scene.platform.asked(), 4);
}
