//! What C code would use: `strftime` in the local zone, and `iconv`.

use std::ffi::{CStr, c_char};

/// `strftime("%a %d %b %Y %H:%M:%S %Z")` of `localtime_r`.
pub(crate) fn strftime_local(seconds: i64) -> Result<String, String> {
    let mut broken_down = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call, which fills the second or answers null.
    let known = unsafe { libc::localtime_r(&seconds, broken_down.as_mut_ptr()) };
    if known.is_null() {
        return Err("localtime_r refused it".into());
    }
    let mut text = [0_u8; 128];
    let format = c"%a %d %b %Y %H:%M:%S %Z";
    // SAFETY: `text` has the length that is told, the format is terminated, and `localtime_r` filled the time.
    let length = unsafe {
        libc::strftime(text.as_mut_ptr().cast::<c_char>(), text.len(), format.as_ptr(), broken_down.as_ptr())
    };
    Ok(String::from_utf8_lossy(&text[..length]).into_owned())
}

/// `iconv` from `charset` to UTF-8.
pub(crate) fn to_utf8(charset: &CStr, bytes: &[u8]) -> Result<String, String> {
    // SAFETY: both names are terminated.
    let converter = unsafe { libc::iconv_open(c"UTF-8".as_ptr(), charset.as_ptr()) };
    if converter.addr() == usize::MAX {
        return Err(format!("iconv_open: {}", std::io::Error::last_os_error()));
    }
    let mut output = vec![0_u8; bytes.len() * 4 + 16];
    let mut from = bytes.as_ptr().cast::<c_char>().cast_mut();
    let mut from_left = bytes.len();
    let mut to = output.as_mut_ptr().cast::<c_char>();
    let mut to_left = output.len();
    // SAFETY: the pointers and what is left behind them describe `bytes`, which is only read, and `output`.
    let converted = unsafe { libc::iconv(converter, &mut from, &mut from_left, &mut to, &mut to_left) };
    let failed = (converted == usize::MAX).then(std::io::Error::last_os_error);
    // SAFETY: it was opened above and is used no more.
    unsafe { libc::iconv_close(converter) };
    if let Some(error) = failed {
        return Err(format!("iconv: {error}"));
    }
    output.truncate(output.len() - to_left);
    String::from_utf8(output).map_err(|error| error.to_string())
}
