//! Whose vectors lie where. The model in use has its vectors at home; beside them may lie those of the model that comes
//! next, or of the one before until nobody reads them any more. Knows no vector.
//!
//! A folder's first vectors lie in blocks, like its entries. Those of each later model lie in one of two trees of
//! their own, a row each, so that a change of model rewrites no block: it is one row of `meta`.

use super::load::drop_vectors;
use super::open::SledFault;
use super::terms::{CacheStoreConfig, StoreError};
use super::trees::{Change, Sealed, Trees};
use crate::embed::Space;

/// Where the vectors of one model lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the blocks of their entries.
    Blocks,
    /// In the first tree of their own.
    A,
    /// In the second one.
    B,
}

impl Place {
    pub(super) const ALL: [Self; 3] = [Self::Blocks, Self::A, Self::B];

    /// The tree for the next model's vectors.
    fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::Blocks | Self::B => Self::A,
        }
    }

    fn mark(self) -> u8 {
        match self {
            Self::Blocks => 0,
            Self::A => b'a',
            Self::B => b'b',
        }
    }

    fn of(mark: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.mark() == mark)
    }
}

/// The vectors of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) space: Space,
    pub(super) place: Place,
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generations {
    pub(super) home: Generation,
    pub(super) beside: Option<Generation>,
    /// Whether what lies elsewhere may go: not while it is unknown whose it is.
    pub(super) tidy: bool,
}

impl Generations {
    /// Those of a folder that has not been read yet.
    pub(super) fn none() -> Self {
        let home = Generation {
            space: Space::of(""),
            place: Place::Blocks,
        };
        Self {
            home,
            beside: None,
            tidy: false,
        }
    }

    /// Where the vectors of a model lie, if it has any here.
    pub(super) fn place_of(&self, space: Space) -> Option<Place> {
        let all = [Some(self.home), self.beside];
        let found = all.into_iter().flatten().find(|g| g.space == space);
        found.map(|generation| generation.place)
    }

    /// Places that hold what somebody asks for.
    pub(super) fn used(&self) -> impl Iterator<Item = Place> {
        [Some(self.home.place), self.beside.map(|g| g.place)]
            .into_iter()
            .flatten()
    }

    /// Places that hold what nobody asks for.
    pub(super) fn unused(&self) -> impl Iterator<Item = Place> {
        let Self { tidy, .. } = *self;
        let used: Vec<Place> = self.used().collect();
        let all = Place::ALL.into_iter();
        all.filter(move |place| tidy && !used.contains(place))
    }

    /// The same with the two models in each other's place, and the rows of `meta` that say so.
    pub(super) fn switched(&self, to: Space) -> Option<(Self, Vec<Change>)> {
        let next = self.beside.filter(|next| next.space == to)?;
        let after = Self {
            home: next,
            beside: Some(self.home),
            ..*self
        };
        Some((after, home_rows(next, None)))
    }
}

/// What opening a folder found, and the rows that have to be written.
pub(super) struct Settled {
    pub(super) generations: Generations,
    pub(super) changes: Vec<Change>,
    pub(super) dropped: bool,
}

/// Whose vectors a folder holds.
enum Known {
    Nobodys,
    Somebodys(Generation),
    /// The rows that say it are damaged.
    Unclear,
}

/// Brings the folder in line with the models that are asked for. Vectors of the next model count like those of the one
/// in use: a switch holds whatever the settings say. Those of any other go, with leave.
pub(super) fn settle(trees: &Trees, config: &CacheStoreConfig) -> Result<Settled, StoreError> {
    let (known, stored_next) = (known(trees)?, next(trees)?);
    if config.embedding_fingerprint.is_empty() {
        return Ok(untouched(&known, stored_next));
    }
    let ours = Space::of(&config.embedding_fingerprint);
    let asked = config.next_fingerprint.as_deref();
    let next = asked.filter(|f| !f.is_empty()).map(Space::of);
    let kept = match known {
        Known::Nobodys => Some(at_home(ours)),
        Known::Somebodys(home) => Some(home).filter(|h| h.space == ours || Some(h.space) == next),
        Known::Unclear => None,
    };
    let home = match kept {
        Some(home) => home,
        None => give_up(trees, config, stored_next)?,
    };
    let beside = match (asked, next) {
        (Some(""), _) => stored_next.filter(|stored| stored.place != home.place),
        (_, Some(space)) if space != home.space => Some(Generation {
            space,
            place: home.place.other(),
        }),
        _ => None,
    };
    if let Some(beside) = beside.filter(|beside| stored_next != Some(*beside)) {
        // Its rows must never be taken for those of the model whose they were.
        trees.apply(&home_rows(home, None))?;
        trees.clear(beside.place)?;
    }
    Ok(Settled {
        generations: Generations {
            home,
            beside,
            tidy: true,
        },
        changes: home_rows(home, beside),
        dropped: kept.is_none(),
    })
}

