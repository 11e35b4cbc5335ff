//! Who exists in the sandbox. Shared by the issuer (who signs in) and the platform (who wrote what).

/// A person of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The issuer's `sub`, such as `sandbox|editor`.
    pub subject: String,
    /// The full name.
    pub name: String,
    /// The e-mail address; always reported as verified.
    pub email: String,
    /// The address of a picture, if there is one.
    pub picture: Option<String>,
}

impl Person {
    /// A person without a picture.
    #[must_use]
    pub fn new(subject: &str, name: &str, email: &str) -> Self {
        Self { subject: subject.to_owned(), name: name.to_owned(), email: email.to_owned(), picture: None }
    }

    /// The two people of the demo: an editor and a reader.
    #[must_use]
    pub fn demo() -> Vec<Self> {
        vec![
            Self::new("sandbox|editor", "Demo Editor", "editor@sandbox.test"),
            Self::new("sandbox|reader", "Demo Reader", "reader@sandbox.test"),
        ]
    }
}
