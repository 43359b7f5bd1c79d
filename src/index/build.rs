//! Builds a graph out of many rows at once, on threads of its own, and notices when that comes to a halt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use rayon::prelude::*;

use super::flat::Flat;
use super::graph::Graph;
use super::{IndexConfig, Slot};

/// Points linked one by one before the threads start. The very first points of `hnsw_rs` see no
/// entry point when they arrive together, and stay without links.
const SEED: usize = 256;

/// How long a build may go without linking a single point. One takes about a millisecond.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no graph. The partition goes on without one.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The threads stopped making progress. `hnsw_rs` keeps a point's links locked while it locks
    /// those of its neighbours, so points linked at the same time may, very rarely, wait for each
    /// other in a circle. They are left behind: a few threads and one graph leak.
    #[error("the build of the graph stalled")]
    Stalled,
    /// The build panicked.
    #[error("the build of the graph died")]
    Died,
    /// The system gave no threads.
    #[error("no threads to build the graph with")]
    Threads(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A graph, and the slots that it cannot find of itself.
pub(super) struct Built {
    pub(super) graph: Graph,
    pub(super) unreachable: Vec<Slot>,
}

/// Links the rows of `slots` in `flat`. Takes about half a millisecond of one core for each.
pub(super) fn build(
    flat: &Arc<Flat>,
    slots: Vec<Slot>,
    config: &IndexConfig,
) -> Result<Built, BuildError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.build_threads)
        .thread_name(|number| format!("index-build-{number}"))
        .build()
        .map_err(|cause| BuildError::Threads(Box::new(cause)))?;
    let progress = Arc::new(AtomicUsize::new(0));
    let (done, result) = sync_channel(1);
    let (flat, config, counter) = (Arc::clone(flat), config.clone(), Arc::clone(&progress));
    std::thread::Builder::new()
        .name("index-build".into())
        .spawn(move || {
            // Nobody listens any more when the watch has given up: the graph goes with the thread.
            let _ = done.send(pool.install(|| link_all(&flat, &slots, &config, &counter)));
        })
        .map_err(|cause| BuildError::Threads(Box::new(cause)))?;
    watch(&result, &progress, PATIENCE)
}

fn link_all(flat: &Flat, slots: &[Slot], config: &IndexConfig, progress: &AtomicUsize) -> Built {
    let graph = Graph::new(config, slots.len());
    let (first, rest) = slots.split_at(slots.len().min(SEED));
    let link = |&slot: &Slot| {
        graph.link_beside_others(slot, &flat.row(slot));
        progress.fetch_add(1, Ordering::Relaxed);
    };
    first.iter().for_each(link);
    rest.par_iter().for_each(link);
    let lost = |slot: &Slot| {
        progress.fetch_add(1, Ordering::Relaxed);
        !graph.finds(*slot, &flat.row(*slot))
    };
    let unreachable = slots.par_iter().copied().filter(lost).collect();
    Built { graph, unreachable }
}

fn watch<T>(
    result: &Receiver<T>,
    progress: &AtomicUsize,
    patience: Duration,
) -> Result<T, BuildError> {
    let mut seen = progress.load(Ordering::Relaxed);
    loop {
        match result.recv_timeout(patience) {
            Ok(built) => return Ok(built),
            Err(RecvTimeoutError::Disconnected) => return Err(BuildError::Died),
            Err(RecvTimeoutError::Timeout) => {
                let now = progress.load(Ordering::Relaxed);
                if now == seen {
                    return Err(BuildError::Stalled);
                }
                seen = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{VectorIndex, suite};

    #[test]
    fn a_build_that_makes_no_progress_is_given_up() {
        let (_held, result) = sync_channel::<()>(1);
        let outcome = watch(&result, &AtomicUsize::new(7), Duration::from_millis(1));
        assert!(matches!(outcome, Err(BuildError::Stalled)));
    }

    #[test]
    fn a_build_that_dies_is_reported() {
        let (gone, result) = sync_channel::<()>(1);
        drop(gone);
        let outcome = watch(&result, &AtomicUsize::new(0), PATIENCE);
        assert!(matches!(outcome, Err(BuildError::Died)));
    }

    #[test]
    fn the_built_graph_agrees_with_the_scan_on_the_nearest_of_held_out_queries() {
        let config = suite::config(0);
        let codes = suite::clustered(1200, 42);
        let (stored, queries) = codes.split_at(1000);
        let flat = Arc::new(Flat::new(suite::DIMENSION));
        for (slot, code) in stored.iter().enumerate() {
            flat.insert(slot as Slot, code);
        }
        let built = build(&flat, (0..1000).collect(), &config).unwrap();
        assert_eq!(built.graph.len(), 1000);
        assert!(
            built.unreachable.len() <= 5,
            "{} unreachable",
            built.unreachable.len()
        );
        let same = queries.iter().filter(|query| {
            let truth = flat.search(query, 1, &|_| true)[0].slot;
            built
                .graph
                .search(query, 8, &|_| true)
                .iter()
                .any(|near| near.slot == truth)
        });
        let same = same.count();
        assert!(same >= 196, "{same} of 200");
    }
}
