//! `attache check --issuer` without anybody's consent: what an issuer publishes, its clock, and how it refuses.

use attache::app::registration::registration;
use attache::app::sync;
use attache::config::{Config, section};
use attache::issuer::probe::consent::{self, Person};
use attache::issuer::probe::{self, Finding, Probe, Report, Verdict};
use attache::issuer::profile::{Profile, Reach};
use attache::issuer::{Issuer, Issuers};
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::{ClientAuth, DiscoveryShape};
use rstest::rstest;
use serde_json::json;

use crate::world::{APP, Plan, Sqlite, World};

/// What a probe gave.
pub struct Probed {
    pub report: Report,
    /// The section to paste.
    pub section: String,
}

impl Probed {
    pub fn about(&self, about: &str) -> Vec<&Finding> {
        self.report.findings.iter().filter(|finding| finding.about == about).collect()
    }

    /// The one problem, which is about this: the sentence and the cure.
    pub fn problem(&self, about: &str) -> (&str, &str) {
        let problem = |finding: &&Finding| matches!(finding.verdict, Verdict::Problem { .. });
        let problems: Vec<&Finding> = self.report.findings.iter().filter(problem).collect();
        match problems.as_slice() {
            [Finding { about: found, what, verdict: Verdict::Problem { cure } }] if *found == about => {
                (what, cure)
            }
            other => panic!("not one problem about {about}: {other:#?}"),
        }
    }

    pub fn is_well(&self) {
        assert_eq!(self.report.problems(), 0, "{:#?}", self.report.findings);
    }

    /// The profile that the section makes when it is pasted in place of the one of this configuration.
    pub fn pasted(&self, config: &str) -> Profile {
        let begin = config.find("[issuers.sandbox]").expect("the section");
        let end = begin + config[begin..].find("[issuers.sandbox.scope_descriptions]").expect("its end");
        let config = format!("{}{}{}", &config[..begin], self.section, &config[end..]);
        let config = Config::parse(&config, []).unwrap_or_else(|faults| panic!("{faults:?} in {config}"));
        config.issuers["sandbox"].profile()
    }

    /// Neither what the issuer ever gave nor a client secret stands in anything that is printed.
    pub fn tells_no_secret(&self, world: &World) {
        let told = format!("{:?}{}", self.report, self.section);
        let secrets = ["app-s3cret", "sign-in-s3cret", "another-s3cret"].map(str::to_owned);
        for secret in secrets.iter().chain(&world.issuer.issued()) {
            assert!(!told.contains(secret.as_str()), "{told}");
        }
    }
}

pub fn plan(replace: &[(&'static str, &'static str)]) -> Plan {
    let generic = ("profile = \"auth0\"", "profile = \"generic\"");
    Plan { replace: [&[generic], replace].concat(), ..Plan::default() }
}

/// Probes the sandbox issuer of a world by its configuration.
pub async fn probed<P: Person>(world: &World, app: Option<&str>, person: Option<(&mut P, u32)>) -> Probed {
    let config = Config::parse(&world.config, []).expect("a good configuration");
    let http = config.outbound.http(world.clock.clone()).expect("a client");
    let issuers = Issuers::new(http, world.clock.clone());
    let mut issuer: Issuer = sync::issuer("sandbox", &config.issuers["sandbox"]).expect("an issuer");
    let registration = app.map(|app| registration(&config, "sandbox", app).expect("an app"));
    let probe = Probe { issuers: &issuers, issuer: &issuer, registration: registration.as_ref() };
    let mut report = Report::default();
    let known = probe::ask(probe, &mut report).await;
    if let (Some(known), Some((person, longest))) = (known, person) {
        consent::measure(probe, &known, longest, person, &mut report).await;
    }
    issuer.profile = report.measured.applied(&issuer.profile);
    let section = section::of_issuer(&issuer, &report.measured.comments());
    let probed = Probed { report, section };
    probed.tells_no_secret(world);
    probed
}

/// Nobody.
pub struct Nobody;

impl Person for Nobody {
    async fn consent(&mut self, _: consent::Round, _: &url::Url) -> Option<String> {
        panic!("nobody is asked to consent");
    }

    fn waits(&mut self, _: u32) {}
}

async fn asked(world: &World, app: Option<&str>) -> Probed {
    probed::<Nobody>(world, app, None).await
}

