//! An issuer's key set (RFC 7517), stripped of weak and foreign keys. Fetches nothing: see [`super::fetch_keys`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::CoreJsonWebKey;
use openidconnect::{JsonWebKey, JsonWebKeyId};
use serde_json::{Map, Value};

use super::redact::quote;

/// What an issuer publishes.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<CoreJsonWebKey>,
    /// The `kid` of those that are not used, and why.
    passed_over: Vec<(Option<String>, &'static str)>,
}

impl KeySet {
    #[must_use]
    pub fn keys(&self) -> &[CoreJsonWebKey] {
        &self.keys
    }

    /// Those that may have signed a token of this `kid`: also one without a name, which could be any.
    pub fn candidates<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a CoreJsonWebKey> {
        let may = move |key: &&CoreJsonWebKey| match (kid, key.key_id()) {
            (Some(wanted), Some(named)) => named.as_str() == wanted,
            (None, _) | (_, None) => true,
        };
        self.keys.iter().filter(may)
    }

    /// Whether nothing is published, good or bad.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.passed_over.is_empty()
    }

    /// Why none of them has signed a token of this `kid`.
    #[must_use]
    pub fn why_not(&self, kid: Option<&str>) -> String {
        let of_it = |(named, _): &&(Option<String>, &str)| named.is_none() || named.as_deref() == kid;
        match self.passed_over.iter().find(of_it) {
            Some((named, why)) => {
                let named = named.as_ref().map(|kid| format!(" `{}`", quote(kid, &[]))).unwrap_or_default();
                format!(
                    "the signature is of no key of the issuer that is used; its key{named} is not, because {why}"
                )
            }
            None => "the signature is not of one of the issuer's keys".to_owned(),
        }
    }

    /// Whether one of them has this name.
    #[must_use]
    pub fn holds(&self, kid: &str) -> bool {
        let wanted = JsonWebKeyId::new(kid.to_owned());
        self.keys.iter().any(|key| key.key_id() == Some(&wanted))
    }
}

/// Only public signature keys of RSA 2048 or P-256 and above; whatever else stands in the set is passed over.
#[must_use]
pub fn trusted(document: &Value) -> KeySet {
    let listed = document.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut set = KeySet::default();
    for key in listed.iter().filter_map(|key| mended(key.as_object()?)) {
        let kid = key.get("kid").and_then(Value::as_str).map(str::to_owned);
        match judge(&key) {
            Ok(key) => set.keys.push(key),
            Err(why) => set.passed_over.push((kid, why)),
        }
    }
    set
}

/// A key as RFC 7517 has it, from one that is odd but tells its numbers: they are read in standard and in padded base64,
/// too. Members that are empty are absent, and a bad thumbprint or certificate beside a good key must not hide the key.
/// None when it is not for signatures.
fn mended(key: &Map<String, Value>) -> Option<Map<String, Value>> {
    if key.get("use").and_then(Value::as_str) == Some("enc") {
        return None;
    }
    let mut key = key.clone();
    key.retain(|name, value| {
        let is_text = value.as_str().is_some_and(|text| !text.is_empty());
        is_text && !name.starts_with("x5") && name != "key_ops"
    });
    for name in NUMBERS {
        if let Some(Value::String(number)) = key.get_mut(name) {
            let unpadded = number.trim_end_matches('=');
            *number = unpadded.replace('+', "-").replace('/', "_");
        }
    }
    Some(key)
}

/// The members that hold a public key's numbers. RFC 7518 section 6, RFC 8037 section 2.
const NUMBERS: [&str; 4] = ["n", "e", "x", "y"];

fn judge(key: &Map<String, Value>) -> Result<CoreJsonWebKey, &'static str> {
    let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_base64 = |name: &str| URL_SAFE_NO_PAD.decode(text(name)).is_ok();
    if !NUMBERS.into_iter().all(is_base64) {
        return Err("a number in it is not base64");
    }
    match text("kty") {
        "RSA" => {
            let modulus = URL_SAFE_NO_PAD.decode(text("n")).unwrap_or_default();
            if modulus_bits(&modulus) < 2048 {
                return Err("its modulus is shorter than 2048 bits");
            }
        }
        "EC" if matches!(text("crv"), "P-256" | "P-384") => {}
        "OKP" if text("crv") == "Ed25519" => {}
        _ => return Err("it is of a kind that is not accepted"),
    }
    serde_json::from_value(Value::Object(key.clone())).map_err(|_| "it cannot be read")
}

fn modulus_bits(modulus: &[u8]) -> usize {
    let leading = modulus.iter().take_while(|byte| **byte == 0).count();
    let significant = &modulus[leading..];
    significant.len() * 8 - significant.first().map_or(0, |byte| byte.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    /// A modulus of 2048 bits whose base64 tells the alphabets apart.
    fn modulus() -> Vec<u8> {
        (0..256).map(|at| if at < 128 { [0xfb, 0xef, 0xbe][at % 3] } else { 0xff }).collect()
    }

    fn set(n: &str, kid: &Value) -> KeySet {
        trusted(
            &json!({ "keys": [{ "kty": "RSA", "kid": kid, "n": n, "e": "AQAB", "use": null, "x5t": 3 }] }),
        )
    }

    #[test]
    fn a_modulus_is_read_in_every_base64() {
        let standard = STANDARD.encode(modulus());
        assert!(standard.contains('+') && standard.contains('=') && standard.contains('/'), "{standard}");
        for n in [
            standard.clone(),
            standard.replace('+', "-").replace('/', "_"),
            URL_SAFE_NO_PAD.encode(modulus()),
        ] {
            assert_eq!(set(&n, &json!("one")).keys().len(), 1, "{n}");
        }
    }

    #[test]
    fn a_key_that_is_not_used_is_named_for_what_it_is() {
        for (n, why) in [("n*t base64", "not base64"), ("AQAB", "2048 bits"), ("", "2048 bits")] {
            let set = set(n, &json!("one"));
            assert!(set.keys().is_empty());
            let said = set.why_not(Some("one"));
            assert!(said.contains("`one`") && said.contains(why), "{said}");
            assert!(!set.why_not(Some("two")).contains("`one`"));
        }
        let long = set("AQAB", &json!("k".repeat(5000)));
        assert!(long.why_not(Some(&"k".repeat(5000))).len() < 500);
    }

    #[test]
    fn a_key_without_a_name_may_be_any() {
        let standard = STANDARD.encode(modulus());
        for kid in [json!(null), json!(""), json!(7)] {
            let set = set(&standard, &kid);
            assert_eq!((set.candidates(Some("one")).count(), set.candidates(None).count()), (1, 1), "{kid}");
        }
        let named = set(&standard, &json!("one"));
        assert_eq!((named.candidates(Some("one")).count(), named.candidates(Some("two")).count()), (1, 0));
    }
}
