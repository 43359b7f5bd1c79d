//! What a namespace looks like to an analyst, and what it may become.

use std::collections::BTreeSet;
use std::io;

use serde_json::Value;

use super::client::{Client, Question};

/// What a namespace looks like to an analyst.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Shape {
    /// What each version of the policy asks for.
    pub(super) versions: Vec<f64>,
    /// Where each change stands.
    pub(super) changes: Vec<String>,
    /// Request, source and verdict of each label, and whether chance chose it.
    pub(super) labels: BTreeSet<(String, String, String, bool)>,
}

/// What is under way, and what of the namespace it may make.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) becomes: Vec<Shape>,
    pub(super) gone: Option<Question>,
    pub(super) acknowledged: bool,
}

impl Shape {
    /// With one version more.
    pub(super) fn version(&self, threshold: f64) -> Self {
        let mut shape = self.clone();
        shape.versions.push(threshold);
        shape
    }

    /// With its change at another stage.
    pub(super) fn stage(&self, stage: &str) -> Self {
        Self {
            changes: vec![stage.to_owned()],
            ..self.clone()
        }
    }

    /// With one label more. What chance chose stays chosen by chance, whoever spoke of it before.
    pub(super) fn label(&self, request: &str, source: &str, verdict: &str, sampled: bool) -> Self {
        let mut shape = self.clone();
        shape.labels.clear();
        for (of, by, said, chosen) in self.labels.clone() {
            let lifted = of == request && sampled;
            if of != request || by != source {
                shape.labels.insert((of, by, said, chosen || lifted));
            }
        }
        let label = (
            request.to_owned(),
            source.to_owned(),
            verdict.to_owned(),
            sampled,
        );
        shape.labels.insert(label);
        shape
    }
}

/// What the gateway says of a namespace. What is in force is the newest version that it tells of.
pub(super) fn look(client: &Client<'_>, namespace: &str) -> io::Result<Shape> {
    let rows = |list: &str| -> io::Result<Vec<Value>> {
        let told = client.get(&format!(
            "/admin/v1/{list}?namespace={namespace}&limit=1000"
        ))?;
        Ok(told["data"].as_array().unwrap().clone())
    };
    let mut versions = rows("versions")?;
    versions.reverse();
    let numbers: Vec<_> = versions
        .iter()
        .map(|v| v["version"].as_u64().unwrap())
        .collect();
    let policy = client.get(&format!("/admin/v1/policies/{namespace}"))?;
    assert_eq!(
        numbers,
        (0..=policy["version"].as_u64().unwrap()).collect::<Vec<_>>(),
        "{policy}"
    );
    assert_eq!(
        versions.last().unwrap()["policy"],
        policy,
        "the newest is in force"
    );
    let mut changes = rows("changes")?;
    changes.reverse();
    let word = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let labels = rows("labels")?.into_iter().map(|l| {
        let sampled = l["sampled"].as_bool().unwrap();
        (
            word(&l, "request_id"),
            word(&l, "source"),
            word(&l, "verdict"),
            sampled,
        )
    });
    Ok(Shape {
        versions: versions
            .iter()
            .map(|v| v["policy"]["threshold"].as_f64().unwrap())
            .collect(),
        changes: changes.iter().map(|c| word(c, "stage")).collect(),
        labels: labels.collect(),
    })
}
