//! Where things are, and how other programs are started: the command that fails is named, with what to do about it.

use anyhow::{Context as _, Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the repository.
pub(crate) fn root() -> PathBuf {
    let here =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map(Path::to_path_buf).unwrap_or(here)
}

/// Cargo's target folder: `target/` unless the environment says otherwise.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(elsewhere) => root().join(elsewhere),
        None => root().join("target"),
    }
}

/// A file or folder as people want to read it: from where they stand, if it is below.
pub(crate) fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// The cargo that started us, standing in the repository's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// Tells what is being done, above whatever the commands below say.
pub(crate) fn step(what: &str) {
    println!("\n\u{25b8} {what}");
}

/// Runs `command` to its end and fails where it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status}); its own words are above.", line(command));
    }
    Ok(())
}

/// The command as somebody would type it, without the folders before the program.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| {
        let argument = argument.to_string_lossy();
        shown(Path::new(argument.as_ref()))
    });
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Is there a program of this name?
pub(crate) fn has(program: &str) -> bool {
    let started = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    started.is_ok()
}

/// Makes sure that `programs` are there: installs Debian's `packages` where we are root and they are not.
pub(crate) fn need(programs: &[&str], packages: &[&str], what_for: &str) -> Result<()> {
    let missing = || programs.iter().copied().filter(|program| !has(program)).collect::<Vec<_>>();
    if missing().is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install -y {}", packages.join(" "));
    let wanted = missing().join(" and ");
    if !is_root() || !has("apt-get") {
        bail!("{wanted} is missing, which is needed {what_for}. On Debian or Ubuntu: sudo {install}");
    }
    step(&format!("{wanted} is missing, which is needed {what_for}: {install}"));
    install_packages(packages).with_context(|| format!("cannot install it; try by hand: {install}"))?;
    if !missing().is_empty() {
        bail!("`{install}` went well, but {} is still missing.", missing().join(" and "));
    }
    Ok(())
}

/// `cc` and `make`, for SQLite inside the host and for the apps in C.
pub(crate) fn need_c_compiler() -> Result<()> {
    need(&["cc", "make"], &["build-essential"], "to build SQLite into the host, and the apps in C")
}

/// Installs Debian packages; fetches the lists only where they turn out to be missing or stale.
pub(crate) fn install_packages(packages: &[&str]) -> Result<()> {
    let install = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages).stdout(Stdio::null());
        command
    };
    if run(&mut install()).is_ok() {
        return Ok(());
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(&mut install())
}

/// Are we root? By the owner of our own process, so that no unsafe call is needed.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
