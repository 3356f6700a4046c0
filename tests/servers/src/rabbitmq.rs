//! RabbitMQ with its management API, alone on this machine: no other node can find it, and nobody from outside.
//!
//! ```text
//!   folder/  rabbitmq.conf  enabled_plugins     what it is told
//!            data/  .erlang.cookie              its own; its home is here
//! ```
//!
//! An Erlang node is known by name to a name server, `epmd`, which it would start as a daemon that outlives it. So each server
//! has a name server of its own, on a port of its own, that is stopped with it.
//!
//! It takes seconds to start. What needs no server of its own uses [`RabbitMq::shared`], with names of its own.

use crate::process::Launch;
use crate::{Server, ServerError, on_path};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long its management API may take after it listens.
const READY: Duration = Duration::from_secs(60);
/// Ports that are tried, where somebody else takes them.
const TRIES: u32 = 5;
/// The user that may do everything, and its password.
const USER: &str = "operator";
const PASSWORD: &str = "not-a-secret";

/// A RabbitMQ server. See [`Server`] for killing and restarting it.
#[derive(Debug)]
pub struct RabbitMq {
    server: Server,
    management: u16,
    scheme: &'static str,
    /// Stopped after the server, since it stands behind it.
    names: Server,
}

impl RabbitMq {
    /// Whether its program is on this machine.
    pub fn is_installed() -> bool {
        program().is_some() && on_path("epmd").is_some()
    }

    /// Starts one.
    ///
    /// # Errors
    /// `rabbitmq-server` is not installed, or does not start.
    pub fn start() -> Result<RabbitMq, ServerError> {
        RabbitMq::start_with("")
    }

    /// Starts one with more lines in its configuration.
    ///
    /// # Errors
    /// As for [`start`](RabbitMq::start).
    pub fn start_with(lines: &str) -> Result<RabbitMq, ServerError> {
        RabbitMq::start_as("amqp", |port| format!("listeners.tcp.1 = 127.0.0.1:{port}\n{lines}\n"))
    }

    /// Starts one that speaks TLS only, with this certificate and key (PEM, one file), and that takes a client only whose
    /// certificate one of `ca` has signed. Its management API is without TLS.
    ///
    /// # Errors
    /// As for [`start`](RabbitMq::start).
    pub fn start_with_tls(certificate: &Path, ca: &Path) -> Result<RabbitMq, ServerError> {
        let (own, ca) = (certificate.display(), ca.display());
        RabbitMq::start_as("amqps", |port| {
            format!(
                "listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:{port}\nssl_options.cacertfile = {ca}\n\
                 ssl_options.certfile = {own}\nssl_options.keyfile = {own}\nssl_options.verify = verify_peer\n\
                 ssl_options.fail_if_no_peer_cert = true\n"
            )
        })
    }

