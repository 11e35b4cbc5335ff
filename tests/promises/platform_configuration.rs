//! `[platforms.KEY]`: whom the operator lets vouch for people is said wholly, or nothing starts.

use attache::config::{Config, ConfigFault};
use rstest::rstest;
use serde_json::{Value as Json, json};
use toml::Value;

use crate::configuration::{changed, one_fault, sample, secrets};
use crate::platform_users::keys;

#[rstest]
#[case::no_name("name", " ")]
#[case::a_blank_in_the_issuer("issuer", "a b")]
#[case::no_issuer("issuer", "")]
#[case::an_issuer_of_the_file("issuer", "https://hygraph.eu.auth0.com/")]
#[case::a_plain_address("jwks_url", "http://app.acme.example/jwks")]
#[case::no_address("jwks_url", "data:application/json,{}")]
#[case::a_name_of_a_caller("callers", vec!["acme-backend"])]
#[case::many_origins("return_origins", vec!["https://*.acme.example"])]
#[case::a_page("return_origins", vec!["https://app.acme.example/"])]
#[case::a_plain_origin("return_origins", vec!["http://app.acme.example"])]
fn a_fault_of_a_platform_is_one_line(#[case] key: &str, #[case] value: impl Into<Value>) {
    let path = format!("platforms.acme.{key}");
    one_fault(changed(&path, value), &path);
}

fn with_keys(said: &[(&str, &str)]) -> Result<Config, Vec<ConfigFault>> {
    let mut table = sample();
    let platform = table["platforms"]["acme"].as_table_mut().expect("a platform");
    platform.remove("jwks_url");
    for (key, value) in said {
        platform.insert((*key).to_owned(), (*value).into());
    }
    Config::parse(&table.to_string(), secrets())
}

#[test]
fn its_keys_are_said_once_and_are_public_and_strong() {
    let (good, url) = (keys().to_string(), "https://app.acme.example/jwks");
    let config = with_keys(&[("jwks", &good)]).expect("a good configuration");
    assert!(config.platforms["acme"].keys.is_some());
    let none: [(&str, &str); 0] = [];
    for said in [&none[..], &[("jwks", &good), ("jwks_url", url)], &[("jwks", &good), ("jwks_file", "/x")]] {
        let line = one_fault(with_keys(said), "platforms.acme.jwks_file");
        assert!(line.contains("only one of the three"), "{line}");
    }
    one_fault(with_keys(&[("jwks_file", "/nowhere/keys.json")]), "platforms.acme.jwks_file");
    let one = keys()["keys"][0].clone();
    let mut private = one.clone();
    private["d"] = json!("c2VjcmV0LXByaXZhdGUta2V5");
    let weak = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
    let shared = json!({ "kty": "oct", "k": "c2VjcmV0LXByaXZhdGUta2V5" });
    let sets: [(Json, &str); 7] = [
        (json!({ "keys": [one.clone(), private] }), "private"),
        (json!({ "keys": [shared] }), "private"),
        (json!({ "keys": [one.clone(), weak] }), "2048"),
        (json!({ "keys": [] }), "key set"),
        (json!([one.clone()]), "key set"),
        (one, "key set"),
        (json!("text"), "key set"),
    ];
    for (set, said) in sets {
        let line = one_fault(with_keys(&[("jwks", &set.to_string())]), "platforms.acme.jwks");
        assert!(line.contains(said) && !line.contains("c2VjcmV0"), "{line}");
    }
    let line = one_fault(with_keys(&[("jwks", "not JSON")]), "platforms.acme.jwks");
    assert!(line.contains("JSON"), "{line}");
}

#[test]
fn two_platforms_are_not_one_and_each_has_a_name_that_can_be_written() {
    let mut table = sample();
    let platforms = table["platforms"].as_table_mut().expect("platforms");
    let acme = platforms["acme"].clone();
    platforms.insert("globex".to_owned(), acme.clone());
    one_fault(Config::parse(&table.to_string(), secrets()), "platforms.globex.issuer");
    let platforms = table["platforms"].as_table_mut().expect("platforms");
    drop(platforms.remove("globex"));
    drop(platforms.remove("acme"));
    platforms.insert("Acme Corp".to_owned(), acme);
    one_fault(Config::parse(&table.to_string(), secrets()), "platforms.Acme Corp");
}
