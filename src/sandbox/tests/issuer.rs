//! What the issuer does when all is well, and what it refuses.

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use super::{AUDIENCE, CALLBACK, SCOPE, Stage, parameter, text};
use crate::sandbox::issuer::{Client, ClientAuth, RevocationReach};
use crate::sandbox::jwt::{Parts, encode};

#[tokio::test]
async fn authorize_code_token_refresh_and_reuse_ends_the_family() {
    let mut stage = Stage::new().await;
    let first = stage.connect().await;
    assert_eq!((text(&first, "token_type"), &first["expires_in"]), ("Bearer", &json!(3600)));
    let old = text(&first, "refresh_token");
    assert!(stage.issuer.is_live(old));

    let second: Value = stage.refresh(old).await.json().await.unwrap();
    let new = text(&second, "refresh_token");
    assert_ne!(old, new);
    assert_eq!((stage.issuer.is_live(old), stage.issuer.is_live(new)), (false, true));

    let reuse = stage.refresh(old).await;
    assert_eq!(reuse.status(), StatusCode::FORBIDDEN);
    let body: Value = reuse.json().await.unwrap();
    assert_eq!(text(&body, "error"), "invalid_grant");
    assert_eq!(text(&body, "error_description"), "Unknown or invalid refresh token.");
    assert_eq!(stage.refresh(new).await.status(), StatusCode::FORBIDDEN);
    assert_eq!((stage.issuer.live_refresh_tokens(), stage.issuer.refreshes()), (0, 3));
    let issued = stage.issuer.issued();
    for token in
        [&first["access_token"], &first["id_token"], &second["access_token"], &second["refresh_token"]]
    {
        assert!(issued.iter().any(|other| other == token));
    }
}

