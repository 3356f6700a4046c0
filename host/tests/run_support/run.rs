//! One run of the stage's task.

use super::keeper::Memory;
use super::stage::Stage;
use super::watch::Watch;
use mysimbdp::batch::cast::{Cast, Slot};
use mysimbdp::batch::data_file::DataFile;
use mysimbdp::batch::report::TaskReport;
use mysimbdp::batch::runner::{self, Assignment, RunError};
use mysimbdp::batch::stop::{Stop, Stopper};
use mysimbdp::task::Checkpoint;
use mysimbdp::worker::protocol::Start;
use std::sync::Arc;
use std::time::Duration;

/// What a test may take that ends at once where it goes right.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that happens to a file.
pub(crate) type Change = fn(&std::fs::File);

/// A run in the making.
pub(crate) struct Run<'a> {
    pub(super) stage: &'a Stage,
    pub(super) from: Checkpoint,
    pub(crate) rows: Option<Vec<Start>>,
    /// What somebody does to the file once it is open.
    pub(crate) once_opened: Option<Change>,
    pub(crate) slot: Slot,
    pub(crate) keeper: Memory,
    pub(crate) observer: Watch,
    pub(super) stop: Stop,
}

impl Run<'_> {
    pub(crate) fn stopper(&self) -> Stopper {
        self.observer.stopper.clone()
    }

    pub(crate) async fn end(self) -> Result<TaskReport, RunError> {
        let Run { stage, from, rows, once_opened, mut slot, mut keeper, mut observer, stop } = self;
        let (cast, file) = (Arc::new(copy(&stage.cast)), Arc::new(DataFile::open(&stage.path()).unwrap()));
        if let Some(change) = once_opened {
            change(&std::fs::File::options().write(true).open(stage.path()).unwrap());
        }
        let (slot_of_run, keeper_of_run) = (&mut slot, &mut keeper);
        let assignment = Assignment {
            cast: &cast,
            slot: slot_of_run,
            file: &file,
            task: 1,
            from,
            rows,
            keeper: keeper_of_run,
            stop,
        };
        let run = runner::run(assignment, &mut observer);
        let report = tokio::time::timeout(PATIENCE, run).await.expect("a run that does not end");
        slot.close().await;
        report
    }
}

fn copy(cast: &Cast) -> Cast {
    let Cast { spawner, spec, sink, deadlines, policy, tolerance, bounds } = cast;
    let (spawner, spec, sink) = (spawner.clone(), spec.clone(), Arc::clone(sink));
    Cast { spawner, spec, sink, deadlines: *deadlines, policy: *policy, tolerance: *tolerance, bounds: *bounds }
}
