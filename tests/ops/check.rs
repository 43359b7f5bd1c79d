//! `reprise check`: what would stop a start is told beforehand, all of it at once.

use std::fs;
use std::path::{Path, PathBuf};

use crate::helpers::{Place, copy};
use crate::mock::Mock;

const MODEL: &str = "models/all-MiniLM-L6-v2";

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(MODEL)
}

/// A copy of the model, one byte of one file changed.
fn damaged(to: &Path, file: &str) {
    copy(&model(), to).unwrap();
    let path = to.join(file);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
}

/// The one line of `lines` that holds `words`.
#[track_caller]
fn one(lines: &[String], words: &str) {
    let count = lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(count, 1, "{words} in {lines:#?}");
}

#[test]
fn what_would_start_is_fine_and_no_data_folder_is_made() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).semantic();
    let checked = place.run(&["check"]);
    assert!(checked.status.success(), "{checked:?}");
    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(text.contains("fine") && text.contains("openai"), "{text}");
    assert!(!place.data.exists());
}

#[test]
fn every_fault_outside_the_data_folder_is_told_on_a_line_of_its_own() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).semantic();
    let broken = place.beside("model");
    damaged(&broken, "model.onnx");
    let no_library = place.beside("libnone.so");
    let place = place
        .with("REPRISE_ADMIN_KEY", "too-short")
        .with("REPRISE_LOG__FILTER", "info,=,")
        .with("OPENAI_BASE_URL", "ftp://models.example")
        .with("REPRISE_EMBEDDING__MODEL_DIR", broken.to_str().unwrap())
        .with("ORT_DYLIB_PATH", no_library.to_str().unwrap());
    let lines = place.refusal(&["check"]);
    for words in [
        "REPRISE_ADMIN_KEY",
        "log.filter",
        "OPENAI_BASE_URL",
        "model.onnx does not have the checksum",
        "no ONNX Runtime library",
    ] {
        one(&lines, words);
    }
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(!place.data.exists());
}

/// One fault of each kind; the lines that tell them begin or end with the words.
fn all_kinds(mock: &Mock) -> (Place, Vec<&'static str>) {
    let place = Place::new(mock).semantic();
    let (file, none) = (place.beside("reprise.toml"), place.beside("none"));
    fs::write(
        &file,
        "[cache]\nthreshold = 2\n[retry]\nbase_ms = 9000\n\
         [[providers]]\nname = 'far'\nbase_url = 'https://far.example'\napi_key_env = 'FAR'\n\
         [[providers]]\nname = 'odd'\nbase_url = 'ftp://odd.example'\napi_key_env = 'ODD'\n\
         [[providers]]\nname = 'torn'\nbase_url = 'https://torn.example'\napi_key_env = 'TORN'",
    )
    .unwrap();
    let place = place
        .with("REPRISE_CONFIG", file.to_str().unwrap())
        .with("TORN", "two\nlines")
        .with("REPRISE_ADMIN_KEY", "too-short")
        .with("REPRISE_LOG", "info,=,")
        .with("REPRISE_MODEL_DIR", none.to_str().unwrap())
        .with("ORT_DYLIB_PATH", none.to_str().unwrap());
    let words = vec![
        "cache.threshold",
        "retry.base_ms",
        "providers[0].api_key_env (environment FAR)",
        "providers[1].base_url",
        "key of provider `torn`",
        "REPRISE_ADMIN_KEY",
        "log.filter",
        "embedding.model_dir: no MANIFEST.toml",
        "no ONNX Runtime library",
    ];
    (place, words)
}

#[test]
fn no_fault_hides_another_whatever_their_kinds() {
    let mock = Mock::start().unwrap();
    let (place, words) = all_kinds(&mock);
    let lines = place.refusal(&["check"]);
    for words in &words {
        one(&lines, words);
    }
    assert_eq!(lines.len(), words.len(), "{lines:#?}");
    assert!(!place.data.exists());
}

