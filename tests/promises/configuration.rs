//! The configuration: the sample is complete and documented; every fault is named, all at once, without a secret.

use std::collections::BTreeSet;
use std::path::Path;

use attache::config::{Config, ConfigFault};
use attache::content::algorithm::RsaSize;
use attache::secret::Token;
use rstest::rstest;
use toml::{Table, Value};

use crate::world::MASTER_KEY;

const SAMPLE: &str = include_str!("../../attache.toml");
const DOCUMENT: &str = include_str!("../../docs/configuration.md");
const SECTIONS: [&str; 17] = [
    "",
    "listen",
    "limits",
    "database",
    "vault",
    "outbound",
    "log",
    "sign_in",
    "issuers.hygraph",
    "apps.content-writer",
    "environments.blog-master",
    "signing_keys",
    "templates.hasura",
    "graphql",
    "session_tokens",
    "platforms.acme",
    "brand",
];

pub fn secrets() -> Vec<(String, String)> {
    [
        ("ATTACHE_VAULT__MASTER_KEY", MASTER_KEY),
        ("ATTACHE_SIGN_IN__CLIENT_SECRET", "sign-in-s3cret"),
        ("ATTACHE_APPS__CONTENT_WRITER__CLIENT_SECRET", "app-s3cret"),
        ("HOME", "/"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn with(name: &str, value: &str) -> Vec<(String, String)> {
    let mut variables = secrets();
    variables.push((name.to_owned(), value.to_owned()));
    variables
}

pub fn sample() -> Table {
    SAMPLE.parse().expect("TOML")
}

/// The sample with one value changed, and the secrets in the environment.
pub fn changed(path: &str, value: impl Into<Value>) -> Result<Config, Vec<ConfigFault>> {
    let mut table = sample();
    let (parents, last) =
        path.rsplit_once('.').map_or((vec![], path), |(parents, last)| (parents.split('.').collect(), last));
    let mut inner = &mut table;
    for parent in parents {
        inner = inner.get_mut(parent).and_then(Value::as_table_mut).expect("a section of the sample");
    }
    inner.insert(last.to_owned(), value.into());
    Config::parse(&table.to_string(), secrets())
}

fn keys_of(faults: &[ConfigFault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.key.as_str()).collect()
}

/// The one fault, which is about this key, fits one line and says what to do.
pub fn one_fault(outcome: Result<Config, Vec<ConfigFault>>, key: &str) -> String {
    let faults = outcome.expect_err("a fault");
    assert_eq!(keys_of(&faults), [key], "{faults:?}");
    let line = faults[0].to_string();
    assert!(line.starts_with(&format!("{key}: ")) && !line.contains('\n'), "{line}");
    line
}

/// Every key of a section, as the reader itself lists them when it meets one that it does not know.
fn keys_in(section: &str) -> Vec<String> {
    if section.is_empty() {
        return vec!["public_url".to_owned()];
    }
    let faults = changed(&format!("{section}.zzz"), "x").expect_err("an unknown key");
    let listed: Vec<_> = faults[0].problem.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(listed.len() > 1 && listed[0] == "zzz", "{faults:?}");
    listed[1..].to_vec()
}

#[test]
fn the_sample_loads_once_it_is_given_its_secrets() {
    let config = Config::parse(SAMPLE, secrets()).expect("a good configuration");
    assert_eq!(config.apps["content-writer"].client_secret.as_ref().map(Token::expose), Some("app-s3cret"));
    assert_eq!(config.environments["blog-master"].lifetime_seconds, 300);
    let faults = Config::parse(SAMPLE, []).expect_err("no master key");
    assert_eq!(keys_of(&faults), ["vault.master_key"]);
}

#[test]
fn the_sample_shows_and_the_document_explains_every_key() {
    for section in SECTIONS {
        for key in keys_in(section) {
            let shown = SAMPLE.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                line.starts_with(&format!("{key} = ")) || line.ends_with(&format!(".{key}]"))
            });
            assert!(shown, "attache.toml does not show {section}.{key}");
            let general = match section.split_once('.') {
                Some((kind, _)) => format!("{kind}.KEY.{key}"),
                None if section.is_empty() => key.clone(),
                None => format!("{section}.{key}"),
            };
            let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| `{general}` |")));
            let row = row.unwrap_or_else(|| panic!("docs/configuration.md has no row for {general}"));
            assert_eq!(row.matches(" |").count(), 5, "type, default, example and environment: {row}");
            let variable = format!("`ATTACHE_{}`", general.to_uppercase().replace('.', "__"));
            assert!(row.contains(&variable), "{row} does not name {variable}");
        }
    }
}

#[test]
fn the_document_explains_nothing_that_is_not_there() {
    let known: BTreeSet<String> = SECTIONS
        .iter()
        .flat_map(|section| {
            let section =
                section.split_once('.').map_or((*section).to_owned(), |(kind, _)| format!("{kind}.KEY"));
            let one = SECTIONS.iter().find(|known| known.split('.').next() == section.split('.').next());
            keys_in(one.expect("a section")).into_iter().map(move |key| format!("{section}.{key}"))
        })
        .map(|key| key.trim_start_matches('.').to_owned())
        .collect();
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert_eq!(documented, known);
}

#[rstest]
#[case::path_of_two_readings("public_url", "https://app.example.com/a%2fb/")]
#[case::plain("public_url", "http://attache.example.com")]
#[case::address("listen.address", "localhost")]
#[case::port("listen.machine_room", "127.0.0.1:99999")]
#[case::proxy("listen.trusted_proxies[0]", "proxy.example.com")]
#[case::everybody_a_proxy("listen.trusted_proxies[0]", "0.0.0.0/0")]
#[case::no_connection("limits.connections", 0)]
#[case::no_request("limits.requests_at_once", 0)]
#[case::too_many_requests("limits.requests_at_once", 1_000_000)]
#[case::for_ever("limits.idle_seconds", 86_400)]
#[case::absurd_rate("limits.key_per_second", 2_000_000)]
#[case::no_burst("limits.key_burst", 0)]
#[case::no_failure("limits.failure_burst", 0)]
#[case::a_rate_below_nothing("limits.failures_per_minute", -1)]
#[case::a_rate_in_words("limits.sign_ins_per_minute", "few")]
#[case::database("database.url", "mysql://db")]
#[case::deadline("outbound.deadline_seconds", 0)]
#[case::format("log.format", "xml")]
#[case::sign_in_issuer("sign_in.issuer", "elsewhere")]
#[case::sign_in_without_discovery("sign_in.issuer", "tickets")]
#[case::client_auth("sign_in.client_auth", "none")]
#[case::app_issuer("apps.content-writer.issuer", "elsewhere")]
#[case::app_client_auth("apps.content-writer.client_auth", "none")]
#[case::kind("apps.content-writer.kind", "desktop")]
#[case::home_page("apps.content-writer.home_page", "javascript:alert(1)")]
#[case::plain_issuer("issuers.hygraph.issuer", "http://hygraph.eu.auth0.com/")]
#[case::no_url("issuers.hygraph.issuer", "hygraph")]
#[case::pkce("issuers.hygraph.pkce", "sometimes")]
#[case::plain_token_url("issuers.tickets.token_url", "http://tickets.example.com/token")]
#[case::extra("apps.content-writer.authorization_url_extras.state", "x")]
#[case::extra_audience("apps.content-writer.authorization_url_extras.audience", "x")]
#[case::strategy("environments.blog-master.strategy", "guess")]
#[case::lifetime("environments.blog-master.lifetime_seconds", 5)]
#[case::apps("environments.blog-master.apps", "some")]
#[case::algorithm("environments.blog-master.algorithm", "HS256")]
#[case::rsa_bits("signing_keys.rsa_bits", 1024)]
#[case::rsa_bits_in_words("signing_keys.rsa_bits", "many")]
#[case::rotation("signing_keys.rotate_after_days", 4000)]
#[case::rotation_backwards("signing_keys.rotate_after_days", -1)]
#[case::content_api_url("environments.blog-master.content_api_url", "ftp://x/")]
#[case::no_template("environments.blog-master.template", "elsewhere")]
#[case::template_lifetime("templates.hasura.lifetime_seconds", 10)]
#[case::template_skew("templates.hasura.clock_skew_seconds", -1)]
#[case::preset("templates.hasura.preset", "postgraphile")]
#[case::namespace("templates.hasura.namespace", "sub")]
#[case::unknown_section("extra", "x")]
#[case::unknown_key("listen.adress", "127.0.0.1:1")]
#[case::wrong_type("database.connections", "many")]
#[case::no_connections("database.connections", 0)]
#[case::no_memory("database.memory_megabytes", 0)]
#[case::empty_secret("sign_in.client_secret", "")]
fn a_fault_is_one_line_with_its_key(#[case] path: &str, #[case] value: impl Into<Value>) {
    // What is empty in the file must not be filled from the environment.
    let value = value.into();
    let outcome = if value.as_str() == Some("") {
        let mut table = sample();
        table["sign_in"].as_table_mut().expect("a section").insert("client_secret".to_owned(), value);
        let variables = secrets().into_iter().filter(|(name, _)| name != "ATTACHE_SIGN_IN__CLIENT_SECRET");
        Config::parse(&table.to_string(), variables)
    } else {
        changed(path, value)
    };
    one_fault(outcome, path);
}

#[test]
fn identity_same_needs_the_sign_in_issuer_and_an_asked_platform_its_url() {
    let mut table = sample();
    table["apps"]["content-writer"]["issuer"] = "tickets".into();
    let app = table["apps"]["content-writer"].as_table_mut().expect("a table");
    app.remove("accepted_audiences");
    app.insert("identity".to_owned(), "same".into());
    one_fault(Config::parse(&table.to_string(), secrets()), "apps.content-writer.identity");
    one_fault(
        changed("environments.blog-master.strategy", "ask"),
        "environments.blog-master.management_api_url",
    );
}

#[test]
fn an_algorithm_where_nothing_is_signed_is_a_fault() {
    let mut table = sample();
    let environment = table["environments"]["blog-master"].as_table_mut().expect("a table");
    environment.insert("strategy".to_owned(), "ask".into());
    environment.insert("management_api_url".to_owned(), "https://eu.api.example.com/graphql".into());
    environment.insert("algorithm".to_owned(), "RS256".into());
    one_fault(Config::parse(&table.to_string(), secrets()), "environments.blog-master.algorithm");
}

#[rstest]
#[case::same_client("apps", "content-writer", "apps.second.client_id")]
#[case::same_environment("environments", "blog-master", "environments.second")]
fn two_of_a_kind_are_refused(#[case] section: &str, #[case] key: &str, #[case] fault: &str) {
    let mut table = sample();
    let copy = table[section][key].clone();
    table[section].as_table_mut().expect("a section").insert("second".to_owned(), copy);
    let variables = with("ATTACHE_APPS__SECOND__CLIENT_SECRET", "x");
    let variables = if section == "apps" { variables } else { secrets() };
    let faults = Config::parse(&table.to_string(), variables).expect_err("a fault");
    assert_eq!(faults[0].key, fault, "{faults:?}");
}

#[test]
fn all_faults_are_told_at_once() {
    let mut table = sample();
    table["listen"]["address"] = "nowhere".into();
    table["sign_in"]["issuer"] = "elsewhere".into();
    table["log"]["format"] = "xml".into();
    table["apps"]["content-writer"]["kind"] = 1.into();
    table.insert("extra".to_owned(), "x".into());
    let faults = Config::parse(&table.to_string(), []).expect_err("faults");
    // The shape first: what has no shape cannot be judged.
    assert_eq!(keys_of(&faults), ["log.format", "apps.content-writer.kind", "extra"]);
    table["log"]["format"] = "json".into();
    table["apps"]["content-writer"]["kind"] = "spa".into();
    let faults = Config::parse(&table.to_string(), []).expect_err("faults");
    assert_eq!(keys_of(&faults), ["extra", "listen.address", "vault.master_key", "sign_in.issuer"]);
}

#[rstest]
#[case("x = s3cret")]
#[case("[sign_in]\nclient_secret = s3cret")]
#[case("[sign_in]\nclient_secret = \"s3cret")]
#[case("[sign_in]\nclient_secret = \"s3cret\"\nclient_secret = \"s3cret\"")]
#[case("[sign_in]\nissuer = \"a\"\nclient_id = \"b\"\nclient_secret = [\"s3cret\"]")]
#[case("[sign_in]\nissuer = \"a\"\nclient_id = \"b\"\nclient_secret = { s3cret = 1 }")]
#[case("[vault]\nmaster_key = \"s3cret\"")]
#[case("[vault]\nmaster_key = [\"s3cret\"]")]
#[case("vault = \"s3cret\"")]
#[case("database = \"postgres://u:s3cret@db/x\"")]
#[case("[database]\nurl = \"mysql://u:s3cret@db/x\"")]
#[case("[database]\nurl = [\"s3cret\"]")]
#[case("sign_in = \"s3cret\"")]
#[case("apps = \"s3cret\"")]
#[case("[apps]\na = \"s3cret\"")]
#[case(
    "[apps.a]\nname = \"A\"\nissuer = \"a\"\nclient_id = \"b\"\nscopes = []\nclient_secret = \"s3cret\"\nclient_auth = \"none\""
)]
fn a_fault_never_quotes_a_secret(#[case] text: &str) {
    let variables = [("ATTACHE_SIGN_IN__CLIENT_SECRET".to_owned(), "[\"s3cret\"]".to_owned())];
    for outcome in [Config::parse(text, []), Config::parse(text, variables)] {
        let faults = outcome.expect_err("faults");
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(lines.iter().all(|line| !line.contains("s3cret") && !line.contains('\n')), "{lines:?}");
        assert!(!format!("{faults:?}").contains("s3cret"));
    }
}

