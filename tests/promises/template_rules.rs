//! What a template may say, what its shortcodes stand for, and that no value of a person becomes anything but a value.

use attache::account::Account;
use attache::config::Config;
use attache::content::template::render::{About, render};
use attache::content::template::{Name, RESERVED, Template};
use rstest::rstest;
use serde_json::{Map, Value, json};
use strum::VariantArray;

use crate::good_facts;
use crate::world::MASTER_KEY;

/// Somebody of whom the sign-in issuer says this.
fn account(claims: &Value) -> Account {
    let found = good_facts::good().found.remove(0);
    let mut account = Account::clone(&found.account.expect("an account"));
    account.claims.clone_from(claims.as_object().expect("claims"));
    account
}

fn template(definition: &Value) -> Template {
    let definition = serde_json::from_value(definition.clone()).expect("a definition");
    Template::parse("blog", &definition).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn rendered(definition: &Value, claims: &Value) -> Map<String, Value> {
    let about = account(claims);
    render(&template(definition), About { account: &about, actor: None }).expect("claims")
}

/// What one text of a template comes to.
fn value(text: &str, claims: &Value) -> Value {
    rendered(&json!({ "claims": { "it": text } }), claims)["it"].clone()
}

/// The paths of what is wrong with these sections.
fn faults(sections: &str) -> Vec<String> {
    let whole = format!(
        "public_url = \"https://attache.example.com\"\n[database]\nurl = \"sqlite://attache.db\"\n\
         [vault]\nmaster_key = \"{MASTER_KEY}\"\n[sign_in]\nissuer = \"home\"\nclient_id = \"attache\"\n\
         [issuers.home]\nissuer = \"https://home.example.com/\"\n{sections}"
    );
    match Config::parse(&whole, []) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| fault.key).collect(),
    }
}

#[rstest]
#[case("{{user.id}}", json!("ac_1"))]
#[case("{{user.external_id}}", json!("somebody"))]
#[case("{{user.created_at}}", json!(1_800_000_000))]
#[case("{{user.last_sign_in_at}}", json!(1_800_000_000))]
#[case("{{user.first_name}}", json!("Ada"))]
#[case("{{user.full_name}}", json!("Ada Lovelace"))]
#[case("{{user.username}}", json!("ada"))]
#[case("{{user.email_verified}}", json!(true))]
#[case("{{user.phone_number_verified}}", Value::Null)]
#[case("{{user.public_metadata}}", json!({ "a": { "b": [1, 2] }, "n": 1.5, "no": false }))]
#[case("{{user.public_metadata.a.b}}", json!([1, 2]))]
#[case("{{user.public_metadata.n}}", json!(1.5))]
#[case("{{user.public_metadata.a.b.c}}", Value::Null)]
#[case("{{user.public_metadata.nothing}}", Value::Null)]
#[case("{{user.unsafe_metadata}}", Value::Null)]
#[case("{{user.claims['https://e.example/roles']}}", json!(["editor"]))]
#[case("{{user.claims.public_metadata.n}}", json!(1.5))]
#[case("{{org.name}}", json!("Analytical"))]
#[case("{{session.actor}}", Value::Null)]
#[case("{{user.unsafe_metadata.x || user.public_metadata.no || 'x'}}", json!("x"))]
#[case("{{user.unsafe_metadata.x || user.public_metadata.no}}", json!(false))]
#[case("{{user.unsafe_metadata.x || 7}}", json!(7))]
#[case("n={{user.public_metadata.n}}", json!("n=1.5"))]
#[case("{{user.first_name}} {{org.slug}}", json!("Ada null"))]
#[case("{{user.public_metadata.a}}!", json!("{\"b\":[1,2]}!"))]
#[case("{{user.email_verified}}{{user.email_verified}}", json!("truetrue"))]
#[case("}} is text", json!("}} is text"))]
fn a_shortcode_stands_for_what_is_known(#[case] text: &str, #[case] expected: Value) {
    let claims = json!({
        "given_name": "Ada", "family_name": "Lovelace", "preferred_username": "ada",
        "email_verified": true, "phone_number_verified": "true", "org_name": "Analytical", "org_id": 7,
        "public_metadata": { "a": { "b": [1, 2] }, "n": 1.5, "no": false },
        "https://e.example/roles": ["editor"],
    });
    assert_eq!(value(text, &claims), expected);
}

#[test]
fn a_claim_of_another_type_than_its_shortcodes_is_not_known() {
    let claims = json!({ "given_name": ["Ada"], "org_id": 7, "email_verified": "false", "picture": {} });
    for text in ["{{user.first_name}}", "{{org.id}}", "{{user.email_verified}}", "{{user.image_url}}"] {
        assert_eq!(value(text, &claims), Value::Null, "{text}");
    }
}

