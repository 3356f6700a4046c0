//! What an app's calls of the host's table act on: the rows or messages in work, the wire, the flight recorder.
//!
//! The functions here are the table's, without pointers: [`host_table`](super::host_table) is the thin `unsafe` layer
//! above. A host that is gone ends the process at once, in the middle of the app's call: nobody is left to work for.
//!
//! Order that matters: the recorder names no row before anything is sent. A write blocks as long as the sink is slow, and
//! a worker that is killed meanwhile must not convict the row before.

use super::link::Outbox;
use super::outcomes::Outcomes;
use super::plan::{Begin, Next, Plan};
use super::recorder::Recorder;
use super::rows::Rows;
use super::{Exit, clock, leave, text};
use crate::worker::protocol::{Ending, FLUSH_BYTES, GuestKind, LARGE_FLUSH_BYTES, Log, Progress, SMALL_FRAMES, Start};
use crate::worker::recorder::State;
use mysimbdp_abi::{RowV1, level, status};
use std::time::Duration;

/// Rows and outcomes leave at the latest this long after the ones before: the host sees that the app gets on.
pub(super) const FLUSH_AFTER: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) outbox: Outbox,
    pub(super) recorder: Recorder,
    work: Work,
    /// Of the messages in work; its buffer is kept from one delivery to the next.
    outcomes: Outcomes,
    tag: u32,
    sent_at: Duration,
    stopped: bool,
    failure: Option<String>,
    refusal: String,
}

/// What the app is called for.
#[derive(Debug)]
enum Work {
    /// Nothing: an instance is made or ended.
    Nothing,
    /// A file.
    File { rows: Box<Rows>, plan: Plan, begun: u64, frames: u32 },
    /// Messages.
    Messages,
}

impl Context {
    pub(super) fn new(outbox: Outbox, recorder: Recorder) -> Context {
        Context {
            outbox,
            recorder,
            work: Work::Nothing,
            outcomes: Outcomes::new(),
            tag: 0,
            sent_at: Duration::ZERO,
            stopped: false,
            failure: None,
            refusal: String::new(),
        }
    }

    /// A file of `size` bytes is ingested by this plan.
    pub(super) fn begin_file(&mut self, size: u64, plan: Plan) {
        self.stopped = false;
        self.sent_at = clock::coarse();
        self.work = Work::File { rows: Box::new(Rows::new(size)), plan, begun: 0, frames: 0 };
    }

    /// The file is done: sends what is left of it and answers how far the app came. What an app that failed had left open
    /// is forgotten.
    /// After a panic the recorder stays as it is: it still names the row that the app panicked at.
    pub(super) fn end_file(&mut self, ending: &Ending) -> u64 {
        let Work::File { rows, .. } = &mut self.work else { return 0 };
        match ending {
            Ending::Ok => _ = rows.end(0),
            Ending::Error { .. } | Ending::Panic { .. } => rows.forget_open(),
        }
        if !matches!(ending, Ending::Panic { .. }) {
            self.recorder.set_state(State::InApp);
        }
        self.send_rows();
        let Work::File { rows, .. } = &self.work else { return 0 };
        let position = rows.position();
        self.work = Work::Nothing;
        position
    }

    /// Messages come, one after another.
    pub(super) fn begin_messages(&mut self) {
        self.work = Work::Messages;
    }

    /// The outcomes in the making, between `begin_messages` and `end_messages`.
    #[inline]
    pub(super) fn outcomes(&mut self) -> &mut Outcomes {
        &mut self.outcomes
    }

    /// Sends the outcomes so far.
    pub(super) fn send_outcomes(&mut self) {
        // A worker that is killed while it waits here died of no message.
        self.recorder.set_state(State::InApp);
        if self.outcomes.pending() > 0 {
            deliver(self.outbox.send_in_place(GuestKind::Outcomes, self.tag, self.outcomes.frame()));
            self.outcomes.sent();
        }
    }

    /// No more messages.
    pub(super) fn end_messages(&mut self) {
        self.send_outcomes();
        self.work = Work::Nothing;
    }

    /// Frames from here on belong to this task or delivery.
    pub(super) fn set_tag(&mut self, tag: u32) {
        self.tag = tag;
    }

    /// Sends a control frame.
    pub(super) fn send(&mut self, kind: GuestKind, body: &impl serde::Serialize) {
        deliver(self.outbox.send(kind, self.tag, body));
    }

    /// Why the entry that has just returned failed, in the app's words.
    pub(super) fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    // What follows is the table.

    #[inline]
    pub(super) fn emit(&mut self, document: &[u8]) -> i32 {
        if self.stopped {
            return status::STOP;
        }
        let taken = match &mut self.work {
            Work::File { rows, .. } => rows.emit(document),
            Work::Messages => self.outcomes.emit(document),
            Work::Nothing => Err("documents can be emitted only while a file or a message is ingested".to_owned()),
        };
        match taken {
            Ok(()) => {
                // Documents of a row wait for its end.
                if matches!(&self.work, Work::File { rows, .. } if !rows.is_open()) {
                    self.send_if_due();
                }
                status::OK
            }
            Err(why) => self.refuse(why),
        }
    }

