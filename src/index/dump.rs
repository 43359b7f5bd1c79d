//! A graph as two files. The loader of `hnsw_rs` panics, aborts or ends the process on bad bytes, so it is
//! called for files only whose hash was just verified, and what it returns is compared with the codes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hnsw_rs::api::AnnT;
use hnsw_rs::hnswio::HnswIo;

use super::files::Mark;
use super::flat::Flat;
use super::graph::{CodeDistance, Graph, Points};
use super::snapshot::SnapshotError;
use super::{IndexConfig, Slot};

/// Writes `graph` under `name` into `folder`, durably. Nobody may add to it meanwhile.
pub(super) fn write(graph: &Graph, folder: &Path, name: &str) -> Result<Vec<Mark>, SnapshotError> {
    // The writer of hnsw_rs unwraps what the file system refuses.
    let dumped = catch_unwind(AssertUnwindSafe(|| graph.points().file_dump(folder, name)));
    if !matches!(dumped, Ok(Ok(_))) {
        return Err(SnapshotError::Dump);
    }
    let mark = |kind| Mark::of(folder, format!("{name}.hnsw.{kind}")).map_err(SnapshotError::Io);
    Ok(vec![mark("graph")?, mark("data")?])
}

/// A graph on disk, for the codes that it was snapshot with.
pub(super) struct Stored {
    pub(super) folder: PathBuf,
    pub(super) name: String,
    pub(super) marks: Vec<Mark>,
    /// Slots below `slots` that were not in the graph yet.
    pub(super) pending: Vec<Slot>,
    /// Slots that the graph cannot find of itself.
    pub(super) unreachable: Vec<Slot>,
    /// Slots that the partition had.
    pub(super) slots: Slot,
}

impl Stored {
    /// The graph, if its files are the ones that were written and it holds the rows of `flat`.
    pub(super) fn load(&self, flat: &Flat, config: &IndexConfig) -> Result<Graph, SnapshotError> {
        for mark in &self.marks {
            if !mark.fits(&self.folder)? {
                return Err(SnapshotError::Damaged(mark.name.clone()));
            }
        }
        let points = self.read()?;
        let same =
            |slot: usize, row: &[i8]| slot < self.slots as usize && flat.row(slot as Slot) == row;
        if points
            .get_point_indexation()
            .into_iter()
            .all(|p| same(p.get_origin_id(), p.get_v()))
        {
            Ok(Graph::around(points, config))
        } else {
            Err(SnapshotError::Damaged(self.name.clone()))
        }
    }

    fn read(&self) -> Result<Points, SnapshotError> {
        // The signature ties the points to their reader, because they may borrow its memory map. Ours
        // do not (no map is asked for), and a reader is two short strings, read once for each
        // large partition in the life of a process: leaking it is the price of no unsafe code.
        let reader: &'static HnswIo = Box::leak(Box::new(HnswIo::new(&self.folder, &self.name)));
        match catch_unwind(AssertUnwindSafe(|| {
            reader.load_hnsw_with_dist(CodeDistance)
        })) {
            Ok(Ok(points)) => Ok(points),
            _ => Err(SnapshotError::Damaged(self.name.clone())),
        }
    }
}
