//! What the analysts go by: each decision with what led to it, and what was said of it afterwards. Pure where
//! it reckons, bounded in what it keeps; knows nothing of HTTP and asks nobody.
//!
//! Read [`decision`] and [`label`] for what is kept, [`log`] and [`book`] for how, [`explain`] for one
//! decision, [`whatif`] for what another policy would have made of them, [`estimate`] for what labels prove.

pub mod book;
pub mod budget;
pub mod candidate;
pub mod decision;
pub mod estimate;
pub mod explain;
mod files;
pub mod label;
pub mod log;
pub mod pairs;
pub mod prompts;
pub mod repeats;
pub mod scopes;
mod throttle;
pub mod watch;
pub mod whatif;
mod wire;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use wire::hex;

use self::book::{Book, Turned};
use self::candidate::Candidate;
use self::decision::Decision;
use self::estimate::JudgeErrors;
use self::label::{Label, Opinion, Source};
use self::log::Log;
use self::prompts::Prompts;
use self::throttle::Throttle;
use self::whatif::Case;
use crate::cache::reach::Reach;
use crate::chat::RequestId;
use crate::telemetry::Metrics;

/// How much is kept, and where.
#[derive(Debug, Clone)]
pub struct EvidenceConfig {
    /// Folder of the files; none: in memory only.
    pub folder: Option<PathBuf>,
    /// Decisions of each of the two logs.
    pub decisions: usize,
    /// Labels.
    pub labels: usize,
}

/// Decisions and labels.
pub struct Evidence {
    /// Requests for which something was compared by meaning.
    compared: Log,
    /// All others, which are many: kept apart, so that they push none of the former out.
    plain: Log,
    throttle: Throttle,
    book: Option<Book>,
    prompts: Prompts,
}

/// Requests for which nothing was compared that are taken down in a second.
const PLAIN_PER_SECOND: u32 = 200;

impl Evidence {
    /// Opens what was kept, and tells `reach` what was said of entries that may still be there.
    #[must_use]
    pub fn open(config: &EvidenceConfig, metrics: &Arc<Metrics>, reach: &Reach) -> Self {
        let folder = config.folder.as_deref();
        let log = |name| Log::open(folder, name, config.decisions, metrics.clone());
        let book = Book::open(folder, config.labels);
        let book = book.inspect_err(
            |cause| tracing::error!(%cause, "labels are refused: their file cannot be opened"),
        );
        let evidence = Self {
            compared: log("compared"),
            plain: log("plain"),
            throttle: Throttle::new(PLAIN_PER_SECOND),
            book: book.ok(),
            prompts: Prompts::default(),
        };
        for label in evidence.labels(usize::MAX, |_| true) {
            if evidence.counts(&label) {
                reach.hear(&label.said());
            }
        }
        evidence
    }

    /// Whether one more request for which nothing was compared is to be taken down now.
    #[must_use]
    pub fn wants_plain(&self, now_ms: u64) -> bool {
        self.throttle.take(now_ms)
    }

    /// Takes a decision down.
    pub fn note(&self, decision: Decision) {
        if decision.compared() {
            self.compared.add(decision);
        } else {
            self.plain.add(decision);
        }
    }

    /// System prompts that came by lately.
    #[must_use]
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// All decisions of a namespace whose system prompts are told. They outlive the process. Blocks.
    #[must_use]
    pub fn prompted(&self, namespace: &str) -> Vec<Arc<Decision>> {
        let wanted = |d: &Decision| d.namespace == namespace && d.key.prompt.is_some();
        let mut found = self.compared.list(usize::MAX, wanted);
        found.extend(self.plain.list(usize::MAX, wanted));
        found
    }

    /// The decision of one request, which outlives the process once this has returned. Blocks.
    #[must_use]
    pub fn find(&self, id: RequestId) -> Option<Arc<Decision>> {
        self.compared.find(id).or_else(|| self.plain.find(id))
    }

    /// Up to `limit` decisions by meaning that pass `keep`, newest first; they outlive the process. Blocks.
    #[must_use]
    pub fn decisions(&self, limit: usize, keep: impl Fn(&Decision) -> bool) -> Vec<Arc<Decision>> {
        self.compared.list(limit, keep)
    }

    /// Up to `limit` decisions without a comparison that pass `keep`, newest first. Blocks.
    #[must_use]
    pub fn plain(&self, limit: usize, keep: impl Fn(&Decision) -> bool) -> Vec<Arc<Decision>> {
        self.plain.list(limit, keep)
    }

    /// Takes down what somebody said of a decision, and tells `reach`. On disk when this returns. Blocks.
    ///
    /// # Errors
    /// What the file system refuses; nothing changed then.
    pub fn opine(&self, mut label: Label, reach: &Reach) -> io::Result<Turned> {
        // What chance chose stays chosen by chance, whoever corrects it, and whoever spoke of it before.
        let said = self.said_of(label.request_id);
        label.sampled |= said.iter().any(|l| l.sampled);
        label.share = label.share.or(said.iter().find_map(|l| l.share));
        let (source, chosen) = (label.source, (label.sampled, label.share));
        let lifted = said
            .iter()
            .filter(|l| l.source != source && (l.sampled, l.share) != chosen);
        let lifted = lifted.map(|other| Label {
            sampled: chosen.0,
            share: chosen.1,
            ..Label::clone(other)
        });
        let turned = self.book()?.add(label, lifted.collect())?;
        if let Some(before) = &turned.before {
            reach.retract(&before.said());
        }
        if let Some(after) = &turned.after {
            reach.hear(&after.said());
        }
        for gone in &turned.gone {
            reach.retract(&gone.said());
        }
        Ok(turned)
    }