#[tokio::test]
async fn an_issuer_that_is_well_has_no_problem_and_is_left_as_it_was() {
    let world = World::planned(Sqlite, plan(&[])).await;
    for app in [None, Some(APP), Some("sign_in")] {
        let probed = asked(&world, app).await;
        probed.is_well();
        assert_eq!(probed.pasted(&world.config), Profile::of(attache::issuer::profile::Preset::Generic));
        assert!(!probed.section.contains('#'), "nothing was measured: {}", probed.section);
        assert_eq!(probed.about("client").len(), usize::from(app.is_some()));
    }
    assert_eq!(world.issuer.exchanges(), 0);
}

#[tokio::test]
async fn a_profile_is_printed_as_it_was_configured() {
    let otherwise = "profile = \"auth0\"\npkce = \"never\"\naudience_parameter = \"resource\"\n\
        revocation_reach = \"grant\"\nrotation = \"reusable\"\nleeway_seconds = 7\nrefresh_idle_seconds = 0\n\
        refresh_life_seconds = 86400\nlive_refresh_tokens = 0\ndead_words = [\"gone\", \"token_revoked\"]\n\
        calls_at_once = 4\nendpoint_origins = [\"https://login.sandbox.test\"]";
    let replace = vec![("profile = \"auth0\"", otherwise)];
    let world = World::planned(Sqlite, Plan { replace, ..Plan::default() }).await;
    let configured = Config::parse(&world.config, []).expect("a configuration").issuers["sandbox"].profile();
    let probed = asked(&world, None).await;
    assert_eq!(probed.pasted(&world.config), configured);
    assert!(probed.section.contains("refresh_idle_seconds = 0\n"), "{}", probed.section);
    // What could be seen without a person is all that it complains of.
    assert!(probed.problem("pkce").1.contains("pkce = \"never\""));
}

#[rstest]
fn a_preset_says_more_than_generic_does_and_is_printed_as_its_name_alone(
    #[values("auth0", "auth0-strict", "dex", "entra", "github", "google", "hydra", "keycloak", "slack")]
    preset: &str,
) {
    let sample = std::fs::read_to_string("attache.toml").expect("the sample");
    let said = format!("issuer = \"https://hygraph.eu.auth0.com/\"\nprofile = \"{preset}\"\n");
    let config = sample.replacen("issuer = \"https://hygraph.eu.auth0.com/\"\n", &said, 1);
    let config = config.replacen("finds them out.\nprofile = \"auth0\"\n", "finds them out.\n", 1);
    let key = ("ATTACHE_VAULT__MASTER_KEY".to_owned(), crate::world::MASTER_KEY.to_owned());
    let config = Config::parse(&config, [key]).unwrap_or_else(|faults| panic!("{faults:?}"));
    let issuer = sync::issuer("hygraph", &config.issuers["hygraph"]).expect("an issuer");
    let generic = Profile::of(attache::issuer::profile::Preset::Generic);
    assert_ne!(Profile { preset: generic.preset, ..issuer.profile.clone() }, generic);
    let section = section::of_issuer(&issuer, &std::collections::BTreeMap::new());
    assert!(section.ends_with(&said), "{section}");
}

#[rstest]
#[case(60, true)]
#[case(-60, true)]
#[case(61, false)]
#[case(-3600, false)]
#[tokio::test]
async fn a_clock_that_differs_by_more_than_tokens_allow_is_a_problem(#[case] ahead: i64, #[case] good: bool) {
    let world = World::new(Sqlite).await;
    world.issuer.settings().clock_ahead = ahead;
    let probed = asked(&world, None).await;
    if good {
        probed.is_well();
    } else {
        let (what, cure) = probed.problem("clock");
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        assert!(what.contains(&format!("{} seconds {side} ours", ahead.abs())), "{what}");
        assert!(cure.contains("NTP"), "{cure}");
    }
}

#[tokio::test]
async fn an_issuer_that_names_itself_otherwise_is_a_problem_with_its_cure() {
    let world = World::new(Sqlite).await;
    let without_slash = world.issuer.url().trim_end_matches('/').to_owned();
    let wrong = DiscoveryShape::With("issuer", json!(without_slash));
    world.issuer.faults().discovery_shape.always(wrong);
    let probed = asked(&world, None).await;
    let (_, cure) = probed.problem("discovery");
    assert!(cure.contains(&format!("issuer = \"{without_slash}\"")) && cure.contains("slash"), "{cure}");
    world.issuer.faults().discovery_shape.always(DiscoveryShape::WrongIssuer);
    let probed = asked(&world, None).await;
    assert!(probed.problem("discovery").0.contains("http://other-issuer.test/"));
}

