//! Ways to reach files. Paths that are changed come from the test alone.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use crate::syscall::{Arg, call, host_pid};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("read_passwd", |_| Outcome::must_fail("reading /etc/passwd", fs::read("/etc/passwd"))),
    ("read_file", |scene| Outcome::must_fail("reading it", fs::read(scene.argument))),
    ("stat", |scene| Outcome::must_fail("stat", fs::metadata(or_root(scene.argument)))),
    ("access", access),
    ("list_directory", |scene| Outcome::must_fail("listing it", fs::read_dir(or_root(scene.argument)))),
    ("readlink_self", |_| Outcome::must_fail("readlink", fs::read_link("/proc/self/exe"))),
    ("statfs", statfs),
    ("open_proc_self_mem", |_| Outcome::must_fail("opening /proc/self/mem", fs::File::open("/proc/self/mem"))),
    ("read_proc_maps", |_| Outcome::must_fail("reading /proc/self/maps", fs::read("/proc/self/maps"))),
    ("read_host_environment", host_environment),
    ("write_file", |scene| Outcome::must_fail("writing it", fs::write(scene.argument, "villain"))),
    ("append_file", append),
    ("truncate_file", truncate),
    ("chmod", chmod),
    ("unlink", |scene| Outcome::must_fail("unlink", fs::remove_file(scene.argument))),
    ("rename", |scene| Outcome::must_fail("rename", fs::rename(scene.argument, "/tmp/villain-was-here"))),
    ("mkdir", |scene| Outcome::must_fail("mkdir", fs::create_dir(format!("{}-villain", scene.argument)))),
    ("symlink", |scene| {
        let made = std::os::unix::fs::symlink("/etc/passwd", format!("{}-villain", scene.argument));
        Outcome::must_fail("symlink", made)
    }),
    ("chdir", |_| Outcome::must_fail("chdir", std::env::set_current_dir("/"))),
    ("chroot", |_| Outcome::must_fail("chroot", call(libc::SYS_chroot, [Arg::Text(c"/")]))),
    ("dlopen", dlopen),
];

fn or_root(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

fn access(_: &mut Scene<'_>) -> Outcome {
    let at = i64::from(libc::AT_FDCWD);
    Outcome::must_fail(
        "faccessat",
        call(libc::SYS_faccessat, [Arg::Number(at), Arg::Text(c"/etc/passwd"), Arg::Number(0)]),
    )
}

fn statfs(_: &mut Scene<'_>) -> Outcome {
    let mut answer = [0; 256];
    Outcome::must_fail("statfs", call(libc::SYS_statfs, [Arg::Text(c"/"), Arg::Out(&mut answer)]))
}

fn host_environment(_: &mut Scene<'_>) -> Outcome {
    Outcome::must_fail("reading the host's environment", fs::read(format!("/proc/{}/environ", host_pid())))
}

fn append(scene: &mut Scene<'_>) -> Outcome {
    let written = fs::OpenOptions::new().append(true).open(scene.argument).and_then(|mut file| file.write(b"villain"));
    Outcome::must_fail("appending", written)
}

fn truncate(scene: &mut Scene<'_>) -> Outcome {
    Outcome::must_fail("truncating", fs::OpenOptions::new().write(true).truncate(true).open(scene.argument))
}

fn chmod(scene: &mut Scene<'_>) -> Outcome {
    Outcome::must_fail("chmod", fs::set_permissions(scene.argument, fs::Permissions::from_mode(0o777)))
}

fn dlopen(_: &mut Scene<'_>) -> Outcome {
    // SAFETY: a constant, terminated name; that library has no constructors that matter.
    let library = unsafe { libc::dlopen(c"libresolv.so.2".as_ptr(), libc::RTLD_NOW) };
    let attempt = if library.is_null() { Err(io::Error::other("dlopen refused it")) } else { Ok(()) };
    Outcome::must_fail("dlopen", attempt)
}