    /// All that was said of one request, the most trusted last.
    #[must_use]
    pub fn said_of(&self, request: RequestId) -> Vec<Arc<Label>> {
        let book = self.book.as_ref();
        book.map(|b| b.all_of(request)).unwrap_or_default()
    }

    /// What counts of all that was said of one request.
    #[must_use]
    pub fn label_of(&self, request: RequestId) -> Option<Arc<Label>> {
        self.book.as_ref()?.of(request)
    }

    /// Up to `limit` labels that pass `keep`, newest first.
    #[must_use]
    pub fn labels(&self, limit: usize, keep: impl Fn(&Label) -> bool) -> Vec<Arc<Label>> {
        let book = self.book.as_ref();
        book.map(|b| b.list(limit, keep)).unwrap_or_default()
    }

    /// The decisions by meaning of a namespace, newest first, each with what counts of all that was said of it.
    #[must_use]
    pub fn cases(&self, namespace: &str) -> Vec<Case> {
        let found = self.compared.list(usize::MAX, |d| d.namespace == namespace);
        let case = |d: Arc<Decision>| {
            let label = self.label_of(d.request_id);
            Case::of(d, label)
        };
        found.into_iter().map(case).collect()
    }

    /// How often the judge erred in some namespaces, by what people said of the same requests.
    #[must_use]
    pub fn judge_errors(&self, whose: impl Fn(&str) -> bool) -> JudgeErrors {
        let by_judge = |l: &Label| l.source == Source::Judge && whose(&l.namespace);
        let judged = self.labels(usize::MAX, by_judge);
        let counted = judged
            .iter()
            .filter_map(|j| Some((j, self.label_of(j.request_id)?)));
        let by_people = counted.filter(|(_, people)| people.source >= Source::App);
        by_people.fold(JudgeErrors::default(), |mut errors, (judge, people)| {
            let agree = judge.verdict == people.verdict;
            match people.verdict {
                Opinion::Wrong => {
                    errors.wrong += 1;
                    errors.missed += usize::from(!agree);
                }
                Opinion::Right => {
                    errors.right += 1;
                    errors.false_alarms += usize::from(!agree);
                }
            }
            errors
        })
    }

    /// Whether a label is what counts of its request.
    #[must_use]
    pub fn counts(&self, label: &Arc<Label>) -> bool {
        let counted = self.label_of(label.request_id);
        counted.is_some_and(|counted| Arc::ptr_eq(&counted, label))
    }

    /// Drops the texts of what `whose` names, here and on disk. Blocks.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn forget_texts(&self, whose: &Whose) -> io::Result<()> {
        self.prompts.forget();
        // All of them, whatever becomes of the first.
        let compared = self.compared.forget_texts(|d| whose.decided(d));
        let plain = self.plain.forget_texts(|d| whose.decided(d));
        let book = self.book.as_ref();
        let labels = book.map_or(Ok(()), |book| book.forget_texts(|l| whose.labelled(l)));
        compared.and(plain).and(labels)
    }

    fn book(&self) -> io::Result<&Book> {
        let missing = || io::Error::other("the file of labels could not be opened at the start");
        self.book.as_ref().ok_or_else(missing)
    }
}

/// Whose texts are meant: those of requests to which all applies that is said, and those that speak of certain
/// entries.
#[derive(Debug, Clone, Default)]
pub struct Whose {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// In this namespace.
    pub namespace: Option<String>,
    /// Asked for this model.
    pub model: Option<String>,
    /// Asked by this person, by keyed hash in hexadecimal.
    pub asker: Option<String>,
    /// Whoever asked: what was compared with one of these.
    pub entries: HashSet<u64>,
}

impl Whose {
    fn decided(&self, d: &Decision) -> bool {
        let mut near = d.candidates.iter().map(|c| c.entry).chain(d.entry);
        near.any(|e| self.entries.contains(&e))
            || self.fits([&d.tenant, &d.namespace, &d.model], d.key.asker.as_ref())
            || d.candidates
                .iter()
                .any(|c| self.asked(c, &d.namespace, &d.model))
    }

    fn labelled(&self, l: &Label) -> bool {
        self.entries.contains(&l.candidate.entry)
            || self.fits([&l.tenant, &l.namespace, &l.model], l.asker.as_ref())
            || self.asked(&l.candidate, &l.namespace, &l.model)
    }

    /// Whether this person asked what somebody else's question was compared with. The hash is of one tenant alone.
    fn asked(&self, c: &Candidate, namespace: &String, model: &String) -> bool {
        let (Some(tenant), true) = (&self.tenant, self.asker.is_some()) else {
            return false;
        };
        self.fits([tenant, namespace, model], c.asker.as_ref())
    }

    fn fits(&self, has: [&String; 3], asker: Option<&String>) -> bool {
        let wanted = [&self.tenant, &self.namespace, &self.model].map(Option::as_ref);
        let (wanted, has) = (
            wanted.into_iter().chain([self.asker.as_ref()]),
            has.map(Some).into_iter().chain([asker]),
        );
        let mut said = wanted
            .zip(has)
            .filter(|(wanted, _)| wanted.is_some())
            .peekable();
        said.peek().is_some() && said.all(|(wanted, has)| wanted == has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_means_all_and_nothing_said_means_none() {
        let [tenant, namespace, model, ann] = ["t", "n", "m", "ann"].map(str::to_owned);
        let has = [&tenant, &namespace, &model];
        assert!(!Whose::default().fits(has, Some(&ann)));
        let whose = Whose {
            tenant: Some(tenant.clone()),
            asker: Some(ann.clone()),
            ..Whose::default()
        };
        assert!(whose.fits(has, Some(&ann)));
        assert!(
            !whose.fits(has, None) && !whose.fits([&namespace, &namespace, &model], Some(&ann))
        );
    }
}
