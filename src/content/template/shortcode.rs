//! What stands between `{{` and `}}` in a text of a template: shortcodes and literals, the first that is something wins.
//! Reads a text once; knows no person.

use serde_json::{Number, Value};
use strum::VariantArray;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(String),
    Expression(Expression),
}

/// `{{a || b || 'x'}}`; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression(Vec<Operand>);

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Literal(Value),
    Shortcode(Shortcode),
}

/// What a person is known by, and perhaps a path into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortcode {
    pub name: Name,
    pub path: Vec<String>,
}

/// Each shortcode that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
pub enum Name {
    #[strum(serialize = "user.id")]
    UserId,
    #[strum(serialize = "user.external_id")]
    ExternalId,
    #[strum(serialize = "user.username")]
    Username,
    #[strum(serialize = "user.first_name")]
    FirstName,
    #[strum(serialize = "user.last_name")]
    LastName,
    #[strum(serialize = "user.full_name")]
    FullName,
    #[strum(serialize = "user.primary_email_address")]
    PrimaryEmailAddress,
    #[strum(serialize = "user.email_verified")]
    EmailVerified,
    #[strum(serialize = "user.primary_phone_address")]
    PrimaryPhoneAddress,
    #[strum(serialize = "user.phone_number_verified")]
    PhoneNumberVerified,
    #[strum(serialize = "user.image_url")]
    ImageUrl,
    #[strum(serialize = "user.created_at")]
    CreatedAt,
    #[strum(serialize = "user.last_sign_in_at")]
    LastSignInAt,
    #[strum(serialize = "user.public_metadata")]
    PublicMetadata,
    #[strum(serialize = "user.unsafe_metadata")]
    UnsafeMetadata,
    #[strum(serialize = "user.claims")]
    Claims,
    #[strum(serialize = "org.id")]
    OrgId,
    #[strum(serialize = "org.slug")]
    OrgSlug,
    #[strum(serialize = "org.name")]
    OrgName,
    #[strum(serialize = "org.role")]
    OrgRole,
    #[strum(serialize = "session.actor")]
    SessionActor,
    #[strum(serialize = "session.reverification_id")]
    SessionReverificationId,
}

impl Name {
    /// Whether a path may follow: `user.public_metadata.a.b`.
    const fn holds_members(self) -> bool {
        matches!(self, Self::PublicMetadata | Self::UnsafeMetadata | Self::Claims | Self::SessionActor)
    }

    fn named(text: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|name| <&str>::from(*name) == text)
    }
}

impl Expression {
    /// The first operand that is neither null nor false, else the last.
    pub fn value(&self, of: &dyn Fn(&Shortcode) -> Value) -> Value {
        let mut value = Value::Null;
        for operand in &self.0 {
            value = match operand {
                Operand::Literal(literal) => literal.clone(),
                Operand::Shortcode(shortcode) => of(shortcode),
            };
            if !matches!(value, Value::Null | Value::Bool(false)) {
                break;
            }
        }
        value
    }

    pub fn shortcodes(&self) -> impl Iterator<Item = &Shortcode> {
        self.0.iter().filter_map(|operand| match operand {
            Operand::Shortcode(shortcode) => Some(shortcode),
            Operand::Literal(_) => None,
        })
    }
}

/// # Errors
/// What is wrong, as the end of a sentence that begins with where.
pub fn parse(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        if at > 0 {
            parts.push(Part::Text(rest[..at].to_owned()));
        }
        let (expression, after) = expression(&rest[at + 2..])?;
        parts.push(Part::Expression(expression));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

/// Up to its `}}`, and what stands behind that.
fn expression(text: &str) -> Result<(Expression, &str), String> {
    let mut operands = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (operand, after) = operand(rest)?;
        operands.push(operand);
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((Expression(operands), after));
        }
        rest = rest.strip_prefix("||").ok_or(NOT_CLOSED)?.trim_start();
    }
}

const NOT_CLOSED: &str =
    "holds a `{{` whose shortcode does not end as it should; write {{user.id}} or {{user.id || 'nobody'}}";

fn operand(text: &str) -> Result<(Operand, &str), String> {
    if let Some((literal, after)) = quoted(text)? {
        return Ok((Operand::Literal(Value::from(literal)), after));
    }
    let (word, after) = word(text);
    let literal = match word {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ if word.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            let number: Number = serde_json::from_str(word)
                .map_err(|_| format!("holds `{word}`, which is neither a number nor a shortcode"))?;
            Some(Value::Number(number))
        }
        _ => None,
    };
    match literal {
        Some(literal) => Ok((Operand::Literal(literal), after)),
        None => shortcode(word, after),
    }
}

/// A text in single quotes, if there is one.
fn quoted(text: &str) -> Result<Option<(&str, &str)>, String> {
    let Some(inside) = text.strip_prefix('\'') else { return Ok(None) };
    let end = inside.find('\'').ok_or("holds a text in single quotes that does not end")?;
    Ok(Some((&inside[..end], &inside[end + 1..])))
}

