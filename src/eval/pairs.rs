//! Pairs and conversations: each row alone in a fresh scope, the one asked and remembered,
//! then the other asked of memory.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::measure::{Figures, Measured};
use super::progress::Progress;
use super::rows::{ConversationRow, PairRow};
use super::trial::{Place, Trial, TrialError, question};

/// The tag of all rows.
pub(super) const ALL: &str = "all";

/// What one file gave.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Rows by tag, in the file's order.
    pub by_tag: BTreeMap<String, Vec<Measured>>,
    /// All of them.
    pub all: Vec<Measured>,
}

impl Outcomes {
    fn add(&mut self, tag: String, row: Measured) {
        self.by_tag.entry(tag).or_default().push(row);
        self.all.push(row);
    }

    /// Figures by tag, and of all under [`ALL`].
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, Figures> {
        let tags = self.by_tag.iter();
        let mut figures: BTreeMap<_, _> = tags
            .map(|(tag, rows)| (tag.clone(), Figures::of(rows)))
            .collect();
        figures.insert(ALL.to_owned(), Figures::of(&self.all));
        figures
    }
}

/// A row in the form that both kinds of file share: what is remembered, what is asked.
pub struct Row {
    a: Vec<Value>,
    b: Vec<Value>,
    label: bool,
    tag: String,
}

impl From<PairRow> for Row {
    fn from(row: PairRow) -> Self {
        Self {
            a: question(&row.a),
            b: question(&row.b),
            label: row.label,
            tag: row.tag,
        }
    }
}

impl From<ConversationRow> for Row {
    fn from(row: ConversationRow) -> Self {
        Self {
            a: row.a,
            b: row.b,
            label: row.label,
            tag: row.kind,
        }
    }
}

/// Asks the rows of one file; `file` tells the scopes of several files apart.
pub async fn measure(
    trial: &Trial,
    file: usize,
    rows: Vec<impl Into<Row>>,
    mut progress: Progress,
) -> Outcomes {
    let rows = rows.into_iter().map(Into::into);
    let asked = stream::iter(rows.enumerate())
        .map(|(number, row)| async move {
            let said = one(trial, Place::row(file, number), &row).await;
            (number, row, said)
        })
        .buffered(trial.at_once());
    let mut asked = std::pin::pin!(asked);
    let mut outcomes = Outcomes::default();
    while let Some((number, row, said)) = asked.next().await {
        let measured = said.unwrap_or_else(|why| {
            progress.fault(number + 1, &why);
            Measured {
                label: row.label,
                served: false,
                score: 0.0,
                ms: 0.0,
            }
        });
        outcomes.add(row.tag, measured);
        progress.step();
    }
    progress.done();
    outcomes
}

async fn one(
    trial: &Trial,
    place: Result<Place, TrialError>,
    row: &Row,
) -> Result<Measured, TrialError> {
    let place = place?;
    trial.answer(&place, &row.a).await?;
    let said = trial.consult(&place, &row.b).await?;
    if said.hit.is_some() && !row.label {
        trial.tell_wrong(
            json!({"kind": row.tag, "asked": told(&row.b), "stored": told(&row.a), "score": said.score}),
        );
    }
    Ok(Measured {
        label: row.label,
        served: said.hit.is_some(),
        score: said.score,
        ms: said.ms,
    })
}

/// A question alone as its text, a conversation as it is.
fn told(messages: &[Value]) -> Value {
    match messages {
        [message] => message["content"].clone(),
        all => all.into(),
    }
}
