//! The tables: printed as they are made, and kept for a file. Markdown, to be pasted into docs/performance.md.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::fault::Fault;
use crate::numbers::Series;

pub struct Report {
    text: String,
    out: Option<PathBuf>,
}

impl Report {
    pub const fn new(out: Option<PathBuf>) -> Self {
        Self { text: String::new(), out }
    }

    pub fn text(&mut self, text: &str) {
        println!("{text}");
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub fn heading(&mut self, heading: &str) {
        self.text(&format!("### {heading}\n"));
    }

    /// The first column is text, the others are numbers.
    pub fn table<const N: usize>(&mut self, columns: [&str; N], rows: &[[String; N]]) {
        let mut text = format!("| {} |\n|", columns.join(" | "));
        for index in 0..N {
            text.push_str(if index == 0 { " --- |" } else { " --: |" });
        }
        for row in rows {
            let _ = write!(text, "\n| {} |", row.join(" | "));
        }
        text.push('\n');
        self.text(&text);
    }

    pub fn finish(self) -> Result<(), Fault> {
        if let Some(out) = self.out {
            std::fs::write(out, self.text)?;
        }
        Ok(())
    }
}

/// A number as people read it: three digits that count, no more.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => grouped(value),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn grouped(value: f64) -> String {
    crate::database::thousands(crate::numbers::whole(value.round()))
}

/// The median, and from where to where.
pub fn spread(series: &Series, show: impl Fn(f64) -> String) -> String {
    match (series.median(), series.least(), series.most()) {
        (Some(median), Some(least), Some(most)) => {
            format!("{} ({} – {})", show(median), show(least), show(most))
        }
        _ => "–".to_owned(),
    }
}

pub fn median(series: &Series, show: impl Fn(f64) -> String) -> String {
    series.median().map_or_else(|| "–".to_owned(), show)
}

pub fn percent(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

pub fn times(value: f64) -> String {
    format!("{value:.2}x")
}

/// Microseconds, as milliseconds.
pub fn milliseconds(microseconds: f64) -> String {
    number(microseconds / 1000.0)
}
