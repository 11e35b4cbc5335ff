//! Why an authorization endpoint gave no code. Imports nothing of ours.

/// The words of an authorization endpoint for why there is no code. RFC 6749 section 4.1.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AuthorizationError {
    InvalidRequest,
    UnauthorizedClient,
    AccessDenied,
    UnsupportedResponseType,
    InvalidScope,
    ServerError,
    TemporarilyUnavailable,
}

impl AuthorizationError {
    /// What an issuer's word comes down to.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            // The person did not do what was needed. OpenID Connect Core 1.0 section 3.1.2.6.
            "login_required" | "consent_required" | "interaction_required" | "account_selection_required" => {
                Self::AccessDenied
            }
            word => word.parse().unwrap_or(Self::ServerError),
        }
    }
}
