//! Sets of permissions: what two have in common is never more than each, nor less; what covers what; and their form on the
//! wire, read strictly.

use std::collections::BTreeSet;

use attache::content::permission::{
    Action, Condition, Names, Permission, Permissions, Request, details, scope,
};
use attache::issuer::scope::Scopes;
use serde_json::{Map, Value, json};

/// The last of each is named nowhere: whatever is allowed to it is allowed to any.
const MODELS: [&str; 3] = ["Article", "Page", "Unnamed"];
const STAGES: [&str; 3] = ["DRAFT", "PUBLISHED", "UNNAMED"];
const LOCALES: [&str; 3] = ["en", "de", "unnamed"];
pub const HERE: &str = "https://content.example/v2/p/master";

/// xorshift64: the same sets in each run.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, number: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % number as u64).expect("a small number")
    }

    fn names(&mut self, all: [&str; 3]) -> Names {
        match self.below(4) {
            0 => Names::only([all[0]]),
            1 => Names::only([all[1]]),
            2 => Names::only([all[0], all[1]]),
            _ => Names::Any,
        }
    }

    fn condition(&mut self) -> Option<Condition> {
        let conditions = [
            json!({ "id": "1" }),
            json!({ "id": "2" }),
            json!({ "author": { "id": "a" } }),
            json!({ "author": { "id": "a", "team": "t" } }),
            json!({ "id": "1", "author": { "team": "t" } }),
        ];
        let chosen = conditions.get(self.below(10))?;
        Some(serde_json::from_value(chosen.clone()).expect("a condition"))
    }

    pub fn permission(&mut self) -> Permission {
        let mut actions: BTreeSet<Action> = Action::ALL.into_iter().filter(|_| self.below(2) == 0).collect();
        if actions.is_empty() {
            actions.insert(Action::Read);
        }
        Permission {
            actions,
            models: self.names(MODELS),
            stages: self.names(STAGES),
            locales: self.names(LOCALES),
            condition: self.condition(),
        }
    }

    pub fn permissions(&mut self) -> Permissions {
        (0..self.below(4)).map(|_| self.permission()).collect()
    }
}

fn entries() -> Vec<Map<String, Value>> {
    [
        json!({ "id": "1" }),
        json!({ "id": "2", "author": { "id": "a" } }),
        json!({ "id": "1", "author": { "id": "a", "team": "t" } }),
        json!({ "id": "3", "author": { "id": "b", "team": "t" } }),
        json!({ "id": 1, "author": "a" }),
        json!({ "id": "2", "author": { "id": "a", "team": "t", "more": 1 } }),
    ]
    .into_iter()
    .map(|entry| entry.as_object().expect("an object").clone())
    .collect()
}

