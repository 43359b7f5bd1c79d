//! Flipped bytes and cut files for the tests, the same ones each time.

use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug)]
#[allow(dead_code, reason = "the fields are read by Debug in a failing test")]
pub(super) enum Damage {
    Flip { at: usize },
    Cut { to: usize },
}

/// A copy of a data folder, so that each round starts from a sound one.
pub(super) fn copy(from: &Path) -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    copy_into(from, temp.path());
    temp
}

/// Every file under `folder` with content, ascending.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if fs::metadata(&path).unwrap().len() > 0 {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Damages one file; three flips to one cut. Flips aim at written bytes: most of a fresh database file is zeros.
pub(super) fn inflict(folder: &Path, seed: u64) -> (PathBuf, Damage) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03);
    let files = files(folder);
    let path = files[random.below(files.len())].clone();
    let mut bytes = fs::read(&path).unwrap();
    let written = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(1, |last| last + 1);
    let at = random.below(written);
    let damage = if seed % 4 == 3 {
        bytes.truncate(at);
        Damage::Cut { to: at }
    } else {
        bytes[at] ^= 1 << random.below(8);
        Damage::Flip { at }
    };
    fs::write(&path, bytes).unwrap();
    (path, damage)
}

/// splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }
}

fn copy_into(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let path = file.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_into(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
