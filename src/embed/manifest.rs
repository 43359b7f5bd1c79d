//! MANIFEST.toml: what the files of a model are and what the model expects. Knows nothing of running it.

use std::path::Path;

use serde::Deserialize;
use unicode_script::Script;

use super::EmbedError;
use super::files::{self, Files, one_line};

/// How token vectors become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pooling {
    /// The graph's output is `[batch, dimension]`, of unit norm.
    InGraph,
    /// The output is `[batch, tokens, dimension]`; the mean over real tokens counts.
    Mean,
    /// The same; the first token counts.
    Cls,
}

/// A manifest that was read and makes sense; its files are verified as they are read.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    /// Where its graph and tokenizer lie.
    pub(super) files: Files,
    /// The model's name.
    pub(super) name: String,
    /// Length of a vector.
    pub(super) dimension: usize,
    /// Most tokens of a text, framing tokens included.
    pub(super) window: usize,
    /// How token vectors become one.
    pub(super) pooling: Pooling,
    /// Names of the graph's inputs and its output.
    pub(super) names: Names,
    /// The vocabulary's token for what it lacks.
    pub(super) unknown_token: String,
    /// Scripts that the model was trained on.
    pub(super) scripts: Vec<Script>,
}

/// Names inside the graph.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// Input of token ids.
    pub(super) ids: String,
    /// Input that is 1 for a real token and 0 for padding.
    pub(super) mask: String,
    /// Input of token types, which not every graph has.
    pub(super) types: String,
    /// The output.
    pub(super) output: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
    model: String,
    tokenizer: String,
    model_sha256: String,
    tokenizer_sha256: String,
    dimension: usize,
    window: usize,
    pooling: Pooling,
    input_ids: String,
    attention_mask: String,
    #[serde(default = "token_types")]
    token_types: String,
    output: String,
    #[serde(default = "unknown_token")]
    unknown_token: String,
    scripts: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "licence")]
    _licence: String,
}

pub(super) fn token_types() -> String {
    "token_type_ids".to_owned()
}

pub(super) fn unknown_token() -> String {
    "[UNK]".to_owned()
}

impl Manifest {
    /// Reads the manifest of the model in `folder`.
    pub(super) fn load(folder: &Path) -> Result<Self, EmbedError> {
        let (path, text) = files::manifest(folder)?;
        Self::parse(folder, &text).map_err(|reason| EmbedError::Manifest { path, reason })
    }

    fn parse(folder: &Path, text: &str) -> Result<Self, String> {
        let form: Form = toml::from_str(text).map_err(|error| one_line(&error.to_string()))?;
        if form.dimension == 0 || form.window < 3 {
            return Err("dimension must be at least 1 and window at least 3".to_owned());
        }
        let scripts = scripts(&form.scripts)?;
        Ok(Self {
            files: Files {
                folder: folder.to_owned(),
                model: (form.model, form.model_sha256),
                tokenizer: (form.tokenizer, form.tokenizer_sha256),
            },
            name: form.name,
            dimension: form.dimension,
            window: form.window,
            pooling: form.pooling,
            names: Names {
                ids: form.input_ids,
                mask: form.attention_mask,
                types: form.token_types,
                output: form.output,
            },
            unknown_token: form.unknown_token,
            scripts,
        })
    }

    /// A name for the space that the vectors live in; vectors of two spaces must not be compared.
    pub(super) fn fingerprint(&self) -> String {
        let parts = format!(
            "{} {} {:?} {} {} {}",
            self.files.model.1,
            self.files.tokenizer.1,
            self.pooling,
            self.dimension,
            self.window,
            self.names.output
        );
        format!(
            "{}:{}",
            self.name,
            &blake3::hash(parts.as_bytes()).to_hex()[..32]
        )
    }
}

/// The scripts of these names.
pub(super) fn scripts(names: &[String]) -> Result<Vec<Script>, String> {
    if names.is_empty() {
        return Err("scripts must name at least one Unicode script".to_owned());
    }
    let known = |name: &String| {
        Script::from_full_name(name).ok_or_else(|| format!("{name:?} is not a Unicode script"))
    };
    names.iter().map(known).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FORM: &str = r#"
        name = "m"
        model = "model.onnx"
        tokenizer = "tokenizer.json"
        model_sha256 = "aa"
        tokenizer_sha256 = "bb"
        dimension = 8
        window = 16
        pooling = "mean"
        input_ids = "input_ids"
        attention_mask = "attention_mask"
        output = "last_hidden_state"
        scripts = ["Latin", "Cyrillic"]
        source = "somewhere"
        licence = "MIT"
    "#;

    fn parse(text: &str) -> Result<Manifest, String> {
        Manifest::parse(Path::new("."), text)
    }

    #[test]
    fn a_manifest_may_leave_out_what_every_bert_has() {
        let manifest = parse(FORM).unwrap();
        assert_eq!(manifest.names.types, "token_type_ids");
        assert_eq!(manifest.unknown_token, "[UNK]");
        assert_eq!(manifest.scripts, [Script::Latin, Script::Cyrillic]);
    }

    #[test]
    fn a_name_that_the_manifest_does_not_know_is_refused() {
        let refusal = parse(&format!("{FORM}\npoolin = \"cls\"")).unwrap_err();
        assert!(
            refusal.contains("poolin") && !refusal.contains('\n'),
            "{refusal}"
        );
    }

    #[test]
    fn a_script_that_unicode_does_not_know_is_refused() {
        let refusal = parse(&FORM.replace("Cyrillic", "Klingon")).unwrap_err();
        assert!(refusal.contains("Klingon"), "{refusal}");
    }

    #[test]
    fn another_model_tokenizer_or_pooling_is_another_vector_space() {
        let space = |text: &str| parse(text).unwrap().fingerprint();
        let ours = space(FORM);
        assert_ne!(ours, space(&FORM.replace("\"aa\"", "\"ab\"")));
        assert_ne!(ours, space(&FORM.replace("\"bb\"", "\"ab\"")));
        assert_ne!(ours, space(&FORM.replace("\"mean\"", "\"cls\"")));
        assert_eq!(ours, space(&FORM.replace("somewhere", "elsewhere")));
    }

    #[test]
    fn a_file_with_another_checksum_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(files::MANIFEST), FORM).unwrap();
        fs::write(folder.path().join("model.onnx"), "not it").unwrap();
        let manifest = Manifest::load(folder.path()).unwrap();
        let refusal = manifest.files.verified_model().unwrap_err();
        assert!(matches!(refusal, EmbedError::Checksum { .. }), "{refusal}");
    }

    #[test]
    fn the_checksum_is_sha256_in_hex() {
        let folder = tempfile::tempdir().unwrap();
        let abc = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        fs::write(
            folder.path().join(files::MANIFEST),
            FORM.replace("\"aa\"", &format!("{abc:?}")),
        )
        .unwrap();
        fs::write(folder.path().join("model.onnx"), "abc").unwrap();
        let manifest = Manifest::load(folder.path()).unwrap();
        assert!(manifest.files.verified_model().is_ok());
    }

    #[test]
    fn a_missing_manifest_is_named() {
        let refusal = Manifest::load(Path::new("/nowhere")).unwrap_err();
        assert!(
            refusal.to_string().contains("/nowhere/MANIFEST.toml"),
            "{refusal}"
        );
    }
}
