//! Carries out an operator's command: by the running server when there is one on this database, else here.

use std::path::PathBuf;
use std::time::Duration;

use attache::app::sync::Extent;
use attache::clock::Clock;
use attache::freeze::mass_revoke;
use attache::operator::lock::{self, Lock, LockError};
use attache::operator::{Command, Output, run, socket};
use attache::server::drain;
use attache::shown::shown;
use attache::{Broker, db, start};

use super::config_file::ConfigFile;
use super::failure::Failure;

/// How often it is asked how far a mass revoke is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who carries out commands.
pub enum Hand {
    Server(PathBuf),
    /// This process, which holds the lock of a SQLite database.
    Here(Broker, Option<Lock>),
}

impl Hand {
    pub async fn find(file: &ConfigFile) -> Result<Self, Failure> {
        let config = file.load()?;
        let path = db::sqlite_path(&config.database.url);
        if let Some(path) = &path {
            let socket = lock::beside(path, "sock");
            if socket::listens(&socket).await {
                return Ok(Self::Server(socket));
            }
        }
        // Held while we write, so that no server starts meanwhile.
        let lock = match path.as_deref().map(lock::acquire).transpose() {
            Ok(lock) => lock,
            Err(LockError::Held(path, pid)) => {
                let (path, pid) = (path.display(), pid.map(|pid| format!(", {pid},")).unwrap_or_default());
                return Err(Failure::Sentence(format!(
                    "Another process{pid} holds {path} but its socket does not answer. Try again, or stop that process."
                )));
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self::Here(start::open(config, Clock::System, Extent::OnlyNew).await?, lock))
    }

    pub async fn ask(&self, command: Command) -> Result<Output, Failure> {
        match self {
            Self::Here(broker, _) => Ok(run(broker, command).await?),
            Self::Server(socket) => match socket::send(socket, &command).await {
                Some(answered) => answered.map_err(Failure::Sentence),
                None => Err(Failure::Sentence(gone(&command).to_owned())),
            },
        }
    }

    pub async fn end(self) {
        if let Self::Here(broker, lock) = self {
            drain(&broker).await;
            drop(lock);
        }
    }
}

/// The server ended, or was ended, in the middle of a command.
const fn gone(command: &Command) -> &'static str {
    match command {
        Command::Backup { .. } => {
            "The server does not answer any more, so there is no backup. Run it again: what is left of this one is \
             removed then."
        }
        Command::RotateVault { .. } => {
            "The server does not answer any more. Run it again when it is started: the rotation goes on where it was."
        }
        _ => "The server does not answer any more. What was begun goes on when it is started.",
    }
}

pub async fn operate(file: &ConfigFile, command: Command) -> Result<(), Failure> {
    let hand = Hand::find(file).await?;
    let answer = hand.ask(command).await;
    hand.end().await;
    let answer = answer?;
    print(&answer);
    Ok(())
}

/// The same, and then waits until the mass revoke has ended that the answer tells of.
pub async fn follow(file: &ConfigFile, command: Command) -> Result<(), Failure> {
    let hand = Hand::find(file).await?;
    // Where no server does, the work is ours; beside servers it is shared.
    let work = match &hand {
        Hand::Here(broker, _) => {
            Some((broker.draining.clone(), tokio::spawn(mass_revoke::run(broker.clone()))))
        }
        Hand::Server(_) => None,
    };
    let followed = match hand.ask(command).await {
        Ok(begun) => to_the_end(&hand, begun).await,
        Err(failure) => Err(failure),
    };
    if let Some((draining, work)) = work {
        draining.cancel();
        let _ = work.await;
    }
    hand.end().await;
    followed
}

async fn to_the_end(hand: &Hand, begun: Output) -> Result<(), Failure> {
    print(&begun);
    let (mut running, mut said) = (begun.follow, begun.lines);
    while let Some(id) = running {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = hand.ask(Command::MassRevokeStatus { id }).await?;
        if now.lines != said {
            print(&now);
        }
        (running, said) = (now.follow, now.lines);
    }
    Ok(())
}

/// Asks for one step after another until there is none; how many troubles were told of. `then` makes the next command
/// of what the answer before said.
pub async fn operate_in_steps(
    file: &ConfigFile,
    first: Command,
    mut then: impl FnMut(&str) -> Result<Command, Failure>,
) -> Result<usize, Failure> {
    let hand = Hand::find(file).await?;
    let mut command = first;
    let told = loop {
        let answer = match hand.ask(command).await {
            Ok(answer) => answer,
            Err(failure) => break Err(failure),
        };
        print(&answer);
        match answer.next.as_deref().map(&mut then) {
            None => break Ok(answer.troubles),
            Some(Ok(next)) => command = next,
            Some(Err(failure)) => break Err(failure),
        }
    };
    hand.end().await;
    told
}

pub fn print(answer: &Output) {
    for line in &answer.lines {
        let line = shown(line);
        if answer.secret.is_some() { warn_them!("{line}") } else { say!("{line}") }
    }
    if let Some(secret) = &answer.secret {
        say!("{}", secret.expose());
    }
}
