//! The admin key from the environment, which lets a gateway start off loopback
//! before any key was made.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

const KEY: &str = "REPRISE_ADMIN_KEY";
const FILE: &str = "REPRISE_ADMIN_KEY_FILE";
const MIN_LEN: usize = 16;

/// Why the bootstrap key cannot be used. An unusable one stops the start:
/// ignoring it would leave the operator without the key they count on.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// Both are set.
    #[error("set {KEY} or {FILE}, not both")]
    Both,
    /// The file cannot be read.
    #[error("{FILE}: {} cannot be read", .path.display())]
    Unreadable {
        /// The file named.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Empty or too short to resist guessing.
    #[error("{0}: the key has fewer than {MIN_LEN} characters")]
    Short(&'static str),
    /// It could not be sent in a header.
    #[error("{0}: the key may hold only visible ASCII characters")]
    Unsendable(&'static str),
}

/// The bootstrap key, if one is set. `env` looks up an environment variable;
/// a line end after the key in a file is not part of it.
///
/// # Errors
/// When one is set but cannot be used.
pub fn bootstrap_key(
    env: impl Fn(&str) -> Option<String>,
) -> Result<Option<SecretString>, BootstrapError> {
    match (env(KEY), env(FILE)) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(BootstrapError::Both),
        (Some(key), None) => usable(KEY, &key).map(Some),
        (None, Some(path)) => {
            let text = read(Path::new(&path))?;
            usable(FILE, text.trim_end_matches(['\r', '\n'])).map(Some)
        }
    }
}

fn read(path: &Path) -> Result<String, BootstrapError> {
    let failed = |source| BootstrapError::Unreadable {
        path: path.to_owned(),
        source,
    };
    std::fs::read_to_string(path).map_err(failed)
}

fn usable(from: &'static str, key: &str) -> Result<SecretString, BootstrapError> {
    if key.len() < MIN_LEN {
        return Err(BootstrapError::Short(from));
    }
    if !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(BootstrapError::Unsendable(from));
    }
    Ok(SecretString::from(key.to_owned()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Option<SecretString>, BootstrapError> {
        bootstrap_key(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn no_variable_means_no_key() {
        assert!(from(&[]).unwrap().is_none());
    }

    #[test]
    fn a_key_shorter_than_16_characters_stops_the_start() {
        for short in ["", "fifteen-letters"] {
            assert!(
                matches!(from(&[(KEY, short)]), Err(BootstrapError::Short(KEY))),
                "{short:?}"
            );
        }
        let key = from(&[(KEY, "sixteen-letters!")]).unwrap().unwrap();
        assert_eq!(key.expose_secret(), "sixteen-letters!");
    }

    #[test]
    fn a_key_with_spaces_or_control_characters_stops_the_start() {
        let told = from(&[(KEY, "a key with spaces in it")]).unwrap_err();
        assert!(matches!(told, BootstrapError::Unsendable(KEY)));
        assert!(!told.to_string().contains("spaces"));
    }

    #[test]
    fn a_file_may_end_its_key_with_a_line_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "sixteen-letters!\r\n").unwrap();
        let key = from(&[(FILE, &path.to_string_lossy())]).unwrap().unwrap();
        assert_eq!(key.expose_secret(), "sixteen-letters!");
        std::fs::write(&path, "\n").unwrap();
        let told = from(&[(FILE, &path.to_string_lossy())]);
        assert!(matches!(told, Err(BootstrapError::Short(FILE))));
    }

    #[test]
    fn a_missing_file_and_both_variables_stop_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let none = dir.path().join("none");
        let told = from(&[(FILE, &none.to_string_lossy())]);
        assert!(matches!(told, Err(BootstrapError::Unreadable { .. })));
        let told = from(&[(KEY, "sixteen-letters!"), (FILE, "f")]);
        assert!(matches!(told, Err(BootstrapError::Both)));
    }
}
