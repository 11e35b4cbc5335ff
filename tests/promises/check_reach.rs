//! `attache check --consent`: how far a revoke reaches, how many refresh tokens live, the word for a dead one, and for how long
//! one can be used again. What was not seen is not claimed.

use attache::issuer::probe::Leeway;
use attache::issuer::probe::consent::Round;
use attache::issuer::profile::{Profile, Reach, Rotation};
use attache::sandbox::issuer::{DiscoveryShape, RevocationReach, Settings};
use rstest::rstest;

use crate::check_consent::{Tester, generic, says};
use crate::check_issuer::{Probed, plan, probed};
use crate::world::{APP, Sqlite, World};

/// Measured with this person, up to a minute's wait.
async fn measured(world: &World, tester: &mut Tester<'_>) -> Probed {
    probed(world, Some(APP), Some((tester, 60))).await
}

async fn world_where(change: fn(&mut Settings)) -> World {
    let world = World::planned(Sqlite, plan(&[])).await;
    change(&mut world.issuer.settings());
    world
}

#[rstest]
#[case::of_everything(RevocationReach::Grant)]
#[case::of_a_session(RevocationReach::Session)]
#[tokio::test]
async fn a_revoke_that_ends_another_consent_has_the_reach_grant(#[case] reach: RevocationReach) {
    let world = World::planned(Sqlite, plan(&[])).await;
    world.issuer.settings().revocation_reach = reach;
    let mut tester = Tester::new(&world);
    let probed = measured(&world, &mut tester).await;
    probed.is_well();
    assert_eq!(tester.rounds, [Round::First, Round::Beside, Round::Again]);
    says(&probed, "revocation", "of the same browser too");
    assert_eq!(probed.pasted(&world.config), Profile { revocation_reach: Reach::Grant, ..generic() });
    assert_eq!(world.issuer.live_refresh_tokens(), 0, "nothing of the probe lives on");
}

#[tokio::test]
async fn a_revoke_that_ends_a_consent_of_another_browser_has_the_reach_grant() {
    let world = world_where(|settings| settings.revocation_reach = RevocationReach::Grant).await;
    let mut tester = Tester::leaving_out(&world, &[Round::Beside]);
    let probed = measured(&world, &mut tester).await;
    assert_eq!(tester.rounds, [Round::First, Round::Elsewhere, Round::Again]);
    says(&probed, "revocation", "of another browser too");
    assert_eq!(probed.pasted(&world.config).revocation_reach, Reach::Grant);
}

#[tokio::test]
async fn a_profile_that_believes_less_is_a_problem() {
    let family = ("profile = \"generic\"", "profile = \"generic\"\nrevocation_reach = \"family\"");
    let world = World::planned(Sqlite, plan(&[family])).await;
    world.issuer.settings().revocation_reach = RevocationReach::Session;
    let probed = measured(&world, &mut Tester::new(&world)).await;
    assert!(probed.problem("revocation").1.contains("revocation_reach = \"grant\""));
}

#[rstest]
#[case(&[Round::Beside], "that of the same browser was not measured")]
#[case(&[Round::Elsewhere], "that of another browser was not measured")]
#[tokio::test]
async fn the_reach_of_one_browser_is_not_claimed_for_the_other(
    #[case] leaves_out: &'static [Round],
    #[case] sentence: &str,
) {
    let world = World::planned(Sqlite, plan(&[])).await;
    let mut tester = Tester::leaving_out(&world, leaves_out);
    let probed = measured(&world, &mut tester).await;
    probed.is_well();
    says(&probed, "revocation", sentence);
    assert_eq!(probed.report.measured.revocation_reach, None);
    assert_eq!(probed.pasted(&world.config).revocation_reach, Reach::Unknown);
    assert_eq!(world.issuer.live_refresh_tokens(), 0);
}

#[rstest]
#[tokio::test]
async fn one_live_refresh_token_is_measured_and_warned_of(#[values(true, false)] revokes: bool) {
    let world = world_where(|settings| settings.one_live_refresh_token = true).await;
    if !revokes {
        let shape = DiscoveryShape::Without("revocation_endpoint");
        world.issuer.faults().discovery_shape.always(shape);
    }
    let mut tester = Tester::new(&world);
    let probed = measured(&world, &mut tester).await;
    assert_eq!(tester.rounds, [Round::First, Round::Beside]);
    let (what, cure) = probed.problem("refresh tokens");
    assert!(what.contains("ends the connection that is there"), "{what}");
    assert!(cure.contains("live_refresh_tokens = 1"), "{cure}");
    let revocation_reach = if revokes { Reach::Unknown } else { Reach::None };
    let expected = Profile { live_refresh_tokens: Some(1), revocation_reach, ..generic() };
    assert_eq!(probed.pasted(&world.config), expected);
}

#[tokio::test]
async fn a_word_that_may_mean_anything_is_the_word_for_a_dead_token_when_the_same_request_was_taken_before() {
    let world = world_where(|settings| settings.dead_word = "invalid_request").await;
    let probed = measured(&world, &mut Tester::new(&world)).await;
    assert!(probed.problem("token endpoint").1.contains("dead_words = [\"invalid_request\"]"));
    assert!(probed.section.contains("dead_words = [\"invalid_request\"]  # measured"), "{}", probed.section);
    let pasted = probed.pasted(&world.config);
    assert_eq!((pasted.revocation_reach, pasted.leeway_seconds), (Reach::Family, 0));
}

#[tokio::test]
async fn a_refresh_token_that_can_be_used_again_for_a_while_only_is_not_called_reusable() {
    let world = world_where(|settings| settings.reuse_window = 3).await;
    let mut tester = Tester::new(&world);
    let probed = measured(&world, &mut tester).await;
    probed.is_well();
    assert_eq!(tester.waited, [1, 2]);
    says(&probed, "rotation", "at least 1 seconds, and a use 3 seconds after the first replaces it");
    assert_eq!(probed.report.measured.rotation, Some(Rotation::Rotating));
    assert_eq!(probed.report.measured.leeway, Some(Leeway { accepted: None, refused: Some(0) }));
}

#[tokio::test]
async fn a_leeway_is_measured_where_a_token_is_replaced_only_after_a_while() {
    let world = world_where(|settings| (settings.reuse_window, settings.leeway) = (3, 8)).await;
    let mut tester = Tester::new(&world);
    let probed = measured(&world, &mut tester).await;
    probed.is_well();
    assert_eq!(probed.report.measured.leeway, Some(Leeway { accepted: Some(5), refused: Some(10) }));
}

#[tokio::test]
async fn who_looks_for_a_moment_only_is_told_no_more_than_was_seen() {
    let world = world_where(|settings| settings.rotation = false).await;
    let probed = probed(&world, Some(APP), Some((&mut Tester::new(&world), 5))).await;
    probed.is_well();
    says(&probed, "rotation", "for at least 8 seconds, as long as was looked");
    let pasted = probed.pasted(&world.config);
    assert_eq!((pasted.rotation, pasted.leeway_seconds), (Rotation::Rotating, 8));
}
