//! The token types of RFC 8693 section 3 that are taken and given here, and which of them an issued token is.

use strum::VariantArray;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::content::Environment;
use crate::error::Error;

/// A connection's id as a subject: a type of our own.
pub const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
pub enum TokenType {
    #[strum(serialize = "urn:ietf:params:oauth:token-type:access_token")]
    AccessToken,
    #[strum(serialize = "urn:ietf:params:oauth:token-type:jwt")]
    Jwt,
}

impl TokenType {
    /// What is given when this was asked for. What we mint is both; of what another platform gives nobody knows the form.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`]
    pub fn issued(requested: Option<Self>, environment: &Environment) -> Result<Self, Error> {
        match (requested, environment.strategy.mints()) {
            (Some(Self::Jwt), false) => Err(Error::InvalidRequest(
                "This environment's own platform gives its tokens, in a form of its own; leave out `requested_token_type`."
                    .to_owned(),
            )),
            (None, true) => Ok(Self::Jwt),
            (requested, _) => Ok(requested.unwrap_or(Self::AccessToken)),
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The names of all.
#[must_use]
pub fn all() -> Vec<&'static str> {
    TokenType::VARIANTS.iter().map(|kind| kind.name()).collect()
}

/// The only type of token that is given (RFC 6750).
#[must_use]
pub fn bearer() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["Bearer"])).build()
}
