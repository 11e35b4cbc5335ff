//! Real proxies before a content API, set up as `docs/resource-servers.md` says. Who may pass passes and is named, and what a
//! client writes of itself reaches nobody.

use std::net::SocketAddr;
use std::path::Path;

use axum::extract::Request;
use axum::routing::any;
use axum::{Json, Router};
use reqwest::{Method, Response};
use rstest::rstest;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use attache::content::permission::{Action, Permissions, details, scope};

use crate::own_server::free_port;
use crate::resource_servers::{ResourceServer, content_token, create};
use crate::world::{APP, Sqlite, World, until};

const TOLD: [&str; 9] = [
    "attache-subject",
    "attache-app",
    "attache-caller",
    "attache-connection",
    "attache-session",
    "attache-scope",
    "attache-operation",
    "attache-default-stage",
    "attache-authorization-details",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proxy {
    Nginx,
    Caddy,
}

impl Proxy {
    /// The fence of its configuration in the document.
    const fn fence(self) -> &'static str {
        match self {
            Self::Nginx => "```nginx\n",
            Self::Caddy => "```caddyfile\n",
        }
    }
}

/// The content API: tells the method, the path and the headers that reached it.
async fn content_api() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let routes = Router::new().fallback(any(async |request: Request| {
        let mut headers = Map::new();
        for (name, value) in request.headers() {
            let value = value.to_str().unwrap_or("unreadable");
            let all = headers.entry(name.as_str()).or_insert_with(|| json!([]));
            all.as_array_mut().expect("a list").push(json!(value));
        }
        Json(json!({ "method": request.method().as_str(), "path": request.uri().path(), "headers": headers }))
    }));
    tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
    address
}

struct Stage {
    world: World,
    url: String,
    connection: String,
    _proxy: Child,
    _directory: TempDir,
}

