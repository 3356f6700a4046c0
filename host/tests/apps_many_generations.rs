//! Two hundred generations in a row cost the host no memory, no descriptor and no process. Alone in its process, since it
//! looks at all of it.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod apps_support;
mod guest_support;

use apps_support::{Place, app, build, hash, tenant, with_version};
use std::fs;

const MEGABYTE: u64 = 1 << 20;

/// Memory of this process alone, in bytes.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    };
    field("RssAnon:") + field("RssShmem:")
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Mappings of code that this process did not start with.
fn mapped_apps() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains("mysimbdp-app") || line.contains("/apps/")).count()
}

#[tokio::test]
async fn two_hundred_generations_in_a_row_leave_nothing_behind() {
    let (place, acme, so) = (Place::new(), tenant("acme"), build(""));
    let apps = place.open();
    let mut before = (0, 0);
    for number in 0..220 {
        let version = with_version(&so, number);
        place.consider(&apps, &acme, "a.so", &version).await;
        let generation = apps.live(&acme, &app("some-app")).unwrap();
        assert_eq!(generation.hash(), hash(&version));
        assert!(generation.source().is_ok());
        drop(generation);
        if number % 20 == 19 {
            apps.collect(|_| false).await.unwrap();
        }
        if number == 19 {
            before = (memory(), descriptors());
        }
    }
    let (grown, opened) = (memory().saturating_sub(before.0), descriptors().saturating_sub(before.1));
    assert!(grown < 5 * MEGABYTE, "{grown} bytes");
    assert_eq!((opened, mapped_apps()), (0, 0));
    assert_eq!((place.started(), place.stored().len()), (220, 5));
    let status = &apps.list(None)[0];
    assert_eq!((status.kept.len(), status.version.as_str()), (5, "v000219"));
}
