//! Sends a share of the requests elsewhere as well, and throws the answers away. It takes nothing that clients need: it
//! is not tried again, asks nobody in its place and waits for no room.

use std::sync::Arc;

use futures_util::StreamExt;

use super::Router;
use super::choose::draw_of;
use super::plan::Plan;
use crate::chat::ChatRequest;
use crate::provider::{ClientHeaders, Reply};

impl Router {
    /// Asks the plan's shadow as well, if the request falls to its share and there is room. Nobody waits for it.
    pub fn shadow(self: &Arc<Self>, plan: &Plan, request: &ChatRequest, headers: &ClientHeaders) {
        let Some(shadow) = &plan.shadow else {
            return;
        };
        if !shadow.share.takes(draw_of(plan, request)) {
            return;
        }
        let Ok(permit) = self.shadows.clone().try_acquire_owned() else {
            note("too_many");
            return;
        };
        let plan = Plan {
            paths: Arc::new(shadow.paths.clone()),
            canary: None,
            shadow: None,
            once: true,
            ..plan.clone()
        };
        let (router, request, headers) = (self.clone(), request.clone(), headers.clone());
        tokio::spawn(async move {
            let stream = request.stream();
            let answered = router.send(&plan, &request, stream, headers).await;
            let well = match answered.map(|a| a.reply) {
                Ok(Reply::Whole { .. }) => true,
                Ok(Reply::Stream { mut events, .. }) => loop {
                    match events.next().await {
                        Some(Ok(_)) => {}
                        end => break end.is_none(),
                    }
                },
                Err(_) => false,
            };
            note(if well { "ok" } else { "failed" });
            drop(permit);
        });
    }
}

fn note(outcome: &'static str) {
    metrics::counter!("reprise_shadow_total", "outcome" => outcome).increment(1);
}
