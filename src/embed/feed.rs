//! Rows of token ids as a graph's inputs: padded at their end, with a mask, under the names of its manifest.

use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::manifest::Names;

/// What a graph wants to be fed with.
pub(super) struct Feed {
    names: Names,
    wants_types: bool,
}

impl Feed {
    /// Not every graph has an input of token types.
    pub(super) fn of(session: &Session, names: &Names) -> Self {
        let wants = |input: &ort::value::Outlet| input.name() == names.types;
        Self {
            names: names.clone(),
            wants_types: session.inputs().iter().any(wants),
        }
    }

    /// Name of the graph's output.
    pub(super) fn output(&self) -> &str {
        &self.names.output
    }

    /// `[rows, tokens]` each: ids, mask and types, which are all 0 where none are given.
    pub(super) fn inputs(
        &self,
        ids: &[&[u32]],
        types: Option<&[&[u32]]>,
    ) -> ort::Result<Vec<(String, SessionInputValue<'static>)>> {
        let names = &self.names;
        let mut inputs = vec![
            (names.ids.clone(), padded(ids, i64::from)?),
            (names.mask.clone(), padded(ids, |_| 1)?),
        ];
        if self.wants_types {
            let types = types.map_or_else(|| padded(ids, |_| 0), |types| padded(types, i64::from));
            inputs.push((names.types.clone(), types?));
        }
        Ok(inputs)
    }
}

/// One cell for each token, 0 behind a row's end.
fn padded(rows: &[&[u32]], cell: fn(u32) -> i64) -> ort::Result<SessionInputValue<'static>> {
    let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let mut cells = vec![0i64; rows.len() * width];
    for (slots, row) in cells.chunks_mut(width.max(1)).zip(rows) {
        for (slot, &token) in slots.iter_mut().zip(*row) {
            *slot = cell(token);
        }
    }
    Tensor::from_array(([rows.len(), width], cells)).map(SessionInputValue::from)
}
