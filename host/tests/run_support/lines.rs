//! An app whose lines say what it does.

use crate::guest_support::{Compiled, compile};

/// One row per line. A line with
/// - `!` is rejected after it emitted two documents;
/// - `#` kills the app;
/// - `~` kills it in its place and hangs where it runs alone;
/// - `%` hangs;
/// - `$` emits a document under an `_id` of its own;
/// - `@` is followed by a document outside of rows;
/// - `.` takes 50 ms;
///
/// and any other one emits two documents.
const LINES: &str = r##"
    static char data[1 << 20];
    ssize_t size = pread(input->fd, data, sizeof data, 0);
    uint64_t at = 0, number = 0, rows = 0;
    int asks = 1, jumped = 0;
    (void)instance;
    while (1) {
        mysimbdp_start_v1_t start;
        if (asks) {
            int32_t where = host->next_start(host->ctx, &start);
            if (where == MYSIMBDP_STOP) return MYSIMBDP_OK;
            if (where == MYSIMBDP_JUMP) { at = start.offset; number = start.number; jumped = 1; }
            else asks = 0;
        }
        if (at >= (uint64_t)size || rows == ROWS) return MYSIMBDP_OK;
        char *newline = memchr(data + at, '\n', size - at);
        uint64_t end = newline ? (uint64_t)(newline - data) + 1 : (uint64_t)size;
        int64_t length = (int64_t)(end - at);
        int32_t status = begin(host, number, at, end);
        number = 0;
        rows++;
        if (status == MYSIMBDP_STOP) return MYSIMBDP_OK;
        if (status == MYSIMBDP_OK) {
            #define HAS(mark) memchr(data + at, mark, length)
            if (HAS('#') || (HAS('~') && !jumped)) abort();
            if (HAS('%') || HAS('~')) for (volatile int forever = 1; forever;) {}
            if (HAS('.')) usleep(50000);
            if (HAS('$')) {
                mysimbdp_bson_t doc;
                mysimbdp_bson_init(&doc);
                mysimbdp_bson_begin_own_id(&doc);
                mysimbdp_bson_int64(&doc, "_id", (int64_t)at);
                mysimbdp_bson_emit(&doc, host);
                mysimbdp_bson_free(&doc);
            }
            emit_number(host, length);
            emit_number(host, length + SALT);
            if (HAS('!')) mysimbdp_row_reject(host, "line at %d has a mark", (int)at);
            host->row_end(host->ctx, 0);
            if (HAS('@')) emit_number(host, -length);
        }
        at = end;
    }
"##;

/// What kind of an app reads the lines.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    pub(crate) flags: u32,
    /// Makes its documents other ones.
    pub(crate) salt: u32,
    /// It ends after so many.
    pub(crate) rows: u32,
    /// C that stands before it.
    pub(crate) before: &'static str,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines { flags: 0, salt: 1, rows: u32::MAX, before: "" }
    }
}

impl Lines {
    pub(crate) fn compile(self) -> Compiled {
        let Lines { flags, salt, rows, before } = self;
        let body = LINES.replace("SALT", &salt.to_string()).replace("ROWS", &format!("{rows}u"));
        compile(
            &format!(
                "{before}\n\
                 static int32_t ingest(void *instance, const host_t *host, const input_t *input) {{\n{body}\n}}\n\
                 MYSIMBDP_EXPORT_BATCH(\"test-app\", \"1.2.3\", {flags}, mysimbdp_create_nothing, ingest, \
                 mysimbdp_destroy_nothing)"
            ),
            &[],
        )
    }
}
