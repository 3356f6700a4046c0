//! What the service manager is told of a daemon: that it is ready, that it stops, that it lives (`sd_notify`).
//!
//! A datagram of a few words to the socket that `NOTIFY_SOCKET` names. Without that variable there is nobody to tell.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The service manager, if there is one.
pub(super) struct Manager {
    socket: Option<UnixDatagram>,
    /// When it wants to hear that this process lives.
    alive: Option<Interval>,
}

impl Manager {
    /// The one that has started this process.
    pub(super) fn of_the_environment() -> Manager {
        let address = std::env::var("NOTIFY_SOCKET").ok();
        let socket = address.and_then(|address| match reach(&address) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, address, "the service manager cannot be told anything");
                None
            }
        });
        let micros = std::env::var("WATCHDOG_USEC").ok().and_then(|micros| micros.parse().ok());
        // Twice as often as it wants.
        let alive =
            micros.map(|micros| Duration::from_micros(micros) / 2).filter(|pause| !pause.is_zero()).map(interval);
        let alive = alive.map(|mut alive| {
            alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
            alive
        });
        Manager { socket, alive }
    }

    /// Everything is started.
    pub(super) fn ready(&self) {
        self.tell("READY=1\nSTATUS=everything is started");
    }

    /// It was told to stop, and does.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping: what runs is checkpointed");
    }

    /// Comes when it was told once more that this process lives; never, where nobody wants to know.
    pub(super) async fn tick(&mut self) {
        match &mut self.alive {
            Some(alive) => {
                alive.tick().await;
                self.tell("WATCHDOG=1");
            }
            None => std::future::pending().await,
        }
    }

    fn tell(&self, words: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(words.as_bytes())
        {
            tracing::warn!(%error, "the service manager could not be told: {words}");
        }
    }
}

/// A path, or after `@` a name that is none.
fn reach(address: &str) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match address.strip_prefix('@') {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(address)?,
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}
