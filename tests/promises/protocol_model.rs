//! A model of the row, of a rotating issuer and of two processes, in which the real refresh protocol takes the
//! decisions. It says what may happen next, and judges what came of it.

use std::collections::BTreeSet;

use attache::issuer::IssuerFault;
use attache::issuer::profile::Reach;
use attache::refresh::protocol::{Event, Held, Lease, Next, Outcome, Row, State, Terms, advance, begin};
use attache::replicas::holders::Holder;

use crate::protocol_effect::{Do, Reached, Step};
use crate::protocol_issuer::Issuer;

/// The row, as far as a refresh cares. Tokens are numbers, in the order in which the issuer made them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    pub generation: u8,
    pub token: u8,
    pub previous: Option<u8>,
    pub fence: u8,
    pub leased: bool,
    pub intent: bool,
    pub doubted: bool,
    pub status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flight {
    pub state: State,
    pub effect: Do,
    /// Generation and token that were seen when it began.
    pub seen: (u8, u8),
    pub current: u8,
    pub fence: u8,
    pub answer: Option<u8>,
    pub leased: bool,
    /// What the others see of its process.
    pub seems: Holder,
    /// The fence of the lease that it takes over.
    pub over: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub terms: (bool, Reached),
    pub row: Stored,
    pub issuer: Issuer,
    pub flights: [Option<Flight>; 2],
    /// Generation, fence and token of each answer that could not be stored.
    pub journals: [Vec<(u8, u8, u8)>; 2],
    /// A lease ran out under its holder, or was taken from one that lived while there was no overlap, or not for long.
    pub overtaken: bool,
    /// How much may still go wrong, and how many refreshes may still begin.
    pub faults: u8,
    pub begins: u8,
}

impl World {
    pub fn new(overlap: bool, reach: Reached, faults: u8, begins: u8) -> Self {
        Self {
            terms: (overlap, reach),
            row: Stored {
                generation: 1,
                token: 1,
                previous: None,
                fence: 0,
                leased: false,
                intent: false,
                doubted: false,
                status: "active",
            },
            issuer: Issuer { live: BTreeSet::from([1]), overlap: None, dead: false, made: 1, unread: false },
            flights: [None, None],
            journals: [Vec::new(), Vec::new()],
            overtaken: false,
            faults,
            begins,
        }
    }

    fn terms(&self) -> Terms {
        let reach = match self.terms.1 {
            Reached::Token => Reach::Token,
            Reached::Family => Reach::Family,
        };
        Terms {
            overlap: self.terms.0,
            repeats: if self.terms.0 { 2 } else { 0 },
            ask_again_after: None,
            live_for: 0,
            reach,
            refused_for_good: false,
            run_out: false,
        }
    }

    pub fn is_live(&self) -> bool {
        !matches!(self.row.status, "revoking" | "revoked")
    }

    pub fn take(&mut self, step: Step) {
        let well = matches!(step, Step::Seems(_, Holder::Answers | Holder::LongGone));
        if !well && !matches!(step, Step::Begin(_) | Step::Well(_)) {
            self.faults -= 1;
        }
        match step {
            Step::Begin(process) => {
                self.begins -= 1;
                let (state, effect) = begin();
                self.flights[process] = Some(Flight {
                    state,
                    effect: Do::from(&effect),
                    seen: (self.row.generation, self.row.token),
                    current: self.row.generation,
                    fence: 0,
                    answer: None,
                    leased: false,
                    seems: Holder::Answers,
                    over: 0,
                });
            }
            Step::Well(process) => {
                let event = self.carry_out(process);
                self.tell(process, &event);
            }
            Step::Fails(process) => {
                let event = match self.flight(process).effect {
                    Do::Ask | Do::AskPrevious => Event::Refused(IssuerFault::Unanswered(String::new())),
                    _ => Event::Failed,
                };
                self.tell(process, &event);
            }
            Step::Unheard(process) => {
                let asked = matches!(self.flight(process).effect, Do::Ask | Do::AskPrevious);
                self.carry_out(process);
                let event = if asked {
                    self.flights[process].as_mut().expect("a flight").answer = None;
                    self.issuer.unread = true;
                    Event::Refused(IssuerFault::Unanswered(String::new()))
                } else {
                    Event::Failed
                };
                self.tell(process, &event);
            }
            Step::TurnedAway(process) => {
                let away = IssuerFault::Unavailable(String::new(), None);
                self.tell(process, &Event::Refused(away));
            }
            Step::Crash(process) => {
                if let Some(flight) = self.flights[process].take()
                    && flight.answer.is_some_and(|answer| !self.is_kept(process, answer))
                {
                    // It died with the answer in its hands.
                    self.issuer.unread = true;
                }
                self.replay(process);
            }
            Step::Seems(process, seems) => {
                self.flights[process].as_mut().expect("a flight").seems = seems;
            }
            Step::LeaseEnds => {
                self.row.leased = false;
                // Its holder may be about to come back, and another may ask before that.
                self.overtaken = true;
                for flight in self.flights.iter_mut().flatten() {
                    flight.leased = false;
                }
            }
            Step::OverlapEnds => {
                self.issuer.overlap = None;
                // Whoever took over because of it may come too late.
                let held = |flight: &Flight| flight.fence > 0 && flight.fence < self.row.fence;
                self.overtaken |= self.flights.iter().flatten().any(held);
            }
            Step::Revoke => {
                self.row.status = "revoking";
                self.row.fence += 1;
                self.row.intent = false;
            }
        }
    }

