//! The issuer's signing keys: one signs, it and the previous one are published.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::weak_key;
use crate::sandbox::jwt::encode;
use crate::secret::random_text;

/// Making an RSA key takes long: all issuers of a process begin with the same one.
static FIRST: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);
/// A key that no issuer has ever published as its own.
static STRANGER: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);

/// An RSA key of 2048 bits with its `kid`.
#[derive(Clone)]
pub(super) struct SigningKey {
    pub id: String,
    pair: std::sync::Arc<RsaKeyPair>,
}

impl SigningKey {
    pub(super) fn generate() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("the library makes RSA keys");
        Self { id: random_text::<12>(), pair: pair.into() }
    }

    /// The key of a stranger.
    pub(super) fn stranger() -> Self {
        STRANGER.clone()
    }

    /// RS256.
    pub(super) fn sign(&self, input: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
            .expect("a key that was made here signs");
        signature
    }

    /// The public half, minimal: no certificates, no thumbprints.
    pub(super) fn jwk(&self) -> Value {
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": self.modulus(), "e": "AQAB" })
    }

    /// The modulus as in the JWK.
    pub(super) fn modulus(&self) -> String {
        // RSAPublicKey in DER: a sequence's header of 4 bytes, an integer's of 4 and its sign, the 256 bytes of
        // the modulus, then the exponent 65537.
        encode(&self.pair.public_key().as_ref()[9..265])
    }
}

/// The keys that are in use.
pub(super) struct KeyRing {
    current: SigningKey,
    previous: Option<SigningKey>,
    weak: bool,
}

impl KeyRing {
    pub(super) fn new() -> Self {
        Self { current: FIRST.clone(), previous: None, weak: false }
    }

    pub(super) fn current(&self) -> SigningKey {
        self.current.clone()
    }

    pub(super) fn rotate(&mut self, next: SigningKey) {
        self.previous = Some(std::mem::replace(&mut self.current, next));
    }

    /// From now on the key set contains the weak key too.
    pub(super) fn publish_weak(&mut self) {
        self.weak = true;
    }

    /// The JWK set.
    pub(super) fn published(&self) -> Value {
        let mut keys: Vec<Value> =
            std::iter::once(&self.current).chain(&self.previous).map(SigningKey::jwk).collect();
        keys.extend(self.weak.then(weak_key::jwk));
        json!({ "keys": keys })
    }
}
