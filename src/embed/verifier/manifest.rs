//! MANIFEST.toml of a cross-encoder: its files, what its graph expects, and the curve that makes probabilities of its
//! output. Knows nothing of running it.

use std::path::Path;

use serde::Deserialize;
use unicode_script::Script;

use crate::embed::EmbedError;
use crate::embed::files::{self, Files, one_line};
use crate::embed::manifest::{Names, scripts, token_types, unknown_token};

/// A manifest that was read and makes sense; its files are verified as they are read.
#[derive(Debug, Clone)]
pub(in crate::embed) struct Manifest {
    /// Where its graph and tokenizer lie.
    pub(in crate::embed) files: Files,
    form: Form,
    /// Names of the graph's inputs and its output.
    pub(super) names: Names,
    /// Scripts that the model was trained on.
    pub(super) scripts: Vec<Script>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
    model: String,
    tokenizer: String,
    model_sha256: String,
    tokenizer_sha256: String,
    window: usize,
    input_ids: String,
    attention_mask: String,
    #[serde(default = "token_types")]
    token_types: String,
    output: String,
    #[serde(default = "unknown_token")]
    unknown_token: String,
    scripts: Vec<String>,
    scale: f32,
    shift: f32,
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "licence")]
    _licence: String,
    #[serde(default, rename = "training")]
    _training: toml::Table,
}

impl Manifest {
    /// Reads the manifest of the model in `folder`.
    pub(in crate::embed) fn load(folder: &Path) -> Result<Self, EmbedError> {
        let (path, text) = files::manifest(folder)?;
        Self::parse(folder, &text).map_err(|reason| EmbedError::Manifest { path, reason })
    }

    fn parse(folder: &Path, text: &str) -> Result<Self, String> {
        let form: Form = toml::from_str(text).map_err(|error| one_line(&error.to_string()))?;
        if form.window < 5 {
            return Err("window must be at least 5".to_owned());
        }
        if !(form.scale > 0.0 && form.scale.is_finite() && form.shift.is_finite()) {
            return Err("scale must be above 0, and scale and shift finite".to_owned());
        }
        Ok(Self {
            files: Files {
                folder: folder.to_owned(),
                model: (form.model.clone(), form.model_sha256.clone()),
                tokenizer: (form.tokenizer.clone(), form.tokenizer_sha256.clone()),
            },
            scripts: scripts(&form.scripts)?,
            names: Names {
                ids: form.input_ids.clone(),
                mask: form.attention_mask.clone(),
                types: form.token_types.clone(),
                output: form.output.clone(),
            },
            form,
        })
    }

    /// The model's name.
    pub(super) fn name(&self) -> &str {
        &self.form.name
    }

    /// Most tokens of a pair, framing tokens included.
    pub(super) fn window(&self) -> usize {
        self.form.window
    }

    /// The vocabulary's token for what it lacks.
    pub(super) fn unknown_token(&self) -> &str {
        &self.form.unknown_token
    }

    /// Log-odds that one answer serves both, from the graph's output.
    pub(super) fn log_odds(&self, output: f32) -> f32 {
        self.form.scale * output + self.form.shift
    }

    /// Names what it says: two of one version say the same of a pair.
    pub(super) fn version(&self) -> String {
        let form = &self.form;
        let parts = format!(
            "{} {} {} {} {} {}",
            form.model_sha256,
            form.tokenizer_sha256,
            form.window,
            form.output,
            form.scale,
            form.shift
        );
        let hash = blake3::hash(parts.as_bytes()).to_hex();
        format!("{}:{}", form.name, &hash[..12])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = r#"
        name = "v"
        model = "model.onnx"
        tokenizer = "tokenizer.json"
        model_sha256 = "aa"
        tokenizer_sha256 = "bb"
        window = 128
        input_ids = "input_ids"
        attention_mask = "attention_mask"
        output = "logit"
        scripts = ["Latin"]
        scale = 0.5
        shift = -1.0
        source = "somewhere"
        licence = "MIT"
    "#;

    fn parse(text: &str) -> Result<Manifest, String> {
        Manifest::parse(Path::new("."), text)
    }

    #[test]
    fn the_curve_makes_log_odds_of_the_output() {
        let manifest = parse(FORM).unwrap();
        assert!((manifest.log_odds(4.0) - 1.0).abs() < 1e-6);
        assert_eq!(manifest.names.types, "token_type_ids");
    }

    #[test]
    fn what_could_not_be_calibrated_or_read_is_refused() {
        for (was, is, why) in [
            ("scale = 0.5", "scale = 0.0", "scale must be above 0"),
            ("scale = 0.5", "scale = nan", "scale must be above 0"),
            ("shift = -1.0", "shift = inf", "finite"),
            ("window = 128", "window = 4", "window must be"),
            ("shift = -1.0", "", "shift"),
            ("\"Latin\"", "\"Klingon\"", "Klingon"),
            ("\"Latin\"", "", "at least one"),
        ] {
            let refusal = parse(&FORM.replace(was, is)).unwrap_err();
            assert!(refusal.contains(why), "{refusal}");
        }
    }

    #[test]
    fn another_model_or_curve_is_another_version() {
        let version = |text: &str| parse(text).unwrap().version();
        let ours = version(FORM);
        assert_ne!(ours, version(&FORM.replace("\"aa\"", "\"ab\"")));
        assert_ne!(ours, version(&FORM.replace("-1.0", "-1.5")));
        assert_eq!(ours, version(&FORM.replace("somewhere", "elsewhere")));
    }
}