/// Whatever may be asked.
pub fn each(mut judge: impl FnMut(&Request<'_>)) {
    let entries = entries();
    for action in Action::ALL {
        for model in MODELS {
            for stage in STAGES {
                for locale in LOCALES {
                    for entry in &entries {
                        judge(&Request { action, model, stage, locale, entry });
                    }
                }
            }
        }
    }
}

#[test]
fn what_two_sets_have_in_common_is_what_both_allow_and_nothing_else() {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut allowed = 0;
    for _ in 0..400 {
        let (one, other) = (chance.permissions(), chance.permissions());
        let both = one.meet(&other);
        each(|request| {
            let expected = one.allows(request) && other.allows(request);
            assert_eq!(both.allows(request), expected, "{one:?} {other:?} {request:?}");
            allowed += usize::from(expected);
        });
        assert!(one.cover(&both) && other.cover(&both), "{one:?} {other:?}");
    }
    assert!(allowed > 1000, "{allowed}");
}

#[test]
fn a_set_covers_another_exactly_when_it_allows_all_that_the_other_does() {
    let mut chance = Chance(0x0123_4567_89ab_cdef);
    let mut covered = 0;
    for _ in 0..2_000 {
        let (one, other) = (chance.permissions(), chance.permissions());
        let other = if chance.below(2) == 0 { one.meet(&other) } else { other };
        if one.cover(&other) {
            covered += 1;
            each(|request| assert!(!other.allows(request) || one.allows(request), "{one:?} {other:?}"));
        } else {
            // There is something that tells them apart, though the entry that does may not be among ours.
            assert!(one.meet(&other) != other, "{one:?} {other:?}");
        }
    }
    assert!(covered > 500, "{covered}");
    let parts: Permissions = ["Article", "Page"]
        .into_iter()
        .flat_map(|model| Action::ALL.map(|action| (model, action)))
        .map(|(model, action)| Permission {
            models: Names::only([model]),
            ..Permission::everywhere([action])
        })
        .collect();
    let whole =
        Permission { models: Names::only(["Article", "Page"]), ..Permission::everywhere(Action::ALL) };
    assert!(parts.cover(&[whole].into_iter().collect()), "several together");
    assert!(!parts.cover(&Permissions::all()));
}

#[test]
fn nothing_has_nothing_and_everything_changes_nothing() {
    let mut chance = Chance(7);
    for _ in 0..100 {
        let some = chance.permissions();
        assert!(some.meet(&Permissions::default()).is_empty());
        assert!(Permissions::all().cover(&some));
        let within_all = some.meet(&Permissions::all());
        each(|request| assert_eq!(within_all.allows(request), some.allows(request)));
        assert!(some.only([Action::Read]).iter().all(|one| one.actions == BTreeSet::from([Action::Read])));
    }
}

#[test]
fn the_scope_says_whether_anything_may_be_read_and_anything_else_done() {
    let of = |actions: &[Action]| {
        let permission = Permission::everywhere(actions.iter().copied());
        scope::of(&[permission].into_iter().collect()).to_string()
    };
    assert_eq!(of(&[Action::Read]), "content:read");
    assert_eq!(of(&[Action::Publish]), "content:write");
    assert_eq!(of(&[Action::Read, Action::Create]), "content:read content:write");
    let mut chance = Chance(11);
    for _ in 0..100 {
        let some = chance.permissions();
        for asked in ["", "content:read", "content:write", "content:read content:write", "openid"] {
            let narrowed = scope::narrow(&some, &Scopes::lenient(asked));
            assert!(some.cover(&narrowed));
            assert!(scope::of(&narrowed).is_subset(&Scopes::lenient(asked)), "{some:?} {asked}");
        }
    }
}

#[test]
fn what_is_written_as_authorization_details_is_read_as_the_same() {
    let mut chance = Chance(13);
    for _ in 0..200 {
        let some = chance.permissions();
        let written = details::written(&some, HERE);
        assert_eq!(details::read(&written, &[HERE]).expect("details"), some);
        let stored = serde_json::to_string(&some).expect("JSON");
        assert_eq!(serde_json::from_str::<Permissions>(&stored).expect("permissions"), some);
    }
    let one = details::written(&Permissions::public_defaults(), HERE);
    let expected =
        json!([{ "type": "content", "locations": [HERE], "actions": ["read"], "stages": ["PUBLISHED"] }]);
    assert_eq!(one, expected);
}

#[test]
fn details_are_read_strictly_and_the_fault_has_its_place() {
    let many: Vec<String> = (0..51).map(|number| format!("M{number}")).collect();
    let long = "x".repeat(3000);
    let faults = [
        (json!({}), "authorization_details: "),
        (json!("x"), "authorization_details: "),
        (json!(["x"]), "authorization_details[0]: "),
        (json!([["content"]]), "authorization_details[0]: "),
        (json!([{ "actions": ["read"] }]), "authorization_details[0].type: "),
        (json!([{ "type": "payment", "actions": ["read"] }]), "authorization_details[0].type: "),
        (json!([{ "type": "content" }]), "authorization_details[0]: "),
        (json!([{ "type": "content", "actions": [] }]), "authorization_details[0].actions: "),
        (json!([{ "type": "content", "actions": "read" }]), "authorization_details[0].actions: "),
        (json!([{ "type": "content", "actions": ["read", "rea"] }]), "authorization_details[0].actions[1]: "),
        (
            json!([{ "type": "content", "actions": ["read"], "model": ["A"] }]),
            "authorization_details[0].model: ",
        ),
        (
            json!([{ "type": "content", "actions": ["read"], "models": [] }]),
            "authorization_details[0].models: ",
        ),
        (
            json!([{ "type": "content", "actions": ["read"], "models": many }]),
            "authorization_details[0].models: ",
        ),
        (
            json!([{ "type": "content", "actions": ["read"], "stages": ["D", ""] }]),
            "authorization_details[0].stages[1]: ",
        ),
        (
            json!([{ "type": "content", "actions": ["read"], "locales": [1] }]),
            "authorization_details[0].locales[0]: ",
        ),
        (
            json!([{ "type": "content", "actions": ["read"], "condition": "id" }]),
            "authorization_details[0].condition: ",
        ),
        (
            json!([{ "type": "content", "actions": ["read"], "condition": {} }]),
            "authorization_details[0].condition: ",
        ),
        (
            json!([{ "type": "content", "actions": ["read"], "condition": { "a": long } }]),
            "authorization_details[0].condition: ",
        ),
        (
            json!([{ "type": "content", "actions": ["read"], "locations": [] }]),
            "authorization_details[0].locations: ",
        ),
        (
            json!([{ "type": "content", "actions": ["read"], "locations": ["https://x/"] }]),
            "authorization_details[0].locations: ",
        ),
        (json!(vec![json!({ "type": "content", "actions": ["read"] }); 11]), "authorization_details: "),
    ];
    for (value, place) in faults {
        let fault = details::parse(&value.to_string(), &[HERE]).expect_err("a fault").to_string();
        assert!(fault.starts_with(place), "{value}: {fault}");
        assert!(!fault.contains("rea`,") && !fault.contains("xxx"), "what was sent is not repeated: {fault}");
    }
    assert!(details::parse("[", &[HERE]).is_err());
    assert!(details::parse(&"[".repeat(10_000), &[HERE]).is_err());
}
