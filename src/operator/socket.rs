//! The socket between the command line and a running server: one JSON command, one JSON answer. Whoever can
//! open it (mode 0600) is the operator.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::output::Output;
use super::{Command, run};
use crate::Broker;

const LARGEST: u64 = 4 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
enum Reply {
    Done(Output),
    Refused(String),
}

/// Answers commands until the server drains. The lock is held, so a socket that is left over is nobody's.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(broker: Broker, path: &Path) -> std::io::Result<impl Future<Output = ()> + use<>> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    // The umask kept others out until here; it would leave 0700.
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    let path = path.to_owned();
    Ok(async move {
        loop {
            let accepted = tokio::select! {
                () = broker.draining.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            if let Ok((stream, _)) = accepted {
                let answered = tokio::time::timeout(TIMEOUT, answer(broker.clone(), stream));
                broker.tasks.spawn(answered);
            }
        }
        let _ = std::fs::remove_file(&path);
    })
}

async fn answer(broker: Broker, mut stream: UnixStream) {
    let mut text = Vec::new();
    let read = (&mut stream).take(LARGEST).read_to_end(&mut text).await;
    if read.is_err() || text.is_empty() {
        return;
    }
    let reply = match serde_json::from_slice::<Command>(&text) {
        Err(_) => Reply::Refused(
            "The command is not one that this server understands; is it another version?".to_owned(),
        ),
        Ok(command) => match run(&broker, command).await {
            Ok(answer) => Reply::Done(answer),
            Err(error) => Reply::Refused(error.to_string()),
        },
    };
    if let Ok(text) = serde_json::to_vec(&reply) {
        let _ = stream.write_all(&text).await;
    }
}

/// Whether a server listens.
pub async fn listens(path: &Path) -> bool {
    UnixStream::connect(path).await.is_ok()
}

/// Has a running server carry out a command. None when no server listens.
///
/// # Errors
/// The server's own sentence.
pub async fn send(path: &Path, command: &Command) -> Option<Result<Output, String>> {
    let mut stream = UnixStream::connect(path).await.ok()?;
    let exchange = async {
        let text = serde_json::to_vec(command).map_err(|error| error.to_string())?;
        stream.write_all(&text).await.map_err(|error| error.to_string())?;
        stream.shutdown().await.map_err(|error| error.to_string())?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.map_err(|error| error.to_string())?;
        match serde_json::from_slice(&reply) {
            // It ended in the middle of it.
            _ if reply.is_empty() => Ok(None),
            Ok(Reply::Done(answer)) => Ok(Some(answer)),
            Ok(Reply::Refused(sentence)) => Err(sentence),
            Err(_) => Err("The server gave no answer that can be read.".to_owned()),
        }
    };
    let answered = tokio::time::timeout(TIMEOUT, exchange).await;
    answered.unwrap_or_else(|_| Err("The server did not answer in time.".to_owned())).transpose()
}