#[rstest]
#[case("x = = 1", 1)]
#[case("a = 1\nb = 2\n= 3", 3)]
#[case("a = 1\nb = 2\nc = \"", 3)]
fn what_is_not_toml_is_told_by_its_line(#[case] text: &str, #[case] line: usize) {
    let faults = Config::parse(text, []).expect_err("a fault");
    assert_eq!(keys_of(&faults), [format!("line {line}")]);
}

#[test]
fn a_secret_may_come_from_a_file_but_not_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("secret");
    let file = path.to_str().expect("a path");
    let without = |name: &str| secrets().into_iter().filter(|(other, _)| other != name).collect::<Vec<_>>();
    let from_file = |file: &str| {
        let mut variables = without("ATTACHE_SIGN_IN__CLIENT_SECRET");
        variables.push(("ATTACHE_SIGN_IN__CLIENT_SECRET_FILE".to_owned(), file.to_owned()));
        Config::parse(SAMPLE, variables)
    };
    std::fs::write(&path, "from a file \r\n\n").expect("a file");
    let config = from_file(file).expect("a good configuration");
    assert_eq!(config.sign_in.client_secret.as_ref().map(Token::expose), Some("from a file "));
    one_fault(from_file("/nowhere/at/all"), "sign_in.client_secret_file");
    std::fs::write(&path, "\n").expect("a file");
    one_fault(from_file(file), "sign_in.client_secret");
    let twice = Config::parse(SAMPLE, with("ATTACHE_SIGN_IN__CLIENT_SECRET_FILE", file));
    one_fault(twice, "sign_in.client_secret");
    let mut table = sample();
    table["vault"].as_table_mut().expect("a section").insert("master_key_file".to_owned(), "/nowhere".into());
    let missing = Config::parse(&table.to_string(), without("ATTACHE_VAULT__MASTER_KEY"));
    one_fault(missing, "vault.master_key_file");
    table["sign_in"].as_table_mut().expect("a section").insert("client_auth".to_owned(), "basic".into());
    table["sign_in"]
        .as_table_mut()
        .expect("a section")
        .insert("client_secret_file".to_owned(), "/nowhere".into());
    let missing = Config::parse(&table.to_string(), without("ATTACHE_SIGN_IN__CLIENT_SECRET"));
    assert_eq!(missing.expect_err("faults").len(), 2, "one for each file, and the master key is given twice");
}