/// Gives up vectors of another model, unless they may be the next one's, of which nothing is known. What was made for the
/// model in use before it came into use is kept.
fn give_up(
    trees: &Trees,
    config: &CacheStoreConfig,
    stored_next: Option<Generation>,
) -> Result<Generation, StoreError> {
    let next_known = config.next_fingerprint.as_deref() != Some("");
    if !next_known || !config.vectors_may_go.as_ref().is_none_or(|ask| ask()) {
        return Err(StoreError::VectorsKept);
    }
    let ours = Space::of(&config.embedding_fingerprint);
    if let Some(stored) = stored_next.filter(|stored| stored.space == ours) {
        return Ok(stored);
    }
    drop_vectors(trees)?;
    Ok(at_home(ours))
}

/// Without a model in use there is no reason to touch any vector.
fn untouched(known: &Known, beside: Option<Generation>) -> Settled {
    let home = match known {
        Known::Somebodys(home) => *home,
        Known::Nobodys | Known::Unclear => Generations::none().home,
    };
    Settled {
        generations: Generations {
            home,
            beside,
            tidy: false,
        },
        changes: Vec::new(),
        dropped: false,
    }
}

fn at_home(space: Space) -> Generation {
    Generation {
        space,
        place: Place::Blocks,
    }
}

/// The rows of `meta` that say whose vectors lie where.
fn home_rows(home: Generation, next: Option<Generation>) -> Vec<Change> {
    let mut next_row = Vec::new();
    if let Some(next) = next {
        next_row.push(next.place.mark());
        next_row.extend_from_slice(next.space.as_bytes());
    }
    vec![
        Trees::put_meta("fingerprint", home.space.as_bytes()),
        Trees::put_meta("place", &[home.place.mark()]),
        Trees::put_meta("next", &next_row),
        Trees::put_meta("schema", &schema_of(home.place).to_le_bytes()),
    ]
}

/// A build that knows no trees of vectors must not take a folder that needs them for damaged.
pub(super) fn schema_of(home: Place) -> u32 {
    match home {
        Place::Blocks => 1,
        Place::A | Place::B => 2,
    }
}

fn known(trees: &Trees) -> Result<Known, SledFault> {
    let space = match trees.meta("fingerprint")? {
        Sealed::Absent => return Ok(Known::Nobodys),
        Sealed::Damaged => None,
        Sealed::Value(bytes) => bytes.try_into().ok().map(Space::from_bytes),
    };
    let place = match trees.meta("place")? {
        Sealed::Absent => Some(Place::Blocks),
        Sealed::Damaged => None,
        Sealed::Value(mark) => mark.first().copied().and_then(Place::of),
    };
    let generation = space.zip(place);
    Ok(match generation {
        Some((space, place)) => Known::Somebodys(Generation { space, place }),
        None => Known::Unclear,
    })
}

fn next(trees: &Trees) -> Result<Option<Generation>, SledFault> {
    let Sealed::Value(row) = trees.meta("next")? else {
        return Ok(None);
    };
    let Some((mark, space)) = row.split_first() else {
        return Ok(None);
    };
    let space = <[u8; 32]>::try_from(space).ok().map(Space::from_bytes);
    let place = Place::of(*mark);
    let next = space.zip(place);
    Ok(next.map(|(space, place)| Generation { space, place }))
}
