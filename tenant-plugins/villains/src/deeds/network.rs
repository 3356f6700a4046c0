//! Ways to talk to somebody. Addresses come from the test, which listens there.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("tcp", |scene| Outcome::must_fail("connecting by TCP", TcpStream::connect(scene.argument))),
    ("tcp_listen", |_| Outcome::must_fail("listening on TCP", TcpListener::bind("127.0.0.1:0"))),
    ("udp", udp),
    ("resolve", resolve),
    ("unix_socket", |scene| Outcome::must_fail("connecting to a Unix socket", UnixStream::connect(scene.argument))),
    ("unix_listen", |scene| Outcome::must_fail("a Unix listener", UnixListener::bind(scene.argument))),
    ("unix_datagram", |_| Outcome::must_fail("a Unix datagram socket", UnixDatagram::unbound())),
    ("abstract_unix", abstract_unix),
    ("socketpair", |_| Outcome::must_fail("a socket pair", UnixStream::pair())),
    ("sendto", send_to),
    ("pass_descriptors", pass_descriptors),
    ("netlink", |_| socket("a netlink socket", libc::AF_NETLINK, libc::SOCK_RAW)),
    ("raw_socket", |_| socket("a raw socket", libc::AF_INET, libc::SOCK_RAW)),
    ("packet_socket", |_| socket("a packet socket", libc::AF_PACKET, libc::SOCK_RAW)),
    ("vsock", |_| socket("a vsock socket", libc::AF_VSOCK, libc::SOCK_STREAM)),
];

fn udp(scene: &mut Scene<'_>) -> Outcome {
    let sent = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"villain", scene.argument));
    Outcome::must_fail("sending by UDP", sent)
}

fn resolve(_: &mut Scene<'_>) -> Outcome {
    // A numeric address needs nobody; a name would ask a server.
    Outcome::must_fail("resolving a name", std::net::ToSocketAddrs::to_socket_addrs("villain.invalid:80"))
}

fn abstract_unix(scene: &mut Scene<'_>) -> Outcome {
    let connected = SocketAddr::from_abstract_name(scene.argument).and_then(|to| UnixStream::connect_addr(&to));
    Outcome::must_fail("connecting to an abstract Unix socket", connected)
}

/// Through the one socket there is, with a call that could name another address.
fn send_to(_: &mut Scene<'_>) -> Outcome {
    let wire = Arg::Number(super::descriptors::socket());
    let send = [wire, Arg::In(b""), Arg::Number(0), Arg::Number(0), Arg::Number(0), Arg::Number(0)];
    Outcome::must_fail("sendto", call(libc::SYS_sendto, send))
}

/// Messages carry descriptors: enough of them and the host has none left.
fn pass_descriptors(_: &mut Scene<'_>) -> Outcome {
    let message = [0_u8; 56];
    let send = [Arg::Number(super::descriptors::socket()), Arg::In(&message), Arg::Number(0)];
    Outcome::must_fail("sendmsg", call(libc::SYS_sendmsg, send))
}

fn socket(what: &str, family: i32, kind: i32) -> Outcome {
    let made = call(libc::SYS_socket, [Arg::Number(family.into()), Arg::Number(kind.into()), Arg::Number(0)]);
    Outcome::must_fail(what, made)
}
