//! The table: one column for each trial, in Markdown, to be pasted into docs/torture.md.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use attache::sandbox::issuer::{Shown, Verdict};

use crate::adversary::STEPS;
use crate::arguments::{Arguments, Database, Issuer};
use crate::checker::Findings;
use crate::excuse::STAYED_AWAY;
use crate::history::Event;
use crate::process::Process;
use crate::stage::Stage;

pub fn title(database: Database, issuer: Issuer) -> String {
    let database = match database {
        Database::Sqlite => "SQLite",
        Database::Postgres => "PostgreSQL, 3 replicas",
    };
    let issuer = match issuer {
        Issuer::Overlap => "overlap",
        Issuer::Strict => "strict",
    };
    format!("{database}, {issuer}")
}

/// What one trial found.
pub struct Column {
    title: String,
    values: Vec<(String, String)>,
    faults: Vec<String>,
}

impl Column {
    pub fn of(
        database: Database,
        kind: Issuer,
        stage: &Stage,
        findings: &Findings,
        storms: u64,
        crowd: usize,
        took: Duration,
    ) -> Self {
        let mut values = Vec::new();
        let mut say = |name: &str, value: String| values.push((name.to_owned(), value));
        let (events, book) = (stage.history.events(), stage.issuer.shown(0));
        let count =
            |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count().to_string();
        say("Storms", storms.to_string());
        say("Kills (SIGKILL)", count(|event| matches!(event, Event::Kill { .. })));
        say("… at random", count(|event| matches!(event, Event::Kill { step: None, .. })));
        for step in STEPS {
            say(&format!("… at `{step}`"), stage.history.kills_at(step).to_string());
        }
        say("Pauses", count(|event| matches!(event, Event::Pause { .. })));
        say("… beyond the lease", count(|event| matches!(event, Event::Pause { beyond: true, .. })));
        say("Steps that failed", stage.processes.iter().map(Process::failed).sum::<usize>().to_string());
        say("Full disks", count(|event| matches!(event, Event::FullDisk)));
        say("Database backends killed, times", count(|event| matches!(event, Event::BackendsKilled)));
        say("Database restarted at once", count(|event| matches!(event, Event::DatabaseRestarted)));
        say("Clock jumps", count(|event| matches!(event, Event::ClockJump)));
        say("Questions of callers", findings.asked.to_string());
        say("… hung up on", findings.hung_up.to_string());
        say("… without an answer", findings.unanswered.to_string());
        say("… answered with a token", findings.handed_out.to_string());
        say("Refreshes that 1,000 callers at once cost", crowd.to_string());
        let verdicts = |wanted| book.iter().filter(|shown| shown.verdict == wanted).count();
        say("Refreshes", (verdicts(Verdict::Current) + verdicts(Verdict::Again)).to_string());
        say("Answers lost", answers_lost(&book).to_string());
        say("Spent tokens shown again within the leeway", verdicts(Verdict::Again).to_string());
        say("Spent tokens shown again outside of it", verdicts(Verdict::Reused).to_string());
        say("Tokens shown by two processes at once", findings.spent_at_once.to_string());
        say("Grants lost", findings.lost().to_string());
        let reason = |reason| findings.lost.get(reason).copied().unwrap_or_default();
        for why in [
            "its answer was dropped",
            "its process was killed",
            "its process was paused",
            STAYED_AWAY,
            "its answer came too late",
        ] {
            say(&format!("… {why}"), reason(why).to_string());
        }
        say("… though no answer was lost", findings.lost_without_excuse.to_string());
        say("Grants lost silently", findings.lost_silently.to_string());
        say("Rows deleted", findings.deleted.to_string());
        say("Tokens of somebody else handed out", findings.wrong_tokens.to_string());
        say("Slowest to name the cause", format!("{:.1} s", findings.slowest_cause.as_secs_f64()));
        say("Took", format!("{} s", took.as_secs()));
        let mut faults = stage.history.faults();
        if kind == Issuer::Overlap && verdicts(Verdict::Reused) > 0 {
            faults.push(format!("{} tokens were spent twice", verdicts(Verdict::Reused)));
        }
        let title = title(database, kind);
        let faults = faults.into_iter().map(|fault| format!("{title}: {fault}")).collect();
        Self { title, values, faults }
    }
}

/// Rotations whose new token never came back: the spent one was shown once more, or nothing ever again.
fn answers_lost(book: &[Shown]) -> usize {
    let mut families: BTreeMap<usize, Vec<&Shown>> = BTreeMap::new();
    for shown in book {
        families.entry(shown.family).or_default().push(shown);
    }
    let lost = |shown: &[&Shown]| {
        let given = matches!(shown[0].verdict, Verdict::Current | Verdict::Again);
        given && shown[1].generation == shown[0].generation
    };
    families.values().map(|family| family.windows(2).filter(|pair| lost(pair)).count()).sum()
}

pub struct Report {
    columns: Vec<Column>,
    out: Option<PathBuf>,
}

impl Report {
    pub fn new(arguments: &Arguments) -> Self {
        Self { columns: Vec::new(), out: arguments.out.clone() }
    }

    pub fn add(&mut self, column: Column) {
        self.columns.push(column);
    }

    pub fn text(&self) -> String {
        let titles: Vec<&str> = self.columns.iter().map(|column| column.title.as_str()).collect();
        let mut lines = vec![
            format!("| | {} |", titles.join(" | ")),
            format!("| --- |{}", " --: |".repeat(titles.len())),
        ];
        let names = self.columns.first().map(|column| column.values.iter().map(|(name, _)| name));
        for (index, name) in names.into_iter().flatten().enumerate() {
            let values: Vec<&str> =
                self.columns.iter().map(|column| column.values[index].1.as_str()).collect();
            lines.push(format!("| {name} | {} |", values.join(" | ")));
        }
        lines.join("\n")
    }

    pub fn faults(&self) -> Vec<&String> {
        self.columns.iter().flat_map(|column| &column.faults).collect()
    }

    pub fn write(&self) {
        if let Some(out) = &self.out {
            std::fs::write(out, self.text() + "\n").expect("the file can be written");
        }
    }
}
