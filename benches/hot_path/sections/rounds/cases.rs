//! What is measured in rounds, with how many clients, held against what, and the aim.

use std::sync::Arc;

use super::table;
use crate::broker::Broker;
use crate::fault::Fault;
use crate::jobs::Choice;
use crate::jobs::exchange::{FirstSight, Kept};
use crate::jobs::get::Get;
use crate::jobs::hand_out::{HandOut, Wire};
use crate::jobs::judged::{By, First, Seen};
use crate::jobs::mint::Mint;
use crate::jobs::session_token::SessionToken;
use crate::load::Job;
use crate::sections::Stage;
use crate::seed::Seed;

/// Below this there are too few rows for anything but what is asked for over and over.
const ENOUGH_ROWS: u64 = 10_000;
/// What most is measured with.
pub const CLIENTS: usize = 64;
/// By which way a content API asks, and the names and labels of what it asks about.
const JUDGED: [(By, [&str; 2], [&str; 2]); 2] = [
    (By::Gate, ["gate", "gate-first"], ["gate, seen before", "gate, a token at first sight"]),
    (
        By::Introspection,
        ["introspection", "introspection-first"],
        ["introspection, seen before", "introspection, a token at first sight"],
    ),
];
pub const FIRST_PAGE: &str = "page";

/// What a job is held against beside bare axum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    Nothing,
    BareRead,
    Durable,
    /// Of the default algorithm.
    Signature,
    /// Page 1, with as many clients.
    FirstPage,
}

pub struct Case {
    pub name: &'static str,
    pub label: &'static str,
    pub clients: usize,
    pub job: Arc<dyn Job>,
    pub beside: Beside,
    pub aim: &'static str,
    pub seen: table::Seen,
}

pub fn cases(stage: &Stage<'_>, seed: &Seed, broker: &Broker) -> Result<Vec<Case>, Fault> {
    let (layout, callers) = (seed.layout, &seed.callers);
    let hot = |wire| HandOut::new(wire, Choice::Any(layout.hot()), callers);
    let wanted = |name: &str| stage.arguments.wants(name);
    let mut cases = Vec::new();
    let mut add = |name, label, clients, job: Arc<dyn Job>, beside, aim| {
        if wanted(name) {
            cases.push(Case { name, label, clients, job, beside, aim, seen: table::Seen::default() });
        }
    };
    let json: Arc<dyn Job> = Arc::new(hot(Wire::Json));
    let all = [1, 16, CLIENTS, 256];
    for clients in if stage.arguments.quick { [CLIENTS].as_slice() } else { &all } {
        let clients = *clients;
        let aim = if clients == CLIENTS { "≥ 60 %, CPU ≤ 1.8x, p99 ≤ 2x" } else { "" };
        add("hit", "hand-out, hot, `/v1`", clients, Arc::clone(&json), Beside::Nothing, aim);
    }
    let slack = Arc::new(hot(Wire::Slack));
    add("hit-slack", "hand-out, hot, Slack's wire", CLIENTS, slack, Beside::Nothing, "≥ 60 %");
    if seed.place.rows < ENOUGH_ROWS {
        return Ok(cases);
    }
    let key_set = Get::new("/.well-known/jwks.json", None, "\"keys\"");
    add("key-set", "key set", CLIENTS, Arc::new(key_set), Beside::Nothing, "");
    let kept = Arc::new(Kept::new(layout.hot(), callers));
    add("exchange-kept", "exchange, kept content token", CLIENTS, kept, Beside::Nothing, "≥ 50 %");
    let cold = |rows| Arc::new(HandOut::new(Wire::Json, rows, callers));
    let (known, aim) = (Choice::Any(layout.known()), "≥ 0.85 of a bare read");
    add("miss", "hand-out, any of half the rows", CLIENTS, cold(known), Beside::BareRead, aim);
    let first = cold(Choice::each(layout.unseen()));
    add("miss-first", "hand-out, the first of the day", CLIENTS, first, Beside::Durable, "");
    let first_sight = FirstSight::new(stage.issuer.clone(), layout, callers.clone());
    let first_sight = Arc::new(first_sight);
    let label = "exchange, JWT at first sight, minted";
    add("exchange-first-sight", label, CLIENTS, first_sight, Beside::Signature, "≥ 20 %");
    let mint = Arc::new(Mint::new(callers));
    add("mint", "a caller's own content token, minted", CLIENTS, mint, Beside::Signature, "");
    for (by, names, labels) in JUDGED {
        let exchanges = Kept::new(layout.hot(), callers);
        let exchanges = exchanges.all().filter(|_| wanted(names[0]));
        let again = Seen::new(broker.address, by, &seed.resource_server, exchanges);
        let again = Arc::new(stage.runtime.block_on(again)?);
        add(names[0], labels[0], CLIENTS, again, Beside::Nothing, "");
        let first = Arc::new(First::new(broker.address, by, &seed.resource_server, callers));
        add(names[1], labels[1], CLIENTS, first, Beside::Nothing, "");
    }
    if wanted("session-token") || wanted(FIRST_PAGE) || wanted("page-deep") {
        let pages = stage.pages(broker)?;
        let origin = format!("http://{}", broker.address);
        let session_token = Arc::new(SessionToken::new(&origin, &pages.cookie));
        add("session-token", "session token, minted", CLIENTS, session_token, Beside::Signature, "≥ 20 %");
        let page = |path: &str| Arc::new(Get::new(path, Some(&pages.cookie), "/account/connected-apps/Et"));
        let (first, deep): (Arc<dyn Job>, Arc<dyn Job>) = (page(&pages.first), page(&pages.deep));
        for clients in [1, CLIENTS] {
            let aim = if clients == CLIENTS { "≥ 8 %" } else { "" };
            add(FIRST_PAGE, "Connected apps, page 1", clients, Arc::clone(&first), Beside::Nothing, aim);
            let aim = if clients == CLIENTS { "within 1.3x of page 1" } else { "" };
            add(
                "page-deep",
                "Connected apps, a deep page",
                clients,
                Arc::clone(&deep),
                Beside::FirstPage,
                aim,
            );
        }
    }
    let refresh = Arc::new(HandOut::new(Wire::Refresh, Choice::each(layout.to_refresh()), callers));
    let aim = "≥ 2.5x one raw write";
    add("refresh", "durable token update (forced refresh)", 32, refresh, Beside::Durable, aim);
    Ok(cases)
}
