//! Addresses that have parameters of their own, as RFC 6749 section 3.1 and 3.2 allow. They are kept, but no parameter
//! is sent twice: ours take the place of theirs.

use url::Url;

/// The address with these parameters behind its own.
#[must_use]
pub fn with(address: &Url, ours: &[(&str, &str)]) -> Url {
    let names: Vec<&str> = ours.iter().map(|(name, _)| *name).collect();
    let mut address = without(address, &names);
    address.query_pairs_mut().extend_pairs(ours);
    address
}

/// The address without its own parameters of these names, because they are sent elsewhere in the request. What of its
/// own stands there twice is kept once.
#[must_use]
pub fn without(address: &Url, names: &[&str]) -> Url {
    let Some(_) = address.query() else { return address.clone() };
    let mut theirs: Vec<(String, String)> = Vec::new();
    for (name, value) in address.query_pairs() {
        if !names.contains(&&*name) && !theirs.iter().any(|(known, _)| *known == name) {
            theirs.push((name.into_owned(), value.into_owned()));
        }
    }
    let mut address = address.clone();
    address.set_query(None);
    if !theirs.is_empty() {
        address.query_pairs_mut().extend_pairs(theirs);
    }
    address
}

#[cfg(test)]
mod tests {
    use super::{Url, with, without};

    #[test]
    fn no_parameter_stands_twice() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        for (address, sent) in [
            ("https://i.test/a", "https://i.test/a?scope=ours"),
            ("https://i.test/a?", "https://i.test/a?scope=ours"),
            (
                "https://i.test/a?p=B2C&scope=theirs&tenant=a+b",
                "https://i.test/a?p=B2C&tenant=a+b&scope=ours",
            ),
            ("https://i.test/a?scope=1&scope=2&p=1&p=2", "https://i.test/a?p=1&scope=ours"),
        ] {
            assert_eq!(with(&url(address), &[("scope", "ours")]).as_str(), sent);
        }
        assert_eq!(without(&url("https://i.test/t?token=x"), &["token"]).as_str(), "https://i.test/t");
        assert_eq!(without(&url("https://i.test/t?p=B2C"), &["token"]).as_str(), "https://i.test/t?p=B2C");
    }
}
