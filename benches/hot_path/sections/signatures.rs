//! How many signatures one thread makes in a second, by each algorithm that signs content tokens: what an exchange that mints
//! one can't do better than on that thread. The library alone, with neither server nor database.

use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};

use super::Stage;
use crate::fault::{Fault, refuse};
use crate::numbers::{Series, per_second};
use crate::report::{Report, number, spread};

/// As long as header and claims of a content token.
const MESSAGE: [u8; 600] = [b'e'; 600];
/// The first is the default.
const KINDS: [Kind; 4] = [
    Kind::EdDsa,
    Kind::Es256,
    Kind::Rs256("RS256, 2048 bits", KeySize::Rsa2048),
    Kind::Rs256("RS256, 3072 bits", KeySize::Rsa3072),
];

enum Kind {
    EdDsa,
    Es256,
    Rs256(&'static str, KeySize),
}

enum Key {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Kind {
    const fn name(&self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256(name, _) => name,
        }
    }

    fn key(&self) -> Result<Key, Fault> {
        let made = match self {
            Self::EdDsa => Ed25519KeyPair::generate().map(Key::EdDsa),
            Self::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Key::Es256),
            Self::Rs256(_, size) => RsaKeyPair::generate(*size).map(Key::Rs256),
        };
        made.or_else(|_| refuse(format!("no {} key could be made", self.name())))
    }
}

impl Key {
    fn signs(&self) -> bool {
        match self {
            Self::EdDsa(pair) => pair.try_sign(&MESSAGE).is_ok(),
            Self::Es256(pair) => pair.sign(&SystemRandom::new(), &MESSAGE).is_ok(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &MESSAGE, &mut signature).is_ok()
            }
        }
    }

    fn rate(&self, window: Duration) -> Result<f64, Fault> {
        let (began, mut count) = (Instant::now(), 0);
        while began.elapsed() < window {
            if !self.signs() {
                return refuse("a signature failed");
            }
            count += 1;
        }
        Ok(per_second(count, began.elapsed()))
    }
}

/// Signatures a second by the default algorithm.
pub fn by_default(window: Duration) -> Result<f64, Fault> {
    KINDS[0].key()?.rate(window)
}

pub fn run(stage: &Stage<'_>, report: &mut Report) -> Result<(), Fault> {
    let arguments = stage.arguments;
    if !arguments.wants("signatures") {
        return Ok(());
    }
    let mut rows = Vec::new();
    for kind in KINDS {
        let key = kind.key()?;
        let rates: Result<Vec<f64>, Fault> =
            (0..arguments.rounds()).map(|_| key.rate(arguments.window())).collect();
        let rates: Series = rates?.into_iter().collect();
        rows.push([kind.name().to_owned(), spread(&rates, number)]);
    }
    report.heading("Signatures");
    report.table(["algorithm", "a second on one thread"], &rows);
    Ok(())
}
