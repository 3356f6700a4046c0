//! Connections that are there: one for each runtime and virtual host, shared by whoever needs it, and gone with the last of
//! them. One that is broken is replaced when somebody asks.

use super::line::Line;
use super::trouble::done;
use crate::broker::BrokerError;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::runtime::{Handle, Id};

/// A connection, and channels of it that nobody uses just now.
pub(super) struct Link {
    connection: Connection,
    version: Option<String>,
    plain: Mutex<Vec<Channel>>,
    confirming: Mutex<Vec<Channel>>,
}

impl Link {
    /// Whether it still stands.
    pub(super) fn stands(&self) -> bool {
        self.connection.status().connected()
    }

    /// The server's major version; 0 where it does not tell.
    pub(super) fn major_version(&self) -> u32 {
        let major = self.version.as_deref().and_then(|version| version.split('.').next()?.parse().ok());
        major.unwrap_or(0)
    }

    /// A channel for somebody who keeps it.
    pub(super) async fn new_channel(&self) -> Result<Channel, BrokerError> {
        done(self.connection.create_channel()).await
    }

    /// A channel for a while.
    pub(super) async fn channel(&self) -> Result<Lease<'_>, BrokerError> {
        let idle = taken(&self.plain);
        let channel = match idle {
            Some(channel) => channel,
            None => self.new_channel().await?,
        };
        Ok(Lease { channel, home: &self.plain })
    }

    /// A channel on which what is published is confirmed, for a while.
    pub(super) async fn confirming_channel(&self) -> Result<Lease<'_>, BrokerError> {
        let idle = taken(&self.confirming);
        let channel = match idle {
            Some(channel) => channel,
            None => {
                let channel = self.new_channel().await?;
                done(channel.confirm_select(ConfirmSelectOptions::default())).await?;
                channel
            }
        };
        Ok(Lease { channel, home: &self.confirming })
    }
}

fn taken(idle: &Mutex<Vec<Channel>>) -> Option<Channel> {
    let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
    idle.retain(|channel| channel.status().connected());
    idle.pop()
}

/// A channel that goes back when it is dropped, unless the broker has closed it.
pub(super) struct Lease<'a> {
    channel: Channel,
    home: &'a Mutex<Vec<Channel>>,
}

impl Deref for Lease<'_> {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.channel
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.channel.status().connected() {
            self.home.lock().unwrap_or_else(PoisonError::into_inner).push(self.channel.clone());
        }
    }
}

/// Held while a connection is made, so that others wait for it instead of making one more.
type Seat = Arc<tokio::sync::Mutex<Weak<Link>>>;

/// See the module.
pub(super) struct Links {
    line: Line,
    seats: Mutex<HashMap<(Id, String), Seat>>,
}

impl Links {
    pub(super) fn new(line: Line) -> Links {
        Links { line, seats: Mutex::default() }
    }

    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// The connection of the present runtime to this virtual host, made where there is none.
    pub(super) async fn get(&self, vhost: &str) -> Result<Arc<Link>, BrokerError> {
        let seat = {
            let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
            // Of a runtime that is gone nobody holds a seat or a connection.
            seats.retain(|_, seat| {
                Arc::strong_count(seat) > 1 || seat.try_lock().is_ok_and(|link| link.strong_count() > 0)
            });
            Arc::clone(seats.entry((Handle::current().id(), vhost.to_owned())).or_default())
        };
        let mut link = seat.lock().await;
        if let Some(link) = link.upgrade().filter(|link| link.stands()) {
            return Ok(link);
        }
        let (connection, version) = self.line.connect(vhost).await?;
        let fresh = Arc::new(Link { connection, version, plain: Mutex::default(), confirming: Mutex::default() });
        *link = Arc::downgrade(&fresh);
        Ok(fresh)
    }
}
