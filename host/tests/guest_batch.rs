//! A batch app in a real worker: handshake, rows, rejects, plans, loose and refused documents, endings.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod guest_support;

use guest_support::{Options, batch_app, compile, place, start, start_with};
use mysimbdp::worker::protocol::{Ending, LOOSE_ROWS, RowFate};

/// One row per line: emits the row's length, rejects lines with a `!`, and asks where to go on.
const LINES: &str = r#"
    char data[65536];
    ssize_t size = pread(input->fd, data, sizeof data, 0);
    uint64_t at = 0;
    int asks = ASKS;
    uint64_t number = 0;
    (void)instance;
    while (1) {
        mysimbdp_start_v1_t start;
        if (asks) {
            int32_t where = host->next_start(host->ctx, &start);
            if (where == MYSIMBDP_STOP) return MYSIMBDP_OK;
            if (where == MYSIMBDP_JUMP) { at = start.offset; number = start.number; }
            else asks = 0;
        }
        if (at >= (uint64_t)size) return MYSIMBDP_OK;
        char *newline = memchr(data + at, '\n', size - at);
        uint64_t end = newline ? (uint64_t)(newline - data) + 1 : (uint64_t)size;
        int32_t status = begin(host, number, at, end);
        number = 0;
        if (status == MYSIMBDP_STOP) return MYSIMBDP_OK;
        if (status == MYSIMBDP_OK) {
            emit_number(host, (int64_t)(end - at));
            if (memchr(data + at, '!', end - at)) mysimbdp_row_reject(host, "line at %d has a mark", (int)at);
            host->row_end(host->ctx, 0);
        }
        at = end;
    }
"#;

fn lines(asks: bool) -> guest_support::Compiled {
    batch_app(&LINES.replace("ASKS", if asks { "1" } else { "0" }))
}

#[test]
fn the_handshake_tells_what_the_app_is_and_what_confines_it() {
    let app = lines(true);
    let (worker, ready) = start_with(&app.path, &Options::default());
    assert_eq!((ready.name.as_str(), ready.version.as_str()), ("test-app", "1.2.3"));
    assert_eq!(ready.kinds, ["batch"]);
    assert!(ready.sandbox.landlock_abi >= 1 && ready.sandbox.seccomp);
    assert!(!ready.rows_independent);
    assert_eq!(worker.finish().code(), Some(0));
}

#[test]
fn rows_come_numbered_with_their_documents_and_places() {
    let mut worker = start(&lines(true));
    let run = worker.run(b"one\nfour\nx\n");
    assert_eq!(run.numbers(), [1, 2, 3]);
    assert_eq!(run.documents(2)[0].get_i64("n").unwrap(), 5);
    assert_eq!((run.rows[1].0.start, run.rows[1].0.end), (4, 9));
    let done = run.done.unwrap();
    assert_eq!((done.ending, done.position), (Ending::Ok, 11));
    assert!(done.app_nanos > 0);
    assert_eq!(run.frames, 1);
}

#[test]
fn one_worker_does_one_task_after_another() {
    let mut worker = start(&lines(true));
    assert_eq!(worker.run(b"a\nb\n").numbers(), [1, 2]);
    assert_eq!(worker.run(b"c\n").numbers(), [1]);
    assert_eq!(worker.run(b"").done.unwrap().ending, Ending::Ok);
    assert_eq!(worker.finish().code(), Some(0));
}

#[test]
fn a_rejected_row_loses_its_documents_and_keeps_its_reason() {
    let mut worker = start(&lines(true));
    let run = worker.run(b"a\nb!\nc\n");
    let (row, reason) = &run.rows[1];
    assert_eq!((row.number, row.fate, row.documents), (2, RowFate::Rejected, 0));
    assert_eq!(reason, b"line at 2 has a mark");
    assert_eq!(run.numbers(), [1, 2, 3]);
}

#[test]
fn rows_to_be_skipped_are_passed_over_whether_the_app_asks_or_not() {
    for asks in [true, false] {
        let mut worker = start(&lines(asks));
        let run = worker.run_task(b"a\nb\nc\nd\n", |task| task.skip = vec![2, 4]);
        assert_eq!(run.numbers(), [1, 3], "asks: {asks}");
    }
}