    fn flight(&self, process: usize) -> &Flight {
        self.flights[process].as_ref().expect("a flight")
    }

    /// The flight that holds the row's lease.
    fn holder(&self) -> Option<&Flight> {
        self.flights.iter().flatten().find(|flight| flight.fence == self.row.fence)
    }

    /// Whether it does no harm to show the row's token, though it may be spent.
    fn overlap_lasts(&self) -> bool {
        self.terms.0 && !self.issuer.dead && self.issuer.would_take(self.row.token)
    }

    fn is_kept(&self, process: usize, answer: u8) -> bool {
        self.row.token >= answer || self.journals[process].iter().any(|(_, _, token)| *token == answer)
    }

    /// What a start does with the journal.
    fn replay(&mut self, process: usize) {
        for (generation, fence, token) in std::mem::take(&mut self.journals[process]) {
            if self.row.generation == generation && self.is_live() {
                self.store(token, fence);
            }
        }
    }

    fn store(&mut self, token: u8, by: u8) {
        let Stored { generation, fence, token: spent, .. } = self.row;
        let unrivalled = fence == by;
        self.row = Stored {
            generation: generation + 1,
            token,
            previous: Some(spent),
            fence: fence + 1,
            // A rival may still ask: nobody else is to begin before its lease is over.
            leased: self.row.leased && !unrivalled,
            intent: !unrivalled,
            doubted: false,
            status: if unrivalled { "active" } else { "in_doubt" },
        };
    }

    fn row_for(&self, flight: &Flight) -> Row {
        match self.row.status {
            "revoking" if self.row.generation == flight.seen.0 => Row::Revoking,
            "revoking" | "revoked" => Row::Gone,
            _ if Some(self.row.token) == flight.answer => Row::HoldsOurs,
            _ if self.row.token == flight.seen.1 => Row::HoldsTheSpent,
            _ => Row::Refreshed,
        }
    }

    /// What the answer is stored on moves along only with a row that still holds the spent token.
    fn read(&self, flight: &mut Flight) -> Row {
        let row = self.row_for(flight);
        if matches!(row, Row::HoldsTheSpent | Row::Revoking) {
            flight.current = self.row.generation;
        }
        row
    }