#[test]
fn a_confidential_client_without_a_secret_is_a_fault() {
    let mut table = sample();
    table["sign_in"].as_table_mut().expect("a section").insert("client_auth".to_owned(), "basic".into());
    let variables = secrets().into_iter().filter(|(name, _)| name != "ATTACHE_SIGN_IN__CLIENT_SECRET");
    one_fault(Config::parse(&table.to_string(), variables), "sign_in.client_secret");
}

#[test]
fn the_environment_wins_over_the_file() {
    let parse =
        |name: &str, value: &str| Config::parse(SAMPLE, with(name, value)).expect("a good configuration");
    assert_eq!(
        parse("ATTACHE_PUBLIC_URL", "https://other.example.com").public_url.as_str(),
        "https://other.example.com/"
    );
    assert_eq!(parse("ATTACHE_DATABASE__CONNECTIONS", "3").database.connections, Some(3));
    assert_eq!(parse("ATTACHE_LIMITS__REQUESTS_AT_ONCE", "3").limits.requests_at_once, 3);
    assert_eq!(parse("ATTACHE_LIMITS__KEY_PER_SECOND", "0").limits.key_per_second, 0);
    assert_eq!(parse("ATTACHE_LIMITS__FAILURE_BURST", "3").limits.failure_burst, 3);
    assert_eq!(parse("ATTACHE_SIGNING_KEYS__ROTATE_AFTER_DAYS", "90").signing_keys.rotate_after_days, 90);
    assert_eq!(parse("ATTACHE_SIGNING_KEYS__RSA_BITS", "3072").signing_keys.rsa_bits, RsaSize::Bits3072);
    let proxies =
        parse("ATTACHE_LISTEN__TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"::1\"]").listen.trusted_proxies;
    assert_eq!(proxies.len(), 2);
    let name = "ATTACHE_ISSUERS__HYGRAPH__SCOPE_DESCRIPTIONS";
    assert_eq!(parse(name, "{ a = \"b\" }").issuers["hygraph"].scope_descriptions["a"], "b");
    let scopes =
        parse("ATTACHE_APPS__CONTENT_WRITER__SCOPES", "[\"a\", \"b\"]").apps["content-writer"].scopes.clone();
    assert_eq!(scopes, ["a", "b"]);
    assert!(Path::new("attache.toml").exists(), "tests run at the root");
}