#[test]
fn only_the_wanted_rows_run_whether_the_app_asks_or_not() {
    for asks in [true, false] {
        let mut worker = start(&lines(asks));
        let run = worker.run_task(b"a\nb\nc\nd\n", |task| task.include = Some(vec![place(2, 2), place(3, 4)]));
        assert_eq!(run.numbers(), [2, 3], "asks: {asks}");
        assert_eq!(run.rows[0].0.start, 2);
    }
}

#[test]
fn a_resumed_task_starts_at_its_row_whether_the_app_asks_or_not() {
    for asks in [true, false] {
        let mut worker = start(&lines(asks));
        let run = worker.run_task(b"a\nb\nc\nd\n", |task| task.resume = Some(place(3, 4)));
        assert_eq!(run.numbers(), [3, 4], "asks: {asks}");
    }
}

#[test]
fn documents_without_a_row_are_loose_and_those_that_are_none_are_refused_with_a_reason() {
    let app = batch_app(
        r#"
        static const char junk[] = "\x09\0\0\0junk";
        static const char array[] = "\x0e\0\0\0\x04_id\0\x05\0\0\0\0";
        int32_t status;
        bytes_t why;
        emit_number(host, 7);
        status = host->emit(host->ctx, mysimbdp_bytes(junk, 8));
        why = host->last_error(host->ctx);
        mysimbdp_log(host, MYSIMBDP_LOG_INFO, "%d %.*s", status, (int)why.len, (const char *)why.ptr);
        begin(host, 0, 0, 1);
        status = host->emit(host->ctx, mysimbdp_bytes(array, 14));
        why = host->last_error(host->ctx);
        mysimbdp_log(host, 99, "%d %.*s", status, (int)why.len, (const char *)why.ptr);
        return MYSIMBDP_OK;"#,
    );
    let run = start(&app).run(b"x");
    assert_eq!(run.numbers(), [LOOSE_ROWS, LOOSE_ROWS + 1, 1]);
    let refused: Vec<_> = run.rows.iter().map(|(row, _)| (row.fate, row.documents, row.refused)).collect();
    assert_eq!(refused, [(RowFate::Loose, 1, 0), (RowFate::Loose, 0, 1), (RowFate::Ended, 0, 1)]);
    let lines = run.log_lines();
    assert_eq!(
        lines[0],
        "6 the document is not BSON: its length field differs from the length it was handed over with"
    );
    assert!(lines[1].starts_with("6 ") || lines[1].contains("an `_id` may not be an array"), "{}", lines[1]);
    assert_eq!(run.logs[1].level, mysimbdp_abi::level::DEBUG);
}

#[test]
fn a_document_without_an_id_in_front_is_put_right() {
    let app = batch_app(
        r#"
        mysimbdp_bson_t doc;
        begin(host, 0, 0, 1);
        mysimbdp_bson_init(&doc);
        mysimbdp_bson_begin_own_id(&doc);
        mysimbdp_bson_int32(&doc, "a", 1);
        mysimbdp_bson_emit(&doc, host);
        mysimbdp_bson_begin_own_id(&doc);
        mysimbdp_bson_int32(&doc, "a", 1);
        mysimbdp_bson_text(&doc, "_id", "mine");
        mysimbdp_bson_emit(&doc, host);
        mysimbdp_bson_free(&doc);
        host->row_end(host->ctx, 0);
        return MYSIMBDP_OK;"#,
    );
    let run = start(&app).run(b"x");
    let documents = run.documents(1);
    assert_eq!(documents[0], bson::doc! { "_id": bson::oid::ObjectId::from_bytes([0; 12]), "a": 1 });
    assert_eq!(documents[1], bson::doc! { "_id": "mine", "a": 1 });
}

