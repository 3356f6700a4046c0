//! How long tenants wait.

use super::*;

pub(super) async fn the_first_that_could_run_tells_how_long_a_tenant_waits(subject: Subject) {
    subject.queue.answers().await.unwrap();
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let since = async || {
        let asked = [tenant("nobody"), acme.clone(), globex.clone()];
        let since = subject.queue.waiting_since(&asked).await.unwrap();
        since.into_iter().map(|since| since.map(|since| since.as_millisecond())).collect::<Vec<_>>()
    };
    assert_eq!(since().await, [None, None, None]);
    let first = subject.time.now();
    subject.enqueue("acme", 1).await;
    subject.time.pass(Duration::from_secs(60));
    let second = subject.time.now();
    subject.enqueue("globex", 1).await;
    subject.enqueue("acme", 1).await;
    assert_eq!(since().await, [None, Some(first), Some(second)]);
    // One that runs does not wait, nor does one that pauses before it is tried again.
    let claim = subject.must_claim().await;
    assert_eq!(claim.task.tenant, acme);
    assert_eq!(since().await[1], Some(second));
    subject.end(&claim, Ending::Again("it failed".into(), Duration::from_secs(600))).await;
    assert_eq!(since().await[1], Some(second));
    subject.queue.cancel(3).await.unwrap();
    assert_eq!(since().await, [None, None, Some(second)]);
}
