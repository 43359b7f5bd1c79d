//! The calibrated model: from features to the probability that a stored answer serves. A line in
//! a few of them and boosted trees, read from data that `scripts/verdict/train.py` writes. Knows nothing of texts.

use std::sync::LazyLock;

use serde::Deserialize;

use super::features::Features;

/// As it was committed, part of the binary: a decision must not depend on what lies in a folder.
const COMMITTED: &str = include_str!("../../../models/verdict/model.json");

/// The same for pairs that the verifier has read.
const WITH_VERIFIER: &str = include_str!("../../../models/verdict/with-verifier.json");

static MODEL: LazyLock<Option<Model>> = LazyLock::new(|| Model::parse(COMMITTED).ok());
static VERIFIED: LazyLock<Option<Model>> = LazyLock::new(|| Model::parse(WITH_VERIFIER).ok());

/// Boosted trees and the curve that makes probabilities of their sums.
#[derive(Debug, Clone)]
pub struct Model {
    version: String,
    base: f32,
    line: Vec<(usize, f32)>,
    trees: Vec<Tree>,
    curve: Vec<(f32, f32)>,
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ModelError {
    #[error("the model is no JSON of the known form: {0}")]
    Form(#[from] serde_json::Error),
    #[error("the model was trained on `{0}`, which is no feature here")]
    Feature(String),
    #[error("the model's line goes through no feature")]
    Line,
    #[error("tree {0} of the model has a branch that leads nowhere")]
    Tree(usize),
    #[error("the model's calibration does not rise")]
    Calibration,
}

/// One tree, its nodes in arrays; a leaf has itself as both branches.
#[derive(Debug, Clone)]
struct Tree(Vec<Node>);

#[derive(Debug, Clone, Copy)]
struct Node {
    feature: usize,
    /// Up to this value to the left; of a leaf the value itself.
    value: f32,
    left: usize,
    right: usize,
    /// Where a feature goes that is not known.
    missing_left: bool,
}

#[derive(Deserialize)]
struct Written {
    version: String,
    features: Vec<String>,
    base: f32,
    /// Places among `features` and what each is multiplied by.
    line: Vec<(usize, f32)>,
    trees: Vec<WrittenTree>,
    /// Sums of the trees, rising, and the probability at each; between them a straight line.
    calibration: Vec<(f32, f32)>,
}

#[derive(Deserialize)]
struct WrittenTree {
    /// Place of each node's feature among `features`; -1 for a leaf.
    feature: Vec<i32>,
    value: Vec<f32>,
    left: Vec<usize>,
    right: Vec<usize>,
    missing_left: Vec<bool>,
}

impl Model {
    /// The committed one; none only if the build was tampered with, which a test excludes.
    #[must_use]
    pub fn committed() -> Option<&'static Self> {
        MODEL.as_ref()
    }

    /// The one for pairs that the verifier has read, as it was committed.
    #[must_use]
    pub fn with_verifier() -> Option<&'static Self> {
        VERIFIED.as_ref()
    }

    /// Reads a model and checks that no feature can lead it astray.
    ///
    /// # Errors
    /// [`ModelError`]
    pub fn parse(json: &str) -> Result<Self, ModelError> {
        let written: Written = serde_json::from_str(json)?;
        let known = |name: &String| {
            Features::index_of(name).ok_or_else(|| ModelError::Feature(name.clone()))
        };
        let features: Vec<usize> = written
            .features
            .iter()
            .map(known)
            .collect::<Result<_, _>>()?;
        let rises = |w: &[(f32, f32)]| w[0].0 < w[1].0 && w[0].1 <= w[1].1;
        let within = |(_, p): &(f32, f32)| (0.0..=1.0).contains(p);
        let curve = written.calibration;
        if curve.is_empty() || !curve.windows(2).all(rises) || !curve.iter().all(within) {
            return Err(ModelError::Calibration);
        }
        let placed = |&(at, slope): &(usize, f32)| features.get(at).map(|at| (*at, slope));
        let line = written.line.iter().map(placed).collect::<Option<_>>();
        let trees = written.trees.iter().enumerate();
        Ok(Self {
            version: written.version,
            base: written.base,
            line: line.ok_or(ModelError::Line)?,
            trees: trees
                .map(|(i, tree)| Tree::read(tree, &features).ok_or(ModelError::Tree(i)))
                .collect::<Result<_, _>>()?,
            curve,
        })
    }

    /// Names it in decisions: two models of one version decide alike.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Probability that the stored answer serves.
    #[must_use]
    pub fn probability(&self, features: &Features) -> f32 {
        let line = self.line.iter().map(|(at, slope)| features.0[*at] * slope);
        let trees = self.trees.iter().map(|tree| tree.value(features));
        self.calibrated(self.base + line.sum::<f32>() + trees.sum::<f32>())
    }

    /// On the curve, flat beyond its ends.
    fn calibrated(&self, sum: f32) -> f32 {
        let after = self.curve.partition_point(|(x, _)| *x < sum);
        match (
            after.checked_sub(1).map(|i| self.curve[i]),
            self.curve.get(after),
        ) {
            (Some((x0, p0)), Some((x1, p1))) => p0 + (p1 - p0) * (sum - x0) / (x1 - x0),
            (Some((_, last)), None) => last,
            (None, first) => first.map_or(0.0, |(_, p)| *p),
        }
    }
}