fn word(text: &str) -> (&str, &str) {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_-.+".contains(character);
    text.split_at(text.find(|character: char| !is_part(character)).unwrap_or(text.len()))
}

/// A member may be any text where it is written `['https://example.com/roles']`.
fn shortcode<'a>(first: &str, mut rest: &'a str) -> Result<(Operand, &'a str), String> {
    if first.is_empty() {
        return Err(NOT_CLOSED.to_owned());
    }
    let mut written = first.to_owned();
    let mut segments: Vec<String> = first.split('.').map(str::to_owned).collect();
    while let Some(inside) = rest.strip_prefix('[') {
        let (member, after) = quoted(inside)?.ok_or(NOT_CLOSED)?;
        let after = after.strip_prefix(']').ok_or(NOT_CLOSED)?;
        segments.push(member.to_owned());
        let (more, after) = word(after);
        segments
            .extend(more.strip_prefix('.').into_iter().flat_map(|more| more.split('.')).map(str::to_owned));
        if !more.is_empty() && !more.starts_with('.') {
            return Err(NOT_CLOSED.to_owned());
        }
        written = format!("{written}['{member}']{more}");
        rest = after;
    }
    let unknown = || {
        format!("holds `{written}`, which is no shortcode that is known here; docs/templates.md lists them")
    };
    let path = segments.split_off(segments.len().min(2));
    let name = Name::named(&segments.join(".")).ok_or_else(unknown)?;
    if path.iter().any(String::is_empty) || !path.is_empty() && !name.holds_members() {
        return Err(unknown());
    }
    if name == Name::Claims && path.is_empty() {
        return Err("holds `user.claims` without a claim's name; write {{user.claims.NAME}}".to_owned());
    }
    Ok((Operand::Shortcode(Shortcode { name, path }), rest))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{Part, parse};

    /// What the one expression of a text comes to, where each shortcode stands for its last word.
    fn value(text: &str) -> Value {
        let parts = parse(text).expect("a text that can be read");
        let [Part::Expression(expression)] = parts.as_slice() else { panic!("{parts:?}") };
        expression.value(&|shortcode| match shortcode.path.last().map(String::as_str) {
            Some("null") => Value::Null,
            Some("no") => Value::Bool(false),
            Some("empty") => json!(""),
            Some(other) => json!(other),
            None => json!(<&str>::from(shortcode.name)),
        })
    }

    #[rstest]
    #[case("{{user.id}}", json!("user.id"))]
    #[case("{{ \t user.id\n}}", json!("user.id"))]
    #[case("{{user.public_metadata.a.b}}", json!("b"))]
    #[case("{{user.claims['https://a.example/}} || x'].inner}}", json!("inner"))]
    #[case("{{user.claims.null || user.claims.no || 'x'}}", json!("x"))]
    #[case("{{user.claims.null||user.claims.no}}", json!(false))]
    #[case("{{user.claims.no || user.claims.null}}", Value::Null)]
    #[case("{{user.claims.empty || 'x'}}", json!(""))]
    #[case("{{user.claims.null || 0 || 'x'}}", json!(0))]
    #[case("{{user.claims.null || -1.5e2}}", json!(-150.0))]
    #[case("{{user.claims.null || true}}", json!(true))]
    #[case("{{'{{ }} || user.id'}}", json!("{{ }} || user.id"))]
    fn the_first_that_is_something_wins_else_the_last(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(value(text), expected);
    }

    #[rstest]
    #[case("{{")]
    #[case("{{}}")]
    #[case("{{ }}")]
    #[case("{{user.id")]
    #[case("{{user.id}")]
    #[case("{{user.id |}}")]
    #[case("{{user.id ||}}")]
    #[case("{{user.id || 'x}}")]
    #[case("{{user.id user.id}}")]
    #[case("{{user}}")]
    #[case("{{user.}}")]
    #[case("{{user.nickname}}")]
    #[case("{{user.id.a}}")]
    #[case("{{User.id}}")]
    #[case("{{user.public_metadata.}}")]
    #[case("{{user.public_metadata..a}}")]
    #[case("{{user.public_metadata['']}}")]
    #[case("{{user.public_metadata['a'}}")]
    #[case("{{user.public_metadata['a']b}}")]
    #[case("{{user.claims}}")]
    #[case("{{01}}")]
    #[case("{{null}}")]
    #[case("{{\"x\"}}")]
    #[case("{{üser.id}}")]
    fn what_is_no_shortcode_is_refused(#[case] text: &str) {
        assert!(parse(text).is_err(), "{text}");
    }

    #[test]
    fn a_text_without_a_shortcode_is_itself() {
        for text in ["", "}}", "a }} b", "{ {user.id} }"] {
            let parts = parse(text).expect("a text");
            assert!(parts.iter().all(|part| *part == Part::Text(text.to_owned())), "{parts:?}");
        }
    }
}
