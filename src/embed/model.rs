//! The encoder itself: token ids in, vectors out, in one ONNX Runtime session. Knows nothing of texts and queues.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionOutputs};
use ort::value::DynValue;
use parking_lot::Mutex;

use super::feed::Feed;
use super::manifest::{Manifest, Pooling};
use super::vector::{norm, scale};
use super::{EmbedConfig, EmbedError};

/// ONNX Runtime allows one environment per process, so the first one is kept and shared.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Why a run gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// The runtime refused.
    #[error("ONNX Runtime: {0}")]
    Runtime(#[from] ort::Error),
    /// It gave something else than one row per text or pair.
    #[error("the output has shape {0:?}")]
    Shape(Vec<i64>),
}

/// What a thread runs: one vector for each text, in order, none of it checked.
pub(super) trait Model: Send {
    /// `batch` holds token ids, one list per text, not empty and not padded.
    fn run(&mut self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, RunError>;
}

/// A session with what it needs to be fed and read.
pub(super) struct OrtModel {
    session: Session,
    manifest: Manifest,
    feed: Feed,
}

/// The process's ONNX Runtime, loaded from where the configuration says on the first call.
pub(super) fn environment(config: &EmbedConfig) -> Result<Environment, EmbedError> {
    let mut shared = ENVIRONMENT.lock();
    if let Some(environment) = &*shared {
        return Ok(environment.clone());
    }
    let path = library(config)?;
    load(&mut shared, path)
}

/// What is wrong with the library that is named outside the model's folder, if one is.
pub(super) fn named_fault(runtime_lib: Option<&Path>) -> Option<EmbedError> {
    let mut shared = ENVIRONMENT.lock();
    if shared.is_some() {
        return None;
    }
    let path = absolute(named(runtime_lib)?);
    path.and_then(|path| load(&mut shared, path)).err()
}

fn load(shared: &mut Option<Environment>, path: PathBuf) -> Result<Environment, EmbedError> {
    let bad = |reason: String| EmbedError::BadRuntime {
        path: path.clone(),
        reason,
    };
    let environment = ort::init_from(&path)
        .map_err(|error| bad(error.to_string()))?
        .with_name("reprise")
        .with_telemetry(false)
        .build()
        .map_err(|error| bad(error.to_string()))?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    *shared = Some(environment.clone());
    Ok(environment)
}

/// A session that computes on the calling thread only: the gateway's own threads are the parallelism.
pub(super) fn session(
    environment: &Environment,
    manifest: &Manifest,
    graph: &Path,
) -> Result<Session, EmbedError> {
    build(environment, graph).map_err(|error| unfit(manifest, error.to_string()))
}

/// A session with the settings that all models here run with.
pub(super) fn build(environment: &Environment, graph: &Path) -> ort::Result<Session> {
    Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        // A plan per shape ever seen would be kept for good, and texts come in every length.
        .with_memory_pattern(false)?
        .commit_from_file(graph)
}

impl OrtModel {
    /// Loads the graph and runs it on the shortest text, so that what does not fit stops the start.
    pub(super) fn load(
        environment: &Environment,
        manifest: &Manifest,
        graph: &Path,
    ) -> Result<Self, EmbedError> {
        let session = session(environment, manifest, graph)?;
        let mut model = Self {
            feed: Feed::of(&session, &manifest.names),
            session,
            manifest: manifest.clone(),
        };
        let vectors = model
            .run(&[vec![0, 0]])
            .map_err(|error| unfit(manifest, error.to_string()))?;
        let found = vectors.first().map_or(0, Vec::len);
        if found != manifest.dimension {
            return Err(EmbedError::Dimension {
                expected: manifest.dimension,
                found,
            });
        }
        Ok(model)
    }
}

impl Model for OrtModel {
    fn run(&mut self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, RunError> {
        let rows: Vec<&[u32]> = batch.iter().map(Vec::as_slice).collect();
        let outputs = self.session.run(self.feed.inputs(&rows, None)?)?;
        let output = output(&outputs, &self.feed)?;
        let (shape, numbers) = output.try_extract_tensor::<f32>()?;
        let lengths: Vec<usize> = batch.iter().map(Vec::len).collect();
        pool(self.manifest.pooling, shape, numbers, &lengths)
            .ok_or_else(|| RunError::Shape(shape.to_vec()))
    }
}

/// The output that the manifest names.
pub(super) fn output<'a>(
    outputs: &'a SessionOutputs<'_>,
    feed: &Feed,
) -> ort::Result<&'a DynValue> {
    let name = feed.output();
    outputs
        .get(name)
        .ok_or_else(|| ort::Error::new(format!("no output {name:?}")))
}