impl Stage {
    async fn new(proxy: Proxy) -> Self {
        let world = World::new(Sqlite).await;
        let connection = world.connection().await;
        let asks = create(&world).await;
        let directory = tempfile::tempdir().expect("a directory");
        let document = std::fs::read_to_string("docs/resource-servers.md").expect("the document");
        let (_, rest) = document.split_once(proxy.fence()).expect("a configuration");
        let port = free_port();
        let attache = world.public_url.trim_start_matches("http://").to_owned();
        let shown = rest.split("```").next().expect("its end");
        for address in ["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:9000"] {
            assert!(shown.contains(address), "{address}");
        }
        let config = shown
            .replace("127.0.0.1:8080", &attache)
            .replace("127.0.0.1:8081", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:9000", &content_api().await.to_string());
        let running = start(proxy, &config, directory.path(), &asks);
        until("the proxy listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
        Self {
            world,
            url: format!("http://127.0.0.1:{port}"),
            connection,
            _proxy: running,
            _directory: directory,
        }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.world.http.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }
}

fn start(proxy: Proxy, config: &str, directory: &Path, asks: &ResourceServer) -> Child {
    let here = directory.display();
    let mut command = match proxy {
        Proxy::Nginx => {
            let secret = format!("proxy_set_header Attache-Resource-Server {};\n", asks.secret);
            std::fs::write(directory.join("attache-secret.conf"), secret).expect("a file");
            let whole = format!(
                "user root;\ndaemon off;\nmaster_process off;\npid {here}/pid;\nerror_log {here}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n\
                 client_body_temp_path {here}/body;\nproxy_temp_path {here}/proxy;\nfastcgi_temp_path {here}/fastcgi;\n\
                 uwsgi_temp_path {here}/uwsgi;\nscgi_temp_path {here}/scgi;\n{config}\n}}\n"
            );
            std::fs::write(directory.join("nginx.conf"), whole).expect("a file");
            let mut command = Command::new("/usr/sbin/nginx");
            command.args(["-e", "stderr", "-c"]).arg(directory.join("nginx.conf"));
            command
        }
        Proxy::Caddy => {
            std::fs::write(directory.join("Caddyfile"), format!("{{\n\tadmin off\n}}\n{config}"))
                .expect("a file");
            let mut command = Command::new("caddy");
            command.args(["run", "--adapter", "caddyfile", "--config"]).arg(directory.join("Caddyfile"));
            command.env("ATTACHE_RESOURCE_SERVER", &asks.secret).env("HOME", directory);
            command
        }
    };
    let quiet = std::fs::File::create(directory.join("said")).expect("a file");
    command.stderr(quiet).kill_on_drop(true).spawn().expect("the proxy is installed (nginx-light, caddy)")
}

#[rstest]
#[tokio::test]
async fn a_content_api_behind_a_proxy_is_reached_by_whoever_may_and_told_who_it_is(
    #[values(Proxy::Nginx, Proxy::Caddy)] proxy: Proxy,
) {
    let stage = Stage::new(proxy).await;
    let Stage { world, connection, .. } = &stage;
    let token = content_token(world, connection, &[]).await;
    let narrow = content_token(world, connection, &[("scope", "content:read")]).await;
    let (all, reads) = (format!("Bearer {token}"), format!("Bearer {narrow}"));
    let forged: Vec<(&str, &str)> = TOLD.iter().map(|name| (*name, "forged")).collect();
    let told = async |method: Method, bearer: &str| -> Value {
        let headers = [forged.as_slice(), &[("authorization", bearer)]].concat();
        let answer = stage.send(method, "/entries/1?x=1", &headers).await;
        assert_eq!(answer.status(), 200);
        answer.json().await.expect("JSON")
    };
    let (caller, _) = world.caller().await;
    let account = "SELECT account_id FROM connections WHERE id = $1";
    let account = world.column(account, connection).await.expect("an account");
    for (method, bearer, scope, operation) in [
        (Method::GET, &all, "content:read content:write", "read"),
        (Method::POST, &all, "content:read content:write", "write"),
        (Method::GET, &reads, "content:read", "read"),
    ] {
        let told = told(method.clone(), bearer).await;
        assert_eq!((&told["method"], &told["path"]), (&json!(method.as_str()), &json!("/entries/1")));
        let permissions =
            if scope == scope::READ { Permissions::all().only([Action::Read]) } else { Permissions::all() };
        let details = details::written(&permissions, &world.content_api_url()).to_string();
        let values =
            [account.as_str(), APP, &caller, connection, "none", scope, operation, "PUBLISHED", &details];
        for (name, value) in TOLD.iter().zip(values) {
            assert_eq!(told["headers"][*name], json!([value]), "{name}");
        }
        // The API sees the client's token, and need not.
        assert_eq!(told["headers"]["authorization"], json!([bearer]));
        assert!(told["headers"].get("attache-resource-server").is_none());
    }
    let refused = async |method: Method, headers: &[(&str, &str)]| {
        let answer = stage.send(method, "/entries/1", headers).await;
        let challenge = answer.headers().get("www-authenticate").cloned();
        (answer.status().as_u16(), challenge.map(|value| value.to_str().expect("text").to_owned()))
    };
    let invalid = Some("Bearer error=\"invalid_token\"".to_owned());
    assert_eq!(refused(Method::GET, &[]).await, (401, Some("Bearer".to_owned())));
    assert_eq!(refused(Method::GET, &[("authorization", "Bearer nonsense")]).await, (401, invalid.clone()));
    for name in ["x-forwarded-method", "x-original-method", "x-http-method-override"] {
        let forged = [("authorization", reads.as_str()), (name, "GET"), ("x-forwarded-uri", "/")];
        assert_eq!(refused(Method::DELETE, &forged).await.0, 403, "{name}");
    }
    let secret = [("authorization", all.as_str()), ("attache-resource-server", "rs_forged")];
    assert_eq!(stage.send(Method::GET, "/entries/1", &secret).await.status(), 200, "the proxy's own counts");
    // A stop shows in the next request.
    assert_eq!(world.slack("delete", &[("external_token_id", connection)]).await["ok"], true);
    assert_eq!(refused(Method::GET, &[("authorization", &all)]).await, (401, invalid));
}

#[rstest]
#[tokio::test]
async fn graphql_reaches_its_api_with_the_scopes_by_which_that_judges(
    #[values(Proxy::Nginx, Proxy::Caddy)] proxy: Proxy,
) {
    let stage = Stage::new(proxy).await;
    let token = content_token(&stage.world, &stage.connection, &[("scope", "content:read")]).await;
    let bearer = format!("Bearer {token}");
    let address = stage.world.content_api_url();
    let path = reqwest::Url::parse(&address).expect("a URL").path().to_owned();
    let answer = stage.send(Method::POST, &path, &[("authorization", &bearer)]).await;
    assert_eq!(answer.status(), 200);
    let told: Value = answer.json().await.expect("JSON");
    assert_eq!(told["headers"]["attache-operation"], json!(["in-body"]));
    assert_eq!(told["headers"]["attache-scope"], json!(["content:read"]));
    let forged = [("authorization", bearer.as_str()), ("x-forwarded-uri", &path), ("x-original-uri", &path)];
    assert_eq!(stage.send(Method::POST, "/entries", &forged).await.status(), 403);
}
