//! What an issuer publishes about itself: metadata, endpoints, keys. Judges it by the same rules as the broker does.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::report::Report;
use super::target::Probe;
use crate::issuer::authorization_server::Whereabouts;
use crate::issuer::discovery;
use crate::issuer::endpoints::Endpoints;
use crate::issuer::fetch_keys::{Publisher, key_set};
use crate::issuer::jwt;
use crate::issuer::metadata::{Published, endpoint, published};
use crate::issuer::profile::Pkce;
use crate::issuer::revocation_endpoint::revocation_endpoint;
use crate::issuer::token_answer::tidy;

/// The endpoints, if they may be used.
pub(super) async fn probe(probe: Probe<'_>, report: &mut Report) -> Option<Arc<Endpoints>> {
    let published = match &probe.issuer.whereabouts {
        Whereabouts::Explicit(_) => {
            let what =
                "it is given by its URLs, so there is no metadata to judge; nobody can sign in with it";
            report.unproven("discovery", what);
            None
        }
        Whereabouts::Discovery { identifier, .. } => Some(metadata(probe, identifier, report).await?),
    };
    let endpoints = match discovery::endpoints(probe.issuers, probe.issuer).await {
        Ok(endpoints) => endpoints,
        Err(fault) => {
            let cure = "Ask the issuer's operator to mend its metadata, or say the address in the issuer's section: it wins over the metadata's.";
            report.problem("discovery", format!("its metadata cannot be used: {fault}"), cure);
            return None;
        }
    };
    let endpoints = completed(probe, endpoints, report).await;
    if let Some(published) = &published {
        pkce(probe, published, report);
        mix_up(&endpoints, report);
        grant_types(published, report);
    }
    match &endpoints.userinfo {
        Some(_) => report.good("userinfo", "it has a userinfo endpoint"),
        None => {
            report.unproven(
                "userinfo",
                "it has no userinfo endpoint; people are known by their ID token alone",
            );
        }
    }
    keys(probe, &endpoints, published.as_ref(), report).await;
    Some(endpoints)
}

/// Those that were given, with the revocation endpoint that is published for them, if one is.
async fn completed(probe: Probe<'_>, given: Arc<Endpoints>, report: &mut Report) -> Arc<Endpoints> {
    if given.revocation.is_some() {
        return given;
    }
    match revocation_endpoint(probe.issuers, probe.issuer).await {
        Ok(Some(url)) => {
            report.good("revocation", format!("metadata at the token address name an endpoint: {url}"));
            Arc::new(Endpoints { revocation: Some(url), ..(*given).clone() })
        }
        Ok(None) => given,
        Err(fault) => {
            let what =
                format!("whether metadata at the token address name an endpoint could not be seen: {fault}");
            report.unproven("revocation", what);
            given
        }
    }
}

/// The metadata, when they are of this issuer and lead nowhere else.
async fn metadata(probe: Probe<'_>, identifier: &str, report: &mut Report) -> Option<Value> {
    let key = &probe.issuer.key;
    let Published { base, document, .. } = match published(probe.issuers, probe.issuer, identifier).await {
        Ok(found) => found,
        Err(fault) => {
            report.problem(
                "discovery",
                format!("no metadata could be had: {fault}"),
                format!(
                    "Open {}/.well-known/openid-configuration in a browser. Nothing there: correct `issuer` in \
                     [issuers.{key}], or give the issuer by its URLs. There: look for a firewall between here and it.",
                    identifier.trim_end_matches('/')
                ),
            );
            return None;
        }
    };
    let said = tidy(document.get("issuer").and_then(Value::as_str).unwrap_or_default(), &[]);
    if said != identifier {
        let only_the_slash = said.trim_end_matches('/') == identifier.trim_end_matches('/');
        let cure = if only_the_slash && !said.is_empty() {
            format!("Set issuer = \"{said}\" in [issuers.{key}]: only the slash at the end differs.")
        } else {
            format!("Set the `issuer` of [issuers.{key}] to the one you mean, exactly as it writes itself.")
        };
        let named = if said.is_empty() { "no issuer".to_owned() } else { format!("the issuer `{said}`") };
        let what = format!("its metadata names {named}, the configuration `{identifier}`");
        report.problem("discovery", what, cure);
        return None;
    }
    let foreign = foreign_origins(probe, &base, &document);
    if !foreign.is_empty() {
        let listed = foreign.iter().map(|origin| format!("\"{origin}\"")).collect::<Vec<_>>().join(", ");
        report.problem(
            "endpoints",
            format!("its metadata names endpoints at {}, which is not its own origin", foreign.join(" and ")),
            format!("If they are the issuer's, set endpoint_origins = [{listed}] in [issuers.{key}]; codes and secrets are sent there."),
        );
        return None;
    }
    report.good("discovery", format!("its metadata names it letter by letter: {identifier}"));
    report.good("endpoints", "all of them lie at its own origin, or where endpoint_origins allows");
    Some(document)
}

