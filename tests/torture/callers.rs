//! Callers: who asks for access tokens all the time, who asks a thousand times at once, and who does not wait for the
//! answer. Each question goes into the history with what was seen of its answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::history::{Ask, History, Outcome};

/// Callers of each process.
const EACH: usize = 12;

/// All that a caller knows.
#[derive(Clone)]
pub struct Callers {
    pub http: reqwest::Client,
    pub key: String,
    /// Of the processes.
    pub urls: Vec<String>,
    /// Ids of the connections.
    pub connections: Arc<Vec<String>>,
    pub history: Arc<History>,
}

impl Callers {
    /// One question, answered or not.
    pub async fn ask(&self, process: usize, connection: usize) -> Outcome {
        let outcome = self.send(process, connection).await;
        self.history.asked(Ask { connection, outcome: outcome.clone() });
        outcome
    }

    async fn send(&self, process: usize, connection: usize) -> Outcome {
        let (url, id) = (&self.urls[process], &self.connections[connection]);
        let post = self.http.post(format!("{url}/v1/connections/{id}/token")).bearer_auth(&self.key);
        let Ok(answer) = post.send().await else { return Outcome::NoAnswer };
        let Ok(body) = answer.json::<Value>().await else { return Outcome::NoAnswer };
        let text = |member: &str| body[member].as_str().map(str::to_owned);
        if let Some(token) = text("access_token") {
            return Outcome::Token(token);
        }
        match text("error") {
            Some(error) if error == "reconnect_required" => {
                Outcome::Reconnect(text("cause").unwrap_or_default())
            }
            error => Outcome::Refused(error.unwrap_or_default()),
        }
    }

    /// Asks for one connection after the other until it is told to stop; now and then without waiting for the answer.
    async fn go_on(self, process: usize, mut dice: Dice, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let connection = dice.index(self.connections.len());
            let outcome = if dice.one_in(12) {
                let patience = dice.milliseconds(1, 80);
                let answered = timeout(patience, self.send(process, connection)).await;
                let outcome = answered.unwrap_or(Outcome::HungUp);
                self.history.asked(Ask { connection, outcome: outcome.clone() });
                outcome
            } else {
                self.ask(process, connection).await
            };
            let rest = if outcome == Outcome::NoAnswer { 60 } else { 5 };
            sleep(dice.milliseconds(rest, 8 * rest)).await;
        }
    }

    /// A dozen for each process.
    pub fn all(&self, dice: &mut Dice, stop: &CancellationToken) -> JoinSet<()> {
        let mut all = JoinSet::new();
        for process in 0..self.urls.len() {
            for _ in 0..EACH {
                all.spawn(self.clone().go_on(process, dice.split(), stop.clone()));
            }
        }
        all
    }

    /// So many at once, over all connections and processes; what each of them saw, by connection.
    pub async fn at_once(&self, count: usize) -> Vec<(usize, Outcome)> {
        let mut all = JoinSet::new();
        for number in 0..count {
            let callers = self.clone();
            let (process, connection) = (number % self.urls.len(), number % self.connections.len());
            all.spawn(async move { (connection, callers.ask(process, connection).await) });
        }
        all.join_all().await
    }
}

/// As patient as the slowest lease.
pub fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.timeout(Duration::from_secs(30)).build().expect("a client")
}
