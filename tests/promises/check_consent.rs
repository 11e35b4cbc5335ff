//! `attache check --issuer --consent`: what is measured with the help of a person; and the real binary, once.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use attache::clock::Clock;
use attache::issuer::probe::consent::{Person as Consenter, Round, waits};
use attache::issuer::probe::{Leeway, Verdict};
use attache::issuer::profile::{Preset, Profile, Reach, Rotation};
use attache::sandbox::issuer::{self, DiscoveryShape, TokenShape};
use reqwest::header;
use rstest::rstest;
use tokio::net::TcpListener;
use url::Url;

use crate::check_issuer::{Probed, plan, probed};
use crate::person::Person;
use crate::settings::issuer_settings;
use crate::world::{APP, Database, EDITOR, MASTER_KEY, Plan, Postgres, Sqlite, World};

/// A person with a test account and two browsers, which really open the page that they are sent to.
pub struct Tester<'w> {
    person: Person<'w>,
    elsewhere: Person<'w>,
    leaves_out: &'static [Round],
    pub rounds: Vec<Round>,
    pub waited: Vec<u32>,
}

impl<'w> Tester<'w> {
    pub fn new(world: &'w World) -> Self {
        let (person, elsewhere) = (Person::new(world), Person::new(world));
        Self { person, elsewhere, leaves_out: &[], rounds: Vec::new(), waited: Vec::new() }
    }

    pub fn leaving_out(world: &'w World, leaves_out: &'static [Round]) -> Self {
        Self { leaves_out, ..Self::new(world) }
    }
}

impl Consenter for Tester<'_> {
    async fn consent(&mut self, round: Round, url: &Url) -> Option<String> {
        if self.leaves_out.contains(&round) {
            return None;
        }
        self.rounds.push(round);
        let back = match round {
            Round::Elsewhere => self.elsewhere.agree(url, EDITOR).await,
            // Still signed in there, and asked for what was allowed before.
            Round::Beside => self.person.get(url.as_str()).await.location().expect("the way back"),
            Round::First | Round::Again => self.person.agree(url, EDITOR).await,
        };
        let page = self.person.get(back.as_str()).await;
        assert!(page.status.is_client_error() && page.location().is_none(), "{}", page.text);
        Some(format!("  {back}\n"))
    }

    fn waits(&mut self, seconds: u32) {
        self.waited.push(seconds);
    }
}

pub fn generic() -> Profile {
    Profile::of(Preset::Generic)
}

pub fn says(probed: &Probed, about: &str, sentence: &str) {
    let found = probed.about(about);
    assert!(found.iter().any(|finding| finding.what.contains(sentence)), "{found:#?}");
}

#[tokio::test]
async fn a_strict_rotating_issuer_is_measured_as_one() {
    let world = World::planned(Sqlite, plan(&[])).await;
    let mut tester = Tester::new(&world);
    let probed = probed(&world, Some(APP), Some((&mut tester, 60))).await;
    probed.is_well();
    assert_eq!(tester.rounds, [Round::First, Round::Beside, Round::Elsewhere]);
    assert_eq!(tester.waited, [0; 0], "the first reuse was refused at once");
    assert_eq!(probed.report.measured.leeway, Some(Leeway { accepted: None, refused: Some(0) }));
    let expected = Profile { revocation_reach: Reach::Family, ..generic() };
    assert_eq!(probed.pasted(&world.config), expected);
    says(&probed, "reuse", "ends the whole consent");
    says(&probed, "access token", "3600 seconds");
    assert_eq!(world.issuer.live_refresh_tokens(), 0, "nothing of the probe lives on");
}

