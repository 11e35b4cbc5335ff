//! Arithmetic of measurements: rates, medians, spreads.

use std::time::Duration;

#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^52")]
pub const fn float(count: u64) -> f64 {
    count as f64
}

/// Saturates; negative is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a saturating cast of an estimate is still an estimate"
)]
pub const fn whole(value: f64) -> u64 {
    value as u64
}

pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// 0 for none.
pub fn per_second(count: u64, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64();
    if seconds > 0.0 { float(count) / seconds } else { 0.0 }
}

/// Several values of one measurement, one from each round.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn push(&mut self, value: f64) {
        if value.is_finite() {
            self.0.push(value);
        }
    }

    pub fn median(&self) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(sorted[middle]),
            _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        }
    }

    pub fn last(&self) -> Option<f64> {
        self.0.last().copied()
    }

    pub fn least(&self) -> Option<f64> {
        self.0.iter().copied().min_by(f64::total_cmp)
    }

    pub fn most(&self) -> Option<f64> {
        self.0.iter().copied().max_by(f64::total_cmp)
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut series = Self::default();
        values.into_iter().for_each(|value| series.push(value));
        series
    }
}
