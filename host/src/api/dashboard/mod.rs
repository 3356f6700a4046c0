//! The dashboard: a page of HTML, style sheets and modules as they are written in `page/`, which the binary carries.
//!
//! ```text
//!   GET /                        page/index.html
//!   GET /docs                    page/api.html: the API, made readable
//!   GET /dashboard/js/main.js    page/js/main.js, and so on for whatever that names
//! ```
//!
//! - Nothing of it is secret: whoever asks gets it, with a token or without. The page asks `/v1` for everything else, with the
//!   token that somebody has typed into it, and keeps that for as long as the tab is open.
//! - There is nothing to build and nothing to fetch from elsewhere: what is in `page/` is what is sent.
//! - What tenants say (names, rows, sentences) is hostile. Views put it into the page as text. Should one of them be wrong: the
//!   browser is told (`HEADERS`) to load from here alone, to run no script that stands in a page, and to make no markup out
//!   of strings at all.
//! - A browser keeps what it has and asks whether it is still right (`etag`, BLAKE3 of the content), so that a new version of
//!   mysimbdp is a new page at once.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use include_dir::{Dir, DirEntry, include_dir};
use std::collections::HashMap;
use std::sync::LazyLock;

static PAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/api/dashboard/page");

/// What the browser is told with every file.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-cache"),
];

/// Media types by extension. There is no other file in `page/`.
const TYPES: [(&str, &str); 4] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
];

struct File {
    content: &'static [u8],
    media_type: &'static str,
    /// In quotes, as it is sent.
    etag: String,
}

/// All files by their path below `page/`.
static FILES: LazyLock<HashMap<&'static str, File>> = LazyLock::new(|| {
    let mut files = HashMap::new();
    collect(&PAGE, &mut files);
    files
});

fn collect(folder: &Dir<'static>, files: &mut HashMap<&'static str, File>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, files),
            DirEntry::File(file) => {
                let extension = file.path().extension().and_then(|extension| extension.to_str());
                let known = TYPES.iter().find(|(known, _)| Some(*known) == extension);
                if let (Some(path), Some((_, media_type))) = (file.path().to_str(), known) {
                    let content = file.contents();
                    let etag = format!("\"{}\"", blake3::hash(content).to_hex());
                    files.insert(path, File { content, media_type, etag });
                }
            }
        }
    }
}

/// The routes of the page. They need nothing of what is served besides.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async |headers: HeaderMap| answer("index.html", &headers)))
        .route("/docs", get(async |headers: HeaderMap| answer("api.html", &headers)))
        .route("/dashboard/{*path}", get(async |Path(path): Path<String>, headers: HeaderMap| answer(&path, &headers)))
}

/// A file, or that the browser has it already.
fn answer(path: &str, asked: &HeaderMap) -> Response {
    let Some(file) = FILES.get(path) else {
        return (StatusCode::NOT_FOUND, HEADERS, "there is no such file\n").into_response();
    };
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == file.etag.as_bytes());
    let etag = [(header::ETAG, file.etag.as_str())];
    if known {
        return (StatusCode::NOT_MODIFIED, HEADERS, etag).into_response();
    }
    (HEADERS, etag, [(header::CONTENT_TYPE, file.media_type)], file.content).into_response()
}

#[cfg(test)]
mod tests;