#[test]
fn a_failing_app_keeps_its_finished_rows_and_loses_the_open_one() {
    let app = batch_app(
        r#"
        begin(host, 0, 0, 1); emit_number(host, 1); host->row_end(host->ctx, 0);
        begin(host, 0, 1, 2); emit_number(host, 2);
        return mysimbdp_fail(host, "cannot go on at %d", 2);"#,
    );
    let mut worker = start(&app);
    let run = worker.run(b"xy");
    assert_eq!(run.numbers(), [1]);
    assert_eq!(run.done.unwrap().ending, Ending::Error { reason: "cannot go on at 2".to_owned() });
    assert_eq!(worker.run(b"xy").numbers(), [1], "the worker goes on");
}

#[test]
fn a_panicked_app_is_told_and_the_worker_ends() {
    let app = batch_app(
        r#"
        host->fail(host->ctx, mysimbdp_text("panicked at src/lib.rs:42:9: no"));
        return MYSIMBDP_PANIC;"#,
    );
    let mut worker = start(&app);
    let reason = "panicked at src/lib.rs:42:9: no".to_owned();
    assert_eq!(worker.run(b"x").done.unwrap().ending, Ending::Panic { reason });
    assert_eq!(worker.wait().code(), Some(73));
}

#[test]
fn a_constructor_of_the_instance_that_fails_fails_the_task() {
    let app = compile(
        r#"
        static int32_t create(const host_t *host, bytes_t config, void **instance) {
            (void)instance;
            if (emit_number(host, 1) != MYSIMBDP_REFUSED) return MYSIMBDP_OK;
            return mysimbdp_fail(host, "no key in %.*s", (int)config.len, (const char *)config.ptr);
        }
        static int32_t ingest(void *instance, const host_t *host, const input_t *input) {
            (void)instance; (void)host; (void)input; return MYSIMBDP_OK;
        }
        MYSIMBDP_EXPORT_BATCH("test-app", "1", MYSIMBDP_FLAG_ROWS_INDEPENDENT, create, ingest, mysimbdp_destroy_nothing)"#,
        &[],
    );
    let options = Options { config: Some("{\"a\":1}".to_owned()), ..Options::default() };
    let (mut worker, ready) = start_with(&app.path, &options);
    assert!(ready.rows_independent);
    assert_eq!(worker.run(b"x").done.unwrap().ending, Ending::Error { reason: "no key in {\"a\":1}".to_owned() });
}

#[test]
fn an_app_without_rows_tells_how_far_it_is() {
    let app = batch_app(
        r#"
        for (int i = 1; i <= 4; i++) { host->progress(host->ctx, (uint64_t)i * 10); usleep(60000); }
        host->progress(host->ctx, 1 << 20);
        return MYSIMBDP_OK;"#,
    );
    let run = start(&app).run(&[b'x'; 50]);
    assert!(!run.progress.is_empty() && run.progress.len() <= 3, "{:?}", run.progress);
    assert_eq!(run.done.unwrap().position, 50);
}

#[test]
fn rows_leave_in_full_frames_and_a_slow_app_sends_them_in_time() {
    let many = batch_app(
        r#"
        for (int i = 0; i < 5000; i++) { begin(host, 0, (uint64_t)i, 0); emit_number(host, i); host->row_end(host->ctx, 0); }
        return MYSIMBDP_OK;"#,
    );
    let run = start(&many).run(&[b'x'; 5000]);
    assert_eq!((run.rows.len(), run.rows.last().unwrap().0.number), (5000, 5000));
    let bytes = run.rows.len() * (48 + 33);
    assert!(run.frames >= bytes / (64 << 10) && run.frames <= bytes / (64 << 10) + 3, "{} frames", run.frames);

    let slow = batch_app(
        r#"
        for (int i = 0; i < 3; i++) { begin(host, 0, (uint64_t)i, 0); usleep(130000); host->row_end(host->ctx, 0); }
        return MYSIMBDP_OK;"#,
    );
    assert_eq!(start(&slow).run(b"xyz").frames, 3);
}