/// One vector per text out of the graph's output, or nothing when its shape is not the expected one.
fn pool(
    pooling: Pooling,
    shape: &[i64],
    numbers: &[f32],
    lengths: &[usize],
) -> Option<Vec<Vec<f32>>> {
    let sizes: Vec<usize> = shape
        .iter()
        .map(|&size| usize::try_from(size).ok())
        .collect::<Option<_>>()?;
    if *sizes.first()? != lengths.len() || sizes.contains(&0) {
        return None;
    }
    match (pooling, &sizes[1..]) {
        (Pooling::InGraph, &[width]) => {
            Some(numbers.chunks_exact(width).map(<[f32]>::to_vec).collect())
        }
        (Pooling::Mean | Pooling::Cls, &[tokens, width]) => {
            let texts = numbers.chunks_exact(tokens * width).zip(lengths);
            Some(
                texts
                    .map(|(text, &length)| pool_one(pooling, text, width, length))
                    .collect(),
            )
        }
        _ => None,
    }
}

fn pool_one(pooling: Pooling, text: &[f32], width: usize, length: usize) -> Vec<f32> {
    let used = if pooling == Pooling::Cls { 1 } else { length };
    let mut sum = vec![0.0; width];
    for token in text.chunks_exact(width).take(used) {
        for (total, number) in sum.iter_mut().zip(token) {
            *total += number;
        }
    }
    // The mean's division would be undone by the norm, and is left out.
    let length = norm(&sum);
    scale(&mut sum, length);
    sum
}

/// `ORT_DYLIB_PATH`, else the configured library, else the one that the set-up script put beside the model.
fn library(config: &EmbedConfig) -> Result<PathBuf, EmbedError> {
    absolute(match named(config.runtime_lib.as_deref()) {
        Some(path) => path,
        None => beside(&config.model_dir)?,
    })
}

/// The library that the environment or, second to it, the configuration names.
fn named(runtime_lib: Option<&Path>) -> Option<PathBuf> {
    let named = env::var_os("ORT_DYLIB_PATH")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    named.or_else(|| runtime_lib.map(Path::to_owned))
}

/// The loader would look for a relative path beside the executable.
fn absolute(path: PathBuf) -> Result<PathBuf, EmbedError> {
    fs::canonicalize(&path).map_err(|_| EmbedError::NoRuntime(path))
}

pub(super) fn beside(model_dir: &Path) -> Result<PathBuf, EmbedError> {
    let folder = model_dir.join("..").join("onnxruntime");
    let mut found: Vec<PathBuf> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so"))
        })
        .collect();
    found.sort();
    found
        .pop()
        .ok_or_else(|| EmbedError::NoRuntime(folder.join("libonnxruntime.so")))
}

fn unfit(manifest: &Manifest, reason: String) -> EmbedError {
    EmbedError::Model {
        name: manifest.name.clone(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_leaves_padding_out() {
        let output = [3.0, 0.0, 0.0, 4.0, 9.0, 9.0];
        let vectors = pool(Pooling::Mean, &[1, 3, 2], &output, &[2]).unwrap();
        assert_eq!(vectors, [[0.6, 0.8]]);
    }

    #[test]
    fn cls_takes_the_first_token_at_unit_length() {
        let output = [0.0, 5.0, 7.0, 7.0];
        assert_eq!(
            pool(Pooling::Cls, &[1, 2, 2], &output, &[2]).unwrap(),
            [[0.0, 1.0]]
        );
    }

    #[test]
    fn a_pooled_output_is_taken_as_it_is() {
        let output = [0.0, 1.0, 1.0, 0.0];
        assert_eq!(
            pool(Pooling::InGraph, &[2, 2], &output, &[4, 4]).unwrap(),
            [[0.0, 1.0], [1.0, 0.0]]
        );
    }

    #[test]
    fn an_output_of_another_shape_is_no_vector() {
        let output = [0.0; 4];
        assert!(pool(Pooling::InGraph, &[1, 2, 2], &output, &[2]).is_none());
        assert!(pool(Pooling::Mean, &[1, 4], &output, &[2]).is_none());
        assert!(pool(Pooling::InGraph, &[2, 2], &output, &[2]).is_none());
    }

    #[test]
    fn a_model_without_a_runtime_beside_it_says_what_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = beside(&folder.path().join("model")).unwrap_err();
        assert!(
            refusal.to_string().contains("scripts/setup.sh"),
            "{refusal}"
        );
    }
}
