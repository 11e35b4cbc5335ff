//! ID tokens: one that is wrong in any way signs nobody in; one that is only unusual does.

use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::{IdTokenFault, TokenShape, UserinfoShape};
use rstest::rstest;
use serde_json::json;

use crate::person::{Page, Person};
use crate::sign_in_answer::assert_refused;
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World};

/// An issuer's name is data, too.
const ODD: [(&str, &str); 1] = [("name = \"Sandbox\"", "name = \"Sand<script>box\"")];

async fn named_oddly() -> World {
    World::planned(Sqlite, Plan { replace: ODD.to_vec(), ..Plan::default() }).await
}

async fn answer(world: &World) -> Page {
    let person = Person::new(world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    let answer = person.get(callback.as_str()).await;
    let then = person.get("/account/connected-apps").await;
    assert_eq!(answer.status == 303, then.status == 200, "the session does not fit the answer");
    answer
}

/// The page is escaped, tells no token, and nobody has an account.
async fn assert_nobody_came_in(world: &World, page: &Page) {
    assert_refused(page);
    assert!(!page.says("<script") && page.says("Sand&#60;script&#62;box"), "{}", page.text);
    for secret in world.issuer.issued() {
        assert!(!page.says(&secret), "a code or token is on the page");
    }
    assert_eq!(world.rows("accounts").await, 0);
}

#[rstest]
#[case(IdTokenFault::AlgNone)]
#[case(IdTokenFault::Hs256WithPublicKey)]
#[case(IdTokenFault::WrongIss)]
#[case(IdTokenFault::IssWithoutSlash)]
#[case(IdTokenFault::WrongAud)]
#[case(IdTokenFault::ExtraAudWithoutAzp)]
#[case(IdTokenFault::WrongAzp)]
#[case(IdTokenFault::Expired)]
#[case(IdTokenFault::FutureNbf)]
#[case(IdTokenFault::FutureIat)]
#[case(IdTokenFault::WrongNonce)]
#[case(IdTokenFault::NoNonce)]
#[case(IdTokenFault::WrongAtHash)]
#[case(IdTokenFault::NoSub)]
#[case(IdTokenFault::EmptySub)]
#[case(IdTokenFault::LongSub)]
#[case(IdTokenFault::NumericSub)]
#[case(IdTokenFault::OtherSub)]
#[case(IdTokenFault::UnknownKid)]
#[case(IdTokenFault::JkuHeader)]
#[case(IdTokenFault::AccessTokenType)]
#[case(IdTokenFault::CritHeader)]
#[case(IdTokenFault::WeakKey)]
#[case(IdTokenFault::BadSignature)]
#[case(IdTokenFault::ExpAsString)]
#[tokio::test]
async fn a_wrong_id_token_signs_nobody_in(#[case] fault: IdTokenFault) {
    let world = named_oddly().await;
    world.issuer.faults().id_token.next(fault);
    let page = answer(&world).await;
    assert_nobody_came_in(&world, &page).await;
    // The next one is right, and the fault before it stands in nobody's way.
    assert_eq!(answer(&world).await.status, 303);
}

#[rstest]
#[case::none(TokenShape::Without("id_token"))]
#[case::empty(TokenShape::With("id_token", json!("")))]
#[case::null(TokenShape::With("id_token", json!(null)))]
#[case::object(TokenShape::With("id_token", json!({ "sub": "sandbox|editor" })))]
#[case::two_parts(TokenShape::With("id_token", json!("e30.e30")))]
#[case::no_base64(TokenShape::With("id_token", json!("?.?.?")))]
#[case::too_long(TokenShape::With("id_token", json!("a".repeat(40_000))))]
#[case::page(TokenShape::Html)]
#[case::half(TokenShape::Truncated)]
#[tokio::test]
async fn an_answer_without_a_usable_id_token_signs_nobody_in(#[case] shape: TokenShape) {
    let world = named_oddly().await;
    world.issuer.faults().token_shape.next(shape);
    let page = answer(&world).await;
    assert_nobody_came_in(&world, &page).await;
}

#[rstest]
#[case::another_subject(UserinfoShape::WrongSub)]
#[case::no_subject(UserinfoShape::Without("sub"))]
#[case::subject_as_number(UserinfoShape::With("sub", json!(42)))]
#[tokio::test]
async fn userinfo_about_anybody_else_signs_nobody_in(#[case] shape: UserinfoShape) {
    let world = named_oddly().await;
    world.issuer.faults().userinfo_shape.next(shape);
    let page = answer(&world).await;
    assert_nobody_came_in(&world, &page).await;
}

#[rstest]
#[case::date_as_text(UserinfoShape::With("updated_at", json!("2026-01-01T00:00:00.000Z")))]
#[case::flag_as_text(UserinfoShape::With("email_verified", json!("true")))]
#[case::no_email(UserinfoShape::Without("email"))]
#[case::odd_name(UserinfoShape::With("name", json!({ "first": "Demo" })))]
#[case::nul_in_a_claim(UserinfoShape::With("nickname", json!("a\u{0}b")))]
#[case::deep_claim(UserinfoShape::With("groups", json!([[["a"]], null, 1.5])))]
#[tokio::test]
async fn unusual_userinfo_is_no_reason_to_refuse(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] shape: UserinfoShape,
) {
    let world = World::new(database).await;
    world.issuer.faults().userinfo_shape.next(shape);
    let page = answer(&world).await;
    assert_eq!(page.status, 303, "{}", page.text);
}

