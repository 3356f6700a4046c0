//! `mysimbdp status`, `mysimbdp tenants` and `mysimbdp profiles`: what is going on, and for whom.

use super::settlements::Settle;
use super::{Remote, table};
use crate::api::client::ClientError;
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::platform::{HostLine, Overview, Settlement, TenantLine};
use crate::queue::HostCard;
use crate::size;
use crate::tenant::TenantId;
use serde_json::json;

/// Show what is going on: slots, tasks, tenants
#[derive(clap::Args, Debug)]
pub(crate) struct Status {
    /// Of this tenant only
    tenant: Option<TenantId>,
    #[command(flatten)]
    remote: Remote,
}

/// List tenants; create, change, suspend and remove them while the host runs
#[derive(clap::Args, Debug)]
pub(crate) struct Tenants {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// List them, with their profiles and what they have here
    List {
        #[command(flatten)]
        remote: Remote,
    },
    #[command(flatten)]
    Settle(Settle),
}

/// List profiles; create, change and remove them while the host runs
#[derive(clap::Args, Debug)]
pub(crate) struct Profiles {
    #[command(subcommand)]
    what: OfProfiles,
}

#[derive(clap::Subcommand, Debug)]
enum OfProfiles {
    /// List them
    List {
        #[command(flatten)]
        remote: Remote,
    },
    #[command(flatten)]
    Settle(Settle),
}

/// Runs `profiles`.
pub(crate) async fn profiles(args: &Profiles) -> Exit {
    match &args.what {
        OfProfiles::Settle(settle) => settle.run("profiles").await,
        OfProfiles::List { remote } => remote.end(list_profiles(remote).await),
    }
}

async fn list_profiles(remote: &Remote) -> Result<Exit, ClientError> {
    let profiles: Vec<Settlement> = remote.client()?.all("/v1/profiles", &()).await?;
    remote.tell(&profiles, |profiles| {
        let row = |it: &Settlement| vec![it.name.clone(), it.settings["weight"].to_string(), it.version.to_string()];
        table(&["profile", "weight", "version"], &profiles.iter().map(row).collect::<Vec<_>>());
    });
    Ok(Exit::Done)
}

/// Runs `status`.
pub(crate) async fn status(args: &Status) -> Exit {
    args.remote.end(overview(args).await)
}

/// Runs `tenants`.
pub(crate) async fn run(args: &Tenants) -> Exit {
    match &args.what {
        What::Settle(settle) => settle.run("tenants").await,
        What::List { remote } => remote.end(list(remote).await),
    }
}

async fn overview(args: &Status) -> Result<Exit, ClientError> {
    let overview: Overview = args.remote.client()?.get("/v1/status", &json!({ "tenant": args.tenant })).await?;
    args.remote.tell(&overview, |overview| {
        let Overview { version, http, since, draining, slots, running, hosts, tenants } = overview;
        out::line(format_args!("mysimbdp {version}, up since {since}; {} of {slots} slots busy", running.len()));
        if *draining {
            out::line(format_args!("this host is drained: it takes nothing more until it is started anew"));
        }
        if let Some(http) = http {
            out::line(format_args!("HTTP is served on {http}"));
        }
        for task in running {
            #[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 52 bits")]
            let percent = 100.0 * task.position as f64 / task.bytes.max(1) as f64;
            out::line(format_args!(
                "  slot {}: task {} of {}, {} with {}: {percent:.0} %, {} documents",
                task.slot, task.task, task.tenant, task.file, task.app, task.counts.documents.stored
            ));
        }
        if hosts.len() > 1 {
            tell_hosts(hosts);
        }
        tell_tenants(tenants);
    });
    Ok(Exit::Done)
}

fn tell_hosts(hosts: &[HostLine]) {
    let row = |HostLine { card, silent_seconds }: &HostLine| {
        let HostCard { name, slots, version, since, draining } = card;
        let version = if *draining { format!("{version} (drained)") } else { version.clone() };
        vec![name.clone(), slots.to_string(), version, since.to_string(), format!("{silent_seconds} s ago")]
    };
    table(&["host", "slots", "version", "up since", "last seen"], &hosts.iter().map(row).collect::<Vec<_>>());
}

async fn list(remote: &Remote) -> Result<Exit, ClientError> {
    let tenants: Vec<TenantLine> = remote.client()?.all("/v1/tenants", &json!({})).await?;
    remote.tell(&tenants, |tenants| tell_tenants(tenants));
    Ok(Exit::Done)
}

fn tell_tenants(tenants: &[TenantLine]) {
    let row = |line: &TenantLine| {
        vec![
            line.tenant.to_string(),
            line.profile.clone(),
            line.weight.to_string(),
            if line.enabled { "yes" } else { "no" }.to_owned(),
            line.apps.to_string(),
            line.load.waiting.to_string(),
            line.load.running.to_string(),
            line.load.parked.to_string(),
            size::show(line.stored_bytes),
        ]
    };
    let head = ["tenant", "profile", "weight", "enabled", "apps", "waiting", "running", "parked", "stored"];
    table(&head, &tenants.iter().map(row).collect::<Vec<_>>());
}
