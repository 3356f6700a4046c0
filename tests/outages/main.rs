//! Daemons on a real Redis, RabbitMQ and MongoDB: servers that fall, networks that fail, hosts that die. None of it may change what is
//! stored in the end.

#![allow(clippy::unwrap_used, reason = "what tests share is a test as well")]

mod hosts;
mod kills;
mod network;
mod scene;
mod seen;
mod servers;
mod stream_clients;
mod stream_hosts;
mod stream_network;
mod stream_sink;
mod streams;
