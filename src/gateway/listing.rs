//! The models that can be asked for, each with what is known of it beside what its provider says.

use serde_json::{Value, json};

use super::Gateway;
use super::error::{ApiError, Code};
use crate::provider::Failure;
use crate::router::Models;

/// The error in place of a provider's list.
#[must_use]
pub fn unlisted((provider, failure): &(String, Failure)) -> ApiError {
    let mut error = ApiError::from(failure);
    error.message = format!(
        "The models of `{provider}` cannot be told now: {}",
        error.message
    );
    error
}

impl Gateway {
    /// All models of all providers, and the names of routes.
    pub async fn models(&self) -> Models {
        let mut models = self.router.models().await;
        for model in &mut models.list {
            self.describe(model);
        }
        models
    }

    /// A model by its name. Of one that no list holds while a list is missing in which it could stand, the catalogue may
    /// still know.
    ///
    /// # Errors
    /// It is not there, or nobody can tell now.
    pub async fn model(&self, name: &str) -> Result<Value, ApiError> {
        let named = |m: &Value| m.get("id").and_then(Value::as_str) == Some(name);
        if let Some(own) = self.own_model().filter(named) {
            return Ok(own);
        }
        let Models { list, mut missing } = self.models().await;
        if let Some(listed) = list.into_iter().find(named) {
            return Ok(listed);
        }
        missing.retain(|(provider, _)| self.router.leads_to(name, provider));
        let Some(missing) = missing.first() else {
            let message = format!("The model `{name}` does not exist here.");
            return Err(ApiError {
                param: Some("model".into()),
                ..ApiError::new(Code::ModelNotFound, message)
            });
        };
        let known = self.catalogued(name, &missing.0);
        known.ok_or_else(|| unlisted(missing))
    }

    /// A model that the catalogue knows, as `provider` would list it. What is known under that name elsewhere tells
    /// nothing of a server that could be anything.
    fn catalogued(&self, name: &str, provider: &str) -> Option<Value> {
        let plan = self.router.plan(name).ok()?;
        plan.first_family().filter(|_| plan.is_first(provider))?;
        let mut model = json!({"id": name, "object": "model", "created": 0, "owned_by": provider});
        let bare = model.as_object()?.len();
        self.describe(&mut model);
        (model.as_object()?.len() > bare).then_some(model)
    }

    /// The model of this process, where clients may use it.
    #[must_use]
    pub fn local_model(&self) -> Option<Value> {
        self.own_model()
    }

    /// Adds what the catalogue knows of the model that a request would be answered by first, and the price that counts
    /// for the name that was asked for. What the provider says of it stays.
    fn describe(&self, model: &mut Value) {
        let Some(members) = model.as_object_mut() else {
            return;
        };
        let Some(id) = members.get("id").and_then(Value::as_str) else {
            return;
        };
        let Ok(plan) = self.router.plan(id) else {
            return;
        };
        let (family, first) = (plan.first_family(), plan.first_model());
        let mut told = self.prices.describe(family.as_deref(), &first);
        if first != id {
            told.extend(self.prices.describe(family.as_deref(), id));
        }
        for (name, value) in told {
            members.entry(name).or_insert(value);
        }
    }
}
