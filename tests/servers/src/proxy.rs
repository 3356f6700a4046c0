//! A proxy that does to connections what networks do: between a host and a server, as a test says.
//!
//! ```text
//!   client ──▶ proxy ──▶ server         each direction of each connection has a thread of its own
//! ```

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What becomes of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Weather {
    /// It goes through.
    Fair = 0,
    /// Nothing is let in, and what is there is cut.
    Cut = 1,
    /// Connections stay open and nothing arrives: what is sent meanwhile is lost, as if the other side were gone.
    Frozen = 2,
    /// Requests arrive; at the first byte of an answer the connection is cut: what was asked for is done, and nobody hears.
    Mute = 3,
}

/// See the module. Stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    stopped: AtomicBool,
    weather: AtomicU8,
    /// How long each piece takes, each way.
    delay: AtomicU64,
    /// Connections whose answers are cut before the weather is fair again; counts down in [`Weather::Mute`].
    mutes: AtomicU32,
    connections: Mutex<Vec<TcpStream>>,
    carried: AtomicU64,
    /// Number of the next connection, and of the first that is not deserted.
    next: AtomicU64,
    first: AtomicU64,
}

impl Proxy {
    /// Listens on a free port in front of a server's port, both on loopback.
    ///
    /// # Errors
    /// There is no port.
    pub fn start(server: u16) -> io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            server: (Ipv4Addr::LOCALHOST, server).into(),
            stopped: AtomicBool::new(false),
            weather: AtomicU8::new(Weather::Fair as u8),
            delay: AtomicU64::new(0),
            mutes: AtomicU32::new(0),
            connections: Mutex::default(),
            carried: AtomicU64::new(0),
            next: AtomicU64::new(0),
            first: AtomicU64::new(0),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.stopped.load(Ordering::SeqCst) {
                    return;
                }
                if serving.weather() != Weather::Cut {
                    // A server that is not there looks like a connection that is closed.
                    let _ = serving.connect(client);
                }
            }
        });
        Ok(Proxy { port, shared })
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what becomes of traffic.
    pub fn set(&self, weather: Weather) {
        self.shared.weather.store(weather as u8, Ordering::SeqCst);
        if weather == Weather::Cut {
            self.shared.cut_all();
        }
    }

    /// Lets so many answers be lost, each with its connection, then all goes through again.
    pub fn lose_answers(&self, answers: u32) {
        self.shared.mutes.store(answers, Ordering::SeqCst);
        self.set(Weather::Mute);
    }

    /// Bytes of requests that it has passed on.
    pub fn carried(&self) -> u64 {
        self.shared.carried.load(Ordering::SeqCst)
    }

    /// Cuts all connections once; new ones are let in.
    pub fn cut_once(&self) {
        self.shared.cut_all();
    }

    /// Connections that are there stay open and nothing arrives on them any more, while new ones go through: as where the other
    /// side has lost its power and is there again.
    pub fn desert(&self) {
        self.shared.first.store(self.shared.next.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// How long each piece takes from now on, each way.
    pub fn delay(&self, each: Duration) {
        self.shared.delay.store(u64::try_from(each.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.set(Weather::Cut);
        // Wakes the one who listens.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn weather(&self) -> Weather {
        match self.weather.load(Ordering::SeqCst) {
            1 => Weather::Cut,
            2 => Weather::Frozen,
            3 => Weather::Mute,
            _ => Weather::Fair,
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend([client.try_clone()?, server.try_clone()?]);
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        for (from, to, is_answer) in [(client.try_clone()?, server.try_clone()?, false), (server, client, true)] {
            let shared = Arc::clone(self);
            thread::spawn(move || {
                let _ = shared.carry(&from, &to, number, is_answer);
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        Ok(())
    }

    /// Nothing arrives on this connection any more.
    fn is_deserted(&self, number: u64) -> bool {
        number < self.first.load(Ordering::SeqCst) && !self.stopped.load(Ordering::SeqCst)
    }

    fn carry(&self, mut from: &TcpStream, mut to: &TcpStream, number: u64, is_answer: bool) -> io::Result<()> {
        let mut piece = vec![0; 64 << 10];
        loop {
            let read = from.read(&mut piece)?;
            if read == 0 {
                return Ok(());
            }
            if self.is_deserted(number) {
                while self.is_deserted(number) {
                    thread::sleep(Duration::from_millis(20));
                }
                return Ok(());
            }
            match self.weather() {
                Weather::Cut => return Ok(()),
                // What is lost on a connection is missing in it: it must not go on as if nothing had been.
                Weather::Frozen => {
                    while self.weather() == Weather::Frozen {
                        thread::sleep(Duration::from_millis(20));
                    }
                    return Ok(());
                }
                Weather::Mute if is_answer => {
                    if self.mutes.fetch_sub(1, Ordering::SeqCst) <= 1 {
                        self.weather.store(Weather::Fair as u8, Ordering::SeqCst);
                    }
                    return Ok(());
                }
                Weather::Mute | Weather::Fair => {}
            }
            thread::sleep(Duration::from_millis(self.delay.load(Ordering::SeqCst)));
            to.write_all(&piece[..read])?;
            if !is_answer {
                self.carried.fetch_add(read as u64, Ordering::SeqCst);
            }
        }
    }

    fn cut_all(&self) {
        for connection in self.connections.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every byte with the next one.
    fn counter() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                thread::spawn(move || {
                    let mut byte = [0];
                    while connection.read_exact(&mut byte).is_ok() && connection.write_all(&[byte[0] + 1]).is_ok() {}
                });
            }
        });
        port
    }

    fn ask(connection: &mut TcpStream, number: u8) -> io::Result<u8> {
        let mut byte = [number];
        connection.write_all(&byte)?;
        connection.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    #[test]
    fn each_weather_is_what_it_says() {
        let proxy = Proxy::start(counter()).unwrap();
        let connect = || {
            let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
            connection.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            connection
        };
        let mut connection = connect();
        assert_eq!(ask(&mut connection, 1).unwrap(), 2);
        proxy.cut_once();
        assert!(ask(&mut connection, 1).is_err());
        let mut connection = connect();
        assert_eq!(ask(&mut connection, 4).unwrap(), 5);
        proxy.set(Weather::Frozen);
        let timed_out = ask(&mut connection, 4).unwrap_err().kind();
        assert!(matches!(timed_out, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{timed_out}");
        proxy.set(Weather::Fair);
        assert!(ask(&mut connection, 4).is_err(), "what was lost is missing on it");
        assert_eq!(ask(&mut connect(), 6).unwrap(), 7);
        let mut old = connect();
        assert_eq!(ask(&mut old, 6).unwrap(), 7);
        proxy.desert();
        assert_eq!(ask(&mut connect(), 6).unwrap(), 7);
        let timed_out = ask(&mut old, 6).unwrap_err().kind();
        assert!(matches!(timed_out, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{timed_out}");
        proxy.lose_answers(1);
        assert!(ask(&mut connect(), 6).is_err());
        assert_eq!(ask(&mut connect(), 6).unwrap(), 7);
        proxy.set(Weather::Cut);
        assert!(ask(&mut connect(), 6).is_err());
    }
}
