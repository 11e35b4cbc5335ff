//! Tokens that a person gets at the sandbox issuer without the broker, as any client of the issuer may.

use attache::sandbox::issuer::Client;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;

use crate::person::Person;
use crate::world::{APP, AUDIENCE, World};

pub struct Tokens {
    pub access: String,
    pub id: String,
    pub refresh: String,
}

/// With the usual app's own client, for the usual audience.
pub async fn tokens(world: &World, subject: &str) -> Tokens {
    consent(world, (APP, "app-s3cret"), AUDIENCE, subject).await
}

/// With the usual app's own client, for another audience.
pub async fn tokens_for(world: &World, audience: &str, subject: &str) -> Tokens {
    let callback = world.url(&format!("/connect/{APP}/callback"));
    world.issuer.add_client(Client::new(APP, "app-s3cret", &callback).allowed(AUDIENCE).allowed(audience));
    consent(world, (APP, "app-s3cret"), audience, subject).await
}

/// With a client that is no app of the broker's.
pub async fn tokens_of_a_stranger(world: &World, subject: &str) -> Tokens {
    let callback = world.url(&format!("/connect/{APP}/callback"));
    world.issuer.add_client(Client::new("stranger", "other-s3cret", &callback).allowed(AUDIENCE));
    consent(world, ("stranger", "other-s3cret"), AUDIENCE, subject).await
}

async fn consent(world: &World, client: (&str, &str), audience: &str, subject: &str) -> Tokens {
    let (id, secret) = client;
    let redirect_uri = world.url(&format!("/connect/{APP}/callback"));
    let verifier = "a-verifier-of-a-client-that-is-not-the-broker";
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let parameters = [
        ("response_type", "code"),
        ("client_id", id),
        ("redirect_uri", &redirect_uri),
        ("scope", "openid email offline_access content:write"),
        ("audience", audience),
        ("state", "elsewhere"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let authorize = Url::parse_with_params(&format!("{}authorize", world.issuer.url()), parameters);
    let back = Person::new(world).agree(&authorize.expect("a URL"), subject).await;
    let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", id),
        ("client_secret", secret),
        ("redirect_uri", &redirect_uri),
        ("code", &code),
        ("code_verifier", verifier),
    ];
    let url = format!("{}oauth/token", world.issuer.url());
    let answer = world.http.post(url).form(&form).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}")).to_owned();
    Tokens { access: text("access_token"), id: text("id_token"), refresh: text("refresh_token") }
}
