//! Why a command ended, as the exit code tells it. Prints nothing.

use attache::config::ConfigFault;

pub enum Failure {
    /// 2: the configuration is wrong; nothing was started.
    Config(Vec<ConfigFault>),
    /// 1: anything else, in one sentence.
    Sentence(String),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Sentence(error.to_string())
    }
}
