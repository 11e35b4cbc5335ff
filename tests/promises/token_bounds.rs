//! What a content token is made with, for any roles, app, consent and request: never more than each of them allows, and where
//! nothing was asked not less than all of them do.

use std::collections::BTreeMap;
use std::sync::Arc;

use attache::connection::allowed::{Access, Allowed};
use attache::content::Requested;
use attache::content::actors::Actors;
use attache::content::exchange;
use attache::content::permission::{Action, Permissions, details, scope};
use attache::content::rules::{AccountRule, Any, Role};
use attache::content::subject::Subject;
use attache::error::Error;
use attache::issuer::scope::Scopes;

use crate::good_facts::{NOW, environment, good};
use crate::permissions::{Chance, each};

const ADDRESS: &str = "https://content.example/";

/// A subject and an environment by chance, and the sets that bound their token.
fn stage(chance: &mut Chance) -> (Subject, attache::content::Environment, Vec<Permissions>) {
    let mut bounds = Vec::new();
    let found = good().found.remove(0);
    let mut connection = (*found.connection).clone();
    let mut app = found.app.clone();
    let mut place = environment();
    if chance.below(4) > 0 {
        let mut held = Vec::new();
        let roles = (0..=chance.below(3)).map(|number| {
            let permissions = chance.permissions();
            let listed = |name: &str| AccountRule::Listed(vec![name.to_owned()]);
            let (accounts, is_held) = match chance.below(3) {
                0 => (AccountRule::Any(Any::Any), true),
                1 => (listed("ac_1"), true),
                _ => (listed("ac_2"), false),
            };
            held.extend(is_held.then(|| permissions.clone()));
            Role { name: number.to_string(), accounts, permissions }
        });
        place.settings.roles = Some(roles.collect());
        bounds.push(held.iter().flatten().cloned().collect());
    }
    if chance.below(2) == 0 {
        let bound = chance.permissions();
        app.permissions = Some(Arc::new(bound.clone()));
        bounds.push(bound);
    }
    let access = [None, Some(Access::Read), Some(Access::Write)][chance.below(3)];
    let places = access.map(|access| (place.id.clone(), access));
    connection.allowed = Allowed::only(places.into_iter().collect::<BTreeMap<_, _>>());
    bounds.push(match access {
        None => Permissions::default(),
        Some(Access::Read) => Permissions::all().only([Action::Read]),
        Some(Access::Write) => Permissions::all(),
    });
    let account = found.account.expect("an account");
    (Subject { connection: Arc::new(connection), account, app, at: NOW }, place, bounds)
}

#[test]
fn a_token_is_never_made_with_more_than_each_bound_allows() {
    let mut chance = Chance(0x5eed_5eed_5eed_5eed);
    let (mut made, mut refused) = (0, 0);
    for _ in 0..1_500 {
        let (subject, place, mut bounds) = stage(&mut chance);
        let scope = [None, Some("content:read"), Some("content:write"), Some("")][chance.below(4)];
        let asked = chance.below(2) == 0;
        let all = bounds.iter().fold(Permissions::all(), |all, bound| all.meet(bound));
        // Half of those who ask ask for what they may have.
        let wish = chance.permissions();
        let wish = if chance.below(2) == 0 { wish.meet(&all) } else { wish };
        let text = details::written(&wish, ADDRESS).to_string();
        // Whom the caller acts for changes nothing of what it may do.
        let actors = Actors::of("ca_other", None);
        let acts_for = (chance.below(2) == 0).then_some(&actors);
        let requested = Requested { scope, details: asked.then_some(text.as_str()), acts_for };
        let outcome = exchange::permissions(requested, &place, &subject);
        let scopes = scope.filter(|scope| !scope.is_empty());
        match outcome {
            Ok(permissions) => {
                made += 1;
                assert!(!permissions.is_empty(), "a token that may do nothing is not made");
                if asked {
                    bounds.push(wish);
                }
                if let Some(scopes) = scopes {
                    bounds.push(scope::narrow(&Permissions::all(), &Scopes::lenient(scopes)));
                }
                each(|request| {
                    let expected = bounds.iter().all(|bound| bound.allows(request));
                    assert_eq!(permissions.allows(request), expected, "{bounds:?} {request:?}");
                });
            }
            Err(Error::InvalidTarget) => assert!(all.is_empty(), "{bounds:?}"),
            Err(Error::InvalidScope(_)) => {
                refused += 1;
                let scopes = Scopes::lenient(scopes.expect("a scope"));
                assert!(!scopes.is_subset(&scope::of(&all)), "{bounds:?}");
            }
            Err(Error::InvalidAuthorizationDetails(_)) => {
                refused += 1;
                assert!(asked, "{bounds:?}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(made > 200 && refused > 100, "{made} made, {refused} refused");
}