fn foreign_origins(probe: Probe<'_>, base: &Url, document: &Value) -> Vec<String> {
    let names = [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "revocation_endpoint",
        "jwks_uri",
        "end_session_endpoint",
    ];
    let mut origins: Vec<String> = names
        .into_iter()
        .filter(|name| probe.issuer.said(name).is_none())
        .filter_map(|name| endpoint(document, name))
        .filter(|endpoint| discovery::is_foreign(probe.issuer, base, endpoint))
        .map(|endpoint| endpoint.origin().ascii_serialization())
        .collect();
    origins.sort();
    origins.dedup();
    origins
}

/// A list of texts in the metadata; None when it is not there.
fn listed<'v>(published: &'v Value, name: &str) -> Option<Vec<&'v str>> {
    let list = published.get(name)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).collect())
}

fn pkce(probe: Probe<'_>, published: &Value, report: &mut Report) {
    let about = "pkce";
    let methods = listed(published, "code_challenge_methods_supported");
    let says_s256 = methods.as_ref().map(|methods| methods.contains(&"S256"));
    match (probe.issuer.profile.pkce, says_s256) {
        (Pkce::Always, Some(true)) => report.good(about, "it says that it takes PKCE with S256"),
        (Pkce::Always, Some(false)) => report.problem(
            about,
            "it says which PKCE methods it takes, and S256 is not among them",
            "Ask its operator to allow S256. Only if it refuses requests for that, set pkce = \"never\".",
        ),
        (Pkce::Never, Some(true)) => report.problem(
            about,
            "it says that it takes PKCE with S256, and the profile leaves PKCE out",
            "Remove pkce = \"never\".",
        ),
        (Pkce::Always, None) => report.unproven(
            about,
            "it does not say whether it takes PKCE; that is no proof that it does not, and S256 is sent all the same",
        ),
        (Pkce::Never, _) => {
            report.unproven(about, "the profile leaves PKCE out, and the issuer does not announce S256");
        }
    }
}

fn mix_up(endpoints: &Endpoints, report: &mut Report) {
    if endpoints.sends_iss {
        report.good("iss", "it names itself in every authorization answer (RFC 9207), and is held to that");
    } else {
        report.unproven(
            "iss",
            "it does not promise `iss` in authorization answers (RFC 9207); each app's own redirect URI defends \
             against mix-up",
        );
    }
}

fn grant_types(published: &Value, report: &mut Report) {
    if let Some(types) = listed(published, "grant_types_supported")
        && !types.contains(&"refresh_token")
    {
        report.unproven("refresh", "it lists its grant types, and refresh_token is not among them");
    }
}

async fn keys(probe: Probe<'_>, endpoints: &Endpoints, published: Option<&Value>, report: &mut Report) {
    let about = "keys";
    if endpoints.jwks.is_none() {
        report.unproven(about, "it publishes no keys, so none of its tokens can be verified");
        return;
    }
    match key_set(probe.issuers, Publisher::Issuer(probe.issuer)).await {
        Ok(keys) if keys.keys().is_empty() => report.problem(
            about,
            "it publishes no key that is good enough: RSA of 2048 bits or more, P-256, P-384 or Ed25519",
            "Ask the issuer's operator for a stronger signing key.",
        ),
        Ok(keys) => {
            let (count, plural) = (keys.keys().len(), if keys.keys().len() == 1 { "" } else { "s" });
            report.good(about, format!("it publishes {count} key{plural} that can be used"));
        }
        Err(fault) => report.problem(
            about,
            format!("its keys cannot be had: {fault}"),
            "Open the jwks_uri in a browser, and look for a firewall between here and it.",
        ),
    }
    match published.and_then(|published| listed(published, "id_token_signing_alg_values_supported")) {
        None => report.unproven("algorithms", "it does not say how it signs ID tokens"),
        Some(said) => {
            let (good, other): (Vec<&str>, Vec<&str>) =
                said.into_iter().partition(|name| jwt::is_allowed(name));
            if good.is_empty() {
                report.problem(
                    "algorithms",
                    format!(
                        "it signs ID tokens with {} only, which is not accepted",
                        tidy(&other.join(", "), &[])
                    ),
                    "Let it sign with RS256 or ES256; where that is set by client, for our client.",
                );
            } else {
                report.good("algorithms", format!("it signs ID tokens with {}", tidy(&good.join(", "), &[])));
            }
        }
    }
}
