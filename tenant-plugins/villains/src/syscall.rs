//! System calls by number, past whatever libc would check or refuse by itself.

use std::ffi::{CStr, c_long};
use std::io;

/// One argument of a system call. The kernel touches no memory but what is lent here.
pub(crate) enum Arg<'a> {
    /// A number, a flag, a descriptor.
    Number(i64),
    /// A path.
    Text(&'a CStr),
    /// Bytes that the kernel reads.
    In(&'a [u8]),
    /// Bytes that the kernel fills.
    Out(&'a mut [u8]),
}

impl Arg<'_> {
    fn word(&mut self) -> c_long {
        match self {
            Arg::Number(number) => *number,
            Arg::Text(text) => text.as_ptr().addr().cast_signed() as c_long,
            Arg::In(bytes) => bytes.as_ptr().addr().cast_signed() as c_long,
            Arg::Out(bytes) => bytes.as_mut_ptr().addr().cast_signed() as c_long,
        }
    }
}

/// Makes the call. Not for calls that unmap or protect memory that is in use.
pub(crate) fn call<const N: usize>(number: c_long, mut args: [Arg<'_>; N]) -> io::Result<i64> {
    let mut words = [0; 6];
    for (word, arg) in words.iter_mut().zip(&mut args) {
        *word = arg.word();
    }
    let [a, b, c, d, e, f] = words;
    // SAFETY: every address among the words comes from a slice or a string that is borrowed until the call is over, and
    // the callers of this module ask for nothing that changes mappings in use.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// The parent: the host.
pub(crate) fn host_pid() -> i64 {
    // SAFETY: takes nothing and cannot fail.
    i64::from(unsafe { libc::getppid() })
}
