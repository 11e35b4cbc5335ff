//! Databases with a thousand, a hundred thousand and a million connections, as a server would have made them. Kept
//! under target/bench and used again while rows and migrations are the same.

pub mod layout;
mod rows;
pub mod write;

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use attache::clock::Clock;
use attache::secret::Token;
use attache::vault::{MasterKey, Vault};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use self::layout::{CALLERS, Layout, subject};
use self::rows::{ACCOUNTS, CONNECTIONS, Cell, LEDGER, Makings, VAULT_KEYS, account};
use self::write::Writer;
use crate::broker::{self, Broker, Configured, MASTER_KEY};
use crate::database::Place;
use crate::fault::{Fault, refuse};
use crate::issuer;

/// To be changed with whatever is seeded.
const VERSION: &str = "3";
/// Rows that are made and written together.
const BATCH: u64 = 2_000;

/// A seeded database.
pub struct Seed {
    pub place: Place,
    pub layout: Layout,
    pub callers: Vec<Caller>,
    /// Of the first environment.
    pub resource_server: Caller,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Caller {
    pub id: String,
    pub key: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct App {
    pub key: String,
    pub id: String,
}

/// What was seeded, beside the database.
#[derive(Serialize, Deserialize)]
struct Description {
    fingerprint: String,
    callers: Vec<Caller>,
    resource_server: Caller,
}

impl Seed {
    /// The seed that is there already, or a new one; either way as a run wants to begin with it. `sign_in` is the
    /// issuer where the owner of most connections signs in.
    pub async fn prepare(place: Place, sign_in: &str) -> Result<Self, Fault> {
        let layout = Layout { rows: place.rows };
        let fingerprint = fingerprint(&place)?;
        let description = fs::read_to_string(place.folder.join("seed.json")).ok();
        let found = description.and_then(|text| serde_json::from_str::<Description>(&text).ok());
        let usable = found.filter(|found| found.fingerprint == fingerprint);
        let description = match usable {
            Some(found) if write::exists(&place).await => found,
            _ => make(&place, layout, sign_in, &fingerprint).await?,
        };
        begin_again(&place, layout, sign_in).await?;
        let Description { callers, resource_server, .. } = description;
        Ok(Self { place, layout, callers, resource_server })
    }
}

fn fingerprint(place: &Place) -> Result<String, Fault> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut files: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.sort();
    let mut text = format!("{VERSION} {} {}", place.kind.name(), place.rows);
    for file in files {
        text.push_str(&fs::read_to_string(file)?);
    }
    Ok(Token::new(text).hash().as_str().to_owned())
}

async fn make(place: &Place, layout: Layout, sign_in: &str, fingerprint: &str) -> Result<Description, Fault> {
    let began = Instant::now();
    eprintln!("Seeding {} …", place.name());
    let _ = fs::remove_file(place.folder.join("seed.json"));
    fs::create_dir_all(&place.folder)?;
    write::empty(place).await?;
    // Tables, apps, environments and keys are the server's own work.
    let configured = broker::configure(place, sign_in)?;
    Broker::start(&configured)?.stop()?;
    let mut keys = Vec::new();
    for number in 0..CALLERS {
        let caller = format!("caller-{number}");
        let apps: Vec<String> =
            (0..broker::APPS).map(broker::app_key).chain([broker::MARKER.to_owned()]).collect();
        let apps = apps.iter().flat_map(|app| ["--app", app]);
        let arguments: Vec<&str> = ["key", "create", "--caller", &caller].into_iter().chain(apps).collect();
        keys.push((caller.clone(), broker::secret_of(&arguments, &configured)?));
        permit(&caller, &configured)?;
    }
    let resource_server = resource_server(&configured)?;
    let mut writer = Writer::open(place).await?;
    let mut callers = Vec::new();
    for (name, key) in keys {
        let id = writer.text("SELECT id FROM callers WHERE name = $1", &name).await?;
        callers.push(Caller { id, key });
    }
    let mut apps = Vec::new();
    for key in (0..broker::APPS).map(broker::app_key).chain([broker::MARKER.to_owned()]) {
        let id = writer.text("SELECT id FROM apps WHERE key = $1", &key).await?;
        apps.push(App { key, id });
    }
    fill(&mut writer, layout, &callers, apps).await?;
    writer.finish().await?;
    let description = Description { fingerprint: fingerprint.to_owned(), callers, resource_server };
    fs::write(place.folder.join("seed.json"), serde_json::to_string(&description)?)?;
    eprintln!("Seeded {} in {} s", place.name(), began.elapsed().as_secs());
    Ok(description)
}

/// Lets a caller read by itself at the first environment.
fn permit(caller: &str, configured: &Configured) -> Result<(), Fault> {
    let permissions = r#"[{"actions":["read"]}]"#;
    let environment = broker::ENVIRONMENTS[0];
    let permit = ["caller", "permit", caller, "--environment", environment, "--permissions", permissions];
    broker::secret_of(&permit, configured).map(drop)
}

/// A resource server of the first environment.
fn resource_server(configured: &Configured) -> Result<Caller, Fault> {
    let environment = broker::ENVIRONMENTS[0];
    let create = ["resource-server", "create", "--environment", environment];
    let key = broker::secret_of(&create, configured)?;
    // Its secret begins with its id.
    let id = key.split('_').take(2).collect::<Vec<_>>().join("_");
    Ok(Caller { id, key })
}

async fn fill(writer: &mut Writer, layout: Layout, callers: &[Caller], apps: Vec<App>) -> Result<(), Fault> {
    let now = Clock::System.now();
    writer.begin().await?;
    let others = layout.others();
    let mut accounts = vec![account(layout::owner(), "nobody yet", owner_subject(), now)];
    for number in others {
        let id = layout::account_id(number);
        accounts.push(account(id, issuer::IDENTIFIER, subject(number), now));
        if accounts.len() == 1000 {
            writer.insert(&ACCOUNTS, &std::mem::take(&mut accounts)).await?;
        }
    }
    writer.insert(&ACCOUNTS, &accounts).await?;
    let (sender, mut batches) = mpsc::channel::<Result<Batch, Fault>>(4);
    let callers: Arc<[Caller]> = callers.into();
    // Sealing is work for the other core.
    let sealing = tokio::task::spawn_blocking(move || {
        let vault = match MasterKey::parse(&Token::new(MASTER_KEY)) {
            Ok(master) => Vault::new(master),
            Err(fault) => return drop(sender.blocking_send(Err(fault.into()))),
        };
        let makings = Makings { layout, vault: &vault, apps: &apps, callers: &callers, now };
        for first in (0..layout.rows).step_by(usize::try_from(BATCH).unwrap_or(1)) {
            if sender.blocking_send(batch(&makings, first)).is_err() {
                return;
            }
        }
    });
    while let Some(made) = batches.recv().await {
        let made = made?;
        writer.insert(&VAULT_KEYS, &made.vault_keys).await?;
        writer.insert(&CONNECTIONS, &made.connections).await?;
        writer.insert(&LEDGER, &made.ledger).await?;
    }
    sealing.await?;
    Ok(())
}

/// The person of the sandbox issuer who owns most connections.
pub fn owner_subject() -> String {
    "sandbox|editor".to_owned()
}

struct Batch {
    vault_keys: Vec<Vec<Cell>>,
    connections: Vec<Vec<Cell>>,
    ledger: Vec<Vec<Cell>>,
}

fn batch(makings: &Makings<'_>, first: u64) -> Result<Batch, Fault> {
    let rows = first..(first + BATCH).min(makings.layout.rows);
    let mut batch = Batch { vault_keys: Vec::new(), connections: Vec::new(), ledger: Vec::new() };
    for row in rows {
        let (vault_key, connection) = makings.connection(row)?;
        batch.vault_keys.push(vault_key);
        batch.connections.push(connection);
        if makings.layout.known().contains(&row) {
            batch.ledger.push(makings.hand_out(row)?);
        }
    }
    Ok(batch)
}

/// Takes away what earlier runs left, and brings forward what is true of one day only.
async fn begin_again(place: &Place, layout: Layout, sign_in: &str) -> Result<(), Fault> {
    let mut writer = Writer::open(place).await?;
    let now = Clock::System.now().unix();
    let today = now.div_euclid(86_400);
    let seeded = layout.rows + 1;
    for change in [
        "DELETE FROM content_tokens".to_owned(),
        "DELETE FROM sessions".to_owned(),
        // Those of the seed have the lowest numbers.
        format!("DELETE FROM ledger WHERE seq > {seeded}"),
        format!(
            "UPDATE ledger SET day = {today}, at = {now}, last_at = {now} WHERE seq <= {seeded} AND day <> {today}"
        ),
        format!("UPDATE accounts SET issuer = '{sign_in}' WHERE id = '{}'", layout::owner()),
    ] {
        writer.execute(&change).await?;
    }
    if writer.text("SELECT status FROM connections WHERE id = $1", &layout::connection_id(0)).await?
        != "active"
    {
        return refuse(format!("the seed of {} is damaged; delete {}", place.name(), place.folder.display()));
    }
    Ok(())
}
