//! The generation that the newest change was to have, noted before it is made: an export of that
//! generation is the whole truth, even while the database cannot be opened.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::export::{self, Export, Listing};
use super::folder::sync_folder;

const NAME: &str = "generation";
const LEN: usize = 40;

/// Notes `generation`. An older note is overwritten in its place, which needs no space.
pub(super) fn note(folder: &Path, generation: u64) -> io::Result<()> {
    let path = folder.join(NAME);
    let fresh = !path.exists();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)?;
    let number = generation.to_le_bytes();
    let sealed = [&number[..], blake3::hash(&number).as_bytes()].concat();
    let noted = file
        .write_all_at(&sealed, 0)
        .and_then(|()| file.sync_data());
    match noted {
        Ok(()) if fresh => sync_folder(folder),
        noted => noted,
    }
}

/// Brings the note in line with a sound database. One that cannot be written must not stay as it
/// is: it could pass an old export off as the newest.
pub(super) fn mend(folder: &Path, generation: u64) -> io::Result<()> {
    if noted(folder) == Some(generation) || note(folder, generation).is_ok() {
        return Ok(());
    }
    match fs::remove_file(folder.join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The generation noted last; a torn or changed note counts as none.
pub(super) fn noted(folder: &Path) -> Option<u64> {
    let mut bytes = [0; LEN];
    let file = File::open(folder.join(NAME)).ok()?;
    file.read_exact_at(&mut bytes, 0).ok()?;
    let (number, sum) = bytes.split_first_chunk::<8>()?;
    (blake3::hash(number).as_bytes() == sum).then_some(u64::from_le_bytes(*number))
}

/// The export that holds all that was ever acknowledged, if one does: it has the generation that was noted for the
/// newest change, which none was begun after. Without any change there is nothing to hold.
pub(super) fn proven(folder: &Path, exports: &Listing, keyed: bool) -> Option<Export> {
    let noted = noted(folder)?;
    if noted != exports.highest() {
        return None;
    }
    if noted == 0 {
        return (!keyed).then(Export::default);
    }
    export::read(exports.newest()?)
        .ok()
        .filter(|export| export.generation == noted)
}
