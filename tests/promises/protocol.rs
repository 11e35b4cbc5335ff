//! The refresh protocol against a model of database and issuer: every interleaving of two processes, three refreshes and
//! three faults, and ten thousand random histories; with answers lost, commits that fail or only seem to, crashes, leases
//! that run out under a live holder, and a revoke in between. No grant may be lost silently.

use std::collections::HashSet;

use rstest::rstest;

use crate::protocol_effect::Reached;
use crate::protocol_model::World;

const FAULTS: u8 = 3;

#[rstest]
#[case(false, Reached::Token)]
#[case(false, Reached::Family)]
#[case(true, Reached::Token)]
#[case(true, Reached::Family)]
fn no_interleaving_of_two_processes_and_three_faults_loses_a_grant_silently(
    #[case] overlap: bool,
    #[case] reach: Reached,
) {
    let mut known = HashSet::new();
    let mut open = vec![World::new(overlap, reach, FAULTS, 3)];
    while let Some(world) = open.pop() {
        world.judge();
        for step in world.steps() {
            let mut next = world.clone();
            next.take(step);
            if known.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    assert!(known.len() > 10_000, "{} states", known.len());
}

#[rstest]
#[case(false)]
#[case(true)]
fn ten_thousand_random_histories_lose_no_grant_silently(#[case] overlap: bool) {
    for seed in 0..10_000_u64 {
        let mut chance = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let reach = if seed % 2 == 0 { Reached::Token } else { Reached::Family };
        let mut world = World::new(overlap, reach, FAULTS, 8);
        for _ in 0..200 {
            let steps = world.steps();
            // xorshift64
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            let Some(step) = steps.get(usize::try_from(chance % steps.len().max(1) as u64).unwrap_or(0))
            else {
                break;
            };
            world.take(*step);
            world.judge();
        }
    }
}
