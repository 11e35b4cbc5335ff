//! The claims of a template for one person: what each shortcode stands for. Pure; signs nothing.

use serde_json::{Map, Value};

use super::Template;
use super::shortcode::{Name, Shortcode};
use crate::account::Account;
use crate::error::Error;

/// Bytes of JSON that the claims of a template may come to. More would not fit the headers that common servers read.
const LARGEST: usize = 8 * 1024;

/// For whom claims are made.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub account: &'a Account,
    /// Who acts for the person, as `act` says it (RFC 8693 section 4.1).
    pub actor: Option<&'a Value>,
}

/// What a template adds to a token. Never one of the claims that are ours.
///
/// # Errors
/// [`Error::TemplateRefused`] when the claims are larger than a token may be, or the person has no role.
pub fn render(template: &Template, about: About<'_>) -> Result<Map<String, Value>, Error> {
    let of = |shortcode: &Shortcode| about.value(shortcode);
    let mut claims: Map<String, Value> =
        template.claims.iter().map(|(name, claim)| (name.clone(), claim.value(&of))).collect();
    if let Some(hasura) = &template.hasura {
        let variables = hasura.variables(&of).map_err(|why| refuse(template, why))?;
        claims.insert(hasura.namespace.clone(), variables);
    }
    let size = Value::Object(claims.clone()).to_string().len();
    if size > LARGEST {
        let why = format!("its claims come to {size} bytes, and a token may carry {LARGEST} of them");
        return Err(refuse(template, &why));
    }
    Ok(claims)
}

fn refuse(template: &Template, why: &str) -> Error {
    Error::TemplateRefused(format!(
        "The template `{}` gives this account no token: {why}. The operator must correct the template or the account; \
         `attache template preview` shows what it comes to.",
        template.name
    ))
}

impl About<'_> {
    /// What is not known is null.
    fn value(&self, shortcode: &Shortcode) -> Value {
        let account = self.account;
        let claim = |name: &str| account.claims.get(name);
        let text = |name: &str| claim(name).filter(|value| value.is_string()).cloned().unwrap_or_default();
        // A text `false` would be something, and something is true.
        let flag = |name: &str| claim(name).filter(|value| value.is_boolean()).cloned().unwrap_or_default();
        let within = |found: Option<&Value>| member(found, &shortcode.path);
        match shortcode.name {
            Name::UserId => Value::from(account.id.as_str()),
            Name::ExternalId => account.sign_in_subject().map_or(Value::Null, Value::from),
            Name::Username => text("preferred_username"),
            Name::FirstName => text("given_name"),
            Name::LastName => text("family_name"),
            Name::FullName => account.full_name().map_or(Value::Null, Value::String),
            Name::PrimaryEmailAddress => account.email.as_deref().map_or(Value::Null, Value::from),
            Name::EmailVerified => flag("email_verified"),
            Name::PrimaryPhoneAddress => text("phone_number"),
            Name::PhoneNumberVerified => flag("phone_number_verified"),
            Name::ImageUrl => text("picture"),
            Name::CreatedAt => Value::from(account.made_at.unix()),
            Name::LastSignInAt => Value::from(account.signed_in_at.unix()),
            Name::PublicMetadata => within(claim("public_metadata")),
            Name::UnsafeMetadata => within(claim("unsafe_metadata")),
            Name::Claims => {
                let Some((name, path)) = shortcode.path.split_first() else { return Value::Null };
                member(claim(name), path)
            }
            Name::OrgId => text("org_id"),
            Name::OrgSlug => text("org_slug"),
            Name::OrgName => text("org_name"),
            Name::OrgRole => text("org_role"),
            Name::SessionActor => within(self.actor),
            // Nobody is asked to prove again who they are, so far.
            Name::SessionReverificationId => Value::Null,
        }
    }
}

/// What a path leads to, member by member.
fn member(of: Option<&Value>, path: &[String]) -> Value {
    let found = path.iter().fold(of, |found, name| found?.as_object()?.get(name));
    found.cloned().unwrap_or_default()
}
