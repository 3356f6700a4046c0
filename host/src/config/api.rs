//! Where HTTP is served, and how much is answered.

use super::kind::{Count, Kind, Time};
use super::servers::{file, shown};
use super::table::Table;
use super::written::Value as Written;
use crate::duration;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// HTTP over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Where.
    pub listen: Listen,
    /// Certificate and key in PEM files: with them, HTTPS is served.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Requests that are answered of one token in 10 s.
    pub requests: u64,
    /// Connections at once.
    pub connections: usize,
    /// How long whoever sends or reads may say nothing.
    pub patience: Duration,
}

/// Where HTTP is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// On loopback, on the usual port or, where that is taken, on any.
    Usual,
    /// There and nowhere else.
    At(SocketAddr),
    /// Nowhere: the control socket is the only way in.
    Nowhere,
}

impl Default for Api {
    fn default() -> Api {
        Api { listen: Listen::Usual, tls: None, requests: 5_000, connections: 1_024, patience: Duration::from_secs(30) }
    }
}

/// `address:port`; `""` for nowhere, `"usual"` for the default.
struct Address;

impl Kind for Address {
    type Value = Listen;

    fn read(&self, value: &Written) -> Result<Listen, String> {
        let wrong =
            || "not an address with a port: such as \"127.0.0.1:7373\", \"usual\" for the default, or \"\" for none";
        match value {
            Written::Text(text) | Written::Variable(text) => match text.as_str() {
                "" => Ok(Listen::Nowhere),
                "usual" => Ok(Listen::Usual),
                address => address.parse().map(Listen::At).map_err(|_| match address.rsplit_once(':') {
                    Some((name, port)) if !name.contains(':') && port.parse::<u16>().is_ok() => {
                        "not a number with a port, and names are not looked up: such as \"127.0.0.1:7373\"".to_owned()
                    }
                    _ => wrong().to_owned(),
                }),
            },
            _ => Err(wrong().to_owned()),
        }
    }
}

pub(super) fn api(root: &mut Table<'_>, default: Api) -> Api {
    let mut table = root.table("api");
    let requests = Count { of: "whole number", least: 1, most: 1_000_000_000, such_as: default.requests };
    let connections = Count { of: "whole number", least: 1, most: 100_000, such_as: default.connections as u64 };
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(600));
    let patience = Time { least, most, such_as: default.patience };
    let (certificate, key) = (file(&mut table, "certificate"), file(&mut table, "key"));
    if certificate.is_some() != key.is_some() {
        let given = if certificate.is_some() { "certificate" } else { "key" };
        table.dangles(given, format_args!("a certificate needs its key, and a key its certificate: name both or none"));
    }
    let api = Api {
        listen: table.take("listen", &Address).unwrap_or(default.listen),
        tls: certificate.zip(key),
        requests: table.take("requests", &requests).unwrap_or(default.requests),
        connections: table.number("connections", &connections).unwrap_or(default.connections),
        patience: table.take("patience", &patience).unwrap_or(default.patience),
    };
    table.finish();
    api
}

impl Api {
    pub(super) fn written(&self) -> Value {
        let listen = match self.listen {
            Listen::Usual => "usual".to_owned(),
            Listen::At(address) => address.to_string(),
            Listen::Nowhere => String::new(),
        };
        let (certificate, key) = self.tls.as_ref().map(|(own, key)| (own.as_path(), key.as_path())).unzip();
        json!({
            "listen": listen,
            "certificate": shown(certificate),
            "key": shown(key),
            "requests": self.requests,
            "connections": self.connections,
            "patience": duration::exact(self.patience),
        })
    }
}