#[tokio::test]
async fn a_leeway_is_measured_between_the_last_wait_that_was_taken_and_the_first_that_was_not() {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.settings().leeway = 3;
    let mut tester = Tester::new(&world);
    let probed = probed(&world, Some(APP), Some((&mut tester, 60))).await;
    probed.is_well();
    assert_eq!(tester.waited, [1, 2, 5]);
    assert_eq!(probed.report.measured.leeway, Some(Leeway { accepted: Some(2), refused: Some(5) }));
    assert!(probed.section.contains("leeway_seconds = 2  # measured: refused after 5"), "{}", probed.section);
    let expected = Profile { leeway_seconds: 2, revocation_reach: Reach::Family, ..generic() };
    assert_eq!(probed.pasted(&world.config), expected);
}

#[tokio::test]
async fn a_leeway_longer_than_was_waited_is_measured_as_far_as_that() {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.settings().leeway = 86_400;
    let mut tester = Tester::new(&world);
    let probed = probed(&world, Some(APP), Some((&mut tester, 45))).await;
    probed.is_well();
    assert_eq!(tester.waited, [1, 2, 5, 10, 20, 30, 45]);
    assert_eq!(probed.pasted(&world.config).leeway_seconds, 45);
    says(&probed, "leeway", "--longest-leeway");
    assert_eq!(world.issuer.live_refresh_tokens(), 0, "what was left was revoked");
    assert_eq!(waits(300), [0, 1, 2, 5, 10, 20, 30, 60, 120, 240, 300]);
    assert_eq!(waits(0), [0]);
}

