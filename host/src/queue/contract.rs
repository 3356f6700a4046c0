//! What every queue must do. Each home runs [`suite`] over itself; time is in the hands of the test.

mod kept;
mod room;
mod said;
mod waits;

use super::*;
use crate::task::Row;
use kept::{known_content_is_found, known_content_is_refused_where_it_comes_in, what_is_long_over_is_forgotten};
use room::{no_tenant_gets_beyond_its_room, the_states_of_a_batch_are_counted};
use said::what_was_said_of_a_stream_last_counts;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use waits::the_first_that_could_run_tells_how_long_a_tenant_waits;

const LEASE: Duration = Duration::from_secs(30);
const HOST: &str = "host-a";
const OTHER: &str = "host-b";

/// The time that a queue under test goes by, in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct TestTime(pub(super) Arc<AtomicI64>);

impl TestTime {
    pub(super) fn new() -> TestTime {
        TestTime(Arc::new(AtomicI64::new(1_000_000)))
    }

    pub(super) fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn pass(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// A queue under test.
pub(super) struct Subject {
    pub(super) queue: Arc<dyn TaskQueue>,
    pub(super) time: TestTime,
}

pub(super) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub(super) fn batch_of(name: &str, files: usize) -> NewBatch {
    let file = |index: usize| StoredFile {
        name: format!("{index}.csv"),
        bytes: 100,
        content: format!("content-{name}-{index}"),
        key: format!("{index}"),
    };
    NewBatch {
        room: u64::MAX,
        id: BatchId::new(),
        tenant: tenant(name),
        app: AppName::parse("app").unwrap(),
        origin: Origin::Submitted,
        files: (0..files).map(|index| (file(index), Work::Ingest)).collect(),
        generation: None,
        refuse_known: false,
    }
}

fn checkpoint(row: u64) -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    checkpoint.settled.row = Row { number: row, start: row * 10, end: row * 10 + 9, line: row + 1 };
    checkpoint.counts.rows.read = row;
    checkpoint
}

impl Subject {
    async fn enqueue(&self, name: &str, files: usize) -> Vec<u64> {
        self.queue.enqueue(batch_of(name, files)).await.unwrap()
    }

    async fn share(&self, name: &str, weight: u32, concurrent: u64) {
        self.queue.set_share(&tenant(name), Share { weight, concurrent }).await.unwrap();
    }

    async fn claim(&self) -> Option<Claim> {
        self.queue.claim(HOST, LEASE).await.unwrap()
    }

    async fn must_claim(&self) -> Claim {
        self.claim().await.expect("a task that waits")
    }

    async fn end(&self, claim: &Claim, ending: Ending) {
        self.queue.end(claim.key(), ending, checkpoint(7)).await.unwrap();
    }

