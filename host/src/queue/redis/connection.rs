//! The connection to a Redis server: one for all requests of a host, healed with back-off, and what is said of the server.

use crate::failpoint;
use crate::queue::QueueError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Client, ClientTlsConfig, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion, PushInfo,
    PushKind, RedisError, Script, ServerErrorKind, TlsCertificates,
};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// After so many requests in a row without an answer the connection is given up: a peer that is gone without a word does not
/// come back on it.
const SILENCE: u32 = 2;

/// Where a Redis server is, and how it is talked to.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// `redis://[user:password@]host:port/database`, or `rediss://` for TLS.
    pub url: String,
    /// What all keys begin with; several platforms may share a server.
    pub prefix: String,
    /// With TLS: the certificate authority to trust, PEM; the system's where there is none.
    pub ca: Option<PathBuf>,
    /// With TLS: our own certificate and its key, PEM, where the server asks for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// The URL may hold a password.
impl std::fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisSettings").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// The one connection of a queue.
pub(super) struct Line {
    client: Client,
    prefix: String,
    runtime: Handle,
    manager: Mutex<ConnectionManager>,
    unanswered: AtomicU32,
    news: Arc<Notify>,
}

impl Line {
    pub(super) async fn connect(settings: &RedisSettings) -> Result<(Line, Vec<String>), QueueError> {
        let client = client(settings)?;
        let news = Arc::new(Notify::new());
        let prefix = format!("{{{}}}:", settings.prefix);
        let manager = manage(&client, &news, &prefix).await.map_err(lasting)?;
        let (runtime, unanswered) = (Handle::current(), AtomicU32::new(0));
        let line = Line { client, prefix, runtime, manager: Mutex::new(manager), unanswered, news };
        let warnings = line.look_at_the_server().await?;
        Ok((line, warnings))
    }

    /// A key with its prefix.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Runs a step.
    pub(super) async fn run<T: FromRedisValue + Send + 'static>(
        &self,
        script: &'static Script,
        now: String,
        given: Vec<String>,
    ) -> Result<T, QueueError> {
        self.ask(|mut manager, again| {
            let (prefix, now, given) = (self.prefix.clone(), now.clone(), given.clone());
            async move {
                let mut invocation = script.prepare_invoke();
                invocation.key(&prefix).arg(now);
                if again {
                    // A second key says so.
                    invocation.key(prefix + "again");
                }
                for argument in given {
                    invocation.arg(argument);
                }
                failpoint::cross("queue.before_commit");
                let answer = invocation.invoke_async(&mut manager).await;
                failpoint::cross("queue.after_commit");
                answer
            }
        })
        .await
    }

    pub(super) async fn query<T: FromRedisValue + Send + 'static>(&self, command: &Cmd) -> Result<T, QueueError> {
        self.ask(|mut manager, _again| {
            let command = command.clone();
            async move { command.query_async(&mut manager).await }
        })
        .await
    }

    pub(super) async fn pipe<T: FromRedisValue + Send + 'static>(&self, commands: Pipeline) -> Result<T, QueueError> {
        self.ask(|mut manager, _again| {
            let commands = commands.clone();
            async move { commands.query_async(&mut manager).await }
        })
        .await
    }

    /// Something may be claimable. Cancel-safe.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Wakes one who waits, or the next one who comes.
    pub(super) fn wake(&self) {
        self.news.notify_one();
    }

    /// Asks, and once more where the connection broke meanwhile: there is a new one by then, and everything can be asked for
    /// again.
    async fn ask<T: Send + 'static, F>(&self, ask: impl Fn(ConnectionManager, bool) -> F) -> Result<T, QueueError>
    where
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        let broke = |error: &RedisError| error.is_connection_dropped() && !error.is_connection_refusal();
        let mut answer = self.ask_once(&ask, false).await?;
        if answer.as_ref().is_err_and(broke) {
            answer = self.ask_once(&ask, true).await?;
        }
        answer.map_err(|error| told(&error))
    }

    async fn ask_once<T: Send + 'static, F>(
        &self,
        ask: &impl Fn(ConnectionManager, bool) -> F,
        again: bool,
    ) -> Result<Result<T, RedisError>, QueueError>
    where
        F: Future<Output = Result<T, RedisError>> + Send + 'static,
    {
        let manager = self.manager.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = match self.runtime.spawn(ask(manager, again)).await {
            Ok(answer) => answer,
            Err(gone) => return Err(QueueError::Transient(format!("the host is shutting down: {gone}"))),
        };
        let silent = answer.as_ref().is_err_and(RedisError::is_timeout);
        if !silent {
            self.unanswered.store(0, Ordering::Relaxed);
        } else if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= SILENCE {
            self.begin_anew().await;
        }
        Ok(answer)
    }

    /// Gives up a connection on which nobody answers.
    async fn begin_anew(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
        let (client, news, prefix) = (self.client.clone(), Arc::clone(&self.news), self.prefix.clone());
        let made = self.runtime.spawn(async move { manage(&client, &news, &prefix).await }).await;
        // Where that fails too, the next one who asks in vain tries again.
        if let Ok(Ok(fresh)) = made {
            *self.manager.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }

    /// What an operator has to know of the server before relying on it.
    async fn look_at_the_server(&self) -> Result<Vec<String>, QueueError> {
        let told: String = self.query(&redis::cmd("INFO")).await?;
        let facts: HashMap<&str, &str> = told.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        let version = facts.get("redis_version").copied().unwrap_or("0");
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or(0);
        if major < 6 {
            let sentence =
                format!("the Redis server has version {version}, and 6.0 is the least that will do: update it");
            return Err(QueueError::Permanent(sentence));
        }
        let mut warnings = Vec::new();
        if facts.get("aof_enabled") != Some(&"1") {
            warnings.push(
                "this Redis server keeps no log of changes (appendonly is off): when it ends, tasks and checkpoints since \
                 its last snapshot are lost; set appendonly yes and appendfsync always in its configuration"
                    .to_owned(),
            );
        } else if self.setting("appendfsync").await.is_some_and(|value| value != "always") {
            warnings.push(
                "this Redis server does not sync every change (appendfsync is not always): a loss of power takes the last \
                 second of tasks and checkpoints; set appendfsync always in its configuration"
                    .to_owned(),
            );
        }
        if let Some(policy) = facts.get("maxmemory_policy").filter(|policy| **policy != "noeviction") {
            warnings.push(format!(
                "this Redis server removes keys when its memory is full (maxmemory-policy {policy}): tasks may vanish; set \
                 maxmemory-policy noeviction in its configuration"
            ));
        }
        Ok(warnings)
    }

    /// A setting of the server, where we may ask.
    async fn setting(&self, name: &str) -> Option<String> {
        let asked: Result<HashMap<String, String>, _> = self.query(redis::cmd("CONFIG").arg("GET").arg(name)).await;
        asked.ok()?.remove(name)
    }
}

