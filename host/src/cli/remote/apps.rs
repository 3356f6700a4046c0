//! `mysimbdp apps …`: what is live, what was before, and the way back; uploaded and retired.

use super::submit::content_of;
use super::{Remote, table};
use crate::api::client::ClientError;
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::staging::candidate::short_generation;
use crate::tenant::{AppName, TenantId};
use crate::worker::words::one_line;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What an app is sent as.
const BYTES: &str = "application/octet-stream";

/// List apps, look at their history, upload, roll back, retire
#[derive(clap::Args, Debug)]
pub(crate) struct Apps {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// List apps
    List {
        /// Of this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
        #[command(flatten)]
        remote: Remote,
    },
    /// What became of an app, the newest first
    History {
        /// The tenant
        tenant: TenantId,
        /// The app
        app: AppName,
        #[command(flatten)]
        remote: Remote,
    },
    /// Upload an app: it is examined, probed and made live, or refused
    Upload {
        /// The tenant
        tenant: TenantId,
        /// The .so
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
    },
    /// Make an earlier generation live
    Rollback {
        /// The tenant
        tenant: TenantId,
        /// The app
        app: AppName,
        /// How the hash of the generation begins; without it, the one before
        #[arg(long, value_name = "HASH")]
        to: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Have new tasks and messages find an app no more; running ones finish, and a rollback brings it back
    Retire {
        /// The tenant
        tenant: TenantId,
        /// The app
        app: AppName,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Runs the command.
pub(crate) async fn run(args: &Apps) -> Exit {
    match &args.what {
        What::List { tenant, remote } => remote.end(list(remote, tenant.as_ref()).await),
        What::History { tenant, app, remote } => remote.end(history(remote, tenant, app).await),
        What::Upload { tenant, file, remote } => remote.end(upload(remote, tenant, file).await),
        What::Retire { tenant, app, remote } => remote.end(retire(remote, tenant, app).await),
        What::Rollback { tenant, app, to, remote } => remote.end(roll_back(remote, tenant, app, to.as_deref()).await),
    }
}

async fn list(remote: &Remote, tenant: Option<&TenantId>) -> Result<Exit, ClientError> {
    let apps: Vec<Value> = remote.client()?.all("/v1/apps", &json!({ "tenant": tenant })).await?;
    remote.tell(&apps, |apps| {
        let head = ["tenant", "app", "state", "generation", "version", "kinds", "file"];
        table(&head, &cells(apps, &head));
    });
    Ok(Exit::Done)
}

async fn history(remote: &Remote, tenant: &TenantId, app: &AppName) -> Result<Exit, ClientError> {
    let path = format!("/v1/tenants/{tenant}/apps/{app}/history");
    let history: Vec<Value> = remote.client()?.all(&path, &json!({})).await?;
    remote.tell(&history, |history| {
        let head = ["at", "what", "generation", "version", "file", "sentence"];
        table(&head, &cells(history, &head));
    });
    Ok(Exit::Done)
}

async fn upload(remote: &Remote, tenant: &TenantId, file: &Path) -> Result<Exit, ClientError> {
    let (path, content) = (format!("/v1/tenants/{tenant}/apps"), content_of(file, |_| {})?);
    let verdict: Value = remote.client()?.post_content(&path, &json!({}), Some(BYTES), content).await?;
    let is_refused = verdict["verdict"] == "refused";
    let sentence = one_line(verdict["sentence"].as_str().unwrap_or_default());
    if is_refused {
        remote.tell(&verdict, |_| ());
        out::note(&sentence);
        return Ok(Exit::Failed);
    }
    remote.tell(&verdict, |_| out::line(&sentence));
    Ok(Exit::Done)
}

async fn retire(remote: &Remote, tenant: &TenantId, app: &AppName) -> Result<Exit, ClientError> {
    let line: Value = remote.client()?.delete(&format!("/v1/tenants/{tenant}/apps/{app}")).await?;
    remote.tell(&line, |_| out::line(format_args!("app {app} of tenant {tenant} is retired")));
    Ok(Exit::Done)
}

async fn roll_back(remote: &Remote, tenant: &TenantId, app: &AppName, to: Option<&str>) -> Result<Exit, ClientError> {
    let path = format!("/v1/tenants/{tenant}/apps/{app}/rollback");
    let line: Value = remote.client()?.post(&path, &json!({ "to": to })).await?;
    let head = ["app", "state", "generation", "version"];
    remote.tell(&line, |line| out::line(cells(std::slice::from_ref(line), &head).concat().join("  ")));
    Ok(Exit::Done)
}

/// The fields of some objects as text, by the names of columns; of a generation what people get to see.
fn cells(objects: &[Value], head: &[&str]) -> Vec<Vec<String>> {
    let cell = |object: &Value, field: &str| match &object[field] {
        Value::String(text) if field == "generation" => short_generation(text).to_owned(),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    objects.iter().map(|object| head.iter().map(|field| cell(object, field)).collect()).collect()
}
