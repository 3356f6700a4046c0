//! The columns of a file: their names, and which of them a struct wants.

use super::parse_error::Shown;
use crate::error::AppError;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The columns of a file.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// Names in order; `None` where the file has no header.
    names: Option<Vec<String>>,
    by_name: BTreeMap<String, usize>,
    /// How many fields a row has.
    pub(super) width: usize,
    plans: RefCell<Vec<Plan>>,
}

/// How the fields of one struct are found in a row, worked out once.
///
/// A struct with `#[derive(Deserialize)]` can be read by name (each header is looked up in its fields, row after row), or
/// by position (its fields in their order). The second is several times faster, but only right where the file has every
/// field, no field has an alias, and no column is unwelcome. So the first row is read by name; once that has succeeded,
/// rows are read by position as long as the struct asks for exactly the fields it announced.
#[derive(Debug)]
pub(crate) struct Plan {
    fields: &'static [&'static str],
    /// The column of each field, where the file has all of them.
    columns: Option<Box<[usize]>>,
    by_position: ByPosition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByPosition {
    /// No row has been read by name yet.
    NotYet,
    Yes,
    Never,
}

impl Columns {
    /// Columns that the file names in its header.
    pub(super) fn named(names: Vec<String>) -> Result<Columns, AppError> {
        let mut by_name = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            if let Some(first) = by_name.insert(name.clone(), at) {
                return Err(AppError::new(format_args!(
                    "the header names the column {} twice, at positions {} and {}; rename one of them",
                    Shown(name),
                    first + 1,
                    at + 1
                )));
            }
        }
        Ok(Columns { width: names.len(), names: Some(names), by_name, plans: RefCell::default() })
    }

    /// Columns without names.
    pub(super) fn unnamed(width: usize) -> Columns {
        Columns { width, ..Columns::default() }
    }

    pub(super) fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    #[inline]
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The name of a column, or its number.
    pub(super) fn label(&self, at: usize) -> String {
        match self.names.as_ref().and_then(|names| names.get(at)) {
            Some(name) => name.clone(),
            None => (at + 1).to_string(),
        }
    }

    /// Refuses a file that lacks one of these.
    pub(super) fn require(&self, wanted: &[String]) -> Result<(), AppError> {
        let missing: Vec<_> =
            wanted.iter().filter(|name| self.position(name).is_none()).map(|name| quoted(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let Some(names) = &self.names else {
            return Err(AppError::new("columns are required by name, but the file is read without a header"));
        };
        const MOST: usize = 40;
        let mut there: Vec<_> = names.iter().take(MOST).map(|name| quoted(name)).collect();
        if names.len() > MOST {
            there.push(format!("and {} more", names.len() - MOST));
        }
        Err(AppError::new(format_args!(
            "the file lacks the column{} {}; it has {}",
            if missing.len() == 1 { "" } else { "s" },
            missing.join(", "),
            there.join(", ")
        )))
    }

    /// Calls `with` with the columns of these fields in their order, where they may be read by position.
    #[inline]
    pub(super) fn by_position<R>(
        &self,
        fields: &'static [&'static str],
        with: impl FnOnce(Option<&[usize]>) -> R,
    ) -> R {
        {
            let plans = self.plans.borrow();
            if let Some(plan) = plans.iter().find(|plan| plan.is_of(fields)) {
                let columns = plan.columns.as_deref().filter(|_| plan.by_position == ByPosition::Yes);
                return with(columns);
            }
        }
        self.plan(fields);
        with(None)
    }

    #[cold]
    fn plan(&self, fields: &'static [&'static str]) {
        let columns = fields.iter().map(|name| self.position(name)).collect();
        self.plans.borrow_mut().push(Plan { fields, columns, by_position: ByPosition::NotYet });
    }

    /// A row was read by name: what has this shape may be read by position from now on.
    pub(super) fn read_by_name(&self, fields: &'static [&'static str]) {
        self.change(fields, |state| if state == ByPosition::NotYet { ByPosition::Yes } else { state });
    }

    /// What has this shape cannot be read by position.
    #[cold]
    pub(super) fn never_by_position(&self, fields: &'static [&'static str]) {
        self.change(fields, |_| ByPosition::Never);
    }

    fn change(&self, fields: &'static [&'static str], to: impl FnOnce(ByPosition) -> ByPosition) {
        if let Some(plan) = self.plans.borrow_mut().iter_mut().find(|plan| plan.is_of(fields)) {
            plan.by_position = to(plan.by_position);
        }
    }
}

impl Plan {
    /// The same list of fields is the same struct: each derive makes a list of its own, and two of the same content at
    /// the same place would be the same columns anyway.
    #[inline]
    fn is_of(&self, fields: &'static [&'static str]) -> bool {
        std::ptr::eq(self.fields, fields)
    }
}

fn quoted(name: &str) -> String {
    format!("`{name}`")
}
