//! `attache check --issuer KEY`: probes one issuer, prints what was found with its cures, and the profile to paste.

use std::io::Write;

use attache::app::registration::registration;
use attache::app::sync;
use attache::config::{Config, section};
use attache::issuer::probe::consent::{self, Person, Round};
use attache::issuer::probe::{self, Finding, Probe, Report, Verdict};
use attache::issuer::{Issuer, Issuers};
use url::Url;

use super::Check;
use crate::cli::failure::Failure;

pub async fn run(check: &Check, config: &Config, issuers: &Issuers, key: &str) -> Result<(), Failure> {
    let found = config.issuers.get(key).and_then(|config| sync::issuer(key, config));
    let Some(mut issuer) = found else {
        let known = config.issuers.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(Failure::Sentence(format!("There is no [issuers.{key}]; there are: {known}.")));
    };
    let registration = check.app.as_deref().map(|app| registration(config, key, app)).transpose();
    let registration = registration.map_err(Failure::Sentence)?;
    let probe = Probe { issuers, issuer: &issuer, registration: registration.as_ref() };
    let mut report = Report::default();
    let known = probe::ask(probe, &mut report).await;
    print(&report.findings);
    if check.consent
        && let Some(known) = &known
    {
        let before = report.findings.len();
        if known.client.is_some() {
            foretell(check.longest_leeway);
        }
        let mut person = Terminal { signs_in_at: sign_in_of(config, &issuer) };
        consent::measure(probe, known, check.longest_leeway, &mut person, &mut report).await;
        say!("");
        print(&report.findings[before..]);
    }
    let problems = report.problems();
    if !check.consent {
        say!(
            "note     rotation, leeway, reach: not measured; --app APP --consent measures them with a test account"
        );
    }
    issuer.profile = report.measured.applied(&issuer.profile);
    say!("\n# The profile, to paste in place of this section; scope_descriptions stay as they are.");
    say!("{}", section::of_issuer(&issuer, &report.measured.comments()).trim_end());
    if problems == 0 { Ok(()) } else { Err(Failure::Sentence(format!("Problems: {problems}."))) }
}

fn print(findings: &[Finding]) {
    for Finding { about, what, verdict } in findings {
        match verdict {
            Verdict::Good => say!("good     {about}: {what}"),
            Verdict::Unproven => say!("note     {about}: {what}"),
            Verdict::Problem { cure } => say!("problem  {about}: {what}\n         cure: {cure}"),
        }
    }
}

fn foretell(longest: u32) {
    say!(
        "\nFrom here on a person consents. Use a TEST account: its grants of this app are spent, reused and revoked,\n\
         and connections of the same person and app may end with them."
    );
    let seconds = consent::waits(longest).iter().sum::<u32>();
    if seconds > 0 {
        say!(
            "The waits take {seconds} seconds in all, or less, and begin after the last consent; they take more where a\n\
             refresh token is replaced only some time after its first use."
        );
    }
}

/// Where people sign in, if that is at this issuer: then most who connect an app have a session there beside the app's own,
/// and some issuers (Keycloak) hang every consent of a browser on it.
fn sign_in_of<'a>(config: &'a Config, issuer: &Issuer) -> Option<&'a Url> {
    issuer.identifier().filter(|identifier| config.signs_in_at(identifier)).map(|_| &*config.public_url)
}

/// The person who typed the command.
struct Terminal<'a> {
    signs_in_at: Option<&'a Url>,
}

impl Person for Terminal<'_> {
    async fn consent(&mut self, round: Round, url: &Url) -> Option<String> {
        let why = match round {
            Round::First => "Open this address in a browser, and consent with the test account:",
            Round::Beside => {
                "Once more in the SAME place, where you are still signed in, to see whether that, or its revoke, ends the\n\
                 consent before it (Enter alone leaves it out):"
            }
            Round::Elsewhere => {
                "Once more in ANOTHER browser or a private window, where nobody is signed in there, with the same test\n\
                 account: the same question (Enter alone leaves it out):"
            }
            Round::Again => {
                "All consents have ended. Once more, to measure the leeway (Enter alone leaves it out):"
            }
        };
        if let (Round::First, Some(public_url)) = (round, self.signs_in_at) {
            say!(
                "\nFirst sign in at {public_url} with the test account, as people do who connect an app: an issuer may hang\n\
                 consents on that session, and end them together. If Attaché does not run, the reach of a revoke may be said\n\
                 to be less than it is."
            );
        }
        say!("\n{why}\n\n{url}\n");
        say!(
            "You will be sent to a page of this Attaché, which refuses the answer, or to none if it does not run.\n\
             Paste that page's whole address here:"
        );
        let _ = std::io::stdout().flush();
        let mut line = String::new();
        // An end of the input is a person who brings nothing.
        let _ = std::io::stdin().read_line(&mut line);
        let line = line.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    fn waits(&mut self, seconds: u32) {
        let plural = if seconds == 1 { "" } else { "s" };
        say!("… waiting {seconds} second{plural} before a refresh token is presented again");
    }
}