#[test]
fn a_row_of_many_megabytes_comes_whole() {
    let app = batch_app(
        r#"
        static char text[10 << 20];
        memset(text, 'x', sizeof text);
        begin(host, 0, 0, 1);
        for (int i = 0; i < 4; i++) {
            mysimbdp_bson_t doc;
            mysimbdp_bson_init(&doc);
            mysimbdp_bson_begin(&doc);
            mysimbdp_bson_string(&doc, "t", mysimbdp_bytes(text, sizeof text));
            mysimbdp_log(host, MYSIMBDP_LOG_INFO, "%d", mysimbdp_bson_emit(&doc, host));
            mysimbdp_bson_free(&doc);
        }
        host->row_end(host->ctx, 0);
        return MYSIMBDP_OK;"#,
    );
    let run = start(&app).run(b"x");
    assert_eq!(run.log_lines()[..3], ["0", "0", "0"]);
    assert_ne!(run.log_lines()[3], "0");
    assert_eq!((run.rows[0].0.documents, run.rows[0].0.refused), (3, 1));
}

#[test]
fn calls_in_the_wrong_place_are_refused_with_a_reason() {
    let app = batch_app(
        r#"
        #define TELL(call) do { int32_t status = call; bytes_t why = host->last_error(host->ctx); \
            mysimbdp_log(host, 3, "%d %.*s", status, status == 6 ? (int)why.len : 0, (const char *)why.ptr); } while (0)
        TELL(host->row_end(host->ctx, 0));
        TELL(host->row_reject(host->ctx, mysimbdp_text("r")));
        TELL(host->row_begin(host->ctx, NULL));
        TELL(begin(host, 0, 99, 0));
        begin(host, 1, 0, 1);
        TELL(begin(host, 1, 0, 1));
        begin(host, 0, 0, 1);
        host->row_reject(host->ctx, mysimbdp_bytes(NULL, 0));
        TELL(emit_number(host, 1));
        return 77;"#,
    );
    let run = start(&app).run(b"x");
    let expected = [
        "6 no row is open",
        "6 no row is open that could be rejected",
        "6 `row_begin` was given no row",
        "6 the row reaches to byte 99, the file has 1",
        "6 row 1 was begun where row 2 comes next: pass 0 to count on",
        "6 the row was rejected; end it, or begin the next one",
    ];
    assert_eq!(run.log_lines(), expected);
    assert_eq!(run.rows.last().unwrap().1, b"rejected without a reason");
    assert_eq!(run.done.unwrap().ending, Ending::Error { reason: "the app failed and did not say why".to_owned() });
}

#[test]
fn a_file_is_read_by_every_usual_way() {
    let app = compile(
        r#"
        #include <sys/mman.h>
        #include <sys/stat.h>
        static int32_t ingest(void *instance, const host_t *host, const input_t *input) {
            struct stat st;
            char line[64] = "";
            (void)instance;
            int known = fstat(input->fd, &st);
            mysimbdp_log(host, 3, "fstat %d %d", known, (int)st.st_size);
            FILE *file = fdopen(dup(input->fd), "r");
            if (!file || !fgets(line, sizeof line, file)) return mysimbdp_fail(host, "fdopen: %s", strerror(errno));
            fclose(file);
            mysimbdp_log(host, 3, "fgets %s", line);
            char *view = mmap(NULL, input->size, PROT_READ, MAP_PRIVATE, input->fd, 0);
            mysimbdp_log(host, 3, "mmap %.5s", view == MAP_FAILED ? "none" : view);
            mysimbdp_log(host, 3, "write %d", (int)write(input->fd, "x", 1));
            mysimbdp_log(host, 3, "stdin %d", (int)read(0, line, 1));
            printf("printed\n");
            return MYSIMBDP_OK;
        }
        MYSIMBDP_EXPORT_BATCH("test-app", "1", 0, mysimbdp_create_nothing, ingest, mysimbdp_destroy_nothing)"#,
        &[],
    );
    let mut worker = start(&app);
    let run = worker.run(b"hello");
    assert_eq!(run.log_lines(), ["fstat 0 5", "fgets hello", "mmap hello", "write -1", "stdin 0"]);
    worker.wire.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(worker.standard_output(), "printed\n");
}
