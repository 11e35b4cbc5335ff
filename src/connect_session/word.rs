//! Judges a platform's word of who one of its users is: a JWT (RFC 7519) that the platform signed a moment ago, for us alone. That
//! it is brought only once is the row's to say. The platform's own backend brings it, so it is told what is wrong.

use serde_json::Value;

use super::row::LIFETIME;
use crate::Broker;
use crate::account::platform::issuer_of;
use crate::account::vouched::Vouched;
use crate::config::PlatformConfig;
use crate::error::Error;
use crate::issuer::IssuerFault;
use crate::issuer::claims::{self, Claims};
use crate::issuer::fault::untrusted;
use crate::issuer::fetch_keys::Publisher;
use crate::issuer::jwt::{self, Verified};
use crate::secret::{Token, TokenHash};

/// Seconds that a word lives at the most.
const LONGEST_LIFE: i64 = 300;
/// Seconds by which the platform's clock may differ.
const SKEW: i64 = 30;
/// A word that is still good must find the row of the link that it gave before.
const _: () = assert!(LIFETIME > LONGEST_LIFE + 2 * SKEW);
/// Its type, where it says one of its own: then no other API takes it for a token of theirs. RFC 8725 section 3.11.
const TYPE: &str = "connect-session+jwt";
/// Characters of a name or an e-mail address.
const LONGEST_NAME: usize = 200;
const LONGEST_ID: usize = 255;

/// Whom a platform speaks of.
pub struct Word {
    pub person: Vouched,
    /// By which it is known that it was brought before.
    pub jti: TokenHash,
}

/// Which platform is said to have signed it. Only to find its keys; nothing is believed yet.
#[must_use]
pub fn claimed_platform<'a>(broker: &'a Broker, token: &Token) -> Option<(&'a str, &'a PlatformConfig)> {
    let issuer = jwt::claimed_issuer(token.expose())?;
    let found = broker.config.platforms.iter().find(|(_, platform)| platform.issuer == issuer);
    found.map(|(key, platform)| (key.as_str(), platform))
}

/// # Errors
/// [`Error::UserTokenRefused`] with the reason; [`Error::PlatformKeysUnavailable`] when the platform's keys cannot be had.
pub async fn judge(
    broker: &Broker,
    (key, platform): (&str, &PlatformConfig),
    token: &Token,
) -> Result<Word, Error> {
    let account_issuer = issuer_of(key);
    let verified = verify(broker, &account_issuer, platform, token).await;
    let judged = verified.and_then(|verified| {
        let issuers = [platform.issuer.as_str(), &broker.issuer_identifier()];
        read(&verified, issuers, account_issuer, broker.clock.now().unix())
    });
    judged.map_err(|fault| refusal(platform, fault))
}

async fn verify(
    broker: &Broker,
    name: &str,
    platform: &PlatformConfig,
    token: &Token,
) -> Result<Verified, IssuerFault> {
    match (&platform.keys, &platform.jwks_url) {
        (Some(keys), _) => jwt::verify_by(keys, token.expose()),
        (None, Some(at)) => {
            jwt::verify(&broker.issuers, Publisher::Address { name, at }, token.expose()).await
        }
        (None, None) => Err(IssuerFault::Odd("the platform has no keys".to_owned())),
    }
}

fn read(
    verified: &Verified,
    [issuer, audience]: [&str; 2],
    account_issuer: String,
    now: i64,
) -> Result<Word, IssuerFault> {
    let claims = &verified.claims;
    if !matches!(verified.typ.as_deref(), None | Some("jwt" | TYPE)) {
        return Err(untrusted("the token is of another type; leave `typ` out, or say `JWT`"));
    }
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(untrusted("its `iss` is not the platform's"));
    }
    if claims::audiences(claims) != [audience] || !only_texts(claims.get("aud")) {
        return Err(untrusted(&format!("its `aud` must be {audience}, and nobody else")));
    }
    let expires = claims::judge_dates_within(claims, now, SKEW)?;
    let said_at = claims::numeric_date(claims, "iat")?
        .ok_or_else(|| untrusted("it does not say when it was issued (`iat`)"))?;
    if !(1..=LONGEST_LIFE).contains(&expires.saturating_sub(said_at)) {
        return Err(untrusted("its `exp` must be after its `iat`, by 300 seconds at the most"));
    }
    let jti = claims.get("jti").and_then(Value::as_str).unwrap_or_default();
    if !(1..=LONGEST_ID).contains(&jti.chars().count()) {
        return Err(untrusted("its `jti` must be a text of 1 to 255 characters"));
    }
    let person = Vouched {
        issuer: account_issuer,
        subject: claims::subject(claims)?.to_owned(),
        name: words(claims, "name")?,
        email: words(claims, "email")?,
    };
    Ok(Word { person, jti: TokenHash::of(jti) })
}

/// A list may hold something that is no text beside one that is.
fn only_texts(audience: Option<&Value>) -> bool {
    audience.and_then(Value::as_array).is_none_or(|all| all.iter().all(Value::is_string))
}

/// What people are called by; one that is empty or null is not there.
fn words(claims: &Claims, name: &str) -> Result<Option<String>, IssuerFault> {
    let text = match claims.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim(),
        Some(_) => return Err(untrusted(&format!("its `{name}` is not a text"))),
    };
    if text.chars().count() > LONGEST_NAME || text.contains(char::is_control) {
        let why = format!("its `{name}` is longer than 200 characters, or holds control characters");
        return Err(untrusted(&why));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

fn refusal(platform: &PlatformConfig, fault: IssuerFault) -> Error {
    match fault {
        IssuerFault::Untrusted(why) | IssuerFault::Unverified(why) => Error::UserTokenRefused(why),
        fault => {
            tracing::warn!(platform = platform.name, %fault, "a platform's keys could not be had");
            let retry_after = match fault {
                IssuerFault::Unavailable(_, Some(seconds)) => seconds,
                _ => 10,
            };
            Error::PlatformKeysUnavailable { retry_after }
        }
    }
}
