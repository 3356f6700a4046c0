//! The rival of the benchmark: an app in C, compiled to WebAssembly, under wasmtime with epoch interruption.
//!
//! ```text
//!   bench-wasm compile <app.wasm> <app.cwasm>    ahead of time, as a platform would once per app
//!   bench-wasm run <app.cwasm> <data.csv>        up to validated documents in the host, without a sink
//! ```
//!
//! The app reads the file through a host function in pieces as large as it asks for. The documents of a row are copied
//! out of the module's memory in one call and each is held against the validator that the platform uses. A ticker
//! advances the epoch every ten milliseconds, so that an endless loop could be stopped; rows and documents are counted.
//! Nothing else that the platform does is done here: no dead letters, no timing of calls, no flight recorder.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wasmtime::error::{Context as _, bail, format_err};
use wasmtime::{Caller, Config, Engine, Linker, Memory, Module, OptLevel, Result, Store, UpdateDeadline};

/// Between two ticks of the epoch.
const TICK: Duration = Duration::from_millis(10);

/// What the host functions work on.
struct Host {
    data: File,
    memory: Option<Memory>,
    /// Where documents are copied to, as they would stay there until the sink has them.
    documents: Vec<u8>,
    document_count: u64,
    document_bytes: u64,
    failure: Option<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["compile", module, compiled] => compile(module, compiled),
        ["run", compiled, data] => run(compiled, data),
        _ => Err(format_err!("usage: bench-wasm compile <app.wasm> <app.cwasm> | run <app.cwasm> <data.csv>")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why:#}");
            ExitCode::FAILURE
        }
    }
}

fn engine() -> Result<Engine> {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed).epoch_interruption(true);
    Ok(Engine::new(&config)?)
}

fn compile(module: &str, compiled: &str) -> Result<()> {
    let code = fs::read(module).with_context(|| format!("cannot read {module}"))?;
    fs::write(compiled, engine()?.precompile_module(&code)?).with_context(|| format!("cannot write {compiled}"))
}

fn run(compiled: &str, data: &str) -> Result<()> {
    let started = Instant::now();
    let engine = engine()?;
    // SAFETY: the file was written by `compile` of this very program a moment ago, and nobody else writes there.
    let module = unsafe { Module::deserialize_file(&engine, compiled)? };
    let data = File::open(data).with_context(|| format!("cannot open {data}"))?;
    let size = data.metadata()?.len();
    let host = Host { data, memory: None, documents: Vec::new(), document_count: 0, document_bytes: 0, failure: None };
    let mut store = Store::new(&engine, host);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(1)));

    let mut linker = Linker::new(&engine);
    linker.func_wrap("mysimbdp", "documents", take_documents)?;
    linker.func_wrap("mysimbdp", "read", read)?;
    linker.func_wrap("mysimbdp", "fail", fail)?;
    // What the C library could want of WASI (standard output, the environment) is never called here.
    linker.define_unknown_imports_as_traps(&module)?;
    let instance = linker.instantiate(&mut store, &module)?;
    store.data_mut().memory = instance.get_memory(&mut store, "memory");
    instance.get_typed_func::<(), ()>(&mut store, "_initialize")?.call(&mut store, ())?;

    let ingest = instance.get_typed_func::<u64, i32>(&mut store, "ingest")?;
    let over = AtomicBool::new(false);
    let status = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        });
        let status = ingest.call(&mut store, size);
        over.store(true, Ordering::Relaxed);
        status
    })?;
    if status != 0 || store.data().failure.is_some() {
        let reason = store.data_mut().failure.take();
        bail!("the app ended with {status}: {}", reason.unwrap_or_default());
    }
    let rows_read = instance.get_typed_func::<(), u64>(&mut store, "rows_read")?.call(&mut store, ())?;
    let rows_rejected = instance.get_typed_func::<(), u64>(&mut store, "rows_rejected")?.call(&mut store, ())?;
    let Host { document_count, document_bytes, .. } = store.data();
    println!(
        "{{\"rows\": {rows_read}, \"rejected\": {rows_rejected}, \"documents\": {document_count}, \
         \"document_bytes\": {document_bytes}, \"seconds\": {}}}",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The documents of a row that has ended: copied out, then checked one by one. 0 where they are all valid.
fn take_documents(mut caller: Caller<'_, Host>, at: u32, length: u32) -> i32 {
    let Some(memory) = caller.data().memory else { return 1 };
    let (memory, host) = memory.data_and_store_mut(&mut caller);
    let Some(bytes) = part(memory, at, length) else { return 1 };
    host.documents.clear();
    host.documents.extend_from_slice(bytes);
    let mut rest = &host.documents[..];
    while let Some(length) = rest.first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some((document, behind)) = rest.split_at_checked(length) else { return 1 };
        if length < 5 {
            return 1;
        }
        if let Err(why) = mysimbdp::document::validate(document) {
            host.failure = Some(why.to_string());
            return 1;
        }
        host.document_count += 1;
        host.document_bytes += document.len() as u64;
        rest = behind;
    }
    0
}

/// Reads a piece of the data file straight into the module's memory. -1 where that does not go.
fn read(mut caller: Caller<'_, Host>, into: u32, length: u32, offset: u64) -> i32 {
    let Some(memory) = caller.data().memory else { return -1 };
    let (memory, host) = memory.data_and_store_mut(&mut caller);
    let (start, length) = (into as usize, length as usize);
    let Some(into) = memory.get_mut(start..).and_then(|rest| rest.get_mut(..length)) else { return -1 };
    let read = host.data.read_at(into, offset).ok();
    read.and_then(|read| i32::try_from(read).ok()).unwrap_or(-1)
}

fn fail(mut caller: Caller<'_, Host>, at: u32, length: u32) {
    let Some(memory) = caller.data().memory else { return };
    let (memory, host) = memory.data_and_store_mut(&mut caller);
    host.failure = part(memory, at, length).map(|reason| String::from_utf8_lossy(reason).into_owned());
}

fn part(memory: &[u8], at: u32, length: u32) -> Option<&[u8]> {
    memory.get(at as usize..)?.get(..length as usize)
}
