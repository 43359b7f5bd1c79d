//! The cross-encoder itself: rows of token ids in, one number per pair out, in one ONNX Runtime session.

use std::path::Path;

use ort::environment::Environment;
use ort::session::Session;

use super::manifest::Manifest;
use super::reader::Row;
use crate::embed::EmbedError;
use crate::embed::feed::Feed;
use crate::embed::model::{RunError, build, output};

/// What a thread runs: the log-odds that one answer serves both, for each pair in order, none of it checked.
pub(in crate::embed) trait Scorer: Send {
    /// `rows` is not empty and not padded.
    fn run(&mut self, rows: &[Row]) -> Result<Vec<f32>, RunError>;
}

/// A session with what it needs to be fed and read.
pub(in crate::embed) struct OrtScorer {
    session: Session,
    manifest: Manifest,
    feed: Feed,
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
        let mut scorer = Self {
            feed: Feed::of(&session, &manifest.names),
            session,
            manifest: manifest.clone(),
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
}

impl Scorer for OrtScorer {
    fn run(&mut self, rows: &[Row]) -> Result<Vec<f32>, RunError> {
        let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids.as_slice()).collect();
        let types: Vec<&[u32]> = rows.iter().map(|row| row.types.as_slice()).collect();
        let outputs = self.session.run(self.feed.inputs(&ids, Some(&types))?)?;
        let output = output(&outputs, &self.feed)?;
        let (shape, numbers) = output.try_extract_tensor::<f32>()?;
        // One number per pair, in whatever dimensions of 1.
        let pairs = shape.first().and_then(|size| usize::try_from(*size).ok());
        if pairs != Some(rows.len()) || numbers.len() != rows.len() {
            return Err(RunError::Shape(shape.to_vec()));
        }
        Ok(numbers.iter().map(|n| self.manifest.log_odds(*n)).collect())
    }
}
