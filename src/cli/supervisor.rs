//! What systemd is told (`Type=notify`, `WatchdogSec=`), and what it tells us (`systemctl reload`): does nothing where
//! nobody supervises.

use attache::{Broker, renew};
use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::signal::unix::{SignalKind, signal};

use super::config_file::ConfigFile;
use super::failure::Failure;

/// Requests are served from now on.
pub fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

pub fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        tracing::warn!(%error, "systemd could not be told how this server is");
    }
}

/// Says that this process lives, as long as it hears of its database: else systemd begins it anew.
pub async fn feed_watchdog(broker: Broker) {
    let Some(patience) = watchdog_enabled() else { return };
    let mut beat = tokio::time::interval(patience / 2);
    loop {
        beat.tick().await;
        if !broker.db.is_long_silent() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// At each SIGHUP, secrets and certificates are read anew; a faulty file changes nothing.
///
/// # Errors
/// When the signal cannot be listened for.
pub fn renew_at_hangup(broker: Broker, file: ConfigFile) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match NotifyState::monotonic_usec_now() {
                Ok(now) => tell(&[NotifyState::Reloading, now]),
                Err(_) => tell(&[NotifyState::Reloading]),
            }
            let file = file.clone();
            // It may run a command for the master key.
            let read = tokio::task::spawn_blocking(move || file.load()).await;
            match read {
                Ok(Ok(fresh)) => match renew::renew(&broker, &fresh).await {
                    Ok(()) => tracing::info!("secrets and certificates were read anew"),
                    Err(error) => {
                        tracing::error!(%error, "what was read anew could not be used; all stays as it was");
                    }
                },
                Ok(Err(Failure::Config(faults))) => {
                    for fault in faults {
                        tracing::error!(%fault, "the configuration is wrong now; all stays as it was");
                    }
                }
                Ok(Err(Failure::Sentence(sentence))) => tracing::error!("{sentence}"),
                Err(error) => tracing::error!(%error, "the configuration could not be read anew"),
            }
            tell_ready();
        }
    });
    Ok(())
}
