//! The house's structure, held by a test: modules point downwards only, and each
//! external crate that shapes the design is known to one module.

#![allow(
    clippy::unwrap_used,
    reason = "a source tree that cannot be read fails the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// From the top down; a module uses itself and what stands after it.
const ORDER: [&str; 21] = [
    "app",
    "server",
    "work",
    "warm",
    "eval",
    "gateway",
    "evidence",
    "guard",
    "cache",
    "router",
    "provider",
    "identity",
    "ledger",
    "store",
    "index",
    "embed",
    "limit",
    "telemetry",
    "config",
    "dialect",
    "chat",
];

/// Crates that stay where they are, by their module.
const AT_HOME: [(&str, &str); 20] = [
    ("actix_web", "server"),
    ("actix_http", "server"),
    ("actix_server", "server"),
    ("actix_service", "server"),
    ("actix_multipart", "server"),
    ("reqwest", "provider"),
    ("rustls", "provider"),
    ("hmac", "provider"),
    ("moka", "cache"),
    ("dashmap", "cache"),
    ("sled", "store"),
    ("zstd", "store"),
    ("hnsw_rs", "index"),
    ("simsimd", "index"),
    ("rayon", "index"),
    ("ort", "embed"),
    ("tokenizers", "embed"),
    ("metrics_exporter_prometheus", "telemetry"),
    ("tracing_subscriber", "telemetry"),
    ("clap", "app"),
];

/// The most that a file may have of code, and of tests.
const MOST_LINES: usize = 400;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Each source file as (module, path, text).
fn files() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let module = |path: &Path| {
        let first = path.strip_prefix(&root).unwrap().iter().next().unwrap();
        first.to_string_lossy().trim_end_matches(".rs").to_owned()
    };
    paths
        .into_iter()
        .map(|p| (module(&p), p.clone(), fs::read_to_string(&p).unwrap()))
        .filter(|(module, ..)| module != "lib" && module != "main")
        .collect()
}

/// Names that follow `prefix` in code, comments left out.
fn names_after<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(move |line| {
            line.match_indices(prefix)
                .map(move |(i, p)| &line[i + p.len()..])
        })
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
}

#[test]
fn modules_use_only_what_stands_below_them() {
    let place = |module: &str| ORDER.iter().position(|m| *m == module);
    let mut faults = Vec::new();
    for (module, path, text) in files() {
        let Some(own) = place(&module) else {
            faults.push(format!("{} is in no known module", path.display()));
            continue;
        };
        for used in names_after(&text, "crate::") {
            if place(used).is_some_and(|used| used < own) {
                faults.push(format!("{} uses {used}", path.display()));
            }
        }
        // `use crate::{a, b}` hides names from the line above.
        for line in text.lines().filter(|l| l.starts_with("use crate::{")) {
            for used in line["use crate::{".len()..].split([',', '{', '}', ';', ' ']) {
                let used = used.split("::").next().unwrap_or("");
                if place(used).is_some_and(|used| used < own) {
                    faults.push(format!("{} uses {used}", path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_shaping_crate_is_known_to_one_module() {
    let mut faults = Vec::new();
    for (module, path, text) in files() {
        for (name, home) in AT_HOME {
            let path_start = format!("{name}::");
            let used = text.lines().any(|line| {
                let line = line.trim_start();
                let at = |i: usize| line[..i].chars().next_back();
                let whole = |i| at(i).is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
                !line.starts_with("//") && line.match_indices(&path_start).any(|(i, _)| whole(i))
            });
            if used && module != home {
                faults.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Lines of a file: code, and the tests at its end.
fn lines(text: &str) -> (usize, usize) {
    let (mut code, mut tests, mut inside) = (0, 0, false);
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        // A module of tests elsewhere, `mod tests;`, has no body to skip.
        let opens = |next: Option<&&str>| {
            next.is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'))
        };
        inside |= line == "#[cfg(test)]" && opens(rest.peek());
        if inside {
            tests += 1;
        } else {
            code += 1;
        }
        inside &= line != "}";
    }
    (code, tests)
}

#[test]
fn files_stay_small_and_so_do_their_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["src", "tests", "benches"] {
        sources(&root.join(folder), &mut paths);
    }
    let mut faults = Vec::new();
    for path in paths {
        let (code, tests) = lines(&fs::read_to_string(&path).unwrap());
        if code > MOST_LINES || tests > MOST_LINES {
            faults.push(format!(
                "{} has {code} lines and {tests} of tests beside them",
                path.display()
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn lines_after_a_test_module_are_code_again() {
    let text = "use a;\n#[cfg(test)]\nmod tests;\nfn b() {\n}\n#[cfg(test)]\nmod more {\n    x\n}\nfn c() {\n}\n";
    assert_eq!(lines(text), (7, 4));
}
