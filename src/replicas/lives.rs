//! For how long a server that says nothing is counted, and how long a word takes to reach all. Imports nothing.

/// Seconds for which a server that says nothing more is still counted.
pub const LIVES: i64 = 30;
/// Seconds until every live server has heard of a key.
pub const HEARD: i64 = 2 * LIVES;
