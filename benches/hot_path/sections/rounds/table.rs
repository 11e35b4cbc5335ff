//! What the rounds brought, as one table and the remarks below it.

use std::collections::BTreeMap;

use super::cases::{Beside, CLIENTS, Case};
use crate::load::closed::Measured;
use crate::numbers::Series;
use crate::report::{Report, median, milliseconds, number, percent, spread, times};

/// One value of each round.
#[derive(Default)]
pub struct Seen {
    pub rate: Series,
    pub of_bare: Series,
    pub of_beside: Series,
    pub p50: Series,
    pub p99: Series,
    pub p99_of_bare: Series,
    pub cpu: Series,
    pub cpu_database: Series,
    pub cpu_of_bare: Series,
    pub own_share: Series,
    pub refused: u64,
    pub wrong: u64,
    pub complaint: Option<String>,
}

impl Seen {
    pub fn add(&mut self, measured: &Measured, bare: Option<&Measured>, beside: Option<f64>) {
        let (cpu, cpu_database) = measured.cpu_each();
        self.rate.push(measured.rate());
        if measured.right() > 0 {
            self.p50.push(measured.percentile(50.0));
            self.p99.push(measured.percentile(99.0));
            self.cpu.push(cpu);
            self.cpu_database.push(cpu_database);
        }
        if let Some(bare) = bare {
            self.of_bare.push(measured.rate() / bare.rate());
            if measured.right() > 0 {
                self.p99_of_bare.push(measured.percentile(99.0) / bare.percentile(99.0));
                self.cpu_of_bare.push((cpu + cpu_database) / bare.cpu_each().0);
            }
        }
        if let Some(beside) = beside {
            self.of_beside.push(measured.rate() / beside);
        }
        self.own_share.push(measured.own_share());
        self.refused += measured.refused;
        self.wrong += measured.wrong;
        if self.complaint.is_none() {
            self.complaint.clone_from(&measured.complaint);
        }
    }
}

const COLUMNS: [&str; 10] = [
    "job",
    "clients",
    "a second",
    "of bare axum",
    "of its yardstick",
    "p50 ms",
    "p99 ms",
    "p99 to bare",
    "CPU µs (own + database)",
    "CPU to bare",
];

/// What the machine allows, round by round.
#[derive(Default)]
pub struct Allowed {
    /// By clients.
    pub bare: BTreeMap<usize, Seen>,
    pub read: Seen,
    /// Overwrites with fdatasync a second.
    pub durable: Series,
    /// Signatures a second.
    pub signature: Series,
}

pub fn write(report: &mut Report, cases: &[Case], allowed: &Allowed) {
    let mut rows = Vec::new();
    for (clients, seen) in &allowed.bare {
        rows.push(row("bare axum", *clients, seen, Beside::Nothing));
    }
    if allowed.read.rate.median().is_some() {
        rows.push(row("bare axum and a bare sqlx read", CLIENTS, &allowed.read, Beside::Nothing));
    }
    if allowed.durable.median().is_some() {
        let mut durable = [const { String::new() }; COLUMNS.len()];
        "overwrite 4 KiB + fdatasync, one thread".clone_into(&mut durable[0]);
        durable[2] = median(&allowed.durable, number);
        rows.push(durable);
    }
    if allowed.signature.median().is_some() {
        let mut signature = [const { String::new() }; COLUMNS.len()];
        "EdDSA signatures, one thread".clone_into(&mut signature[0]);
        signature[2] = median(&allowed.signature, number);
        rows.push(signature);
    }
    for case in cases {
        let label = if case.aim.is_empty() {
            case.label.to_owned()
        } else {
            format!("{} (aim: {})", case.label, case.aim)
        };
        rows.push(row(&label, case.clients, &case.seen, case.beside));
    }
    report.table(COLUMNS, &rows);
}

fn row(label: &str, clients: usize, seen: &Seen, beside: Beside) -> [String; COLUMNS.len()] {
    let yardstick = match beside {
        Beside::Nothing => String::new(),
        Beside::BareRead => format!("{} of a bare read", median(&seen.of_beside, times)),
        Beside::Durable => format!("{} of a raw write", median(&seen.of_beside, times)),
        Beside::Signature => format!("{} of raw signatures", median(&seen.of_beside, times)),
        Beside::FirstPage => format!("{} of page 1", median(&seen.of_beside, times)),
    };
    let cpu = format!("{} + {}", median(&seen.cpu, number), median(&seen.cpu_database, number));
    [
        label.to_owned(),
        clients.to_string(),
        median(&seen.rate, number),
        spread(&seen.of_bare, percent),
        yardstick,
        median(&seen.p50, milliseconds),
        median(&seen.p99, milliseconds),
        median(&seen.p99_of_bare, times),
        cpu,
        median(&seen.cpu_of_bare, times),
    ]
}

/// What a reader of the table must know.
pub fn remark(report: &mut Report, cases: &[Case]) {
    let most = cases.iter().filter_map(|case| case.seen.own_share.median()).fold(0.0, f64::max);
    report.text(&format!(
        "The bench itself took at most {} of the machine while a job was measured.\n",
        percent(most)
    ));
    for Case { name, clients, seen, .. } in cases {
        if seen.rate.most() == Some(0.0) && seen.wrong == 0 {
            report
                .text(&format!("* `{name}` with {clients} clients: nothing was answered within the window."));
        }
        if seen.refused + seen.wrong > 0 {
            let complaint = seen.complaint.clone().unwrap_or_default().replace('\n', " ");
            report.text(&format!(
                "* `{name}` with {clients} clients: {} refused, {} wrong. {complaint}",
                seen.refused, seen.wrong
            ));
        }
    }
    report.text("");
}