#[tokio::test]
async fn an_endpoint_somewhere_else_is_a_problem_that_names_its_origin() {
    let world = World::new(Sqlite).await;
    let elsewhere = DiscoveryShape::ForeignTokenEndpoint("https://login.sandbox.test/token".to_owned());
    world.issuer.faults().discovery_shape.always(elsewhere);
    let probed = asked(&world, Some(APP)).await;
    let (_, cure) = probed.problem("endpoints");
    assert!(cure.contains("endpoint_origins = [\"https://login.sandbox.test\"]"), "{cure}");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_a_problem() {
    let world = World::new(Sqlite).await;
    world.issuer.stop();
    let probed = asked(&world, Some(APP)).await;
    assert!(probed.problem("discovery").1.contains(".well-known/openid-configuration"));
}

#[tokio::test]
async fn what_the_metadata_do_not_say_is_no_proof() {
    let world = World::new(Sqlite).await;
    let silent = DiscoveryShape::Without("code_challenge_methods_supported");
    world.issuer.faults().discovery_shape.always(silent);
    let probed = asked(&world, None).await;
    probed.is_well();
    assert_eq!(probed.about("pkce")[0].verdict, Verdict::Unproven);
    let plain = DiscoveryShape::With("code_challenge_methods_supported", json!(["plain"]));
    world.issuer.faults().discovery_shape.always(plain);
    assert!(asked(&world, None).await.problem("pkce").1.contains("pkce = \"never\""));
    let without_iss = DiscoveryShape::Without("authorization_response_iss_parameter_supported");
    world.issuer.faults().discovery_shape.always(without_iss);
    let probed = asked(&world, None).await;
    probed.is_well();
    assert_eq!(probed.about("iss")[0].verdict, Verdict::Unproven);
    let symmetric = DiscoveryShape::With("id_token_signing_alg_values_supported", json!(["HS256"]));
    world.issuer.faults().discovery_shape.always(symmetric);
    assert!(asked(&world, None).await.problem("algorithms").0.contains("HS256"));
}

#[tokio::test]
async fn an_issuer_without_revocation_has_the_reach_none() {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.faults().discovery_shape.always(DiscoveryShape::Without("revocation_endpoint"));
    let probed = asked(&world, Some(APP)).await;
    probed.is_well();
    assert_eq!(probed.pasted(&world.config).revocation_reach, Reach::None);
    assert!(probed.section.contains("revocation_reach = \"none\"  # measured"), "{}", probed.section);
    assert_eq!(world.issuer.revocations(), 0);
}

#[rstest]
#[case(403, "forbids")]
#[case(404, "nothing at")]
#[case(405, "no POST")]
#[case(429, "turned us away")]
#[case(302, "redirects")]
#[case(503, "fails")]
#[case(400, "RFC 7009 section 2.2 wants 200")]
#[tokio::test]
async fn each_refusal_of_a_revocation_is_a_sentence(#[case] status: u16, #[case] sentence: &str) {
    let world = World::new(Sqlite).await;
    world.issuer.faults().revoke.always(Fault::status(status));
    let probed = asked(&world, Some(APP)).await;
    let (what, _) = probed.problem("revocation");
    assert!(what.contains(sentence), "{what}");
    assert_eq!(probed.report.measured.revocation_reach, None);
}

#[tokio::test]
async fn a_revocation_that_wants_the_secret_sent_otherwise_is_told_apart() {
    let world = World::new(Sqlite).await;
    world.issuer.faults().revoke.next(Fault::oauth(401, "invalid_client"));
    let probed = asked(&world, Some(APP)).await;
    // The sandbox takes no Basic from this client either.
    let (what, cure) = probed.problem("revocation");
    assert!(what.contains("(status 401)") && cure.contains("revocation_reach = \"none\""), "{what} {cure}");
    world.issuer.faults().revoke.always(Fault::oauth(400, "unsupported_token_type"));
    let probed = asked(&world, Some(APP)).await;
    probed.is_well();
    assert_eq!(probed.report.measured.revocation_reach, Some(Reach::None));
}

#[rstest]
#[case(403, "<html>blocked</html>", "web page (status 403)")]
#[case(200, "<html>sign in</html>", "web page (status 200)")]
#[case(200, "{\"ok\":true}", "status 200 without an `error`")]
#[case(302, "", "redirect (status 302)")]
#[case(502, "<html>gateway</html>", "fails (status 502)")]
#[case(429, "", "turned us away (status 429)")]
#[case(400, "{\"message\":\"no\"}", "(status 400) without an `error` word")]
#[case(400, "{\"error\":\"no such token\"}", "a sentence instead of a word")]
#[tokio::test]
async fn a_refusal_that_is_not_oauths_is_a_sentence(
    #[case] code: u16,
    #[case] body: &str,
    #[case] sentence: &str,
    #[values(None, Some(APP))] app: Option<&str>,
) {
    let world = World::new(Sqlite).await;
    let fault = Fault::Status { code, body: body.to_owned(), retry_after: None };
    world.issuer.faults().token.always(fault);
    let probed = asked(&world, app).await;
    let (what, _) = probed.problem("token endpoint");
    assert!(what.contains(sentence), "{what}");
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_one_that_is_sent_the_wrong_way() {
    let wrong = plan(&[("client_secret = \"app-s3cret\"", "client_secret = \"another-s3cret\"")]);
    let world = World::planned(Sqlite, wrong).await;
    let probed = asked(&world, Some(APP)).await;
    let (what, cure) = probed.problem("client");
    assert!(what.contains("[apps.content-writer]") && what.contains("`invalid_client`"), "{what}");
    assert!(what.contains("alike") && cure.contains("Copy both"), "{what} {cure}");

    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.settings().clients.iter_mut().for_each(|client| client.auth = ClientAuth::Basic);
    let probed = asked(&world, Some(APP)).await;
    let (what, cure) = probed.problem("client");
    assert!(what.contains("are right, but sent the wrong way"), "{what}");
    assert_eq!(cure, "Set client_auth = \"basic\" in [apps.content-writer].");
    let cured = plan(&[(
        "client_secret = \"app-s3cret\"",
        "client_secret = \"app-s3cret\"\nclient_auth = \"basic\"",
    )]);
    let world = World::planned(Sqlite, cured).await;
    world.issuer.settings().clients.iter_mut().for_each(|client| client.auth = ClientAuth::Basic);
    asked(&world, Some(APP)).await.is_well();
}

#[tokio::test]
async fn an_issuers_own_word_for_a_dead_grant_is_proposed() {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.faults().token.always(Fault::oauth(400, "token_expired_or_revoked"));
    let probed = asked(&world, Some(APP)).await;
    assert!(probed.problem("token endpoint").1.contains("dead_words = [\"token_expired_or_revoked\"]"));
    assert!(probed.pasted(&world.config).dead_words.contains("token_expired_or_revoked"));
    // Said of a client that nobody registered it means nothing, and a known word is no news.
    asked(&world, None).await.is_well();
    world.issuer.faults().token.always(Fault::oauth(200, "invalid_refresh_token"));
    asked(&world, Some(APP)).await.is_well();
    world.issuer.faults().token.always(Fault::oauth(400, "unauthorized_client"));
    let probed = asked(&world, Some(APP)).await;
    assert!(probed.problem("token endpoint").1.contains("grant type refresh_token"));
    assert!(probed.report.measured.dead_words.is_empty());
}

#[tokio::test]
async fn an_issuer_that_is_given_by_urls_says_so_and_is_probed_all_the_same() {
    let urls = "authorization_url = \"{issuer}authorize\"\ntoken_url = \"{issuer}oauth/token\"\nprofile = \"generic\"";
    let tickets = format!(
        "[issuers.tickets]\n{urls}\n[apps.tickets]\nname = \"Tickets\"\nissuer = \"tickets\"\n\
         client_id = \"tickets\"\nscopes = [\"offline_access\"]\n"
    );
    let world = World::planned(Sqlite, Plan { more_config: tickets, ..Plan::default() }).await;
    let config = Config::parse(&world.config, []).expect("a good configuration");
    let http = config.outbound.http(world.clock.clone()).expect("a client");
    let issuers = Issuers::new(http, world.clock.clone());
    let issuer = sync::issuer("tickets", &config.issuers["tickets"]).expect("an issuer");
    let registration = registration(&config, "tickets", "tickets").expect("an app");
    let probe = Probe { issuers: &issuers, issuer: &issuer, registration: Some(&registration) };
    let mut report = Report::default();
    probe::ask(probe, &mut report).await.expect("endpoints");
    let probed = Probed { section: section::of_issuer(&issuer, &report.measured.comments()), report };
    assert_eq!(probed.about("discovery")[0].verdict, Verdict::Unproven);
    assert!(probed.problem("client").1.contains("client_secret"), "it is no client there");
    assert!(probed.section.contains("token_url = \"http://"), "{}", probed.section);
    assert!(attache::app::registration::registration(&config, "tickets", APP).is_err());
}