#[rstest]
#[case::unknown(
    "[templates.blog.claims]\na = { b = [1, \"{{user.nickname}}\"] }",
    "templates.blog.claims.a.b[1]"
)]
#[case::open("[templates.blog.claims]\na = \"x {{user.id\"", "templates.blog.claims.a")]
#[case::a_name("[templates.blog.claims]\na = { \"{{user.id}}\" = 1 }", "templates.blog.claims.a.{{user.id}}")]
#[case::its_name("[templates.Blog.claims]\na = 1", "templates.Blog")]
#[case::no_list("[templates.blog]\naudience = []", "templates.blog.audience")]
#[case::no_table("[templates.blog]\nclaims = \"x\"", "templates.blog.claims")]
#[case::unknown_key("[templates.blog]\nalgorithms = 1", "templates.blog.algorithms")]
#[case::no_preset("[templates.blog]\nnamespace = \"x\"", "templates.blog.namespace")]
#[case::role(
    "[templates.h]\npreset = \"hasura\"\nclaims = { x-hasura-default-role = 1 }",
    "templates.h.claims.x-hasura-default-role"
)]
#[case::roles(
    "[templates.h]\npreset = \"hasura\"\nclaims = { x-hasura-allowed-roles = \"user\" }",
    "templates.h.claims.x-hasura-allowed-roles"
)]
#[case::no_role(
    "[templates.h]\npreset = \"hasura\"\nclaims = { x-hasura-allowed-roles = [] }",
    "templates.h.claims.x-hasura-allowed-roles"
)]
#[case::another_role(
    "[templates.h]\npreset = \"hasura\"\nclaims = { x-hasura-allowed-roles = [\"editor\"] }",
    "templates.h.claims.x-hasura-default-role"
)]
#[case::roles_of_nobody(
    "[templates.h]\npreset = \"hasura\"\nclaims = { x-hasura-default-role = \"{{user.claims.role}}\" }",
    "templates.h.claims.x-hasura-allowed-roles"
)]
#[case::own_roles(
    "[templates.h]\npreset = \"hasura\"\nclaims = { x-hasura-allowed-roles = [\"user\", \"{{user.unsafe_metadata.role}}\"] }",
    "templates.h.claims.x-hasura-allowed-roles"
)]
#[case::twice(
    "[templates.h]\npreset = \"hasura\"\nclaims = { x-hasura-a = 1, X-Hasura-A = 2 }",
    "templates.h.claims.x-hasura-a"
)]
fn what_a_template_may_not_say_is_refused_by_its_path(#[case] sections: &str, #[case] path: &str) {
    assert_eq!(faults(sections), [path]);
}

#[test]
fn claims_that_are_ours_cannot_be_set() {
    for name in RESERVED {
        assert_eq!(
            faults(&format!("[templates.blog.claims]\n{name} = 1")),
            [format!("templates.blog.claims.{name}")]
        );
    }
    assert!(faults("[templates.blog.claims]\nSub = 1\nrole = \"x\"\ndeep = { sub = 1 }").is_empty());
}

#[test]
fn a_template_that_could_not_fit_a_header_is_refused() {
    let long = "x".repeat(9_000);
    assert_eq!(faults(&format!("[templates.blog.claims]\na = \"{long}\"")), ["templates.blog.claims"]);
}

#[test]
fn every_shortcode_and_every_claim_of_ours_is_documented() {
    let document = std::fs::read_to_string("docs/templates.md").expect("the document");
    let names = Name::VARIANTS.iter().map(|name| <&str>::from(*name));
    for word in names.chain(RESERVED) {
        assert!(document.contains(&format!("`{word}`")), "{word}");
    }
}

fn hasura(claims: &Value) -> Value {
    let definition = json!({ "preset": "hasura", "claims": claims });
    let said = json!({ "groups": ["a \"b\"", "c\\d"], "roles": ["user", "editor"], "age": 7 });
    rendered(&definition, &said)["https://hasura.io/jwt/claims"].clone()
}

#[test]
fn hasura_is_told_two_roles_and_texts() {
    let usual = json!({
        "x-hasura-default-role": "user", "x-hasura-allowed-roles": ["user"], "x-hasura-user-id": "ac_1",
    });
    assert_eq!(hasura(&json!({})), usual);
    let said = hasura(&json!({
        "X-Hasura-Default-Role": "editor",
        "x-hasura-allowed-roles": "{{user.claims.roles}}",
        "x-hasura-user-id": "{{user.external_id}}",
        "x-hasura-age": "{{user.claims.age}}",
        "x-hasura-fixed": true,
        "x-hasura-groups": "{{user.claims.groups}}",
        "x-hasura-numbers": [1, 2],
        "x-hasura-nothing": "{{user.claims.nothing}}",
        "x-hasura-table": { "a": 1 },
    }));
    let expected = json!({
        "x-hasura-default-role": "editor",
        "x-hasura-allowed-roles": ["user", "editor"],
        "x-hasura-user-id": "somebody",
        "x-hasura-age": "7",
        "x-hasura-fixed": "true",
        "x-hasura-groups": "{\"a \\\"b\\\"\",\"c\\\\d\"}",
        "x-hasura-numbers": "{1,2}",
        "x-hasura-table": "{\"a\":1}",
    });
    assert_eq!(said, expected);
}

