//! That what is ordered to go wrong does, and goes right again afterwards.

use std::time::Duration;

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use super::{Stage, parameter, text};
use crate::sandbox::fault::Fault;
use crate::sandbox::issuer::{AuthorizationFault, DiscoveryShape, IdTokenFault, TokenShape};
use crate::sandbox::jwt::Parts;

#[tokio::test]
async fn an_answer_can_be_lost_after_the_token_was_rotated() {
    let mut stage = Stage::new().await;
    let tokens = stage.connect().await;
    let token = text(&tokens, "refresh_token");
    stage.issuer.faults().token.next(Fault::DropAfterProcessing);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", "writer"),
        ("client_secret", "s3cret"),
    ];
    let lost = stage.http.post(format!("{}oauth/token", stage.issuer.url())).form(&form).send().await;
    assert!(lost.is_err());
    assert!(!stage.issuer.is_live(token));
    assert_eq!(stage.issuer.live_refresh_tokens(), 1);
}

#[tokio::test]
async fn statuses_and_hangs_do_not_spend_the_token() {
    let mut stage = Stage::new().await;
    let tokens = stage.connect().await;
    let token = text(&tokens, "refresh_token");
    stage.issuer.faults().token.next(Fault::too_many_requests(7));
    let busy = stage.refresh(token).await;
    assert_eq!(
        (busy.status(), &busy.headers()[header::RETRY_AFTER]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap())
    );
    stage.issuer.faults().token.next(Fault::Hang);
    assert!(tokio::time::timeout(Duration::from_millis(100), stage.refresh(token)).await.is_err());
    assert!(stage.issuer.is_live(token));
    assert_eq!(stage.refresh(token).await.status(), StatusCode::OK);
    assert_eq!(stage.issuer.refreshes(), 3);
}

#[tokio::test]
async fn token_answers_take_odd_shapes() {
    let mut stage = Stage::new().await;
    let tokens = stage.connect().await;
    let token = text(&tokens, "refresh_token");
    stage.issuer.faults().token_shape.next(TokenShape::With("refresh_token", Value::Null));
    stage.issuer.faults().token_shape.next(TokenShape::Without("refresh_token"));
    for _ in 0..2 {
        let answer: Value = stage.refresh(token).await.json().await.unwrap();
        assert!(answer["refresh_token"].is_null() && stage.issuer.is_live(token));
    }
    stage.issuer.faults().token_shape.next(TokenShape::With("expires_in", json!("3600")));
    let answer: Value = stage.refresh(token).await.json().await.unwrap();
    assert_eq!(answer["expires_in"], "3600");
    stage.issuer.faults().token_shape.always(TokenShape::CrLfInAccessToken);
    let answer: Value = stage.refresh(text(&answer, "refresh_token")).await.json().await.unwrap();
    assert!(text(&answer, "access_token").contains("\r\n"));
    stage.issuer.faults().token_shape.clear();
    stage.issuer.faults().token_shape.next(TokenShape::Html);
    let answer = stage.refresh(text(&answer, "refresh_token")).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html");
}

#[tokio::test]
async fn id_tokens_can_be_wrong_in_every_way() {
    let mut stage = Stage::new().await;
    let key_set = format!("{}.well-known/jwks.json", stage.issuer.url());
    let forged = [
        IdTokenFault::AlgNone,
        IdTokenFault::Hs256WithPublicKey,
        IdTokenFault::UnknownKid,
        IdTokenFault::JkuHeader,
        IdTokenFault::BadSignature,
        IdTokenFault::WeakKey,
    ];
    for fault in forged {
        stage.issuer.faults().id_token.next(fault);
        let tokens = stage.connect().await;
        let keys: Value = stage.http.get(&key_set).send().await.unwrap().json().await.unwrap();
        let token = Parts::parse(text(&tokens, "id_token")).unwrap();
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == token.key_id());
        assert!(!key.is_some_and(|key| token.signed_by(key)), "{fault:?}");
    }
    let spoilt = [
        (IdTokenFault::IssWithoutSlash, "iss", json!(stage.issuer.url().trim_end_matches('/'))),
        (IdTokenFault::NoSub, "sub", Value::Null),
        (IdTokenFault::NumericSub, "sub", json!(42)),
        (IdTokenFault::NoNonce, "nonce", Value::Null),
        (IdTokenFault::ExtraAudWithoutAzp, "aud", json!(["writer", "another-client"])),
        (IdTokenFault::ExpAsString, "exp", json!("1800036000")),
    ];
    for (fault, name, value) in spoilt {
        stage.issuer.faults().id_token.next(fault);
        let tokens = stage.connect().await;
        let token = Parts::parse(text(&tokens, "id_token")).unwrap();
        assert_eq!(token.claims.get(name).unwrap_or(&Value::Null), &value, "{fault:?}");
    }
}

#[tokio::test]
async fn a_rotated_key_signs_and_the_one_before_it_stays_published() {
    let mut stage = Stage::new().await;
    let before = Parts::parse(text(&stage.connect().await, "id_token")).unwrap();
    stage.issuer.rotate_keys();
    let after = Parts::parse(text(&stage.connect().await, "id_token")).unwrap();
    let keys: Value = stage
        .http
        .get(format!("{}.well-known/jwks.json", stage.issuer.url()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(after.signed_by(&keys["keys"][0]) && before.signed_by(&keys["keys"][1]));
    assert_ne!(before.key_id(), after.key_id());
}

#[tokio::test]
async fn discovery_and_authorization_responses_can_be_tampered_with() {
    let mut stage = Stage::new().await;
    let address = format!("{}.well-known/openid-configuration", stage.issuer.url());
    stage.issuer.faults().discovery_shape.next(DiscoveryShape::WrongIssuer);
    let wrong: Value = stage.http.get(&address).send().await.unwrap().json().await.unwrap();
    let right: Value = stage.http.get(&address).send().await.unwrap().json().await.unwrap();
    assert_ne!(wrong["issuer"], stage.issuer.url());
    assert_eq!(right["issuer"], stage.issuer.url());
    assert_eq!(right["authorization_response_iss_parameter_supported"], true);
    stage.issuer.faults().authorization.next(AuthorizationFault::NoIss);
    let url = stage.authorize_url(&[("prompt", "none")]);
    assert_eq!(parameter(&stage.open(url).await, "iss"), None);
}

#[tokio::test]
async fn a_stopped_issuer_answers_no_more() {
    let stage = Stage::new().await;
    stage.issuer.stop();
    tokio::task::yield_now().await;
    let address = format!("{}.well-known/jwks.json", stage.issuer.url());
    assert!(stage.http.get(address).send().await.is_err());
}