#[test]
fn a_start_is_refused_with_the_lines_of_the_check() {
    let mock = Mock::start().unwrap();
    let (place, words) = all_kinds(&mock);
    let lines = place.refusal(&["serve", "--bind", "127.0.0.1:0"]);
    assert_eq!(lines.len(), words.len(), "{lines:#?}");
    // Without a fault of the settings it ends at another step, and tells no less.
    let place = Place::new(&mock).semantic();
    let none = place.beside("none");
    let place = place
        .with("REPRISE_ADMIN_KEY", "too-short")
        .with("REPRISE_MODEL_DIR", none.to_str().unwrap())
        .with("ORT_DYLIB_PATH", none.to_str().unwrap());
    let lines = place.refusal(&["serve", "--bind", "127.0.0.1:0"]);
    for words in ["REPRISE_ADMIN_KEY", "model_dir", "no ONNX Runtime library"] {
        one(&lines, words);
    }
    assert_eq!(lines.len(), 3, "{lines:#?}");
}

#[test]
fn a_file_that_cannot_be_read_hides_nothing_that_the_environment_says() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).semantic();
    let (file, none) = (place.beside("reprise.toml"), place.beside("none"));
    fs::write(&file, "[[providers]\nbase_url = 'https://far.example'").unwrap();
    let place = place
        .with("REPRISE_CONFIG", file.to_str().unwrap())
        .with(
            "OPENAI_BASE_URL",
            "ftp://not-asked-where-providers-may-be-named",
        )
        .with("REPRISE_ADMIN_KEY", "too-short")
        .with("REPRISE_LOG", "info,=,")
        .with("REPRISE_MODEL_DIR", none.to_str().unwrap())
        .with("ORT_DYLIB_PATH", none.to_str().unwrap());
    let lines = place.refusal(&["check"]);
    for words in [
        "reprise.toml: line 1",
        "REPRISE_ADMIN_KEY",
        "log.filter",
        "embedding.model_dir: no MANIFEST.toml",
        "no ONNX Runtime library",
    ] {
        one(&lines, words);
    }
    assert_eq!(lines.len(), 5, "{lines:#?}");
}

#[test]
fn nothing_is_made_up_about_what_rests_on_a_fault() {
    let mock = Mock::start().unwrap();
    for (text, fault) in [
        // The model is somewhere, only not where a number says.
        ("[embedding]\nmodel_dir = 1", "embedding.model_dir"),
        ("[embedding]\nenabled = 'no'", "embedding.enabled"),
        ("[log]\nfilter = 1", "log.filter"),
        ("[retry]\nmax_ms = 999999999999", "retry.max_ms"),
        ("providers = 1", "providers"),
        (
            "[[providers]]\nname = 'a'\nbase_url = 'https://u:p@a'\napi_key_env = 'sk-secret'",
            "providers[0].base_url",
        ),
    ] {
        let place = Place::new(&mock);
        let file = place.beside("reprise.toml");
        fs::write(&file, text).unwrap();
        let place = place.with("REPRISE_CONFIG", file.to_str().unwrap());
        let lines = place.refusal(&["check"]);
        one(&lines, &format!("{fault} (file"));
        let known = lines.iter().all(|line| line.contains("(file"));
        assert!(known && !lines.concat().contains("sk-secret"), "{lines:#?}");
    }
}

#[test]
fn a_bad_admin_key_is_told_beside_a_configuration_that_cannot_be_read() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let none = place.beside("none");
    let place = place
        .with("REPRISE_ADMIN_KEY_FILE", none.to_str().unwrap())
        .with("REPRISE_CACHE__THRESHOLD", "2");
    let lines = place.refusal(&["check"]);
    one(&lines, "REPRISE_ADMIN_KEY_FILE");
    one(&lines, "cache.threshold");
    assert_eq!(lines.len(), 2, "{lines:#?}");
}

#[test]
fn a_library_that_is_no_onnx_runtime_and_a_damaged_tokenizer_are_found() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).semantic();
    let (broken, text) = (place.beside("model"), place.beside("libtext.so"));
    damaged(&broken, "tokenizer.json");
    fs::write(&text, "not a library").unwrap();
    let place = place
        .with("REPRISE_EMBEDDING__MODEL_DIR", broken.to_str().unwrap())
        .with("ORT_DYLIB_PATH", text.to_str().unwrap());
    let lines = place.refusal(&["check"]);
    one(&lines, "tokenizer.json does not have the checksum");
    one(&lines, "libtext.so cannot be used");
    assert_eq!(lines.len(), 2, "{lines:#?}");
}