/// A client of the settings; connects to nothing.
fn client(settings: &RedisSettings) -> Result<Client, QueueError> {
    crate::tls::ready();
    let unfit = |error: RedisError| QueueError::Permanent(format!("the URL of the Redis server will not do: {error}"));
    let info = settings.url.as_str().into_connection_info().map_err(unfit)?;
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let info = info.set_redis_settings(redis);
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| {
            QueueError::Permanent(format!("{} cannot be read: {error}; it is named under [redis]", path.display()))
        })
    };
    if settings.ca.is_none() && settings.certificate.is_none() {
        return Client::open(info).map_err(unfit);
    }
    let client_tls = match &settings.certificate {
        Some((certificate, key)) => Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? }),
        None => None,
    };
    let root_cert = settings.ca.as_ref().map(read).transpose()?;
    Client::build_with_tls(info, TlsCertificates { client_tls, root_cert }).map_err(unfit)
}

/// A connection that is made anew when it breaks, and hears of news.
async fn manage(client: &Client, news: &Arc<Notify>, prefix: &str) -> Result<ConnectionManager, QueueError> {
    let heard = Arc::clone(news);
    let hear = move |push: PushInfo| {
        // After a break there may be news that nobody told us.
        if matches!(push.kind, PushKind::Message | PushKind::Disconnection) {
            heard.notify_waiters();
            heard.notify_one();
        }
        Ok::<(), redis::aio::SendError>(())
    };
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(2)
        .set_max_delay(Duration::from_secs(1))
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_push_sender(hear)
        .set_automatic_resubscription();
    let mut manager = ConnectionManager::new_with_config(client.clone(), config).await.map_err(|error| told(&error))?;
    manager.subscribe(format!("{prefix}news")).await.map_err(|error| told(&error))?;
    Ok(manager)
}

/// What may pass is tried again; what needs a person does not.
fn told(error: &RedisError) -> QueueError {
    let mut words = format!("Redis: {error}");
    if words.contains("CertificateRequired") {
        words = format!("Redis wants to see a certificate of ours: name one and its key under [redis] ({error})");
    }
    let is_lasting = match error.kind() {
        ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig | ErrorKind::UnexpectedReturnType => true,
        ErrorKind::Server(kind) => {
            matches!(kind, ServerErrorKind::NoPerm | ServerErrorKind::CrossSlot)
                || kind == ServerErrorKind::ResponseError && !is_full(error)
        }
        _ => matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "WRONGTYPE" | "NUMBERS")),
    };
    if is_lasting { QueueError::Permanent(words) } else { QueueError::Transient(words) }
}

/// Of a server that was never reached: a certificate does not change by waiting. What the other side thinks of ours comes as an
/// alert. On a line that has worked it may be one that is just being renewed.
fn lasting(error: QueueError) -> QueueError {
    match error {
        QueueError::Transient(words) if words.contains("certificate") || words.contains("received fatal alert") => {
            QueueError::Permanent(words)
        }
        error => error,
    }
}

/// The server's memory or disk is full: somebody can make room.
fn is_full(error: &RedisError) -> bool {
    let words = error.to_string();
    ["OOM", "MISCONF", "maxmemory"].iter().any(|word| words.contains(word))
}
