//! The directories of the platform, and what it uses outside of this machine: what `serve` would find with this configuration.

use super::Finding;
use crate::app::servers::{self, Tried};
use crate::config::Config;
use crate::size;
use rustix::fs::statvfs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Less room than this is told.
const ROOM: u64 = 5 << 30;
/// Slower syncs than this are told: every answer waits for one.
const SYNC: Duration = Duration::from_millis(20);
/// Syncs that are measured.
const SYNCS: usize = 9;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// File systems that are not this machine's own disk: their magic numbers, and what is said of them.
const ELSEWHERE: [(u64, &str); 6] = [
    (0x6969, "NFS, over the network"),
    (0xff53_4d42, "CIFS, over the network"),
    (0xfe53_4d42, "SMB, over the network"),
    (0x0102_1997, "9p, another machine's"),
    (0x6573_5546, "FUSE, some program's"),
    (0x0102_1994, "tmpfs, in memory and gone with it"),
];

/// A directory of the platform, or where it would be made.
pub(super) fn directory(what: &'static str, path: &Path) -> Finding {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = absolute.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("/"));
    let shown = match there == absolute {
        true => absolute.display().to_string(),
        false => format!("{} (to be made in {})", absolute.display(), there.display()),
    };
    let sync = match sync_time(there) {
        Ok(sync) => sync,
        Err(error) => {
            return Finding::bad(
                what,
                format!("{shown}: not writable by whoever runs this ({error})"),
                format!("let the user of mysimbdp write there, run this as that user, or name another with {what} = "),
            );
        }
    };
    let room = statvfs(there).map_or(0, |told| told.f_bavail.saturating_mul(told.f_frsize));
    let found = format!("{shown}: {} free, a sync takes {:.1} ms", size::show(room), sync.as_secs_f64() * 1e3);
    if let Some(kind) = kind_elsewhere(there) {
        return Finding::missing(what, format!("{found}; {kind}"), "use a file system on a disk of this machine");
    }
    if room < ROOM {
        return Finding::missing(what, found, "make room: files, documents and messages are kept there");
    }
    if sync > SYNC {
        return Finding::missing(what, found, "prefer a disk that syncs faster: every answer waits for a sync");
    }
    Finding::good(what, found)
}

/// What the configuration uses outside of this machine.
pub(super) async fn servers(config: &Config) -> Vec<Finding> {
    let told = |Tried { table, url, answer }| match answer {
        Ok(warnings) if warnings.is_empty() => Finding::good(table, format!("{url} answers")),
        Ok(warnings) => Finding::missing(table, format!("{url} answers"), warnings.join("; ")),
        Err(reason) => Finding::bad(table, format!("{url}: {reason}"), format!("mend it, or what stands in [{table}]")),
    };
    servers::try_out(config, PATIENCE).await.into_iter().map(told).collect()
}

/// How long a small write takes until it is on the disk, mostly.
fn sync_time(folder: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut taken = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[0; 4096])?;
        file.as_file().sync_data()?;
        taken.push(began.elapsed());
    }
    taken.sort_unstable();
    Ok(taken[SYNCS / 2])
}

fn kind_elsewhere(folder: &Path) -> Option<&'static str> {
    let magic = u64::try_from(rustix::fs::statfs(folder).ok()?.f_type).ok()?;
    ELSEWHERE.iter().find(|(known, _)| *known == magic).map(|(_, kind)| *kind)
}