    fn carry_out(&mut self, process: usize) -> Event {
        let mut flight = self.flight(process).clone();
        let event = match flight.effect {
            Do::Lease | Do::TakeOver => {
                let over = flight.effect == Do::TakeOver && self.row.fence == flight.over;
                let free = (!self.row.leased || over) && self.row.generation == flight.seen.0;
                if free && self.is_live() && self.row.status != "dead" {
                    self.row.doubted = self.row.intent;
                    if over && !self.overlap_lasts() && self.holder().is_some() {
                        self.overtaken = true;
                    }
                    self.row.fence += 1;
                    (self.row.leased, self.row.intent, self.row.status) = (true, true, "refreshing");
                    (flight.fence, flight.leased) = (self.row.fence, true);
                    Event::Leased(Lease { fence: 0, doubted: self.row.doubted, failures: 0 })
                } else if self.row.leased && self.row.generation == flight.seen.0 {
                    flight.over = self.row.fence;
                    // A process that ended has stored by now what its journal held.
                    let holder = self.holder().map_or(Holder::LongGone, |holder| holder.seems);
                    Event::Held(Held { holder, overlap_lasts: self.overlap_lasts() })
                } else {
                    Event::Done
                }
            }
            Do::Ask | Do::AskPrevious => {
                let others_hold = self.row.leased && self.row.fence != flight.fence && self.is_live();
                let rivals = others_hold && self.row.generation == flight.seen.0;
                let overtaken = self.row.fence != flight.fence || flight.seems != Holder::Answers;
                if !flight.leased || overtaken {
                    // Its own clock tells it that the lease has run out; its lock and the row's fence, the rest.
                    return Event::Refused(IssuerFault::Unavailable(String::new(), None));
                }
                assert!(!rivals, "two ask at one time: {self:?}");
                let presented = match flight.effect {
                    Do::Ask => Some(flight.seen.1),
                    _ => self.row.previous,
                };
                match presented.and_then(|presented| self.issuer.present(presented, self.terms.0)) {
                    Some(token) => {
                        flight.answer = Some(token);
                        Event::Answered
                    }
                    None => Event::Refused(IssuerFault::InvalidGrant(String::new())),
                }
            }
            Do::Read => Event::Row(self.read(&mut flight)),
            Do::Pause | Do::Tidy => {
                if flight.effect == Do::Tidy {
                    self.journals[process].clear();
                }
                Event::Done
            }
            Do::Store => {
                let token = flight.answer.expect("an answer");
                if self.row.generation == flight.current && self.is_live() {
                    self.store(token, flight.fence);
                    Event::Stored
                } else {
                    Event::Row(self.read(&mut flight))
                }
            }
            Do::Rescue => {
                self.journals[process].push((
                    flight.current,
                    flight.fence,
                    flight.answer.expect("an answer"),
                ));
                Event::Done
            }
            Do::KeepLate => {
                if self.row.status == "revoking" && self.row.generation == flight.seen.0 {
                    self.row.token = flight.answer.expect("an answer");
                    self.row.generation += 1;
                    self.row.leased = false;
                    Event::Done
                } else {
                    Event::Row(self.row_for(&flight))
                }
            }
            Do::RevokeLate => {
                match self.terms.1 {
                    Reached::Token => {
                        self.issuer.live.remove(&flight.answer.expect("an answer"));
                    }
                    Reached::Family => self.issuer.live.clear(),
                }
                Event::Done
            }
            Do::SetBack { status, open } => {
                if self.row.fence == flight.fence && self.row.status == "refreshing" {
                    (self.row.status, self.row.intent, self.row.leased) = (status, open, false);
                }
                Event::Done
            }
            Do::Release => {
                if self.row.status == "revoking" && self.row.generation == flight.seen.0 {
                    self.row.leased = false;
                }
                Event::Done
            }
        };
        self.flights[process] = Some(flight);
        event
    }

    fn tell(&mut self, process: usize, event: &Event) {
        let flight = self.flight(process).clone();
        match advance(flight.state, event, self.terms()) {
            Next::Go(state, effect) => {
                self.flights[process] = Some(Flight { state, effect: Do::from(&effect), ..flight });
            }
            Next::Over(outcome) => {
                self.flights[process] = None;
                if let (Outcome::Done, Some(answer)) = (outcome, flight.answer) {
                    let nobody_needs_it = !self.is_live() || self.row.token != flight.seen.1;
                    assert!(
                        self.is_kept(process, answer) || nobody_needs_it,
                        "an answer that reached us was dropped: {self:?}"
                    );
                }
            }
        }
    }

    pub fn judge(&self) {
        if !self.is_live() || self.flights.iter().any(Option::is_some) {
            return;
        }
        let rescued =
            self.journals.iter().flatten().any(|(generation, _, _)| *generation == self.row.generation);
        let usable = !self.issuer.dead && self.issuer.would_take(self.row.token);
        if usable || rescued {
            assert_ne!(self.row.status, "dead", "a grant that works is called dead: {self:?}");
            return;
        }
        // Lost only with an answer that was lost or that came after its lease, and never silently.
        let excused = self.issuer.unread || self.overtaken;
        assert!(excused, "a grant was lost though every answer arrived in time: {self:?}");
        let named = self.row.intent || matches!(self.row.status, "in_doubt" | "dead");
        assert!(named, "a grant is lost and nobody says so: {self:?}");
    }
}
