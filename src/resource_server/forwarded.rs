//! What a proxy says of the request that it asks about: is content read, or changed? Pure. A client may have written some of
//! what is said, so all of it is taken, and the strictest counts.

/// The request, in the proxy's words and perhaps in its client's.
#[derive(Debug, Default)]
pub struct Forwarded<'a> {
    /// None stands for a word that cannot be read.
    pub methods: Vec<Option<&'a str>>,
    /// Paths, with their query or without.
    pub targets: Vec<&'a str>,
    /// It goes on as another protocol, such as a WebSocket, which carries whatever it likes.
    pub is_upgraded: bool,
}

/// What a request does, as far as its method tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Operation {
    Read,
    Write,
    /// A GraphQL request, or a socket to it: its body says whether it reads or changes, and no proxy shows that. The content API judges it.
    InBody,
}

/// RFC 9110 section 9.2.1.
const SAFE: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

impl Forwarded<'_> {
    /// None when nobody said the method. `graphql` are the paths of the content API, which speaks GraphQL there and only
    /// there.
    #[must_use]
    pub fn operation(&self, graphql: &[&str]) -> Option<Operation> {
        if self.methods.is_empty() {
            return None;
        }
        let is = |methods: &[&str]| {
            self.methods.iter().all(|method| method.is_some_and(|method| methods.contains(&method)))
        };
        if is(&SAFE) && !self.is_upgraded {
            return Some(Operation::Read);
        }
        let mut posted = SAFE.to_vec();
        posted.push("POST");
        if is(&posted) && self.is_for(graphql) { Some(Operation::InBody) } else { Some(Operation::Write) }
    }

    /// Whether it changes nothing, by all that is said of its method.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        let is = |method: Option<&str>| method.is_some_and(|method| SAFE.contains(&method));
        !self.methods.is_empty() && self.methods.iter().all(|method| is(*method)) && !self.is_upgraded
    }

    /// Whether it reads a page, by all that is said of its method.
    #[must_use]
    pub fn is_get(&self) -> bool {
        !self.methods.is_empty()
            && self.methods.iter().all(|method| *method == Some("GET"))
            && !self.is_upgraded
    }

    /// Whether all that is said of its target is one of these paths.
    fn is_for(&self, paths: &[&str]) -> bool {
        let is_one = |target: &str| paths.contains(&target.split(['?', '#']).next().unwrap_or_default());
        !self.targets.is_empty() && self.targets.iter().all(|target| is_one(target))
    }
}

#[cfg(test)]
mod tests {
    use super::{Forwarded, Operation};

    const GRAPHQL: [&str; 1] = ["/v2/p/master"];

    fn operation(methods: &[&'static str], targets: &[&'static str]) -> Option<Operation> {
        let methods = methods.iter().map(|method| Some(*method)).collect();
        Forwarded { methods, targets: targets.to_vec(), is_upgraded: false }.operation(&GRAPHQL)
    }

    #[test]
    fn the_method_tells_and_the_strictest_counts() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert_eq!(operation(&[method], &["/x"]), Some(Operation::Read), "{method}");
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "QUERY", "get", "", "GET "] {
            assert_eq!(operation(&[method], &["/x"]), Some(Operation::Write), "{method:?}");
            assert_eq!(operation(&["GET", method], &["/x"]), Some(Operation::Write), "{method:?}");
            assert_eq!(operation(&[method, "GET"], &["/x"]), Some(Operation::Write), "{method:?}");
        }
        assert_eq!(operation(&[], &["/x"]), None);
        let unreadable = Forwarded { methods: vec![Some("GET"), None], ..Forwarded::default() };
        assert_eq!(unreadable.operation(&GRAPHQL), Some(Operation::Write));
    }

    #[test]
    fn what_goes_on_as_another_protocol_does_more_than_read() {
        for (target, operation) in [("/v2/p/master", Operation::InBody), ("/x", Operation::Write)] {
            let request = Forwarded { methods: vec![Some("GET")], targets: vec![target], is_upgraded: true };
            assert_eq!(request.operation(&GRAPHQL), Some(operation), "{target}");
        }
    }

    #[test]
    fn what_is_posted_to_graphql_is_in_its_body() {
        let here = GRAPHQL[0];
        assert_eq!(operation(&["POST"], &[here]), Some(Operation::InBody));
        assert_eq!(operation(&["POST"], &["/v2/p/master?operationName=x"]), Some(Operation::InBody));
        assert_eq!(operation(&["GET"], &[here]), Some(Operation::Read));
        assert_eq!(operation(&["PUT"], &[here]), Some(Operation::Write));
        assert_eq!(operation(&["POST", "DELETE"], &[here]), Some(Operation::Write));
        assert_eq!(operation(&["POST"], &[]), Some(Operation::Write));
        for elsewhere in
            ["/v2/p/master/", "/v2/p/master/../x", "/v2/P/master", "/", "", "//v2/p/master", "/v2/p/maste%72"]
        {
            assert_eq!(operation(&["POST"], &[elsewhere]), Some(Operation::Write), "{elsewhere}");
            assert_eq!(operation(&["POST"], &[here, elsewhere]), Some(Operation::Write), "{elsewhere}");
        }
    }
}
