//! Carries out an operator's command: by the running server when there is one on this database, else here.

use std::path::PathBuf;
use std::time::Duration;

use attache::app::sync::Extent;
use attache::clock::Clock;
use attache::connection::mass_revoke;
use attache::operator::lock::{self, Lock, LockError};
use attache::operator::{Answer, Command, run, socket};
use attache::server::drain;
use attache::{App, db, start};

use super::{ConfigFile, Failure};

/// How often it is asked how far a mass revoke is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who carries out commands.
enum By {
    Server {
        socket: PathBuf,
    },
    /// The lock is held while we write, so that no server starts meanwhile.
    Us {
        app: App,
        _lock: Option<Lock>,
    },
}

impl By {
    async fn run(&self, command: Command) -> Result<Answer, Failure> {
        match self {
            Self::Us { app, .. } => Ok(run(app, command).await?),
            Self::Server { socket } => {
                let answered = socket::send(socket, &command).await;
                let gone = || {
                    Err("The server does not answer any more; it goes on with this when it is started."
                        .to_owned())
                };
                answered.unwrap_or_else(gone).map_err(Failure::Sentence)
            }
        }
    }
}

pub async fn operate(file: &ConfigFile, command: Command) -> Result<(), Failure> {
    let (by, answer) = begin(file, command).await?;
    if let By::Us { app, .. } = &by {
        drain(app).await;
    }
    print(&answer?);
    Ok(())
}

/// The same, and then waits until the mass revoke has ended that the answer tells of.
pub async fn follow(file: &ConfigFile, command: Command) -> Result<(), Failure> {
    let (by, answer) = begin(file, command).await?;
    // Where no server does, the work is ours; beside servers it is shared.
    let work = match &by {
        By::Us { app, .. } => Some((app, tokio::spawn(mass_revoke::run(app.clone())))),
        By::Server { .. } => None,
    };
    let followed = match answer {
        Ok(answer) => to_the_end(&by, answer).await,
        Err(failure) => Err(failure),
    };
    if let Some((app, work)) = work {
        app.draining.cancel();
        let _ = work.await;
        drain(app).await;
    }
    followed
}

async fn to_the_end(by: &By, begun: Answer) -> Result<(), Failure> {
    print(&begun);
    let (mut running, mut said) = (begun.follow, begun.lines);
    while let Some(id) = running {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = by.run(Command::MassRevokeStatus { id }).await?;
        if now.lines != said {
            print(&now);
        }
        (running, said) = (now.follow, now.lines);
    }
    Ok(())
}

/// Finds out who carries out commands, and has it carry out the first.
async fn begin(file: &ConfigFile, command: Command) -> Result<(By, Result<Answer, Failure>), Failure> {
    let config = file.load()?;
    let path = db::sqlite_path(&config.database.url);
    if let Some(path) = &path {
        let socket = lock::beside(path, "sock");
        if let Some(answered) = socket::send(&socket, &command).await {
            return Ok((By::Server { socket }, answered.map_err(Failure::Sentence)));
        }
    }
    let lock = match path.as_deref().map(lock::acquire).transpose() {
        Ok(lock) => lock,
        Err(LockError::Held(path)) => {
            let path = path.display();
            return Err(Failure::Sentence(format!(
                "Another process holds {path} but its socket does not answer. Try again, or stop that process."
            )));
        }
        Err(error) => return Err(error.into()),
    };
    let by = By::Us { app: start::open(config, Clock::System, Extent::OnlyNew).await?, _lock: lock };
    let answer = by.run(command).await;
    Ok((by, answer))
}

fn print(answer: &Answer) {
    for line in &answer.lines {
        if answer.secret.is_some() { eprintln!("{line}") } else { println!("{line}") }
    }
    if let Some(secret) = &answer.secret {
        println!("{}", secret.expose());
    }
}
