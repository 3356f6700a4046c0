//! Disks that are small enough to be filled.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A file system in memory, of its own size. Needs the right to mount, which root has.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it.
    ///
    /// # Panics
    /// Where that is not allowed.
    pub fn mount(at: PathBuf, megabytes: u32) -> SmallDisk {
        fs::create_dir_all(&at).unwrap_or_else(|error| panic!("{}: {error}", at.display()));
        let disk = SmallDisk(at);
        disk.run("mount", &["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=0700"), "tmpfs"]);
        disk
    }

    /// Changes how it is mounted, such as `ro`.
    ///
    /// # Panics
    /// Where that is not allowed.
    pub fn remount(&self, how: &str) {
        self.run("mount", &["-o", &format!("remount,{how}")]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let done = Command::new(program).args(arguments).arg(&self.0).output();
        let done = done.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(done.status.success(), "{program}: {} (run the tests as root)", String::from_utf8_lossy(&done.stderr));
    }

    /// Leaves so many bytes of room. Answers the file that fills the rest.
    ///
    /// # Panics
    /// Where there is less room already.
    pub fn fill(&self, room: usize) -> PathBuf {
        let told = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.0).output();
        let told = told.unwrap_or_else(|error| panic!("df: {error}"));
        let told = String::from_utf8_lossy(&told.stdout);
        let free = told.lines().nth(1).and_then(|free| free.trim().parse::<usize>().ok());
        let ballast = self.0.join("ballast");
        let size = free.and_then(|free| free.checked_sub(room)).unwrap_or_else(|| panic!("no room: {told}"));
        fs::write(&ballast, vec![1; size]).unwrap_or_else(|error| panic!("{}: {error}", ballast.display()));
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