#[test]
fn the_presets_namespace_may_be_another_and_other_claims_stay_where_they_are() {
    let definition = json!({ "preset": "hasura", "namespace": "claims.jwt.hasura.io", "claims": { "plan": "{{org.id || 'free'}}" } });
    let claims = rendered(&definition, &json!({}));
    assert_eq!(claims.keys().collect::<Vec<_>>(), ["claims.jwt.hasura.io", "plan"]);
    assert_eq!(claims["plan"], "free");
    // Without the preset they are claims like any other.
    let plain = rendered(&json!({ "claims": { "x-hasura-age": 7 } }), &json!({}));
    assert_eq!(plain["x-hasura-age"], 7);
}

#[rstest]
#[case::none(json!({}))]
#[case::no_list(json!({ "role": "user", "roles": "user" }))]
#[case::no_text(json!({ "role": "user", "roles": ["user", 1] }))]
#[case::another(json!({ "role": "admin", "roles": ["user"] }))]
#[case::empty(json!({ "role": "", "roles": ["user", ""] }))]
#[case::null(json!({ "role": null, "roles": ["user"] }))]
fn somebody_without_a_role_is_given_none(#[case] claims: Value) {
    let variables = json!({
        "x-hasura-default-role": "{{user.claims.role}}", "x-hasura-allowed-roles": "{{user.claims.roles}}",
    });
    let template = template(&json!({ "preset": "hasura", "claims": variables }));
    let account = account(&claims);
    let refused = render(&template, About { account: &account, actor: None }).expect_err("no role");
    assert!(refused.to_string().contains("`blog`"), "{refused}");
}

/// What somebody would write who wants to be more than they are.
const SPITEFUL: [&str; 12] = [
    "{{user.id}}",
    "\",\"sub\":\"ac_2\",\"x\":\"",
    "}}{{org.id || 'admin'}}",
    "x-hasura-role",
    "https://hasura.io/jwt/claims",
    "sub",
    "\\",
    "\u{0}\u{202e}\n",
    "'",
    "{\"iss\":\"x\"}",
    "",
    "ü\u{10ffff}",
];

/// xorshift64
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn text(&mut self) -> String {
        let one = |chance: &mut Self| SPITEFUL[usize::try_from(chance.below(12)).expect("an index")];
        (0..=self.below(2)).map(|_| one(self)).collect()
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.below(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(1_000)),
            3 | 4 => json!(self.text()),
            5 => (0..self.below(3)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object((0..self.below(3)).map(|_| (self.text(), self.value(depth - 1))).collect()),
        }
    }
}

#[test]
fn no_value_of_a_person_becomes_a_claim_or_another_value() {
    let definition = json!({
        "preset": "hasura",
        "claims": {
            "native": "{{user.public_metadata.it}}",
            "text": "<{{user.public_metadata.it}}|{{user.claims.other}}>",
            "deep": { "list": ["{{user.unsafe_metadata.it || 'x'}}", "fixed"] },
            "x-hasura-it": "{{user.unsafe_metadata.it}}",
        },
    });
    let template = template(&definition);
    for seed in 1..5_000_u64 {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (it, other) = (chance.value(3), chance.text());
        let claims = json!({
            "public_metadata": { "it": it }, "unsafe_metadata": { "it": it }, "other": other,
            "sub": chance.text(), "roles": chance.value(2), "https://hasura.io/jwt/claims": chance.value(3),
        });
        let account = account(&claims);
        let made = render(&template, About { account: &account, actor: None }).expect("claims");
        let names: Vec<&str> = made.keys().map(String::as_str).collect();
        assert_eq!(names, ["deep", "https://hasura.io/jwt/claims", "native", "text"], "{claims}");
        assert_eq!(made["native"], it);
        let words = it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        assert_eq!(made["text"], format!("<{words}|{other}>"));
        let nothing = matches!(it, Value::Null | Value::Bool(false));
        let first = if nothing { json!("x") } else { it.clone() };
        assert_eq!(made["deep"], json!({ "list": [first, "fixed"] }));
        let variables = made["https://hasura.io/jwt/claims"].as_object().expect("variables");
        assert_eq!(variables["x-hasura-default-role"], "user");
        assert_eq!(variables["x-hasura-allowed-roles"], json!(["user"]));
        assert_eq!(variables["x-hasura-user-id"], "ac_1");
        assert_eq!(variables.contains_key("x-hasura-it"), !it.is_null());
        assert_eq!(variables.len(), 3 + usize::from(!it.is_null()));
        assert!(variables.iter().all(|(name, value)| value.is_string() || name == "x-hasura-allowed-roles"));
        // It is written and read as JSON, and is the same.
        let written = Value::Object(made).to_string();
        let read: Value = serde_json::from_str(&written).expect("JSON");
        assert_eq!(read["native"], it);
    }
}
