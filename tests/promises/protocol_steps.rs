//! What may happen next in the model of the refresh protocol: whatever a process, an issuer, a lease or a person can do.

use attache::replicas::holders::Holder;

use crate::protocol_effect::{Do, Step};
use crate::protocol_model::World;

impl World {
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (process, flight) in self.flights.iter().enumerate() {
            match flight {
                None => {
                    let due = matches!(self.row.status, "active" | "refreshing" | "in_doubt" | "backoff");
                    if self.begins > 0 && due {
                        steps.push(Step::Begin(process));
                    }
                }
                Some(flight) if flight.seems == Holder::Silent => {
                    steps.push(Step::Seems(process, Holder::Answers));
                }
                Some(flight) => {
                    steps.push(Step::Well(process));
                    match flight.seems {
                        Holder::Answers if self.faults > 0 => steps.extend([
                            Step::Seems(process, Holder::Silent),
                            Step::Seems(process, Holder::Gone),
                        ]),
                        Holder::Gone => steps.extend([
                            Step::Seems(process, Holder::LongGone),
                            Step::Seems(process, Holder::Answers),
                        ]),
                        _ => {}
                    }
                    if self.faults == 0 {
                        continue;
                    }
                    steps.push(Step::Crash(process));
                    if matches!(flight.effect, Do::Pause) {
                        continue;
                    }
                    steps.push(Step::Fails(process));
                    if matches!(flight.effect, Do::Ask | Do::AskPrevious) {
                        steps.push(Step::TurnedAway(process));
                    }
                    if matches!(
                        flight.effect,
                        Do::Ask | Do::AskPrevious | Do::Store | Do::SetBack { .. } | Do::Lease | Do::TakeOver
                    ) {
                        steps.push(Step::Unheard(process));
                    }
                }
            }
        }
        if self.row.leased && self.faults > 0 {
            steps.push(Step::LeaseEnds);
        }
        if self.issuer.overlap.is_some() && self.faults > 0 {
            steps.push(Step::OverlapEnds);
        }
        if self.is_live() && self.faults > 0 {
            steps.push(Step::Revoke);
        }
        steps
    }
}
