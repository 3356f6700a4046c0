//! A claim that is lost, over the real queue and the real sink.

use super::*;
use crate::queue::NewBatch;
use crate::queue::embedded::{EmbeddedQueue, steady_clock};
use crate::sink::contract::{Batch, letter};
use crate::sink::embedded::{EmbeddedSink, Store};
use crate::task::{BatchId, Origin, StoredFile, Work};
use crate::tenant::{AppName, TenantId};
use bson::doc;

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(600);

struct Scene {
    queue: Arc<dyn TaskQueue>,
    store: Store,
    sink: EmbeddedSink,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn with_a_task() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let queue = EmbeddedQueue::open(&folder.path().join("queue.db"), steady_clock()).unwrap();
        let file = StoredFile { name: "a.csv".into(), bytes: 1, content: "c".into(), key: "k".into() };
        let batch = NewBatch {
            room: u64::MAX,
            id: BatchId::new(),
            tenant: TenantId::parse("acme").unwrap(),
            app: AppName::parse("app").unwrap(),
            origin: Origin::Submitted,
            files: vec![(file, Work::EraseAndIngest)],
            generation: None,
            refuse_known: false,
        };
        queue.enqueue(batch).await.unwrap();
        let store = Store::open(&folder.path().join("sink.db")).unwrap();
        let sink = store.collection("documents").await.unwrap();
        Scene { queue: Arc::new(queue), store, sink, _folder: folder }
    }

    /// A claim as a host holds it: its lease, its sink, and what hears of its loss.
    async fn claim(&self, host: &str, length: Duration) -> (FencedSink, super::super::stop::Stop) {
        let claim = self.queue.claim(host, length).await.unwrap().expect("a task that waits");
        let lease = Lease::new(Arc::clone(&self.queue), &claim, length);
        let (stopper, stop) = super::super::stop::Stop::pair();
        (FencedSink { sink: Arc::new(self.sink.clone()), lease, stopper }, stop)
    }

    fn documents(&self) -> usize {
        self.store.reader().unwrap().documents("documents", None, 100).unwrap().len()
    }
}

fn one(row: u64) -> DocumentBatch {
    Batch::default().numbered((1, row, 0), &doc! { "n": 1 }).build()
}

#[tokio::test]
async fn nothing_is_written_once_the_lease_has_run_out() {
    let scene = Scene::with_a_task().await;
    let (sink, stop) = scene.claim("a", LONG).await;
    sink.write(one(1)).await.unwrap();
    sink.lease.set(Moment::now());
    let told = sink.write(one(2)).await.unwrap_err().to_string();
    assert!(told.ends_with("the claim is lost: its lease has run out"), "{told}");
    assert!(sink.keep(vec![letter(1, 3, 0)]).await.is_err());
    assert_eq!(stop.why(), Some(Why::Lost));
    assert_eq!(scene.documents(), 1);
    assert_eq!(scene.sink.count_letters(&LetterFilter::default()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_lease_that_is_renewed_holds_on() {
    let scene = Scene::with_a_task().await;
    let (sink, stop) = scene.claim("a", LONG).await;
    sink.lease.set(Moment::now());
    sink.lease.renew().await.unwrap();
    sink.write(one(1)).await.unwrap();
    // An answer that comes late to an earlier question takes nothing away.
    let far = Moment::now() + LONG + LONG;
    sink.lease.set(far);
    sink.lease.renew().await.unwrap();
    assert!(sink.lease.left() > LONG);
    assert_eq!((scene.documents(), stop.why()), (1, None));
}

#[tokio::test]
async fn what_is_under_way_is_given_up_when_the_lease_runs_out() {
    let scene = Scene::with_a_task().await;
    let (sink, stop) = scene.claim("a", LONG).await;
    sink.lease.set(Moment::now() + SHORT);
    assert!(sink.held(std::future::pending::<Result<(), SinkError>>()).await.is_err());
    assert_eq!(stop.why(), Some(Why::Lost));
}

#[tokio::test]
async fn whoever_was_succeeded_erases_and_forgets_nothing() {
    let scene = Scene::with_a_task().await;
    // It believes that it has all the time in the world: its clock stood still, or its word came late.
    let (late, stop) = scene.claim("a", SHORT).await;
    late.lease.set(Moment::now() + LONG);
    sleep(2 * SHORT).await;
    let (successor, _) = scene.claim("b", LONG).await;
    successor.write(one(1)).await.unwrap();
    successor.keep(vec![letter(1, 2, 0)]).await.unwrap();
    let told = late.erase(1, 10).await.unwrap_err().to_string();
    assert!(told.contains("task 1 is not held under epoch 1 any more"), "{told}");
    assert!(late.forget(1, vec![2]).await.is_err());
    assert_eq!(stop.why(), Some(Why::Lost));
    assert_eq!(scene.documents(), 1);
    assert_eq!(scene.sink.count_letters(&LetterFilter::default()).await.unwrap(), 1);
    assert_eq!(successor.forget(1, vec![2]).await.unwrap(), 1);
    assert_eq!(successor.erase(1, 10).await.unwrap(), 1);
}