    async fn state(&self, task: u64) -> TaskState {
        self.queue.task(task).await.unwrap().unwrap().state
    }
}

/// All sentences of the contract, each over a fresh queue.
pub(super) async fn suite<F: Future<Output = Subject>>(fresh: impl Fn() -> F) {
    a_batch_that_is_enqueued_again_is_the_one_that_is_there(fresh().await).await;
    tasks_of_a_tenant_come_in_their_order(fresh().await).await;
    no_more_run_at_once_than_the_share_allows(fresh().await).await;
    one_file_does_not_wait_behind_a_thousand(fresh().await).await;
    slot_time_is_shared_by_weight(fresh().await).await;
    idleness_is_not_saved_up(fresh().await).await;
    what_was_kept_is_there_at_the_next_claim(fresh().await).await;
    a_claim_whose_lease_ran_out_is_given_anew_and_the_old_one_is_fenced(fresh().await).await;
    a_cancelled_task_whose_host_is_gone_does_not_run_again(fresh().await).await;
    a_renewed_lease_holds_on(fresh().await).await;
    a_host_that_begins_anew_gives_back_what_it_held(fresh().await).await;
    a_failed_attempt_waits_for_its_pause(fresh().await).await;
    what_was_deferred_is_no_attempt(fresh().await).await;
    what_is_released_is_next(fresh().await).await;
    parked_tasks_are_retried_from_their_checkpoint(fresh().await).await;
    a_running_task_hears_of_its_cancellation(fresh().await).await;
    what_waits_is_cancelled_at_once(fresh().await).await;
    a_rerun_starts_from_nothing(fresh().await).await;
    what_the_state_forbids_is_refused_in_words(fresh().await).await;
    lists_are_filtered_and_paged(fresh().await).await;
    the_states_of_a_batch_are_counted(fresh().await).await;
    no_tenant_gets_beyond_its_room(fresh().await).await;
    known_content_is_found(fresh().await).await;
    known_content_is_refused_where_it_comes_in(fresh().await).await;
    what_is_long_over_is_forgotten(fresh().await).await;
    whoever_waits_is_woken(fresh().await).await;
    a_claim_that_ends_gives_way_to_the_next_one(fresh().await).await;
    a_claim_that_is_lost_claims_nothing_when_it_ends(fresh().await).await;
    what_was_said_of_a_stream_last_counts(fresh().await).await;
    the_first_that_could_run_tells_how_long_a_tenant_waits(fresh().await).await;
}

async fn a_batch_that_is_enqueued_again_is_the_one_that_is_there(subject: Subject) {
    let batch = batch_of("acme", 3);
    let numbers = subject.queue.enqueue(batch.clone()).await.unwrap();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(subject.queue.enqueue(batch.clone()).await.unwrap(), numbers);
    assert_eq!(subject.queue.batch(batch.id).await.unwrap(), numbers);
    assert!(subject.queue.batch(BatchId::new()).await.unwrap().is_empty());
    assert_eq!(subject.queue.load(&tenant("acme")).await.unwrap().waiting, 3);
}

async fn tasks_of_a_tenant_come_in_their_order(subject: Subject) {
    subject.share("acme", 1, 10).await;
    let numbers = subject.enqueue("acme", 4).await;
    let mut claimed = Vec::new();
    while let Some(claim) = subject.claim().await {
        claimed.push(claim.task.number);
    }
    assert_eq!(claimed, numbers);
}

async fn no_more_run_at_once_than_the_share_allows(subject: Subject) {
    subject.share("acme", 1, 2).await;
    subject.enqueue("acme", 4).await;
    let first = subject.must_claim().await;
    subject.must_claim().await;
    assert!(subject.claim().await.is_none());
    subject.end(&first, Ending::Done).await;
    assert!(subject.claim().await.is_some());
}

async fn one_file_does_not_wait_behind_a_thousand(subject: Subject) {
    const SLOTS: usize = 3;
    subject.share("many", 1, 100).await;
    subject.share("few", 1, 100).await;
    subject.enqueue("many", 1_000).await;
    let mut running = Vec::new();
    for _ in 0..SLOTS {
        running.push(subject.must_claim().await);
    }
    for _ in 0..20 {
        subject.time.pass(Duration::from_secs(2));
        let ended = running.remove(0);
        subject.end(&ended, Ending::Done).await;
        running.push(subject.must_claim().await);
    }
    subject.enqueue("few", 1).await;
    let ended = running.remove(0);
    subject.end(&ended, Ending::Done).await;
    assert_eq!(subject.must_claim().await.task.tenant, tenant("few"));
}

async fn slot_time_is_shared_by_weight(subject: Subject) {
    subject.share("heavy", 3, 100).await;
    subject.share("light", 1, 100).await;
    subject.enqueue("heavy", 100).await;
    subject.enqueue("light", 100).await;
    let mut heavy = 0;
    for _ in 0..40 {
        let claim = subject.must_claim().await;
        heavy += u32::from(claim.task.tenant == tenant("heavy"));
        subject.time.pass(Duration::from_secs(1));
        subject.end(&claim, Ending::Done).await;
    }
    assert!((29..=31).contains(&heavy), "{heavy} of 40");
}

async fn idleness_is_not_saved_up(subject: Subject) {
    subject.share("busy", 1, 100).await;
    subject.share("late", 1, 100).await;
    subject.enqueue("busy", 100).await;
    for _ in 0..20 {
        let claim = subject.must_claim().await;
        subject.time.pass(Duration::from_secs(10));
        subject.end(&claim, Ending::Done).await;
    }
    subject.enqueue("late", 100).await;
    let mut late = 0;
    for _ in 0..20 {
        let claim = subject.must_claim().await;
        late += u32::from(claim.task.tenant == tenant("late"));
        subject.time.pass(Duration::from_secs(10));
        subject.end(&claim, Ending::Done).await;
    }
    assert!((9..=11).contains(&late), "{late} of 20");
}

async fn what_was_kept_is_there_at_the_next_claim(subject: Subject) {
    subject.enqueue("acme", 1).await;
    let claim = subject.must_claim().await;
    assert_eq!((claim.task.epoch, claim.task.generation.as_deref()), (1, None));
    assert_eq!(subject.queue.pin(claim.key(), "abc").await.unwrap(), "abc");
    assert_eq!(subject.queue.pin(claim.key(), "def").await.unwrap(), "abc");
    subject.queue.save(claim.key(), checkpoint(41)).await.unwrap();
    subject.queue.recover(HOST).await.unwrap();
    let again = subject.must_claim().await.task;
    assert_eq!((again.epoch, again.generation.as_deref()), (2, Some("abc")));
    assert_eq!(again.checkpoint, checkpoint(41));
}

async fn a_claim_whose_lease_ran_out_is_given_anew_and_the_old_one_is_fenced(subject: Subject) {
    subject.enqueue("acme", 1).await;
    let old = subject.must_claim().await;
    assert!(subject.queue.claim(OTHER, LEASE).await.unwrap().is_none());
    subject.time.pass(LEASE);
    let new = subject.queue.claim(OTHER, LEASE).await.unwrap().unwrap();
    assert_eq!((new.task.number, new.task.epoch), (old.task.number, 2));
    let fenced = |error: QueueError| assert!(matches!(error, QueueError::Fenced { task: 1, epoch: 1 }), "{error}");
    fenced(subject.queue.renew(old.key(), LEASE).await.unwrap_err());
    fenced(subject.queue.pin(old.key(), "abc").await.unwrap_err());
    fenced(subject.queue.save(old.key(), checkpoint(1)).await.unwrap_err());
    fenced(subject.queue.end(old.key(), Ending::Done, checkpoint(1)).await.unwrap_err());
    subject.end(&new, Ending::Done).await;
    assert_eq!(subject.state(1).await, TaskState::Done);
}

async fn a_cancelled_task_whose_host_is_gone_does_not_run_again(subject: Subject) {
    subject.enqueue("acme", 1).await;
    subject.must_claim().await;
    subject.queue.cancel(1).await.unwrap();
    subject.time.pass(LEASE);
    assert!(subject.claim().await.is_none());
    assert_eq!(subject.state(1).await, TaskState::Cancelled);
}

async fn a_renewed_lease_holds_on(subject: Subject) {
    subject.enqueue("acme", 1).await;
    let claim = subject.must_claim().await;
    for _ in 0..5 {
        subject.time.pass(LEASE / 2);
        assert_eq!(subject.queue.renew(claim.key(), LEASE).await.unwrap(), Standing::Held);
        assert!(subject.queue.claim(OTHER, LEASE).await.unwrap().is_none());
    }
}

async fn a_host_that_begins_anew_gives_back_what_it_held(subject: Subject) {
    subject.share("acme", 1, 3).await;
    subject.enqueue("acme", 2).await;
    let mine = subject.must_claim().await;
    let others = subject.queue.claim(OTHER, LEASE).await.unwrap().unwrap();
    assert_eq!(subject.queue.recover(HOST).await.unwrap(), 1);
    assert_eq!(subject.state(mine.task.number).await, TaskState::Waiting);
    assert_eq!(subject.state(others.task.number).await, TaskState::Running);
}

async fn a_failed_attempt_waits_for_its_pause(subject: Subject) {
    subject.enqueue("acme", 1).await;
    let claim = subject.must_claim().await;
    subject.end(&claim, Ending::Again("it failed".into(), Duration::from_secs(5))).await;
    let task = subject.queue.task(1).await.unwrap().unwrap();
    assert_eq!((task.state, task.attempts, task.reason.as_deref()), (TaskState::Waiting, 1, Some("it failed")));
    assert_eq!(task.checkpoint, checkpoint(7));
    assert!(subject.claim().await.is_none());
    subject.time.pass(Duration::from_secs(5));
    assert_eq!(subject.must_claim().await.task.attempts, 1);
}

async fn what_was_deferred_is_no_attempt(subject: Subject) {
    subject.enqueue("acme", 1).await;
    let claim = subject.must_claim().await;
    subject.end(&claim, Ending::Deferred("the sink is down".into(), Duration::from_secs(5))).await;
    assert!(subject.claim().await.is_none());
    subject.time.pass(Duration::from_secs(5));
    assert_eq!(subject.must_claim().await.task.attempts, 0);
}

async fn what_is_released_is_next(subject: Subject) {
    let numbers = subject.enqueue("acme", 3).await;
    let claim = subject.must_claim().await;
    subject.end(&claim, Ending::Released).await;
    let again = subject.must_claim().await.task;
    assert_eq!((again.number, again.attempts), (numbers[0], 0));
}

async fn parked_tasks_are_retried_from_their_checkpoint(subject: Subject) {
    subject.enqueue("acme", 1).await;
    let claim = subject.must_claim().await;
    subject.end(&claim, Ending::Parked("it fails".into())).await;
    assert!(subject.claim().await.is_none());
    let parked = Load { waiting: 0, running: 0, parked: 1 };
    assert_eq!(subject.queue.load(&tenant("acme")).await.unwrap(), parked);
    let loads = subject.queue.loads(&[tenant("nobody"), tenant("acme")]).await.unwrap();
    assert_eq!(loads, [Load::default(), parked]);
    let parked = subject.queue.task(1).await.unwrap().unwrap();
    assert!(parked.ended_at.is_some() && parked.reason.as_deref() == Some("it fails"));
    subject.queue.retry(1).await.unwrap();
    let task = subject.must_claim().await.task;
    assert_eq!((task.attempts, task.reason, task.checkpoint), (0, None, checkpoint(7)));
}

async fn a_running_task_hears_of_its_cancellation(subject: Subject) {
    subject.enqueue("acme", 2).await;
    let claim = subject.must_claim().await;
    subject.queue.cancel(1).await.unwrap();
    assert_eq!(subject.state(1).await, TaskState::Running);
    assert_eq!(subject.queue.renew(claim.key(), LEASE).await.unwrap(), Standing::Cancel);
    subject.end(&claim, Ending::Cancelled).await;
    assert_eq!(subject.state(1).await, TaskState::Cancelled);
    // One that would go back into the queue stays cancelled.
    let claim = subject.must_claim().await;
    subject.queue.cancel(2).await.unwrap();
    subject.end(&claim, Ending::Released).await;
    assert_eq!(subject.state(2).await, TaskState::Cancelled);
    // One that would be parked, too.
    subject.queue.retry(2).await.unwrap();
    let claim = subject.must_claim().await;
    subject.queue.cancel(2).await.unwrap();
    subject.end(&claim, Ending::Parked("it fails".into())).await;
    assert_eq!(subject.state(2).await, TaskState::Cancelled);
}

async fn what_waits_is_cancelled_at_once(subject: Subject) {
    subject.enqueue("acme", 1).await;
    subject.queue.cancel(1).await.unwrap();
    assert_eq!(subject.state(1).await, TaskState::Cancelled);
    assert!(subject.claim().await.is_none());
    subject.queue.retry(1).await.unwrap();
    assert!(subject.claim().await.is_some());
}

async fn a_rerun_starts_from_nothing(subject: Subject) {
    subject.enqueue("acme", 1).await;
    let claim = subject.must_claim().await;
    subject.queue.pin(claim.key(), "old").await.unwrap();
    subject.end(&claim, Ending::Done).await;
    subject.queue.rerun(1, Some("new")).await.unwrap();
    let task = subject.must_claim().await.task;
    assert_eq!((task.number, task.work, task.generation.as_deref()), (1, Work::EraseAndIngest, Some("new")));
    assert_eq!((task.checkpoint, task.epoch), (Checkpoint::default(), 2));
}

async fn what_the_state_forbids_is_refused_in_words(subject: Subject) {
    subject.enqueue("acme", 1).await;
    let told = subject.queue.retry(1).await.unwrap_err().to_string();
    assert_eq!(told, "task 1 is waiting: only a task that is parked, partial or cancelled can be retried");
    let claim = subject.must_claim().await;
    subject.end(&claim, Ending::Done).await;
    let told = subject.queue.cancel(1).await.unwrap_err().to_string();
    assert_eq!(told, "task 1 is done: only a task that is waiting, running or parked can be cancelled");
    for refused in [subject.queue.retry(9).await, subject.queue.cancel(9).await, subject.queue.rerun(9, None).await] {
        assert_eq!(refused.unwrap_err().to_string(), "there is no task 9");
    }
}

async fn lists_are_filtered_and_paged(subject: Subject) {
    subject.enqueue("acme", 3).await;
    subject.enqueue("other", 2).await;
    let numbers = async |filter: TaskFilter, limit| -> Vec<u64> {
        subject.queue.tasks(&filter, limit).await.unwrap().iter().map(|task| task.number).collect()
    };
    assert_eq!(numbers(TaskFilter::default(), 10).await, [1, 2, 3, 4, 5]);
    let acme = TaskFilter { tenant: Some(tenant("acme")), ..TaskFilter::default() };
    assert_eq!(numbers(acme.clone(), 2).await, [1, 2]);
    assert_eq!(numbers(TaskFilter { after: Some(2), ..acme.clone() }, 2).await, [3]);
    assert_eq!(numbers(TaskFilter { newest_first: true, after: Some(3), ..acme.clone() }, 9).await, [2, 1]);
    subject.queue.cancel(2).await.unwrap();
    assert_eq!(numbers(TaskFilter { state: Some(TaskState::Cancelled), ..acme }, 9).await, [2]);
}

async fn whoever_waits_is_woken(subject: Subject) {
    assert!(subject.claim().await.is_none());
    let waiting = subject.queue.changed();
    subject.enqueue("acme", 1).await;
    // What came before the wait began is not missed either.
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
    let claim = subject.must_claim().await;
    subject.end(&claim, Ending::Released).await;
    tokio::time::timeout(Duration::from_secs(10), subject.queue.changed()).await.unwrap();
}

async fn a_claim_that_ends_gives_way_to_the_next_one(subject: Subject) {
    subject.share("acme", 1, 1).await;
    let numbers = subject.enqueue("acme", 3).await;
    let first = subject.must_claim().await;
    let next = async |claim: &Claim, ending| {
        subject.queue.end_and_claim(claim.key(), ending, checkpoint(7), OTHER, LEASE).await.unwrap()
    };
    let second = next(&first, Ending::Done).await.expect("a task that waits");
    assert_eq!((second.task.number, second.task.state, second.task.epoch), (numbers[1], TaskState::Running, 1));
    assert_eq!(Some(&second.task), subject.queue.task(numbers[1]).await.unwrap().as_ref());
    let ended = subject.queue.task(numbers[0]).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.checkpoint), (TaskState::Done, checkpoint(7)));
    // What is given back is the head again, with what was kept of it.
    let again = next(&second, Ending::Released).await.expect("the task that was given back");
    assert_eq!((again.task.number, again.task.epoch), (numbers[1], 2));
    assert_eq!(again.task.checkpoint, checkpoint(7));
    let third = next(&again, Ending::Again("it failed".into(), Duration::from_secs(5))).await.expect("the third task");
    assert_eq!(third.task.number, numbers[2]);
    assert_eq!(next(&third, Ending::Done).await, None);
    assert_eq!(subject.state(numbers[2]).await, TaskState::Done);
    subject.time.pass(Duration::from_secs(6));
    let paused = subject.must_claim().await.task;
    assert_eq!((paused.number, paused.attempts, paused.not_before), (numbers[1], 1, None));
    assert_eq!(Some(&paused), subject.queue.task(numbers[1]).await.unwrap().as_ref());
}

async fn a_claim_that_is_lost_claims_nothing_when_it_ends(subject: Subject) {
    subject.share("acme", 1, 5).await;
    let numbers = subject.enqueue("acme", 2).await;
    let lost = subject.must_claim().await;
    subject.time.pass(LEASE + Duration::from_secs(1));
    assert_eq!(subject.must_claim().await.task.number, numbers[0]);
    let answer = subject.queue.end_and_claim(lost.key(), Ending::Done, checkpoint(7), HOST, LEASE).await;
    assert!(matches!(answer, Err(QueueError::Fenced { .. })), "{answer:?}");
    assert_eq!(subject.state(numbers[1]).await, TaskState::Waiting);
}
