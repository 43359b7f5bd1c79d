//! The cross-encoder itself: rows of token ids in, one number per pair out, in one ONNX Runtime session.

use std::path::Path;

use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::manifest::Manifest;
use super::reader::Row;
use crate::embed::EmbedError;
use crate::embed::model::{RunError, build};

/// What a thread runs: the log-odds that one answer serves both, for each pair in order, none of it checked.
pub(in crate::embed) trait Scorer: Send {
    /// `rows` is not empty and not padded.
    fn run(&mut self, rows: &[Row]) -> Result<Vec<f32>, RunError>;
}

/// A session with what it needs to be fed and read.
pub(in crate::embed) struct OrtScorer {
    session: Session,
    manifest: Manifest,
    wants_types: bool,
}

impl OrtScorer {
    /// Loads the graph and runs it on the shortest pair, so that what does not fit stops the start.
    pub(in crate::embed) fn load(
        environment: &Environment,
        manifest: &Manifest,
        graph: &Path,
    ) -> Result<Self, EmbedError> {
        let unfit = |reason: String| EmbedError::Verifier {
            name: manifest.name().to_owned(),
            reason,
        };
        let session = build(environment, graph).map_err(|error| unfit(error.to_string()))?;
        let wants_types = session
            .inputs()
            .iter()
            .any(|input| input.name() == manifest.names.types);
        let mut scorer = Self {
            session,
            manifest: manifest.clone(),
            wants_types,
        };
        let first = Row {
            ids: vec![0; 5],
            types: vec![0, 0, 0, 1, 1],
        };
        scorer
            .run(&[first.clone(), first])
            .map_err(|error| unfit(error.to_string()))?;
        Ok(scorer)
    }

    fn inputs(&self, rows: &[Row]) -> ort::Result<Vec<(String, SessionInputValue<'static>)>> {
        let width = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
        let padded = |cells: fn(&Row) -> Vec<i64>| {
            let mut all = vec![0i64; rows.len() * width];
            for (slot, row) in all.chunks_mut(width.max(1)).zip(rows) {
                let cells = cells(row);
                slot[..cells.len()].copy_from_slice(&cells);
            }
            Tensor::from_array(([rows.len(), width], all)).map(SessionInputValue::from)
        };
        let names = &self.manifest.names;
        let mut inputs = vec![
            (names.ids.clone(), padded(|row| numbers(&row.ids))?),
            (names.mask.clone(), padded(|row| vec![1; row.ids.len()])?),
        ];
        if self.wants_types {
            inputs.push((names.types.clone(), padded(|row| numbers(&row.types))?));
        }
        Ok(inputs)
    }
}

fn numbers(ids: &[u32]) -> Vec<i64> {
    ids.iter().map(|id| i64::from(*id)).collect()
}

impl Scorer for OrtScorer {
    fn run(&mut self, rows: &[Row]) -> Result<Vec<f32>, RunError> {
        let inputs = self.inputs(rows)?;
        let outputs = self.session.run(inputs)?;
        let output = outputs
            .get(self.manifest.names.output.as_str())
            .ok_or_else(|| {
                ort::Error::new(format!("no output {:?}", self.manifest.names.output))
            })?;
        let (shape, numbers) = output.try_extract_tensor::<f32>()?;
        // One number per pair, in whatever dimensions of 1.
        let pairs = shape.first().and_then(|size| usize::try_from(*size).ok());
        if pairs != Some(rows.len()) || numbers.len() != rows.len() {
            return Err(RunError::Shape(shape.to_vec()));
        }
        Ok(numbers.iter().map(|n| self.manifest.log_odds(*n)).collect())
    }
}
