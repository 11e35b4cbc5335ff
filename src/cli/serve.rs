//! `attache serve`: the lock, the two listeners, the operator's socket, and a drain at the end.

use std::io::ErrorKind;
use std::time::Duration;

use attache::clock::Clock;
use attache::config::Config;
use attache::freeze::mass_revoke;
use attache::operator::lock::{self, Lock};
use attache::operator::socket;
use attache::refresh::early;
use attache::server::{Limits, descriptors, drain, serve};
use attache::{Broker, db, machine_room, pulse, router, start};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::{logging, supervisor};

pub async fn run(file: &ConfigFile) -> Result<(), Failure> {
    let config = file.load()?;
    logging::init(&config.log)?;
    let lock = hold_lock(&config)?;
    let listener = bind("listen.address", &config.listen.address).await?;
    let machine_room = bind("listen.machine_room", &config.listen.machine_room).await?;
    let broker = start::start(config, Clock::System).await?;
    supervisor::renew_at_hangup(broker.clone(), file.clone())?;
    tokio::spawn(supervisor::feed_watchdog(broker.clone()));
    serve_until_told(broker, listener, machine_room).await?;
    drop(lock);
    Ok(())
}

/// On SQLite one process at a time; PostgreSQL needs none.
pub fn hold_lock(config: &Config) -> Result<Option<Lock>, Failure> {
    match db::sqlite_path(&config.database.url) {
        None => Ok(None),
        Some(path) => Ok(Some(lock::acquire(&path)?)),
    }
}

pub async fn bind(key: &str, address: &str) -> Result<TcpListener, Failure> {
    let cure = |error: std::io::Error| {
        let what = match error.kind() {
            ErrorKind::AddrInUse => {
                "another process listens there; stop it, or choose another port".to_owned()
            }
            ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            ErrorKind::PermissionDenied => "ports below 1024 are not ours; choose another".to_owned(),
            _ => error.to_string(),
        };
        Failure::Sentence(format!("{key}: {address} cannot be listened on: {what}"))
    };
    TcpListener::bind(address).await.map_err(cure)
}

/// Serves until SIGTERM and for a moment longer, or until SIGINT, then drains.
pub async fn serve_until_told(
    broker: Broker,
    listener: TcpListener,
    machine_room: TcpListener,
) -> Result<(), Failure> {
    if let Some(path) = db::sqlite_path(&broker.config.database.url) {
        let socket = lock::beside(&path, "sock");
        tokio::spawn(socket::listen(broker.clone(), &socket)?);
    }
    let house = tokio::spawn(start::keep_house(broker.clone()));
    let carried_on = tokio::spawn(start::carry_on(broker.clone()));
    let pulse = tokio::spawn(pulse::run(broker.clone()));
    let early = tokio::spawn(early::run(broker.clone()));
    let mass_revokes = tokio::spawn(mass_revoke::run(broker.clone()));
    let probes = machine_room::router(broker.clone());
    // Probes are answered while the rest drains.
    let everybody = Limits { connections_per_address: 0, ..Limits::default() };
    tokio::spawn(serve(machine_room, probes, everybody, tokio_util::sync::CancellationToken::new()));
    let (leaving, draining) = (broker.leaving.clone(), broker.draining.clone());
    let moment = Duration::from_secs(broker.config.listen.drain_seconds);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let at_once = tokio::select! {
            _ = terminate.recv() => false,
            _ = interrupt.recv() => true,
        };
        // A proxy turns away before connections are refused; who is asked twice waits no longer.
        leaving.cancel();
        if !at_once {
            tracing::info!(
                seconds = moment.as_secs(),
                "leaving: /readyz says so, and requests are still served"
            );
            tokio::select! {
                () = tokio::time::sleep(moment) => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        tracing::info!("draining");
        supervisor::tell_stopping();
        draining.cancel();
    });
    tracing::info!(address = %broker.config.listen.address, public_url = %broker.config.public_url, "serving");
    supervisor::tell_ready();
    let limits = Limits::of(&broker.config.limits);
    let limits = Limits {
        connections: descriptors::room_for(limits.connections),
        trusted_proxies: broker.config.listen.trusted_proxies.clone().into(),
        ..limits
    };
    serve(listener, router(broker.clone()), limits, broker.draining.clone()).await;
    // What it was counting is written before the last counters are.
    let _ = tokio::join!(house, carried_on, early, mass_revokes, pulse);
    drain(&broker).await;
    tracing::info!("drained");
    Ok(())
}