#[tokio::test]
async fn a_refresh_token_is_called_reusable_for_as_long_as_was_looked() {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.settings().rotation = false;
    let mut tester = Tester::new(&world);
    let probed = probed(&world, Some(APP), Some((&mut tester, 60))).await;
    probed.is_well();
    assert_eq!(tester.waited, [1, 2, 5, 10, 20, 30, 60]);
    says(&probed, "rotation", "for at least 128 seconds, as long as was looked");
    assert!(
        probed.section.contains("# measured: for 128 seconds, no longer was looked"),
        "{}",
        probed.section
    );
    let expected = Profile { rotation: Rotation::Reusable, revocation_reach: Reach::Family, ..generic() };
    assert_eq!(probed.pasted(&world.config), expected);
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[rstest]
#[case(0, "the reuse had ended the only consent")]
#[case(600, "that needs more consents")]
#[tokio::test]
async fn with_one_consent_only_it_is_said_what_was_not_measured(#[case] leeway: i64, #[case] sentence: &str) {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.settings().leeway = leeway;
    let mut tester = Tester::leaving_out(&world, &[Round::Elsewhere, Round::Beside]);
    let probed = probed(&world, Some(APP), Some((&mut tester, 5))).await;
    probed.is_well();
    says(&probed, "revocation", sentence);
    assert_eq!(probed.report.measured.revocation_reach, None);
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[tokio::test]
async fn an_issuer_with_a_word_of_its_own_for_dead_grants_is_measured_all_the_same() {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.settings().leeway = 3;
    world.issuer.settings().dead_word = "token_revoked";
    let mut tester = Tester::new(&world);
    let probed = probed(&world, Some(APP), Some((&mut tester, 60))).await;
    assert!(probed.problem("token endpoint").0.contains("`token_revoked` with status 403"));
    let pasted = probed.pasted(&world.config);
    assert!(pasted.dead_words.contains("token_revoked"));
    assert_eq!((pasted.leeway_seconds, pasted.revocation_reach), (2, Reach::Family));
}

#[tokio::test]
async fn a_profile_that_believes_too_much_is_a_problem() {
    let replace = vec![("profile = \"auth0\"", "profile = \"auth0\"\nleeway_seconds = 30")];
    let bold = Plan { replace, ..Plan::default() };
    let world = World::planned(Sqlite, bold).await;
    let mut tester = Tester::new(&world);
    let strict = probed(&world, Some(APP), Some((&mut tester, 60))).await;
    assert!(strict.problem("leeway").1.contains("leeway_seconds = 0"));
    // Auth0's preset is the sandbox's habits, so nothing is left to be said.
    assert_eq!(strict.pasted(&world.config), Profile::of(Preset::Auth0));
    assert!(!strict.section.contains("leeway_seconds"), "{}", strict.section);
    world.issuer.settings().leeway = 30;
    let lenient = probed(&world, Some(APP), Some((&mut tester, 60))).await;
    lenient.is_well();
    assert_eq!(lenient.pasted(&world.config), Profile { leeway_seconds: 30, ..Profile::of(Preset::Auth0) });
}

#[tokio::test]
async fn without_a_refresh_token_nothing_more_can_be_measured() {
    let world = World::planned(Sqlite, plan(&[("\"offline_access\", ", "")])).await;
    let mut tester = Tester::new(&world);
    let probed = probed(&world, Some(APP), Some((&mut tester, 60))).await;
    assert!(probed.problem("refresh token").1.contains("offline_access"));
    assert_eq!(tester.rounds, [Round::First]);
}

#[tokio::test]
async fn an_issuer_without_revocation_is_measured_by_consents_that_live_on() {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.settings().rotation = false;
    world.issuer.faults().discovery_shape.always(DiscoveryShape::Without("revocation_endpoint"));
    let mut tester = Tester::new(&world);
    let probed = probed(&world, Some(APP), Some((&mut tester, 60))).await;
    probed.is_well();
    assert_eq!(tester.rounds, [Round::First, Round::Beside]);
    says(&probed, "revocation", "still alive there");
    let expected = Profile { rotation: Rotation::Reusable, revocation_reach: Reach::None, ..generic() };
    assert_eq!(probed.pasted(&world.config), expected);
}

#[tokio::test]
async fn an_id_token_that_would_be_refused_is_a_problem() {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.faults().token_shape.always(TokenShape::With("expires_in", "soon".into()));
    world.issuer.faults().id_token.always(issuer::IdTokenFault::WrongAud);
    let mut tester = Tester::new(&world);
    let probed = probed(&world, Some(APP), Some((&mut tester, 0))).await;
    assert!(probed.problem("id token").0.contains("another client"));
    assert_eq!(probed.about("access token")[0].verdict, Verdict::Unproven);
}

/// Brings something else than the answer.
struct Pasting(String);

impl Consenter for Pasting {
    async fn consent(&mut self, _: Round, _: &Url) -> Option<String> {
        Some(self.0.clone())
    }

    fn waits(&mut self, _: u32) {}
}

#[tokio::test]
async fn an_address_that_does_not_answer_this_request_is_refused_and_not_repeated() {
    let world = World::planned(Sqlite, plan(&[])).await;
    for pasted in [
        format!("{}/connect/{APP}/callback?code=a-s3cret-code&state=another", world.public_url),
        "https://elsewhere.test/?code=a-s3cret-code&code=a-s3cret-code".to_owned(),
        "a-s3cret-code".to_owned(),
    ] {
        let probed = probed(&world, Some(APP), Some((&mut Pasting(pasted), 0))).await;
        assert!(probed.problem("consent").1.contains("Run this again"));
        assert!(!format!("{:?}", probed.report).contains("s3cret"));
    }
    assert_eq!(world.issuer.exchanges(), 0);
}

/// `attache check --consent` asks a person to open the callback page: the running broker must leave the code alone.
#[rstest]
#[tokio::test]
async fn the_running_broker_does_not_spend_a_code_whose_state_it_does_not_know(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let signed_in = world.signed_in(EDITOR).await;
    let exchanges = world.issuer.exchanges();
    for person in [Person::new(&world), signed_in] {
        for app in [APP, "unknown"] {
            let page = person.get(&format!("/connect/{app}/callback?code=c&state=unknown")).await;
            assert!(page.status.is_client_error() && page.location().is_none(), "{}", page.text);
        }
        let page = person.get("/sign-in/callback?code=c&state=unknown").await;
        assert!(page.status.is_client_error() && page.location().is_none(), "{}", page.text);
    }
    assert_eq!(world.issuer.exchanges(), exchanges);
}

/// Presses through the sandbox's pages as a browser does; the address that it is sent back to.
async fn agree(issuer: &issuer::Issuer, authorize: &Url) -> String {
    let redirect = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().no_proxy().redirect(redirect).build().expect("a client");
    let url = format!("{}authorize", issuer.url());
    let request = authorize.query().expect("a query");
    let press = |name, value| http.post(&url).form(&[("request", request), (name, value)]);
    let who = press("person", EDITOR).send().await.expect("an answer");
    let cookie = who.headers().get(header::SET_COOKIE).expect("a cookie").clone();
    let answer = match who.headers().get(header::LOCATION) {
        Some(_) => who,
        None => press("decision", "allow").header(header::COOKIE, cookie).send().await.expect("an answer"),
    };
    answer.headers()[header::LOCATION].to_str().expect("an address").to_owned()
}

#[tokio::test]
async fn the_binary_asks_measures_and_prints_the_profile() {
    let public_url = "http://127.0.0.1:9";
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let issuer = issuer::start(listener, issuer_settings(public_url), Clock::System).await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("attache.toml");
    let config = format!(
        "public_url = \"{public_url}\"\n[database]\nurl = \"sqlite://{0}/attache.db\"\n\
         [vault]\nmaster_key = \"{MASTER_KEY}\"\n[outbound]\nallow_origins = [\"{1}\"]\n\
         [sign_in]\nissuer = \"sandbox\"\nclient_id = \"attache\"\nclient_secret = \"sign-in-s3cret\"\n\
         [issuers.sandbox]\nissuer = \"{1}\"\n\
         [apps.{APP}]\nname = \"Writer\"\nissuer = \"sandbox\"\nclient_id = \"{APP}\"\n\
         client_secret = \"app-s3cret\"\nscopes = [\"openid\", \"offline_access\"]\n",
        directory.path().display(),
        issuer.url(),
    );
    std::fs::write(&file, config).expect("a file");
    let arguments = ["check", "--issuer", "sandbox", "--app", APP, "--consent", "--longest-leeway", "0"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_attache"))
        .env_remove("ATTACHE_TEST_POSTGRES")
        .current_dir(directory.path())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let (mut typed, mut told) = (child.stdin.take().expect("an input"), String::new());
    let (lines, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let output = BufReader::new(child.stdout.take().expect("an output"));
    std::thread::spawn(move || {
        output.lines().map_while(Result::ok).for_each(|line| drop(lines.send(line)));
    });
    while let Some(line) = heard.recv().await {
        if line.starts_with(&format!("{}authorize?", issuer.url())) {
            assert!(told.contains("TEST account"), "it is said before: {told}");
            let back = agree(&issuer, &Url::parse(&line).expect("a URL")).await;
            writeln!(typed, "{back}").expect("a reader");
        }
        told.push_str(&line);
        told.push('\n');
    }
    let ended = child.wait().expect("an end");
    assert!(ended.success(), "{told}");
    let sign_in = format!("\nFirst sign in at {public_url}/ with the test account");
    assert_eq!(told.matches(&sign_in).count(), 1, "people sign in at this issuer: {told}");
    assert!(told.contains("good     client: "), "{told}");
    assert!(told.contains("[issuers.sandbox]\n"), "{told}");
    assert!(told.contains("\nrevocation_reach = \"family\"  # measured\n"), "{told}");
    assert_eq!((issuer.exchanges(), issuer.live_refresh_tokens()), (3, 0));
    assert!(!directory.path().join("attache.db").exists());
    for secret in
        issuer.issued().iter().map(String::as_str).chain(["app-s3cret", "sign-in-s3cret", MASTER_KEY])
    {
        assert!(!told.contains(secret), "{told}");
    }
}
