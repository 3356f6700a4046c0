//! Labels of metrics, and which tenants have series of their own.
//!
//! Of more than [`MOST_TENANTS`] tenants, those with the first names have their own, on every host the same ones; the others
//! share [`OTHERS`]: somebody who makes tenants must not make series without end. A tenant that is new has its own at once where
//! there is room; it is settled anew whenever somebody scrapes.

use crate::tenant::TenantId;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Tenants that have series of their own.
pub(super) const MOST_TENANTS: usize = 500;
/// The label of all others.
pub(super) const OTHERS: &str = "_others";

/// A label's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Label(pub(super) Arc<str>);

impl From<&str> for Label {
    fn from(text: &str) -> Label {
        Label(text.into())
    }
}

impl EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.as_ref().encode(encoder)
    }
}

/// Whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfTenant {
    pub(super) tenant: Label,
}

/// Whose it is, and of which kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfState {
    pub(super) tenant: Label,
    pub(super) state: Label,
}

/// Which tenants have series of their own. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tenants(Arc<Mutex<BTreeSet<Label>>>);

/// How it is settled now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// Labels that are in use, [`OTHERS`] among them where somebody has it.
    pub(super) used: Vec<Label>,
    /// Labels that nobody has any more: their series go.
    pub(super) gone: Vec<Label>,
}

impl Tenants {
    pub(super) fn label(&self, tenant: &TenantId) -> Label {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let label = Label::from(tenant.as_str());
        if known.contains(&label) {
            return label;
        }
        if known.len() - usize::from(known.contains(&OTHERS.into())) >= MOST_TENANTS {
            known.insert(OTHERS.into());
            return OTHERS.into();
        }
        known.insert(label.clone());
        label
    }

    /// These are the tenants that there are.
    pub(super) fn settle<'a>(&self, tenants: impl Iterator<Item = &'a TenantId>) -> Settled {
        let mut names: BTreeSet<Label> = tenants.map(|tenant| Label::from(tenant.as_str())).collect();
        if let Some(first) = names.iter().nth(MOST_TENANTS).cloned() {
            names.split_off(&first);
            names.insert(OTHERS.into());
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = known.difference(&names).cloned().collect();
        known.clone_from(&names);
        Settled { used: names.into_iter().collect(), gone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenants(names: impl IntoIterator<Item = usize>) -> Vec<TenantId> {
        names.into_iter().map(|number| format!("t{number:04}").parse().unwrap()).collect()
    }

    #[test]
    fn those_with_the_first_names_have_their_own_whoever_came_first() {
        let all = tenants(0..MOST_TENANTS + 20);
        let (first, last) = (&all[0], &all[MOST_TENANTS + 19]);
        let labels = Tenants::default();
        assert_eq!(*labels.label(last).0, *last.as_str());
        let settled = labels.settle(all.iter().rev());
        assert_eq!((settled.used.len(), settled.gone), (MOST_TENANTS + 1, vec![last.as_str().into()]));
        assert_eq!((labels.label(last), labels.label(first)), (OTHERS.into(), first.as_str().into()));
    }

    #[test]
    fn whoever_is_gone_leaves_its_place() {
        let (old, new) = (tenants(0..MOST_TENANTS), tenants(1_000..1_000 + MOST_TENANTS));
        let labels = Tenants::default();
        labels.settle(old.iter());
        assert_eq!(labels.label(&new[0]), OTHERS.into());
        let settled = labels.settle(new.iter());
        assert_eq!(settled.gone.len(), MOST_TENANTS + 1, "the old ones, and those who shared");
        assert_eq!(labels.label(&new[MOST_TENANTS - 1]), new[MOST_TENANTS - 1].as_str().into());
    }
}
