//! A token as text, and what is kept of it. Pure but for the randomness.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::rand::{GetRandomFlags, getrandom};
use std::io;

/// What every token begins with: whoever finds one in a file knows what it is.
const PREFIX: &str = "msb_";
/// Characters of an id.
pub const ID: usize = 12;
/// Bytes of a secret.
const SECRET: usize = 32;
/// Of which an id is made: 32 of them, none of which is taken for another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A token that was just made: to be shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// What names it.
    pub id: String,
    /// The whole of it.
    pub text: String,
    /// What is kept of its secret.
    pub hash: blake3::Hash,
}

impl Issued {
    /// A new one.
    ///
    /// # Errors
    /// The kernel has no randomness for it.
    pub fn new() -> io::Result<Issued> {
        let mut random = [0; ID + SECRET];
        let mut filled = 0;
        while filled < random.len() {
            filled += getrandom(&mut random[filled..], GetRandomFlags::empty())?;
        }
        let (id, secret) = random.split_at(ID);
        let id: String = id.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        let text = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        Ok(Issued { id, text, hash: blake3::hash(secret) })
    }
}

/// Reads a token: its id and the hash of its secret; `None` where it is not of the form of one.
pub fn read(text: &str) -> Option<(&str, blake3::Hash)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_at_checked(ID)?;
    let secret = URL_SAFE_NO_PAD.decode(secret.strip_prefix('_')?).ok()?;
    (id.is_ascii() && secret.len() == SECRET).then(|| (id, blake3::hash(&secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_issued() {
        let issued = Issued::new().unwrap();
        assert_eq!(read(&issued.text), Some((issued.id.as_str(), issued.hash)));
        assert_ne!(Issued::new().unwrap().text, issued.text);
        assert_eq!(issued.text.len(), PREFIX.len() + ID + 1 + 43);
    }

    #[test]
    fn what_is_cut_longer_or_no_token_is_not_read() {
        let text = Issued::new().unwrap().text;
        for cut in 0..text.len() {
            assert_eq!(read(&text[..cut]), None, "{cut} characters");
        }
        for wrong in [format!("{text}A"), format!(" {text}"), text.replace('_', "-"), "é".repeat(40), "msb_é".into()]
        {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
