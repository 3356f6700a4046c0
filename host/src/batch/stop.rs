//! How a task that runs is told to stop, from wherever, and how soon it does.
//!
//! It stops at once wherever it waits for a worker. What is under way to the sink or to the keeper may still come to its
//! end, since that costs less than to do it again, but only for a moment: a sink that is stuck holds nobody up. Where the
//! claim is lost nothing may come to its end any more.

use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long what is under way may still take once the task is told to stop.
const GRACE: Duration = Duration::from_secs(1);

/// Why a task shall run no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The host stops: the task goes on later, from its checkpoint.
    Shutdown,
    /// Somebody cancelled it.
    Cancelled,
    /// Another host has it now: nothing more may be written.
    Lost,
    /// A limit that is watched from outside was reached.
    Limit {
        /// Its name, as statistics call it.
        name: &'static str,
        /// What was measured, and the limit, in one sentence.
        sentence: String,
    },
}

/// Tells a task to stop. The first reason is the one that counts, except that a claim may be lost later still.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<Option<Why>>);

/// Hears it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Option<Why>>);

impl Stop {
    /// Both ends.
    pub fn pair() -> (Stopper, Stop) {
        let (stopper, stop) = watch::channel(None);
        (Stopper(stopper), Stop(stop))
    }

    /// One that is never told to.
    pub fn never() -> Stop {
        Stop::pair().1
    }

    /// The reason, where there is one.
    pub fn why(&self) -> Option<Why> {
        self.0.borrow().clone()
    }

    /// Waits for the reason. Cancel-safe.
    pub async fn wait(&mut self) -> Why {
        let told = self.0.wait_for(Option::is_some).await;
        match told.ok().and_then(|why| why.clone()) {
            Some(why) => why,
            // Nobody is left who could say it.
            None => std::future::pending().await,
        }
    }

    /// The claim is lost: nothing more may be written.
    pub(super) fn is_lost(&self) -> bool {
        self.why() == Some(Why::Lost)
    }

    /// Brings `work` to its end. Once the task is told to stop it has a moment left ([`GRACE`]), and none where the claim is
    /// lost; `None` where it was given up.
    pub(super) async fn finish<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        if self.is_lost() {
            return None;
        }
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.patience() => None,
        }
    }

    async fn patience(&mut self) {
        self.wait().await;
        let lost = async {
            if self.0.wait_for(|why| *why == Some(Why::Lost)).await.is_err() {
                std::future::pending().await
            }
        };
        let _ = timeout(GRACE, lost).await;
    }
}

impl Stopper {
    /// Tells the task to stop.
    pub fn stop(&self, why: Why) {
        self.0.send_if_modified(|told| {
            let counts = told.is_none() || why == Why::Lost;
            if counts {
                *told = Some(why);
            }
            counts
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_counts_unless_the_claim_is_lost() {
        let (stopper, mut stop) = Stop::pair();
        assert_eq!(stop.why(), None);
        stopper.stop(Why::Shutdown);
        stopper.stop(Why::Cancelled);
        assert_eq!(stop.wait().await, Why::Shutdown);
        stopper.stop(Why::Lost);
        assert_eq!(stop.why(), Some(Why::Lost));
    }

    #[tokio::test]
    async fn what_is_under_way_comes_to_its_end_or_is_given_up_soon() {
        let (stopper, mut stop) = Stop::pair();
        assert_eq!(stop.finish(async { 1 }).await, Some(1));
        stopper.stop(Why::Shutdown);
        drop(stopper);
        assert_eq!(stop.finish(tokio::task::yield_now()).await, Some(()));
        assert_eq!(stop.finish(std::future::pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn nothing_is_begun_or_finished_once_the_claim_is_lost() {
        let (stopper, mut stop) = Stop::pair();
        let other = stopper.clone();
        let losing = async {
            other.stop(Why::Shutdown);
            other.stop(Why::Lost);
            std::future::pending::<()>().await;
        };
        assert_eq!(stop.finish(losing).await, None);
        assert_eq!(stop.finish(async { unreachable!() }).await, None::<()>);
    }
}