#[tokio::test]
async fn the_id_token_and_the_access_token_say_what_they_should() {
    let mut stage = Stage::new().await;
    let tokens = stage.connect().await;
    let keys: Value = stage
        .http
        .get(format!("{}.well-known/jwks.json", stage.issuer.url()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let id = Parts::parse(text(&tokens, "id_token")).unwrap();
    let access = Parts::parse(text(&tokens, "access_token")).unwrap();
    assert!(id.signed_by(&keys["keys"][0]) && access.signed_by(&keys["keys"][0]));
    assert!(access.is_access_token() && !id.is_access_token());
    assert_eq!(id.claims["iss"], stage.issuer.url());
    assert_eq!((&id.claims["nonce"], &id.claims["sub"]), (&json!("n0nce"), &json!("sandbox|editor")));
    let hash = encode(&digest(&SHA256, text(&tokens, "access_token").as_bytes()).as_ref()[..16]);
    assert_eq!((&id.claims["at_hash"], &id.claims["name"]), (&json!(hash), &json!("Demo Editor")));
    assert!(access.is_for(AUDIENCE) && access.is_for(&format!("{}userinfo", stage.issuer.url())));

    let userinfo = stage.http.get(format!("{}userinfo", stage.issuer.url()));
    let person: Value =
        userinfo.bearer_auth(text(&tokens, "access_token")).send().await.unwrap().json().await.unwrap();
    assert_eq!(person["email"], "editor@sandbox.test");
    assert_eq!(person["updated_at"], "2026-01-01T00:00:00Z");
    let refused = stage.http.get(format!("{}userinfo", stage.issuer.url())).bearer_auth("made-up");
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_authorization_response_has_state_and_issuer() {
    let mut stage = Stage::new().await;
    let url = stage.authorize_url(&[("prompt", "none")]);
    let sent = "st&te= +%/?ü";
    let silent = stage.open(url).await;
    assert_eq!(parameter(&silent, "error").unwrap(), "login_required");
    let url = stage.authorize_url(&[]);
    let page = stage.press(&url, "person", "sandbox|editor").await.text().await.unwrap();
    assert!(page.contains("Content Writer asks for access") && page.contains("offline_access"));
    let denied = stage.press(&url, "decision", "deny").await;
    assert_eq!(parameter(&denied, "error").unwrap(), "access_denied");
    let allowed = stage.press(&url, "decision", "allow").await;
    let no_challenge = stage.authorize_url(&[("code_challenge", "")]);
    let no_challenge = stage.open(no_challenge).await;
    assert_eq!(parameter(&no_challenge, "error").unwrap(), "invalid_request");
    for answer in [&silent, &denied, &allowed, &no_challenge] {
        assert_eq!(parameter(answer, "iss").unwrap(), stage.issuer.url());
        assert_eq!(parameter(answer, "state").unwrap(), sent);
    }
}

#[tokio::test]
async fn consent_is_remembered_unless_asked_again() {
    let mut stage = Stage::new().await;
    stage.consent(&[]).await;
    let again = stage.authorize_url(&[("prompt", "none")]);
    assert!(parameter(&stage.open(again).await, "code").is_some());
    let asked = stage.authorize_url(&[("prompt", "consent")]);
    assert!(stage.open(asked).await.text().await.unwrap().contains("Allow"));
    let login = stage.authorize_url(&[("prompt", "login"), ("login_hint", "reader@sandbox.test")]);
    let page = stage.open(login).await.text().await.unwrap();
    assert!(page.find("Demo Reader").unwrap() < page.find("Demo Editor").unwrap());
    stage.issuer.revoke_all_of("sandbox|editor");
    let silent = stage.authorize_url(&[("prompt", "none")]);
    assert_eq!(parameter(&stage.open(silent).await, "error").unwrap(), "consent_required");
}

#[tokio::test]
async fn nothing_is_redirected_to_an_unregistered_address() {
    let mut stage = Stage::new().await;
    for extras in [("redirect_uri", "http://127.0.0.1:1/connect/writer/callback/"), ("client_id", "nobody")] {
        let url = stage.authorize_url(&[extras]);
        assert_eq!(stage.open(url).await.status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_code_is_used_once_and_its_reuse_revokes_what_it_gave() {
    let mut stage = Stage::new().await;
    let code = stage.consent(&[]).await;
    let tokens: Value = stage.exchange(&code).await.json().await.unwrap();
    assert_eq!(stage.issuer.live_refresh_tokens(), 1);
    assert_eq!(stage.exchange(&code).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(stage.issuer.live_refresh_tokens(), 0);
    let userinfo = stage.http.get(format!("{}userinfo", stage.issuer.url()));
    let answer = userinfo.bearer_auth(text(&tokens, "access_token")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn in_the_leeway_only_the_previous_token_is_good() {
    let mut stage = Stage::new().await;
    stage.issuer.settings().leeway = 3;
    let tokens = stage.connect().await;
    let oldest = text(&tokens, "refresh_token");
    let second: Value = stage.refresh(oldest).await.json().await.unwrap();
    assert_eq!(stage.refresh(oldest).await.status(), StatusCode::OK);
    assert_eq!(stage.issuer.live_refresh_tokens(), 2);
    stage.clock.advance(2);
    assert_eq!(stage.refresh(text(&second, "refresh_token")).await.status(), StatusCode::OK);
    assert_eq!(stage.refresh(oldest).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(stage.issuer.live_refresh_tokens(), 0);
}

#[tokio::test]
async fn clients_authenticate_in_the_one_way_they_are_registered_for() {
    let stage = Stage::new().await;
    let client = Client { auth: ClientAuth::Basic, ..Client::new("ba:sic", "p&ss word", CALLBACK) };
    stage.issuer.add_client(client);
    let url = format!("{}oauth/revoke", stage.issuer.url());
    let basic = stage.http.post(&url).basic_auth("ba%3Asic", Some("p%26ss+word")).form(&[("token", "any")]);
    assert_eq!(basic.send().await.unwrap().status(), StatusCode::OK);
    let body = json!({ "client_id": "ba:sic", "client_secret": "p&ss word", "token": "any" });
    let refused = stage.http.post(&url).json(&body).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let body = json!({ "client_id": "writer", "client_secret": "s3cret", "token": "any" });
    assert_eq!(stage.http.post(&url).json(&body).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(stage.issuer.revocations(), 3);
}

#[tokio::test]
async fn revocation_reaches_as_far_as_it_is_set_to() {
    let mut stage = Stage::new().await;
    let first = stage.connect().await;
    let second = stage.connect().await;
    stage.post("oauth/revoke", &[("token", text(&first, "refresh_token"))]).await;
    assert!(stage.issuer.is_live(text(&second, "refresh_token")));
    stage.connect().await;
    stage.issuer.settings().revocation_reach = RevocationReach::Grant;
    stage.post("oauth/revoke", &[("token", text(&second, "refresh_token"))]).await;
    assert_eq!(stage.issuer.live_refresh_tokens(), 0);
}

#[tokio::test]
async fn an_opaque_access_token_is_told_to_a_client_that_proves_itself_until_it_ends() {
    let mut stage = Stage::new().await;
    stage.issuer.settings().opaque_access_tokens = true;
    let tokens = stage.connect().await;
    let token = text(&tokens, "access_token");
    assert!(Parts::parse(token).is_none());
    let told = async |stage: &Stage, token: &str| -> Value {
        stage.post("oauth/introspect", &[("token", token)]).await.json().await.unwrap()
    };
    let said = told(&stage, token).await;
    let named = (text(&said, "sub"), text(&said, "client_id"), text(&said, "aud"));
    assert_eq!((&said["active"], named), (&json!(true), ("sandbox|editor", "writer", AUDIENCE)));
    assert_eq!(told(&stage, text(&tokens, "refresh_token")).await, json!({ "active": false }));
    let url = format!("{}oauth/introspect", stage.issuer.url());
    let nobody =
        stage.http.post(url).form(&[("client_id", "writer"), ("token", token)]).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    stage.post("oauth/revoke", &[("token", text(&tokens, "refresh_token"))]).await;
    assert_eq!(told(&stage, token).await, json!({ "active": false }));
    assert_eq!(stage.issuer.introspections(), 4);
}

#[tokio::test]
async fn logout_clears_the_cookie_and_returns_only_to_registered_addresses() {
    let mut stage = Stage::new().await;
    stage.consent(&[("scope", SCOPE)]).await;
    stage.issuer.settings().clients[0].post_logout_redirect_uris.push("http://127.0.0.1:1/bye".to_owned());
    let logout = |target: &str| {
        let query = [("client_id", "writer"), ("post_logout_redirect_uri", target), ("state", "s")];
        stage.http.get(format!("{}oidc/logout", stage.issuer.url())).query(&query)
    };
    let elsewhere = logout("http://127.0.0.1:1/elsewhere").send().await.unwrap();
    assert_eq!(elsewhere.status(), StatusCode::BAD_REQUEST);
    let cookie = stage.cookie.clone().unwrap();
    let answer = logout("http://127.0.0.1:1/bye").header(header::COOKIE, cookie).send().await.unwrap();
    assert_eq!(parameter(&answer, "state").unwrap(), "s");
    assert!(answer.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    let silent = stage.authorize_url(&[("prompt", "none")]);
    assert_eq!(parameter(&stage.open(silent).await, "error").unwrap(), "login_required");
}