    /// One for everybody in this process, started by whoever comes first and stopped when the process exits.
    ///
    /// # Errors
    /// As for [`start`](RabbitMq::start).
    pub fn shared() -> Result<&'static RabbitMq, ServerError> {
        static SHARED: OnceLock<RabbitMq> = OnceLock::new();
        static STARTING: Mutex<()> = Mutex::new(());
        extern "C" fn stop() {
            // A static is not dropped; what would stay behind is its process and its folder.
            if let Some(shared) = SHARED.get() {
                shared.server.end_for_good();
                shared.names.end_for_good();
            }
        }
        let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = SHARED.get() {
            return Ok(shared);
        }
        let started = RabbitMq::start()?;
        // SAFETY: the function is there as long as the program is, and does not unwind.
        unsafe { libc::atexit(stop) };
        Ok(SHARED.get_or_init(|| started))
    }

    /// Starts one whose configuration has these lines for its port.
    fn start_as(scheme: &'static str, listeners: impl Fn(u16) -> String) -> Result<RabbitMq, ServerError> {
        let mut tries = 1;
        loop {
            match RabbitMq::start_once(scheme, &listeners) {
                // It takes seconds until it listens, and somebody else may have one of its ports by then.
                Err(ServerError::Start { reason, .. }) if reason.contains("eaddrinuse") && tries < TRIES => tries += 1,
                started => return started,
            }
        }
    }

    fn start_once(scheme: &'static str, listeners: impl Fn(u16) -> String) -> Result<RabbitMq, ServerError> {
        let remedy = "install Debian's package rabbitmq-server, or run `cargo xtask servers`";
        let program = program().ok_or(ServerError::Missing { program: "rabbitmq-server", remedy })?;
        let epmd = on_path("epmd").ok_or(ServerError::Missing { program: "epmd", remedy })?;
        let names = Server::start(&epmd, |_, port| {
            ["-port", &port.to_string(), "-address", "127.0.0.1"].map(str::to_owned).to_vec()
        })?;
        let (management, distribution) = (free_port()?, free_port()?);
        let mut written = Ok(());
        let server = Server::start(&program, |folder, port| {
            written = write_configuration(folder, management, &listeners(port));
            Launch { arguments: Vec::new(), environment: environment(folder, names.port(), distribution) }
        });
        written?;
        let server = RabbitMq { server: server?, management, scheme, names };
        server.wait_for_management()?;
        Ok(server)
    }

    /// Starts it again with the same data and ports (killing it first, if it runs), and waits until it answers.
    ///
    /// # Errors
    /// As for the first start.
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.server.restart()?;
        self.wait_for_management()
    }

    fn wait_for_management(&self) -> Result<(), ServerError> {
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.management)).is_err() {
            if began.elapsed() > READY {
                let reason = format!("its management API does not listen after {READY:?}");
                return Err(ServerError::Start { program: "rabbitmq-server".into(), reason });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Where it is, with a user who may do everything, and its first virtual host.
    pub fn url(&self) -> String {
        self.url_through("127.0.0.1", self.server.port())
    }

    /// The same by another name and port: those of a proxy.
    pub fn url_through(&self, host: &str, port: u16) -> String {
        format!("{}://{USER}:{PASSWORD}@{host}:{port}/%2f", self.scheme)
    }

    /// A Python that has `pika`, a client of RabbitMQ.
    ///
    /// # Errors
    /// There is none.
    pub fn python_client() -> Result<PathBuf, ServerError> {
        let python = crate::installed("pika/bin/python3");
        let remedy = "run `cargo xtask servers`, which puts one under target/";
        if python.is_file() { Ok(python) } else { Err(ServerError::Missing { program: "Python with pika", remedy }) }
    }

    /// Where its management API is, with the same user.
    pub fn management_url(&self) -> String {
        format!("http://{USER}:{PASSWORD}@127.0.0.1:{}/", self.management)
    }
}

/// The script itself: the one on Debian's PATH changes to a user of its own, who may not read our files.
fn program() -> Option<PathBuf> {
    let debian = PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server");
    if debian.is_file() { Some(debian) } else { on_path("rabbitmq-server") }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn write_configuration(folder: &Path, management: u16, listeners: &str) -> io::Result<()> {
    let lines = format!(
        "default_user = {USER}\ndefault_pass = {PASSWORD}\ndefault_user_tags.administrator = true\n\
         default_user_tags.impersonator = true\nloopback_users = none\n\
         management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n\
         log.console = true\nlog.console.level = warning\nlog.file = false\n\
         disk_free_limit.absolute = 1MB\ncollect_statistics_interval = 1000\n{listeners}"
    );
    fs::write(folder.join("rabbitmq.conf"), lines)?;
    fs::write(folder.join("enabled_plugins"), "[rabbitmq_management].\n")
}

/// What its script is told by variables.
fn environment(folder: &Path, names: u16, distribution: u16) -> Vec<(String, String)> {
    let within = |name: &str| folder.join(name).display().to_string();
    // It replaces the script, so that the process we know is the server; it does not spin while it waits, since whoever tests
    // it needs the processor.
    let erlang = "-noinput -kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none";
    let own = [
        ("HOME", folder.display().to_string()),
        ("ERL_EPMD_PORT", names.to_string()),
        ("RABBITMQ_DIST_PORT", distribution.to_string()),
        ("RABBITMQ_NODENAME", "mysimbdp@localhost".to_owned()),
        ("RABBITMQ_CONFIG_FILE", within("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", within("none.config")),
        ("RABBITMQ_CONF_ENV_FILE", within("none.env")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", within("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", within("data")),
        ("RABBITMQ_LOG_BASE", within("log")),
        ("RABBITMQ_LOGS", "-".to_owned()),
        ("RABBITMQ_PID_FILE", within("pid")),
        ("RABBITMQ_ALLOW_INPUT", "1".to_owned()),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang.to_owned()),
    ];
    own.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

impl Deref for RabbitMq {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for RabbitMq {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}
