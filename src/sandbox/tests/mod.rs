//! The sandbox, checked over HTTP as a broker and a browser would use it. Here: the stage and its small browser.

mod faults;
mod issuer;
mod platform;

use reqwest::{Response, StatusCode, header, redirect};
use serde_json::Value;
use tokio::net::TcpListener;
use url::Url;

use super::issuer::{Client, Issuer, Settings, start};
use super::jwt::encode;
use crate::clock::{Clock, Timestamp};

const CALLBACK: &str = "http://127.0.0.1:1/connect/writer/callback";
const AUDIENCE: &str = "https://management.sandbox.test/";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-accepted-by-all";
const SCOPE: &str = "openid profile email offline_access";

/// An issuer, its clock, and a browser with its cookie.
struct Stage {
    issuer: Issuer,
    clock: Clock,
    http: reqwest::Client,
    cookie: Option<String>,
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

impl Stage {
    async fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_unix(1_800_000_000));
        let client = Client::new("writer", "s3cret", CALLBACK).named("Content Writer").allowed(AUDIENCE);
        let settings = Settings { clients: vec![client], ..Settings::default() };
        let issuer = start(listener().await, settings, clock.clone()).await;
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { issuer, clock, http, cookie: None }
    }

    /// The address of an authorization request; later parameters win.
    fn authorize_url(&self, extras: &[(&str, &str)]) -> Url {
        use aws_lc_rs::digest::{SHA256, digest};
        let challenge = encode(digest(&SHA256, VERIFIER.as_bytes()));
        let usual = [
            ("response_type", "code"),
            ("client_id", "writer"),
            ("redirect_uri", CALLBACK),
            ("scope", SCOPE),
            ("state", "st&te= +%/?ü"),
            ("nonce", "n0nce"),
            ("audience", AUDIENCE),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let mut url = Url::parse(&format!("{}authorize", self.issuer.url())).unwrap();
        let kept = usual.iter().filter(|(name, _)| extras.iter().all(|(other, _)| other != name));
        url.query_pairs_mut()
            .extend_pairs(kept)
            .extend_pairs(extras.iter().filter(|pair| !pair.1.is_empty()));
        url
    }

    async fn open(&mut self, url: Url) -> Response {
        let cookie = self.cookie.clone().unwrap_or_default();
        self.http.get(url).header(header::COOKIE, cookie).send().await.unwrap()
    }

    /// Presses a button on a page of the issuer.
    async fn press(&mut self, request: &Url, name: &str, value: &str) -> Response {
        let form = [("request", request.query().unwrap()), (name, value)];
        let post = self.http.post(format!("{}authorize", self.issuer.url())).form(&form);
        let answer =
            post.header(header::COOKIE, self.cookie.clone().unwrap_or_default()).send().await.unwrap();
        if let Some(cookie) = answer.headers().get(header::SET_COOKIE) {
            self.cookie = cookie.to_str().unwrap().split(';').next().map(str::to_owned);
        }
        answer
    }

    /// Signs in as the editor, allows, and returns the code.
    async fn consent(&mut self, extras: &[(&str, &str)]) -> String {
        let url = self.authorize_url(extras);
        self.press(&url, "person", "sandbox|editor").await;
        let answer = self.press(&url, "decision", "allow").await;
        parameter(&answer, "code").expect("a code")
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let client = [("client_id", "writer"), ("client_secret", "s3cret")];
        let form = [client.as_slice(), form].concat();
        self.http.post(format!("{}{path}", self.issuer.url())).form(&form).send().await.unwrap()
    }

    async fn exchange(&self, code: &str) -> Response {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.post("oauth/token", &form).await
    }

    async fn refresh(&self, token: &str) -> Response {
        self.post("oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// The tokens of a new consent.
    async fn connect(&mut self) -> Value {
        let code = self.consent(&[]).await;
        let answer = self.exchange(&code).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }
}

/// A parameter of the address that an answer redirects to.
fn parameter(answer: &Response, name: &str) -> Option<String> {
    let address = answer.headers().get(header::LOCATION)?.to_str().unwrap();
    let address = Url::parse(address).unwrap();
    address.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}