#[rstest]
#[case("1234567890")]
#[case("true")]
#[case("0x1f")]
#[case("[brackets")]
#[case("quo\"te")]
#[case("=")]
fn a_text_from_the_environment_is_taken_as_it_is(#[case] text: &str) {
    let config = Config::parse(SAMPLE, with("ATTACHE_APPS__CONTENT_WRITER__CLIENT_SECRET", text));
    let config = config.expect("a good configuration");
    let secret = config.apps["content-writer"].client_secret.as_ref().expect("a secret");
    assert_eq!(secret.expose(), text);
    let config =
        Config::parse(SAMPLE, with("ATTACHE_SIGN_IN__CLIENT_ID", text)).expect("a good configuration");
    assert_eq!(config.sign_in.client_id, text);
}

#[test]
fn a_variable_that_names_no_key_is_a_fault() {
    one_fault(Config::parse(SAMPLE, with("ATTACHE_PUBLIC_ULR", "x")), "public_ulr");
    one_fault(Config::parse(SAMPLE, with("ATTACHE_LISTEN__PORT", "x")), "listen.port");
    let faults = Config::parse(SAMPLE, with("ATTACHE_APPS__CONTENT_WRITE__NAME", "x")).expect_err("a fault");
    assert!(faults[0].key.starts_with("apps.content_write"), "{faults:?}");
}

#[test]
fn development_on_loopback_is_named_and_else_refused() {
    let issuer = "http://127.0.0.1:8081/";
    one_fault(changed("issuers.hygraph.issuer", issuer), "issuers.hygraph.issuer");
    let mut table = sample();
    table["issuers"]["hygraph"]["issuer"] = issuer.into();
    table["outbound"]["allow_origins"] = vec![issuer].into();
    table["public_url"] = "http://localhost:8080".into();
    Config::parse(&table.to_string(), secrets()).expect("a good configuration");
}
