//! The document of `/v1`: it names each route that is served and no other one, anybody may read it, and the copy in the
//! documents is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::{Method, Response};
use rstest::rstest;
use serde_json::Value;
use syn::visit::{self, Visit};
use syn::{Expr, ExprMethodCall, ItemConst, Lit};

use crate::world::{Database, Postgres, Sqlite, World};

/// `OpenAPI` has no words for the rest of a path. The operation at `/v1/authorize` tells of them.
const REST_OF_A_PATH: [&str; 2] = ["/v1/authorize/", "/v1/authorize/{*path}"];
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// As it is on https.
pub fn document() -> Value {
    written(attache::session::ON_HTTPS)
}

fn written(cookie: &str) -> Value {
    serde_json::to_value(attache::dialect::openapi::document(cookie, None)).expect("JSON")
}

/// Each operation of the document: its path, its method, itself.
pub fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("an item");
        item.iter().map(|(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    all.collect()
}

/// What a file gives to routers.
#[derive(Default)]
struct Routes {
    texts: BTreeMap<String, String>,
    found: Vec<(Expr, BTreeSet<String>)>,
}

impl Visit<'_> for Routes {
    fn visit_item_const(&mut self, item: &ItemConst) {
        if let Some(text) = literal(&item.expr) {
            self.texts.insert(item.ident.to_string(), text);
        }
    }

    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        if call.method == "route"
            && let (Some(path), Some(methods)) = (call.args.first(), call.args.get(1))
        {
            self.found.push((path.clone(), methods_of(methods)));
        }
        visit::visit_expr_method_call(self, call);
    }
}

fn literal(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// `get(one).delete(other)`
fn methods_of(expression: &Expr) -> BTreeSet<String> {
    match expression {
        Expr::MethodCall(call) => {
            let mut methods = methods_of(&call.receiver);
            methods.insert(call.method.to_string());
            methods
        }
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => {
                path.path.segments.last().map(|last| last.ident.to_string()).into_iter().collect()
            }
            _ => BTreeSet::new(),
        },
        _ => BTreeSet::new(),
    }
}

/// The routes of the machine wires by path, as they stand in the source.
fn routes(folder: &Path, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            routes(&path, found);
            continue;
        }
        let mut here = Routes::default();
        let text = std::fs::read_to_string(&path).expect("a file");
        here.visit_file(&syn::parse_file(&text).expect("Rust"));
        for (path, methods) in &here.found {
            let path = literal(path).unwrap_or_else(|| {
                let Expr::Path(named) = path else { panic!("a route without a path that can be read") };
                let name = named.path.segments.last().expect("a name").ident.to_string();
                here.texts.get(&name).unwrap_or_else(|| panic!("no text is called {name}")).clone()
            });
            found.entry(path).or_default().extend(methods.iter().cloned());
        }
    }
}

#[test]
fn each_route_of_v1_is_in_the_document() {
    let mut served = BTreeMap::new();
    routes(Path::new("src/dialect"), &mut served);
    let v1: Vec<_> = served.iter().filter(|(path, _)| path.starts_with("/v1")).collect();
    assert!(v1.len() > 10, "there are more routes than that: {v1:?}");
    let document = document();
    for (path, methods) in v1 {
        if REST_OF_A_PATH.contains(&path.as_str()) {
            continue;
        }
        for method in methods {
            // The gate answers to all of them.
            let method = if method == "any" { "get" } else { method };
            assert!(METHODS.contains(&method), "{path}: what is {method}?");
            assert!(document["paths"][path][method].is_object(), "{method} {path} is not described");
        }
    }
}

#[rstest]
#[tokio::test]
async fn each_operation_of_the_document_is_served(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    for (path, method, operation) in operations(&document()) {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
        let path = path.replace(['{', '}'], "");
        let answer = world.http.request(method, world.url(&path)).send().await.expect("an answer");
        let status = answer.status().as_u16();
        // Nobody proved who they are, so each refuses, but by a status that it tells of.
        assert!(operation["responses"][status.to_string()].is_object(), "{path}: {status}");
        let body = answer.text().await.expect("a text");
        assert!(!body.contains("\"not_found\"") && status != 405, "{path}: {body}");
    }
}

#[test]
fn each_operation_says_what_it_is_for_and_who_may_ask() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str().expect("an id")),
            "{place}: the id is another's"
        );
        let summary = operation["summary"].as_str().expect("a summary");
        assert!(summary.ends_with('.') && !summary[..summary.len() - 1].contains(". "), "{place}: {summary}");
        let tag = &operation["tags"][0];
        assert!(
            document["tags"].as_array().expect("tags").iter().any(|known| known["name"] == *tag),
            "{place}"
        );
        for requirement in operation["security"].as_array().expect("who may ask") {
            for scheme in requirement.as_object().expect("schemes").keys() {
                assert!(document["components"]["securitySchemes"][scheme].is_object(), "{place}: {scheme}");
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter.get("example").is_some(), "{place}: {parameter}");
        }
        let responses = operation["responses"].as_object().expect("answers");
        for status in ["500", "503"] {
            assert!(responses.contains_key(status), "{place}: {status}");
        }
        for (status, response) in responses {
            let comes_back = ["429", "503"].contains(&status.as_str());
            assert!(!comes_back || response["headers"]["Retry-After"].is_object(), "{place}: {status}");
        }
    }
}

async fn read(world: &World) -> Response {
    let ask = world.http.get(world.url("/openapi.json")).header("origin", "https://tools.example");
    ask.send().await.expect("an answer")
}

#[rstest]
#[tokio::test]
async fn any_page_may_read_the_document_and_the_copy_is_the_same(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let answer = read(&world).await;
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("a text"));
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("access-control-allow-origin"), Some("*"));
    assert_eq!(header("access-control-allow-credentials"), None);
    assert_eq!(header("cache-control"), Some("public, max-age=300"));
    assert_eq!(header("set-cookie"), None);
    let served: Value = answer.json().await.expect("JSON");
    assert_eq!(served, written(&attache::session::cookie_name(&world.broker)));
    let refused = world.http.post(world.url("/openapi.json")).send().await.expect("an answer");
    assert_eq!(refused.status(), 405);
    let refused: Value = refused.json().await.expect("JSON");
    assert_eq!(refused["error"], "invalid_request");
}

#[rstest]
#[tokio::test]
async fn people_read_the_same_on_a_page_that_needs_nobody_to_be_signed_in(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let answer = world.http.get(world.url("/openapi")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert!(answer.headers().get("set-cookie").is_none());
    let page = answer.text().await.expect("a text");
    let document = document();
    for (path, method, operation) in operations(&document) {
        let heading = format!("<code>{} {path}</code>", method.to_uppercase());
        assert!(page.contains(&heading), "{heading}");
        let summary = operation["summary"].as_str().expect("a sentence").replace('\'', "&#39;");
        assert!(page.contains(&summary), "{summary}");
    }
    for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(page.contains(&format!("<h3 id=\"{name}\">")), "{name}");
    }
    assert!(!page.contains("<script"), "nothing runs there");
}

#[test]
fn the_copy_in_the_documents_is_the_one_that_is_served() {
    let served = document();
    let text = serde_json::to_string_pretty(&served).expect("JSON") + "\n";
    let written = std::fs::read_to_string("docs/openapi.json").unwrap_or_default();
    let place = std::env::temp_dir().join("attache-openapi.json");
    if written != text {
        std::fs::write(&place, &text).expect("a file");
    }
    assert!(written == text, "docs/openapi.json is old; the one that is served is in {}", place.display());
}