    #[inline]
    pub(super) fn row_begin(&mut self, row: Option<&RowV1>) -> i32 {
        let Some(row) = row else { return self.refuse("`row_begin` was given no row".to_owned()) };
        let Work::File { rows, .. } = &mut self.work else {
            return self.refuse("rows can be begun only while a file is ingested".to_owned());
        };
        if self.stopped {
            return status::STOP;
        }
        if rows.end_before(row.start) {
            self.recorder.set_state(State::InApp);
            self.send_if_due();
        }
        let Work::File { rows, plan, begun, .. } = &mut self.work else { return status::STOP };
        match rows.check(row).and_then(|()| plan.begin(row.number)) {
            Ok(Begin::Run(number)) => {
                rows.begin(number, row);
                *begun += 1;
                self.recorder.begin(number, row.start, row.end, row.line, *begun);
                status::OK
            }
            Ok(Begin::Skip) => {
                rows.pass(row);
                self.recorder.set_state(State::InApp);
                status::SKIP
            }
            Ok(Begin::Stop) => {
                self.recorder.set_state(State::InApp);
                self.stopped = true;
                status::STOP
            }
            Err(why) => {
                self.recorder.set_state(State::InApp);
                self.refuse(why)
            }
        }
    }

    #[inline]
    pub(super) fn row_end(&mut self, end: u64) -> i32 {
        let Work::File { rows, .. } = &mut self.work else {
            return self.refuse("rows can be ended only while a file is ingested".to_owned());
        };
        match rows.end(end) {
            Ok(true) => {}
            Ok(false) => return self.refuse("no row is open".to_owned()),
            Err(why) => return self.refuse(why),
        }
        self.recorder.set_state(State::InApp);
        self.send_if_due();
        if self.stopped { status::STOP } else { status::OK }
    }

    pub(super) fn row_reject(&mut self, reason: &[u8]) -> i32 {
        let Work::File { rows, .. } = &mut self.work else {
            return self.refuse("a row can be rejected only while a file is ingested".to_owned());
        };
        let reason = text::told(reason);
        let reason = if reason.is_empty() { "rejected without a reason" } else { &reason };
        if !rows.reject(reason) {
            return self.refuse("no row is open that could be rejected".to_owned());
        }
        if self.stopped { status::STOP } else { status::OK }
    }

    /// `Ok` with the place to jump to, or the status to answer.
    pub(super) fn next_start(&mut self) -> Result<Start, i32> {
        let Work::File { rows, .. } = &mut self.work else { return Err(status::STOP) };
        if self.stopped {
            return Err(status::STOP);
        }
        // A row that is still open ended somewhere that nobody told.
        if rows.end(0) == Ok(true) {
            self.recorder.set_state(State::InApp);
            self.send_if_due();
        }
        let Work::File { rows, plan, .. } = &mut self.work else { return Err(status::STOP) };
        match plan.next_start() {
            Next::Here => Err(status::OK),
            Next::Jump(start) => {
                rows.jump();
                Ok(start)
            }
            Next::Stop => {
                self.stopped = true;
                Err(status::STOP)
            }
        }
    }

    pub(super) fn log(&mut self, level: u32, message: &[u8]) {
        let level = level.clamp(level::ERROR, level::DEBUG);
        let message = text::told(message).into_owned();
        self.send(GuestKind::Log, &Log { level, message });
    }

    pub(super) fn progress(&mut self, position: u64) -> i32 {
        if let Work::File { rows, .. } = &mut self.work {
            rows.advance(position);
            let position = rows.position();
            let now = clock::coarse();
            if now.saturating_sub(self.sent_at) >= FLUSH_AFTER {
                self.sent_at = now;
                self.send(GuestKind::Progress, &Progress { position });
            }
        }
        if self.stopped { status::STOP } else { status::OK }
    }

    pub(super) fn fail(&mut self, reason: &[u8]) {
        self.failure = Some(text::told(reason).into_owned());
    }

    pub(super) fn last_error(&self) -> &str {
        &self.refusal
    }

    #[cold]
    fn refuse(&mut self, why: String) -> i32 {
        self.refusal = why;
        status::REFUSED
    }

    #[inline]
    fn send_if_due(&mut self) {
        let Work::File { rows, frames, .. } = &self.work else { return };
        let full = if *frames < SMALL_FRAMES { FLUSH_BYTES } else { LARGE_FLUSH_BYTES };
        if rows.pending() >= full || clock::coarse().saturating_sub(self.sent_at) >= FLUSH_AFTER {
            self.send_rows();
        }
    }

    fn send_rows(&mut self) {
        let Work::File { rows, frames, .. } = &mut self.work else { return };
        if rows.pending() > 0 {
            deliver(self.outbox.send_rows(self.tag, rows.frame()));
            rows.sent();
            *frames = frames.saturating_add(1);
        }
        self.sent_at = clock::coarse();
    }
}

/// Without a host there is nothing left to do.
fn deliver(sent: Result<(), super::link::LinkError>) {
    if sent.is_err() {
        leave(Exit::Broken);
    }
}
