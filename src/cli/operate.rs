//! Carries out an operator's command: by the running server when there is one on this database, else here.

use attache::app::sync::Extent;
use attache::clock::Clock;
use attache::operator::lock::{self, LockError};
use attache::operator::{Answer, Command, run, socket};
use attache::server::drain;
use attache::{db, start};

use super::{ConfigFile, Failure};

pub async fn operate(file: &ConfigFile, command: Command) -> Result<(), Failure> {
    let config = file.load()?;
    let path = db::sqlite_path(&config.database.url);
    if let Some(path) = &path
        && let Some(answered) = socket::send(&lock::beside(path, "sock"), &command).await
    {
        print(&answered.map_err(Failure::Sentence)?);
        return Ok(());
    }
    // Held while we write, so that no server starts meanwhile.
    let _lock = match path.as_deref().map(lock::acquire).transpose() {
        Ok(lock) => lock,
        Err(LockError::Held(path)) => {
            let path = path.display();
            return Err(Failure::Sentence(format!(
                "Another process holds {path} but its socket does not answer. Try again, or stop that process."
            )));
        }
        Err(error) => return Err(error.into()),
    };
    let app = start::open(config, Clock::System, Extent::OnlyNew).await?;
    let answer = run(&app, command).await;
    drain(&app).await;
    print(&answer?);
    Ok(())
}

fn print(answer: &Answer) {
    for line in &answer.lines {
        if answer.secret.is_some() { eprintln!("{line}") } else { println!("{line}") }
    }
    if let Some(secret) = &answer.secret {
        println!("{}", secret.expose());
    }
}