#[rstest]
#[case(Fault::status(500))]
#[case(Fault::status(401))]
#[case(Fault::Drop)]
#[tokio::test]
async fn a_name_is_not_worth_a_refusal(#[case] fault: Fault) {
    let world = World::new(Sqlite).await;
    world.issuer.faults().userinfo.next(fault);
    assert_eq!(answer(&world).await.status, 303);
}

#[tokio::test]
async fn an_id_token_without_at_hash_is_good_in_the_code_flow() {
    let world = World::new(Sqlite).await;
    world.issuer.faults().id_token.next(IdTokenFault::NoAtHash);
    let page = answer(&world).await;
    assert_eq!(page.status, 303, "{}", page.text);
}

#[tokio::test]
async fn a_key_that_was_rotated_just_before_signing_is_found() {
    let world = World::new(Sqlite).await;
    assert_eq!(answer(&world).await.status, 303);
    for _ in 0..2 {
        // Twice at once: the second must not have to wait for the first one's thirty seconds.
        world.issuer.rotate_keys();
        let page = answer(&world).await;
        assert_eq!(page.status, 303, "{}", page.text);
    }
}

#[tokio::test]
async fn invented_key_ids_cost_the_issuer_one_request_in_thirty_seconds() {
    let world = World::new(Sqlite).await;
    assert_eq!(answer(&world).await.status, 303);
    assert_eq!(world.issuer.key_set_requests(), 1);
    world.issuer.faults().id_token.always(IdTokenFault::UnknownKid);
    for _ in 0..5 {
        assert_refused(&answer(&world).await);
    }
    assert_eq!(world.issuer.key_set_requests(), 2);
    world.clock.advance(31);
    assert_refused(&answer(&world).await);
    assert_refused(&answer(&world).await);
    assert_eq!(world.issuer.key_set_requests(), 3);
}

#[rstest]
#[tokio::test]
async fn a_wrong_id_token_connects_nothing_and_its_grant_is_returned(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(
        IdTokenFault::AlgNone,
        IdTokenFault::WrongNonce,
        IdTokenFault::WrongAtHash,
        IdTokenFault::OtherSub,
        IdTokenFault::WrongAud,
        IdTokenFault::BadSignature
    )]
    fault: IdTokenFault,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    world.issuer.faults().id_token.next(fault);
    let page = person.get(callback.as_str()).await;
    assert_eq!(page.status, 400, "{}", page.text);
    assert!(page.says("Nothing was stored") && page.says(&format!("href=\"/connect/{APP}")), "{}", page.text);
    world.settle().await;
    assert_eq!((world.rows("connections").await, world.issuer.live_refresh_tokens()), (0, 0));
}
