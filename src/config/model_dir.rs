//! Finds the folders of the models, so that the binary works from any
//! working directory. Does not read what is in it.

use std::path::{Path, PathBuf};

const MODEL: &str = "models/all-MiniLM-L6-v2";
const VERIFIER: &str = "models/verifier";

/// No model where one was looked for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelDirError {
    /// The configured folder has no MANIFEST.toml.
    #[error("{0}: no MANIFEST.toml in {dir}", dir = .1.display())]
    NotThere(&'static str, PathBuf),
    /// Nothing was configured and nothing was found.
    #[error(
        "no {1}/MANIFEST.toml above the program or the working folder: run scripts/setup.sh or set {0}"
    )]
    NotFound(&'static str, &'static str),
}

/// The folder that holds MANIFEST.toml: `configured` unless empty, else the
/// first `models/all-MiniLM-L6-v2` on the way up from each of `starts`
/// (the program's folder first, then the working folder).
///
/// # Errors
/// When there is none.
pub fn find_model_dir(configured: &str, starts: &[PathBuf]) -> Result<PathBuf, ModelDirError> {
    find("embedding.model_dir", MODEL, configured, starts)
}

/// The same of the verifier: else the first `models/verifier`.
///
/// # Errors
/// When there is none.
pub fn find_verifier_dir(configured: &str, starts: &[PathBuf]) -> Result<PathBuf, ModelDirError> {
    find("verifier.model_dir", VERIFIER, configured, starts)
}

fn find(
    setting: &'static str,
    model: &'static str,
    configured: &str,
    starts: &[PathBuf],
) -> Result<PathBuf, ModelDirError> {
    if !configured.is_empty() {
        let dir = PathBuf::from(configured);
        return if holds_model(&dir) {
            Ok(dir)
        } else {
            Err(ModelDirError::NotThere(setting, dir))
        };
    }
    let mut candidates = starts
        .iter()
        .flat_map(|start| start.ancestors())
        .map(|dir| dir.join(model));
    candidates
        .find(|dir| holds_model(dir))
        .ok_or(ModelDirError::NotFound(setting, model))
}

/// Where [`find_model_dir`] starts in this process: the program's folder with
/// links resolved, and the working folder.
#[must_use]
pub fn model_search_starts() -> Vec<PathBuf> {
    let program = std::env::current_exe().and_then(std::fs::canonicalize).ok();
    let program = program.and_then(|exe| exe.parent().map(Path::to_owned));
    program
        .into_iter()
        .chain(std::env::current_dir().ok())
        .collect()
}

fn holds_model(dir: &Path) -> bool {
    dir.join("MANIFEST.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_model(root: &Path) -> PathBuf {
        let dir = root.join(MODEL);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("MANIFEST.toml"), "").unwrap();
        dir
    }

    #[test]
    fn it_is_found_above_the_program_before_the_working_folder() {
        let (install, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (near, other) = (with_model(install.path()), with_model(work.path()));
        let program = install.path().join("target/release");
        let starts = [program, work.path().to_owned()];
        assert_eq!(find_model_dir("", &starts), Ok(near));
        assert_eq!(find_model_dir("", &starts[1..]), Ok(other));
    }

    #[test]
    fn a_configured_folder_is_never_replaced_by_a_found_one() {
        let root = tempfile::tempdir().unwrap();
        with_model(root.path());
        let empty = root.path().join("mine");
        let found = find_model_dir(&empty.to_string_lossy(), &[root.path().to_owned()]);
        let setting = "embedding.model_dir";
        assert_eq!(found, Err(ModelDirError::NotThere(setting, empty)));
    }

    #[test]
    fn a_missing_model_is_told_with_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let told = find_model_dir("", &[root.path().to_owned()])
            .unwrap_err()
            .to_string();
        assert!(told.contains("scripts/setup.sh"), "{told}");
        let told = find_verifier_dir("", &[root.path().to_owned()]);
        let told = told.unwrap_err().to_string();
        assert!(told.contains("set verifier.model_dir"), "{told}");
    }
}