impl Tree {
    fn read(tree: &WrittenTree, features: &[usize]) -> Option<Self> {
        let nodes = (0..tree.feature.len()).map(|i| {
            let value = *tree.value.get(i).filter(|v| v.is_finite())?;
            let Ok(feature) = usize::try_from(tree.feature[i]) else {
                return Some(Node {
                    feature: 0,
                    value,
                    left: i,
                    right: i,
                    missing_left: true,
                });
            };
            let (left, right) = (*tree.left.get(i)?, *tree.right.get(i)?);
            // Branches lead onwards only, so a walk ends.
            let onwards = |to: usize| to > i && to < tree.feature.len();
            (onwards(left) && onwards(right)).then_some(Node {
                feature: *features.get(feature)?,
                value,
                left,
                right,
                missing_left: *tree.missing_left.get(i)?,
            })
        });
        let nodes: Vec<_> = nodes.collect::<Option<_>>()?;
        (!nodes.is_empty()).then_some(Self(nodes))
    }

    fn value(&self, features: &Features) -> f32 {
        let mut at = 0;
        loop {
            let node = self.0[at];
            if node.left == at {
                return node.value;
            }
            let known = features.0[node.feature];
            let left = if known.is_nan() {
                node.missing_left
            } else {
                known <= node.value
            };
            at = if left { node.left } else { node.right };
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sha2::{Digest, Sha256};

    use super::super::features::BASE;
    use super::super::guards::COUNT;
    use super::*;

    fn written() -> Value {
        json!({"version": "t", "features": ["cosine"], "base": 0.5, "line": [],
            "trees": [{"feature": [0, -1, -1], "value": [0.9, -2.0, 2.0], "left": [1, 0, 0],
                "right": [2, 0, 0], "missing_left": [true, true, true]}],
            "calibration": [[-1.5, 0.1], [2.5, 0.9]]})
    }

    fn probability(first: f32) -> f32 {
        let mut features = Features([f32::NAN; BASE.len() + COUNT]);
        features.0[0] = first;
        let model = Model::parse(&written().to_string()).unwrap();
        model.probability(&features)
    }

    proptest::proptest! {
        /// A candidate that is not read because of its cosine could not have served.
        #[test]
        fn nothing_makes_a_pair_likelier_than_its_cosine_at_best(
            cosine in -1.0_f32..1.0,
            found in proptest::collection::vec(-1_i8..=1, COUNT),
            less in 0.0_f32..0.5,
        ) {
            let model = Model::committed().unwrap();
            let best = model.probability(&Features::at_best(cosine));
            let mut other = Features::at_best(cosine - less);
            for (feature, found) in other.0[BASE.len()..].iter_mut().zip(&found) {
                *feature = f32::from(*found);
            }
            proptest::prop_assert!(model.probability(&other) <= best);
        }

        /// The same of one that is read, whatever is said of it.
        #[test]
        fn nothing_makes_a_pair_that_is_read_likelier_than_its_cosine_at_best(
            cosine in -1.0_f32..1.0,
            log_odds in -20.0_f32..20.0,
            found in proptest::collection::vec(-1_i8..=1, COUNT),
            less in 0.0_f32..0.5,
        ) {
            let model = Model::with_verifier().unwrap();
            let best = model.probability(&Features::verified_at_best(cosine));
            let mut other = Features::at_best(cosine - less).verified(log_odds);
            for (feature, found) in other.0[BASE.len()..].iter_mut().zip(&found) {
                *feature = f32::from(*found);
            }
            proptest::prop_assert!(model.probability(&other) <= best);
        }
    }

    #[test]
    fn a_walk_ends_in_a_leaf_and_on_the_curve() {
        assert!((probability(0.9) - 0.1).abs() < 1e-6);
        assert!((probability(0.91) - 0.9).abs() < 1e-6);
        assert!(
            (probability(f32::NAN) - 0.1).abs() < 1e-6,
            "not known goes left"
        );
    }

    #[test]
    fn a_model_that_could_lead_astray_is_refused() {
        type Spoil = fn(&mut Value);
        let spoils: [(Spoil, &str); 5] = [
            (|m| m["features"][0] = "other".into(), "no feature here"),
            (|m| m["trees"][0]["left"][0] = 0.into(), "leads nowhere"),
            (|m| m["trees"][0]["right"][0] = 7.into(), "leads nowhere"),
            (
                |m| m["trees"][0]["feature"][0] = 9999.into(),
                "leads nowhere",
            ),
            (|m| m["calibration"][1][1] = 0.05.into(), "does not rise"),
        ];
        for (spoil, why) in spoils {
            let mut model = written();
            spoil(&mut model);
            let told = Model::parse(&model.to_string()).unwrap_err().to_string();
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn the_committed_models_can_be_used() {
        assert!(Model::committed().is_some() && Model::with_verifier().is_some());
        let alone = include_str!("../../../models/verdict/MANIFEST.toml");
        let verified = include_str!("../../../models/verdict/with-verifier.toml");
        usable(COMMITTED, alone);
        usable(WITH_VERIFIER, verified);
    }

    #[track_caller]
    fn usable(committed: &str, manifest: &str) {
        let model = Model::parse(committed).unwrap();
        assert!(!model.version().is_empty());
        let told = |what: String| assert!(manifest.contains(&what), "{what}");
        told(format!("version = \"{}\"", model.version()));
        let sum: [u8; 32] = Sha256::digest(committed).into();
        told(format!(
            "\nsha256 = \"{}\"",
            blake3::Hash::from_bytes(sum).to_hex()
        ));
    }
}
