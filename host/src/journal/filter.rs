//! Which events somebody wants to see. Pure.

use super::error::JournalError;
use super::event::{Event, Happening};
use crate::tenant::{AppName, StreamName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An event has to be all of this; an empty filter takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Of one of these kinds; empty for any.
    pub kinds: Vec<String>,
    /// About this app.
    pub app: Option<AppName>,
    /// About this task.
    pub task: Option<u64>,
    /// About this stream.
    pub stream: Option<StreamName>,
}

/// What of an event decides whether it is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks<'a> {
    pub(super) at: Timestamp,
    pub(super) kind: &'a str,
    pub(super) app: Option<&'a str>,
    pub(super) stream: Option<&'a str>,
    /// It may be about one task and about several: these are all.
    pub(super) tasks: (Option<u64>, &'a [u64]),
}

impl Filter {
    /// A filter for one kind.
    pub fn kind(kind: &str) -> Filter {
        Filter { kinds: vec![kind.to_owned()], ..Filter::default() }
    }

    /// This event is wanted.
    pub fn matches(&self, event: &Event) -> bool {
        let what = &event.what;
        let (kind, app, stream, tasks) = (what.kind(), what.app(), what.stream(), (None, what.tasks()));
        self.takes(Marks { at: event.at, kind, app, stream, tasks })
    }

    pub(super) fn takes(&self, marks: Marks<'_>) -> bool {
        let Marks { at, kind, app, stream, tasks: (task, tasks) } = marks;
        self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
            && (self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind))
            && self.app.as_ref().is_none_or(|wanted| app == Some(wanted.as_str()))
            && self.stream.as_ref().is_none_or(|wanted| stream == Some(wanted.as_str()))
            && self.task.is_none_or(|wanted| task == Some(wanted) || tasks.contains(&wanted))
    }

    /// That only kinds are named which exist.
    ///
    /// # Errors
    /// One does not; the sentence says which do.
    pub fn check(&self) -> Result<(), JournalError> {
        match self.kinds.iter().find(|kind| !Happening::KINDS.contains(&kind.as_str())) {
            Some(kind) => Err(JournalError::Kind { kind: kind.clone(), known: Happening::KINDS.to_vec() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, ended, every_kind};
    use super::*;

    #[test]
    fn an_event_has_to_be_all_that_is_asked() {
        let event = Event { at: at(10), ..ended("acme", 7, 1) };
        let app = |name| Some(AppName::parse(name).unwrap());
        let all = Filter::default();
        for (filter, wanted) in [
            (all.clone(), true),
            (Filter { since: Some(at(10)), until: Some(at(11)), ..all.clone() }, true),
            (Filter { since: Some(at(11)), ..all.clone() }, false),
            (Filter { until: Some(at(10)), ..all.clone() }, false),
            (Filter { kinds: vec!["deed".into(), "task_ended".into()], ..all.clone() }, true),
            (Filter::kind("deed"), false),
            (Filter { app: app("csv"), task: Some(7), ..all.clone() }, true),
            (Filter { app: app("json"), ..all.clone() }, false),
            (Filter { task: Some(8), ..all }, false),
        ] {
            assert_eq!(filter.matches(&event), wanted, "{filter:?}");
        }
    }

    #[test]
    fn a_line_is_wanted_exactly_where_its_event_is() {
        use super::super::line::{Line, line_of, read_line};
        let all = Filter::default();
        let csv = Filter { app: Some(AppName::parse("csv").unwrap()), ..all.clone() };
        let clicks = Filter { stream: Some(StreamName::parse("clicks").unwrap()), ..all.clone() };
        let wanted = every_kind().iter().filter(|event| clicks.matches(event)).count();
        assert!(wanted >= 7, "{wanted} kinds are about a stream");
        for filter in [Filter { task: Some(3), ..all.clone() }, csv, clicks, Filter::kind("lost"), all] {
            for event in every_kind().into_iter().filter(|event| event.what.kind() != "file_began") {
                let line = line_of(&event).unwrap();
                let read = read_line(line.trim_end().as_bytes(), &filter);
                assert_eq!(matches!(read, Line::Wanted(_)), filter.matches(&event), "{filter:?} {line}");
            }
        }
    }

    #[test]
    fn a_kind_that_does_not_exist_is_told_with_those_that_do() {
        let told = Filter::kind("task_end").check().unwrap_err().to_string();
        assert!(told.starts_with("\"task_end\" is no kind of event: there are started, stopped, app_live"), "{told}");
        assert!(Filter::kind("task_ended").check().is_ok());
    }
}
