//! An address of the API and the methods that it takes. HEAD is taken wherever GET is: the
//! library leaves the body out. Every other method is told which ones there are.

use actix_web::dev::{AppService, HttpServiceFactory, RequestHead};
use actix_web::guard::{self, Guard};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, web};

use super::reply;
use crate::chat::{Dialect, RequestId};
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
        let refused = web::to(move |request: HttpRequest| {
            let answer = method_not_allowed(dialect(request.head()), allow.clone());
            async { answer }
        });
        self.resource.default_service(refused).register(config);
    }
}

/// What a client speaks, by where it asks and by what Anthropic's clients always send.
pub(super) fn dialect(head: &RequestHead) -> Dialect {
    let messages = head.uri.path().starts_with("/v1/messages");
    match messages || head.headers().contains_key("anthropic-version") {
        true => Dialect::Messages,
        false => Dialect::Chat,
    }
}

fn method_not_allowed(dialect: Dialect, allow: HeaderValue) -> HttpResponse {
    let message = "This address does not take that method.";
    let error = ApiError::new(Code::MethodNotAllowed, message);
    let mut answer = reply::error_in(dialect, RequestId::fresh(), &error);
    answer.headers_mut().insert(ALLOW, allow);
    answer
}

/// The answer where there is no address.
pub(super) async fn nowhere(request: HttpRequest) -> HttpResponse {
    let message = "There is nothing at this address.";
    let error = ApiError::new(Code::NotFound, message);
    reply::error_in(dialect(request.head()), RequestId::fresh(), &error)
}
