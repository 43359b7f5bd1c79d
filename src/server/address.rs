//! An address of the API and the methods that it takes. HEAD is taken wherever GET is: the
//! library leaves the body out. Every other method is told which ones there are.

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::guard::{self, Guard};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpResponse, Resource, Route, web};

use super::reply;
use crate::gateway::error::{ApiError, Code};

/// One address.
pub(super) struct Address {
    resource: Resource,
    allow: Vec<&'static str>,
}

impl Address {
    pub(super) fn at(path: &str) -> Self {
        Self {
            resource: web::resource(path.to_owned()),
            allow: Vec::new(),
        }
    }

    pub(super) fn get(self, route: Route) -> Self {
        self.on(
            "GET, HEAD",
            guard::Any(guard::Get()).or(guard::Head()),
            route,
        )
    }

    pub(super) fn post(self, route: Route) -> Self {
        self.on("POST", guard::Post(), route)
    }

    pub(super) fn put(self, route: Route) -> Self {
        self.on("PUT", guard::Put(), route)
    }

    pub(super) fn delete(self, route: Route) -> Self {
        self.on("DELETE", guard::Delete(), route)
    }

    fn on(mut self, methods: &'static str, guard: impl Guard + 'static, route: Route) -> Self {
        self.allow.push(methods);
        self.resource = self.resource.route(route.guard(guard));
        self
    }
}

impl HttpServiceFactory for Address {
    fn register(self, config: &mut AppService) {
        let allow = HeaderValue::from_str(&self.allow.join(", "));
        let allow = allow.unwrap_or_else(|_| HeaderValue::from_static(""));
        let refused = web::to(move || {
            let answer = method_not_allowed(allow.clone());
            async { answer }
        });
        self.resource.default_service(refused).register(config);
    }
}

fn method_not_allowed(allow: HeaderValue) -> HttpResponse {
    let message = "This address does not take that method.";
    let mut answer = reply::fault(&ApiError::new(Code::MethodNotAllowed, message));
    answer.headers_mut().insert(ALLOW, allow);
    answer
}

/// The answer where there is no address.
pub(super) async fn nowhere() -> HttpResponse {
    let message = "There is nothing at this address.";
    reply::fault(&ApiError::new(Code::NotFound, message))
}
