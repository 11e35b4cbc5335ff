//! The JSON Web Signature compact form: putting together, taking apart, and checking against a key set. Says
//! nothing about what the claims mean.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The object that `json!({…})` made.
pub(super) fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// base64url without padding.
pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The compact form of what `sign` signs.
pub(super) fn compact(header: &Object, claims: &Object, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |object: &Object| encode(serde_json::to_vec(object).unwrap_or_default());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = encode(sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// A token taken apart, not yet believed.
pub(super) struct Parts {
    pub header: Object,
    pub claims: Object,
    input: String,
    signature: Vec<u8>,
}

impl Parts {
    pub(super) fn parse(token: &str) -> Option<Self> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let object = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            input: input.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(super) fn key_id(&self) -> &str {
        text(&self.header, "kid")
    }

    /// Whether the header's `typ` is that of a JWT access token (RFC 9068).
    pub(super) fn is_access_token(&self) -> bool {
        let kind = text(&self.header, "typ").to_ascii_lowercase();
        kind == "at+jwt" || kind == "application/at+jwt"
    }

    /// Whether `key`, a JWK, made the signature with the one algorithm that fits its kind.
    pub(super) fn signed_by(&self, key: &Value) -> bool {
        let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap_or_default()).ok();
        let input = self.input.as_bytes();
        match (text(&self.header, "alg"), key["kty"].as_str()) {
            ("EdDSA" | "Ed25519", Some("OKP")) if key["crv"] == "Ed25519" => part("x")
                .is_some_and(|x| UnparsedPublicKey::new(&ED25519, x).verify(input, &self.signature).is_ok()),
            ("ES256", Some("EC")) if key["crv"] == "P-256" => {
                part("x").zip(part("y")).is_some_and(|(x, y)| {
                    // Uncompressed. SEC 1 section 2.3.3.
                    let point = [&[4], x.as_slice(), y.as_slice()].concat();
                    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                        .verify(input, &self.signature)
                        .is_ok()
                })
            }
            ("RS256", Some("RSA")) => part("n").zip(part("e")).is_some_and(|(n, e)| {
                RsaPublicKeyComponents { n, e }
                    .verify(&RSA_PKCS1_2048_8192_SHA256, input, &self.signature)
                    .is_ok()
            }),
            _ => false,
        }
    }

    /// Whether `aud`, a string or a list, names `audience`.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().any(|one| one == audience),
            _ => false,
        }
    }
}

/// A string member, empty when it is absent or something else.
pub(super) fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}
