//! In which form a candidate is asked: a text completion as such where its provider has them, and as a chat where it
//! has not, or says so.

use super::attempt::Wording;
use super::forms::Forms;
use super::plan::Candidate;
use super::send::Errand;
use crate::chat::{Dialect, InvalidRequest};
use crate::ledger::Task;
use crate::provider::{Failure, Reply};

/// An answer, and the dialect in which its bytes and its native events are.
pub(super) struct Told {
    pub(super) reply: Reply,
    pub(super) dialect: Dialect,
}

/// Whether it only says that a text completion must be asked for in another form.
pub(super) fn lacks_completions(dialect: Dialect, failure: &Failure) -> bool {
    dialect == Dialect::Completions && failure.is_of_the_endpoint()
}

impl Errand<'_> {
    /// Asks one candidate, in the form that it understands; `others` may be asked in its place.
    pub(super) async fn candidate(
        &self,
        candidate: &Candidate,
        others: bool,
    ) -> Result<Told, Failure> {
        let dialect = self.dialect_of(candidate)?;
        let wording = self.worded(dialect, candidate)?;
        match self.tried(candidate, wording, others).await {
            Err(failure) if lacks_completions(dialect, &failure) => {
                self.as_chat(candidate, failure, others).await
            }
            told => told,
        }
    }

    fn dialect_of(&self, candidate: &Candidate) -> Result<Dialect, Failure> {
        let (provider, model) = (&candidate.provider, candidate.model.as_str());
        let own = provider.dialect();
        if self.request.dialect() != Dialect::Completions {
            return match self.task(candidate) {
                Some(Task::Completion) => Err(Failure::inexpressible(self.no_chat())),
                _ => Ok(own),
            };
        }
        let now = std::time::Instant::now();
        let forms: &Forms = &self.router.forms;
        let native =
            provider.speaks(Dialect::Completions) && !forms.is_without(provider.name(), model, now);
        Ok(if native { Dialect::Completions } else { own })
    }

    /// The same as a chat, after the provider said that it has no text completions, or not of that model.
    async fn as_chat(
        &self,
        candidate: &Candidate,
        refusal: Failure,
        others: bool,
    ) -> Result<Told, Failure> {
        let (provider, model) = (&candidate.provider, candidate.model.as_str());
        let wording = match self.worded(provider.dialect(), candidate) {
            Ok(wording) => wording,
            // That there is no such model says more than that it could not be asked this as a chat.
            Err(_) if refusal.is_of_the_model() => return Err(refusal),
            Err(unsaid) => return Err(unsaid),
        };
        let wording = Wording {
            again: true,
            ..wording
        };
        let told = self.tried(candidate, wording, others).await;
        // Only an answer tells that it chats: a model that is not there yet may have been meant.
        if told.is_ok() {
            self.learn(provider.name(), model);
        }
        told
    }

    fn learn(&self, provider: &str, model: &str) {
        tracing::info!(provider, model, "no text completions: asked as a chat");
        let now = std::time::Instant::now();
        self.router.forms.learn(provider, model, now);
    }

    /// What the catalogue says that a model is asked for.
    fn task(&self, candidate: &Candidate) -> Option<Task> {
        let catalogue = self.router.prices.catalogue()?.current();
        let entry = catalogue.find(candidate.family.as_deref(), &candidate.model);
        entry.map(|entry| entry.task)
    }

    fn no_chat(&self) -> InvalidRequest {
        let model = self.request.model();
        let message = format!("`{model}` has no chat, only completions: ask `/v1/completions`.");
        InvalidRequest::at("model", message)
    }
}
