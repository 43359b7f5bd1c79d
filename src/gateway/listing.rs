//! The models that can be asked for, each with what is known of it beside what its provider says.

use serde_json::Value;

use super::Gateway;
use crate::router::Models;

impl Gateway {
    /// All models of all providers, and the names of routes.
    pub async fn models(&self) -> Models {
        let mut models = self.router.models().await;
        for model in &mut models.list {
            self.describe(model);
        }
        models
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
