//! `cargo xtask bench`: the promises about speed and memory, measured side by side in one run.
//!
//! Each comparison has a file of its own and makes one section of the report; what there is of it stands in
//! `target/bench/report.md` after each of them. A promise that is not kept ends the command
//! with a failure, after the report is written. Nothing here is a test: tests are not timed.

mod consumers;
mod consumers_picture;
mod daemon;
mod footprint;
mod http;
mod isolation;
mod measure;
mod memory;
mod pairs;
mod rabbitmq;
mod report;
mod scaling;
mod servers;
mod shop;
mod sink;
mod start;
mod stream;
mod streams;
mod throughput;
mod wasm;

pub(crate) use measure::wait;

use crate::servers::need as need_servers;
use crate::workshop::{need_c_compiler, root, shown, step};
use anyhow::{Context as _, Result, bail};
use report::Section;
use shop::Shop;
use std::fs;
use std::path::Path;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Less data, for a look in passing: the report goes to target/bench/report.md
    #[arg(long)]
    quick: bool,
    /// How many pairs of runs the figures are the medians of
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    pairs: u16,
    /// Only these comparisons; the report goes to target/bench/report.md
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Comparison>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Comparison {
    /// The platform beside a bare loop
    Isolation,
    /// The platform beside wasmtime
    Wasm,
    /// A stream's message beside a direct call
    Stream,
    /// Messages per second from a publisher to the sink
    Streams,
    /// A thousand streams with nothing to do
    IdleStreams,
    /// Messages per second against consumers and streams, drawn
    Throughput,
    /// On RabbitMQ: the platform beside a bare consumer and the Python stack that it replaces
    Rabbitmq,
    /// On RabbitMQ: from publish to stored, beside a Python callback
    Latency,
    /// How many consumers a stream is given, simulated and drawn
    Scaling,
    /// The embedded sink beside a bare loader
    Sink,
    /// Anonymous memory for small and large files
    Memory,
    /// A worker's start
    Start,
    /// The daemon's path beside `mysimbdp run`
    Path,
    /// From a dropped app to a live one
    Drops,
    /// A thousand tenants with nothing to do
    Idle,
    /// The cost of a file, with ever more of them
    Growth,
    /// A large file over HTTP, beside cat
    Upload,
    /// Messages per second over HTTP into the embedded broker
    PublishHttp,
    /// A thousand tenants, and two hundred who look at a page
    ControlPlane,
    /// On servers: the platform beside a bare loader
    Servers,
    /// On servers: the platform beside the Python stack that it replaces
    Stack,
    /// On servers: the Redis queue alone
    Queue,
    /// On servers: the cost of a file, with one host and with two
    Hosts,
    /// On servers: anonymous memory
    ServerMemory,
    /// On servers: into a MongoDB that stores
    Mongodb,
}

impl Comparison {
    const ALL: [Comparison; 25] = [
        Comparison::Isolation,
        Comparison::Wasm,
        Comparison::Stream,
        Comparison::Streams,
        Comparison::IdleStreams,
        Comparison::Throughput,
        Comparison::Rabbitmq,
        Comparison::Latency,
        Comparison::Scaling,
        Comparison::Sink,
        Comparison::Memory,
        Comparison::Start,
        Comparison::Path,
        Comparison::Drops,
        Comparison::Idle,
        Comparison::Growth,
        Comparison::Upload,
        Comparison::PublishHttp,
        Comparison::ControlPlane,
        Comparison::Servers,
        Comparison::Stack,
        Comparison::Queue,
        Comparison::Hosts,
        Comparison::ServerMemory,
        Comparison::Mongodb,
    ];

    fn measure(self, shop: &Shop) -> Result<Section> {
        match self {
            Comparison::Isolation => isolation::measure(shop),
            Comparison::Wasm => wasm::measure(shop),
            Comparison::Stream => stream::measure(shop),
            Comparison::Streams => streams::rates(shop),
            Comparison::IdleStreams => streams::idle(shop),
            Comparison::Throughput => throughput::measure(shop),
            Comparison::Rabbitmq => rabbitmq::rates(shop),
            Comparison::Latency => rabbitmq::latency(shop),
            Comparison::Scaling => consumers::measure(shop),
            Comparison::Sink => sink::measure(shop),
            Comparison::Memory => footprint::measure(shop),
            Comparison::Start => start::measure(shop),
            Comparison::Path => daemon::path(shop),
            Comparison::Drops => daemon::drops(shop),
            Comparison::Idle => daemon::idle(shop),
            Comparison::Growth => daemon::growth(shop),
            Comparison::Upload => http::upload(shop),
            Comparison::PublishHttp => http::publish(shop),
            Comparison::ControlPlane => http::control_plane(shop),
            Comparison::Servers => servers::loader(shop),
            Comparison::Stack => servers::stack(shop),
            Comparison::Queue => servers::queue(shop),
            Comparison::Hosts => servers::hosts(shop),
            Comparison::ServerMemory => servers::memory(shop),
            Comparison::Mongodb => servers::into_mongodb(shop),
        }
    }

    /// Whether it needs a Redis and a MongoDB.
    fn is_on_servers(self) -> bool {
        use Comparison::{Hosts, Latency, Mongodb, Queue, Rabbitmq, ServerMemory, Servers, Stack, Streams};
        matches!(self, Servers | Stack | Queue | Hosts | ServerMemory | Mongodb | Streams | Rabbitmq | Latency)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    need_c_compiler()?;
    let shop = Shop::open(arguments)?;
    let wanted = if arguments.only.is_empty() { &Comparison::ALL[..] } else { &arguments.only };
    if wanted.iter().any(|comparison| comparison.is_on_servers()) {
        need_servers()?;
    }
    let write = |place: &Path, sections: &[Section]| {
        let text = report::markdown(sections, shop.pairs);
        fs::write(place, text).with_context(|| format!("cannot write {}", shown(place)))
    };
    // A whole run takes an hour: one that is interrupted has left there what it had found.
    let so_far = shop.folder.join("report.md");
    let mut sections = Vec::new();
    for comparison in wanted {
        sections.push(comparison.measure(&shop)?);
        write(&so_far, &sections)?;
    }

    let whole = !arguments.quick && arguments.only.is_empty();
    let place = if whole { root().join("docs/benchmarks.md") } else { so_far };
    write(&place, &sections)?;
    step(&format!("The report is in {}", shown(&place)));
    println!("{}", report::summary(&sections));
    if sections.iter().flat_map(|section| &section.figures).any(|figure| !figure.kept) {
        bail!("A promise is not kept; see the lines above.");
    }
    Ok(())
}
