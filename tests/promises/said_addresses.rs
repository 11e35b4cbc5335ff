//! Addresses that an operator says: they win over the metadata, and each of them is used. Metadata come in two kinds.

use attache::config::Config;
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::DiscoveryShape;
use rstest::rstest;
use serde_json::json;

use crate::connect_identity::subject;
use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

/// What stands beside `issuer` in the sandbox issuer's section.
async fn saying(database: Database, section: &'static str) -> World {
    let replace = vec![("[issuers.sandbox]\n", section), ("profile = \"auth0\"", "profile = \"generic\"")];
    World::planned(database, Plan { replace, ..Plan::default() }).await
}

#[rstest]
#[case::revocation("revocation_endpoint")]
#[case::token("token_endpoint")]
#[case::authorization("authorization_endpoint")]
#[case::userinfo("userinfo_endpoint")]
#[case::keys("jwks_uri")]
#[tokio::test]
async fn an_address_beside_the_issuer_wins_over_its_metadata(
    #[case] member: &'static str,
    #[values(Sqlite, Postgres)] database: Database,
    #[values(true, false)] metadata_name_one: bool,
) {
    let section = "[issuers.sandbox]\nauthorization_url = \"{issuer}authorize\"\ntoken_url = \"{issuer}oauth/token\"\n\
        userinfo_url = \"{issuer}userinfo\"\nrevocation_url = \"{issuer}oauth/revoke\"\n\
        jwks_url = \"{issuer}.well-known/jwks.json\"\n";
    let world = saying(database, section).await;
    let shape = if metadata_name_one {
        DiscoveryShape::With(member, json!("https://elsewhere.test/somewhere"))
    } else {
        DiscoveryShape::Without(member)
    };
    world.issuer.faults().discovery_shape.always(shape);
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.issuer.live_refresh_tokens()), (1, 0));
    assert!(person.get(&format!("/account/connected-apps/{connection}")).await.says("confirmed."));
}

#[rstest]
#[tokio::test]
async fn a_revocation_endpoint_that_only_oauth_metadata_name_is_told(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = saying(database, "[issuers.sandbox]\n").await;
    let url = world.issuer.url().to_owned();
    let revocation = format!("{url}oauth/revoke");
    // What the first kind says stands, whatever the second adds.
    let metadata = json!({ "issuer": url, "token_endpoint": "https://elsewhere.test/", "revocation_endpoint": revocation });
    world.issuer.faults().oauth_metadata.always(metadata);
    world.issuer.faults().discovery_shape.always(DiscoveryShape::Without("revocation_endpoint"));
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.issuer.live_refresh_tokens()), (1, 0));
}

#[rstest]
#[tokio::test]
async fn while_oauth_metadata_cannot_be_had_people_sign_in_and_a_stop_is_told_later(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = saying(database, "[issuers.sandbox]\n").await;
    let url = world.issuer.url().to_owned();
    world.issuer.faults().discovery_shape.always(DiscoveryShape::Without("revocation_endpoint"));
    world.issuer.faults().oauth_discovery.always(Fault::status(503));
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.status(&connection).await.as_str()), (0, "revoking"));
    world.issuer.faults().oauth_discovery.clear();
    let metadata = json!({ "issuer": url, "revocation_endpoint": format!("{url}oauth/revoke") });
    world.issuer.faults().oauth_metadata.always(metadata);
    world.clock.advance(31);
    attache::revoke::tell::tell_again(&world.broker).await.expect("an outbox");
    world.settle().await;
    assert_eq!((world.issuer.revocations(), world.status(&connection).await.as_str()), (1, "revoked"));
}

#[rstest]
#[tokio::test]
async fn an_issuer_that_is_given_by_its_addresses_says_by_userinfo_who_consented(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(
        "userinfo_url = \"{issuer}userinfo\"\n",
        "[apps.content-writer.identity_config]\nurl = \"{issuer}userinfo\"\naccount_identifier = \"$.sub\"\n"
    )]
    said: &'static str,
) {
    let addresses = "[issuers.byhand]\nprofile = \"auth0\"\nauthorization_url = \"{issuer}authorize\"\ntoken_url = \"{issuer}oauth/token\"\n";
    let section: &'static str = Box::leak(format!("{addresses}{said}[issuers.sandbox]\n").into_boxed_str());
    let app = ("kind = \"native\"\nissuer = \"sandbox\"", "kind = \"native\"\nissuer = \"byhand\"");
    let replace = vec![("[issuers.sandbox]\n", section), app, ("accepted_audiences = [", "egress = [")];
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let editor = person.connect(APP).await;
    let reader = person.connect_as(APP, READER).await;
    assert_ne!(editor, reader, "another person is another connection");
    assert_eq!(
        (subject(&world, &editor).await, subject(&world, &reader).await),
        (EDITOR.into(), READER.into())
    );
}

#[test]
fn what_is_configured_and_would_not_be_used_is_a_fault() {
    let sample = std::fs::read_to_string("attache.toml").expect("the sample");
    let reach = (
        "name = \"Tickets\"",
        "name = \"Tickets\"\nrevocation_reach = \"none\"\nrevocation_url = \"https://tickets.example.com/r\"",
    );
    for (key, (from, to)) in [
        (
            "issuers.tickets.jwks_url",
            ("name = \"Tickets\"", "name = \"Tickets\"\njwks_url = \"https://tickets.example.com/keys\""),
        ),
        ("issuers.tickets.revocation_url", reach),
        ("issuers.hygraph.management_url", ("# management_url", "management_url")),
        ("environments.blog-master.management_api_url", ("# management_api_url", "management_api_url")),
        (
            "apps.content-writer.accepted_audiences",
            (
                "issuer = \"hygraph\"\nclient_id = \"content-writer\"",
                "issuer = \"tickets\"\nclient_id = \"content-writer\"",
            ),
        ),
    ] {
        assert!(sample.contains(from), "{from}");
        let key_variable = ("ATTACHE_VAULT__MASTER_KEY".to_owned(), crate::world::MASTER_KEY.to_owned());
        let faults = Config::parse(&sample.replace(from, to), [key_variable]).expect_err(key);
        let found: Vec<_> = faults.iter().filter(|fault| fault.key == key).collect();
        assert!(
            matches!(found.as_slice(), [fault] if fault.problem.starts_with("is not used: ")),
            "{key}: {faults:?}"
        );
    }
}
