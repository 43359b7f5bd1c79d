//! The catalogue in force: what is built in under a file of one's own, which may
//! change while requests are answered. Reads the file; does not watch it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

use super::{Catalogue, Sheet};
use crate::config::{Faults, Origin};

const BUILT_IN: &str = include_str!("../catalogue.toml");

/// Sound, as a test sees to.
static SHEET: LazyLock<Option<Sheet>> =
    LazyLock::new(|| Sheet::read(BUILT_IN, &Origin::Default).ok());

/// Why a file is not taken; the catalogue stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueFault {
    /// It cannot be read.
    #[error("catalogue.file: {path} cannot be read: {reason}")]
    Unread {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// What it says is wrong, all of it.
    #[error(transparent)]
    Faulty(#[from] Faults),
}

/// What came of looking at the file again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// There is no file, or it says what it said before.
    Same,
    /// It is in force now.
    Changed,
}

/// The catalogue in force.
#[derive(Debug)]
pub struct LiveCatalogue {
    file: Option<PathBuf>,
    /// The text of the file in force; held while reading, so that the last to read it is the one whose text counts.
    text: Mutex<Option<String>>,
    current: ArcSwap<Catalogue>,
}

impl LiveCatalogue {
    /// Only what is built in.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            file: None,
            text: Mutex::new(None),
            current: ArcSwap::from_pointee(catalogue(None)),
        }
    }

    /// What is built in, under `file` if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or all that is wrong with it.
    pub fn open(file: Option<PathBuf>) -> Result<Self, CatalogueFault> {
        let live = Self {
            file,
            ..Self::built_in()
        };
        live.reload()?;
        Ok(live)
    }

    /// The entries to look in now. Not to be held over an await.
    #[must_use]
    pub fn current(&self) -> Guard<Arc<Catalogue>> {
        self.current.load()
    }

    /// Takes the file as it is now. Who is looking something up goes on in the catalogue that was.
    ///
    /// # Errors
    /// As [`Self::open`]; the catalogue stays as it was.
    pub fn reload(&self) -> Result<Reloaded, CatalogueFault> {
        let Some(path) = &self.file else {
            return Ok(Reloaded::Same);
        };
        let mut known = self.text.lock();
        let text = read(path)?;
        if known.as_ref() == Some(&text) {
            return Ok(Reloaded::Same);
        }
        let sheet = Sheet::read(&text, &Origin::File(path.clone()))?;
        self.current.store(Arc::new(catalogue(Some(sheet))));
        *known = Some(text);
        Ok(Reloaded::Changed)
    }
}

fn read(path: &Path) -> Result<String, CatalogueFault> {
    std::fs::read_to_string(path).map_err(|e| CatalogueFault::Unread {
        path: path.display().to_string(),
        reason: e.to_string(),
    })
}

fn catalogue(own: Option<Sheet>) -> Catalogue {
    let sheets: Vec<Sheet> = own.into_iter().chain(SHEET.clone()).collect();
    Catalogue::of(&sheets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_sound() {
        let sheet = Sheet::read(BUILT_IN, &Origin::Default);
        let told = sheet.err().map(|faults| faults.to_string());
        assert_eq!(told, None);
    }

    fn own(price: f64) -> String {
        format!(
            "version = 3\ndate = '2026-02-01'\n[[models]]\nprovider = 'openai'\nid = 'gpt-4o'\n\
             price = {{ input = {price:?}, output = 1 }}"
        )
    }

    fn input(live: &LiveCatalogue) -> f64 {
        let current = live.current();
        let entry = current.find(Some("openai"), "gpt-4o").unwrap();
        entry.price.unwrap().rate.input
    }

    #[test]
    fn a_file_is_taken_again_when_it_says_something_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.toml");
        std::fs::write(&path, own(7.0)).unwrap();
        let live = LiveCatalogue::open(Some(path.clone())).unwrap();
        assert_eq!(input(&live), 7.0);
        let versions = live.current().versions().to_vec();
        assert_eq!(versions[0], "3 (2026-02-01)");
        assert_eq!(versions.len(), 2);
        assert_eq!(live.reload(), Ok(Reloaded::Same));
        let before = live.current.load_full();
        std::fs::write(&path, own(8.0)).unwrap();
        assert_eq!(live.reload(), Ok(Reloaded::Changed));
        assert_eq!(input(&live), 8.0);
        assert!(before.find(Some("openai"), "gpt-4o").is_some());
    }

    #[test]
    fn a_file_that_became_faulty_leaves_the_catalogue_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.toml");
        std::fs::write(&path, own(7.0)).unwrap();
        let live = LiveCatalogue::open(Some(path.clone())).unwrap();
        std::fs::write(&path, own(-1.0)).unwrap();
        let told = live.reload().unwrap_err().to_string();
        assert!(told.starts_with("models[0].price.input (file "), "{told}");
        assert_eq!(input(&live), 7.0);
        std::fs::remove_file(&path).unwrap();
        let told = live.reload().unwrap_err().to_string();
        assert!(told.starts_with("catalogue.file: "), "{told}");
        assert_eq!(input(&live), 7.0);
        assert!(LiveCatalogue::open(Some(path)).is_err());
    }

    #[test]
    fn without_a_file_there_is_nothing_to_take_again() {
        assert_eq!(LiveCatalogue::built_in().reload(), Ok(Reloaded::Same));
    }
}
