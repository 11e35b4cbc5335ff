//! One private key of one algorithm: made, written down, read back and put to use. Knows nothing of where it is kept, or of
//! when it signs.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::content::algorithm::{Algorithm, RsaSize};
use crate::secret::Token;

pub(super) enum Pair {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Pair {
    pub(super) fn generate(algorithm: Algorithm, rsa_size: RsaSize) -> Result<Self, Unspecified> {
        Ok(match algorithm {
            Algorithm::EdDsa => Self::EdDsa(Ed25519KeyPair::generate()?),
            Algorithm::Es256 => Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?),
            Algorithm::Rs256 => Self::Rs256(RsaKeyPair::generate(match rsa_size {
                RsaSize::Bits2048 => KeySize::Rsa2048,
                RsaSize::Bits3072 => KeySize::Rsa3072,
            })?),
        })
    }

    /// As it is stored: PKCS #8 (RFC 5958), base64url.
    pub(super) fn write(&self) -> Result<Token, Unspecified> {
        let text = |document: &[u8]| Token::new(URL_SAFE_NO_PAD.encode(document));
        Ok(match self {
            Self::EdDsa(pair) => text(pair.to_pkcs8()?.as_ref()),
            Self::Es256(pair) => text(pair.to_pkcs8v1()?.as_ref()),
            Self::Rs256(pair) => text(AsDer::<Pkcs8V1Der<'static>>::as_der(pair)?.as_ref()),
        })
    }

    /// None when the text is no private key of this algorithm.
    pub(super) fn read(algorithm: Algorithm, written: &Token) -> Option<Self> {
        let pkcs8 = URL_SAFE_NO_PAD.decode(written.expose()).ok()?;
        match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(&pkcs8).map(Self::EdDsa),
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).map(Self::Es256)
            }
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(&pkcs8).map(Self::Rs256),
        }
        .ok()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::EdDsa(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            Self::Es256(pair) => Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
        }
    }

    /// The public half: the point, or an `RSAPublicKey` in DER (RFC 8017 appendix A.1.1).
    pub(super) fn public_key(&self) -> &[u8] {
        match self {
            Self::EdDsa(pair) => pair.public_key().as_ref(),
            Self::Es256(pair) => pair.public_key().as_ref(),
            Self::Rs256(pair) => pair.public_key().as_ref(),
        }
    }

    /// What verifies signatures of this key.
    pub(super) fn verifier(&self) -> Result<ParsedPublicKey, KeyRejected> {
        match self {
            Self::EdDsa(_) => ParsedPublicKey::new(&ED25519, self.public_key()),
            Self::Es256(_) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.public_key()),
            Self::Rs256(_) => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.public_key()),
        }
    }

    /// The members of a JWK that are the public key, and no others. RFC 7518 section 6, RFC 8037 section 2.
    pub(super) fn jwk(&self) -> Value {
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = self.public_key();
        match self {
            Self::EdDsa(_) => json!({ "kty": "OKP", "crv": "Ed25519", "x": number(public) }),
            // A byte that says "uncompressed", then both coordinates.
            Self::Es256(_) => {
                let (x, y) = public[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": number(x), "y": number(y) })
            }
            // A sequence's header of 4 bytes, an integer's of 4 and its sign, the modulus; an integer's header of 2 bytes and
            // the exponent 65537.
            Self::Rs256(pair) => {
                let modulus = &public[9..9 + pair.public_modulus_len()];
                json!({ "kty": "RSA", "n": number(modulus), "e": number(&public[public.len() - 3..]) })
            }
        }
    }
}
