//! The list of models: the providers' lists merged, as far as they can be asked for.

use crate::client::{Answer, Client};
use crate::gateway::{Gateway, Tenants};

/// The gateway's own.
const LOCAL: &str = "local/all-MiniLM-L6-v2";

fn ids(list: &Answer) -> Vec<String> {
    assert_eq!(list.status, 200);
    let list = list.json();
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().unwrap();
    let id = |m: &serde_json::Value| {
        assert_eq!(m["object"], "model");
        m["id"].as_str().unwrap().to_owned()
    };
    models.iter().map(id).collect()
}

#[tokio::test]
async fn the_providers_models_are_listed() {
    let list = Client::new().get("/v1/models").send().await;
    assert_eq!(
        ids(&list),
        ["mock-plain", "mock-other", "gpt-4o-mini", LOCAL]
    );
}

#[tokio::test]
async fn routes_are_listed_and_models_that_no_request_leads_to_are_not() {
    let list = Client::of(Gateway::routed()).get("/v1/models").send().await;
    let routes = [
        "careful", "clock", "discreet", "easy", "handy", "renamed", "ticker",
    ];
    let listed = ["mock-plain", "mock-other", LOCAL];
    assert_eq!(ids(&list), [&routes[..], &listed].concat());
}

#[tokio::test]
async fn one_model_can_be_looked_up_and_an_unknown_one_is_not_found() {
    let client = Client::new();
    let model = client.get("/v1/models/mock-other").send().await.json();
    assert_eq!(
        (&model["id"], &model["owned_by"]),
        (&"mock-other".into(), &"mock".into())
    );
    for unknown in ["gpt-9", "a/b", "%ff", "%20"] {
        let path = format!("/v1/models/{unknown}");
        let error = client.get(&path).send().await.error(404, "model_not_found");
        assert_eq!(error["param"], "model");
    }
}

#[tokio::test]
async fn where_no_provider_can_be_asked_nothing_is_said_to_be_unknown() {
    let nobody =
        "[[providers]]\nname = \"gone\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n";
    let client = Client::of(Gateway::start(nobody).into());
    for path in ["/v1/models", "/v1/models/gpt-4o"] {
        let answer = client.get(path).send().await;
        let error = answer.error(502, "upstream_unreachable");
        assert!(error["message"].as_str().unwrap().contains("`gone`"));
    }
    // A route is known all the same, and so is that there may be others.
    let routed = Client::of(Gateway::routed());
    let known = routed.get("/v1/models/careful").send().await;
    assert_eq!(known.json()["id"], "careful");
    let other = routed.get("/v1/models/gone").send().await;
    other.error(502, "upstream_unreachable");
}

#[tokio::test]
async fn a_missing_list_hides_nothing_that_is_known_without_it() {
    // No request for it goes to the provider whose list is missing.
    let routed = Client::of(Gateway::routed());
    let unknown = routed.get("/v1/models/gpt-9").send().await;
    unknown.error(404, "model_not_found");
    let gone = "[[providers]]\npreset = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n";
    let client = Client::of(Gateway::start(gone).into());
    let known = client.get("/v1/models/gpt-4o-mini").send().await.json();
    assert_eq!(
        (&known["owned_by"], &known["context_window"]),
        (&"openai".into(), &128_000.into())
    );
    let other = client.get("/v1/models/gpt-none").send().await;
    other.error(502, "upstream_unreachable");
}

#[tokio::test]
async fn a_valid_key_is_enough_to_list_models() {
    let tenants = Tenants::shared();
    let client = Client::with_key(&tenants.gateway, &tenants.beta);
    let list = client.get("/v1/models").send().await;
    assert!(ids(&list).contains(&"mock-plain".to_owned()));
}
