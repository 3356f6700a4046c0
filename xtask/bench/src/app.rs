//! Loads an app into this very process, through either door.
//!
//! Only a benchmark may do that: it runs the very file that the platform runs, so that both sides of a comparison have
//! the same machine code for the rows.

use abi_stable::library::lib_header_from_path;
use anyhow::{Context as _, Result, bail};
use libloading::{Library, Symbol};
use mysimbdp_abi::{BatchV1, Bytes, C_SYMBOL, HostV1, InputV1, MAJOR, PluginV1, RootV1Ref, StreamV1, status};
use std::ffi::c_void;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::Path;

/// A loaded app. It is never unloaded.
#[derive(Clone, Copy, Debug)]
pub struct App {
    table: &'static PluginV1,
}

impl App {
    /// Loads `path`.
    ///
    /// # Errors
    /// It cannot be loaded, or is no app of this version.
    pub fn load(path: &Path) -> Result<App> {
        let path = path.canonicalize().with_context(|| format!("cannot find the app {}", path.display()))?;
        let table = match c_door(&path)? {
            Some(table) => table,
            None => {
                let header = lib_header_from_path(&path).map_err(|why| anyhow::anyhow!("{why}"))?;
                let root = header.init_root_module::<RootV1Ref>().map_err(|why| anyhow::anyhow!("{why}"))?;
                root.plugin()
            }
        };
        if table.major != MAJOR {
            bail!("{} has version {} of the table, not {MAJOR}", path.display(), table.major);
        }
        Ok(App { table })
    }

    /// Its batch kind.
    ///
    /// # Errors
    /// It has none.
    pub fn batch(&self) -> Result<&'static BatchV1> {
        self.table.batch.context("the app is no batch app")
    }

    /// Its stream kind.
    ///
    /// # Errors
    /// It has none.
    pub fn stream(&self) -> Result<&'static StreamV1> {
        self.table.stream.context("the app is no stream app")
    }

    /// Ingests one file; `host` is what it may call meanwhile.
    ///
    /// # Errors
    /// The file cannot be opened, or the app answers anything but OK.
    pub fn ingest(&self, host: &HostV1, data: &Path) -> Result<()> {
        let batch = self.batch()?;
        let file = File::open(data).with_context(|| format!("cannot open {}", data.display()))?;
        let size = file.metadata()?.len();
        let input = InputV1 { name: Bytes::new(b"data.csv"), size, fd: file.as_raw_fd() };
        let mut instance: *mut c_void = std::ptr::null_mut();
        // SAFETY: `table` is the app's own v1 table; `host` and `instance` outlive the call.
        let created = unsafe { (batch.create)(host, Bytes::ABSENT, &raw mut instance) };
        if created != status::OK {
            bail!("the app could not be created (status {created})");
        }
        // SAFETY: as above, with the instance that `create` has just made and an input that outlives the call.
        let ended = unsafe { (batch.ingest)(instance, host, &raw const input) };
        // SAFETY: the instance is used no more.
        unsafe { (batch.destroy)(instance) };
        if ended != status::OK {
            bail!("the app failed (status {ended})");
        }
        Ok(())
    }
}

/// The table of an app in C; `None` where the file has no such symbol.
fn c_door(path: &Path) -> Result<Option<&'static PluginV1>> {
    // SAFETY: loading runs the constructors of an app that whoever runs the benchmark has just built.
    let library = unsafe { Library::new(path) }.with_context(|| format!("cannot load {}", path.display()))?;
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: what has this name is a `PluginV1` by the header that defines it, and the library is never unloaded.
    let symbol: Result<Symbol<'static, *const PluginV1>, _> = unsafe { library.get(C_SYMBOL.as_bytes()) };
    // SAFETY: as above: it points to a `PluginV1` with static storage.
    Ok(symbol.ok().and_then(|table| unsafe { table.as_ref() }))
}
