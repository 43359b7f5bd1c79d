//! Catalogues as they are written and looked up in.

use super::*;
use crate::config::{Faults, Origin, presets};

fn sheet(models: &str) -> Result<Sheet, Faults> {
    let text = format!("version = 1\ndate = '2026-01-31'\n{models}");
    Sheet::read(&text, &Origin::Default)
}

fn model(provider: &str, id: &str, input: f64) -> String {
    format!(
        "[[models]]\nprovider = '{provider}'\nid = '{id}'\nprice = {{ input = {input:?}, output = 0 }}\n"
    )
}

fn catalogue(models: &[String]) -> Catalogue {
    Catalogue::of(&[sheet(&models.concat()).unwrap()])
}

/// What the first million tokens cost by the entry that is found.
fn found(catalogue: &Catalogue, family: Option<&str>, name: &str) -> Option<f64> {
    // Asked twice: the second answer comes from what is remembered.
    let ask = || catalogue.find(family, name)?.price.map(|p| p.rate.input);
    assert_eq!(ask(), ask(), "{name}");
    ask()
}

fn faults(text: &str) -> Vec<String> {
    let Faults(faults) = Sheet::read(text, &Origin::Default).unwrap_err();
    let told = faults.iter().map(ToString::to_string);
    told.map(|t| t.replace(" (default)", "")).collect()
}

#[test]
fn an_exact_name_goes_before_patterns_and_these_before_a_name_without_its_date() {
    let catalogue = catalogue(&[
        model("p", "m-*", 1.0),
        model("p", "m-4*", 2.0),
        model("p", "m-4", 3.0),
        model("p", "n", 4.0),
        model("p", "n-2024-05-13", 5.0),
    ]);
    let found = |name| found(&catalogue, Some("p"), name);
    assert_eq!(found("m-4"), Some(3.0));
    assert_eq!(found("m-5"), Some(1.0));
    assert_eq!(found("m-4-2024-08-06"), Some(1.0));
    assert_eq!(found("n-2024-05-13"), Some(5.0));
    assert_eq!(found("n-2024-08-06"), Some(4.0));
    assert_eq!(found("o"), None);
}

#[test]
fn an_alias_is_a_name_like_any_other() {
    let text = format!("{}aliases = ['m-latest']\n", model("p", "m-1", 1.0));
    let catalogue = catalogue(&[text, model("p", "m-*", 2.0)]);
    assert_eq!(found(&catalogue, Some("p"), "m-latest"), Some(1.0));
}

#[test]
fn each_provider_has_its_own_entries() {
    let catalogue = catalogue(&[
        model("p", "m", 1.0),
        model("q", "m", 2.0),
        model("q", "n", 3.0),
    ]);
    let found = |family, name| found(&catalogue, family, name);
    assert_eq!(found(Some("p"), "m"), Some(1.0));
    assert_eq!(found(Some("q"), "m"), Some(2.0));
    assert_eq!(found(Some("p"), "n"), None);
    assert_eq!(found(Some("nobody"), "n"), None);
}

#[test]
fn where_nobody_knows_the_provider_the_dearest_counts() {
    let free = "[[models]]\nprovider = 'r'\nid = 'm'\n".to_owned();
    let catalogue = catalogue(&[model("p", "m", 1.0), model("q", "m", 2.0), free]);
    assert_eq!(found(&catalogue, None, "m"), Some(2.0));
    assert_eq!(found(&catalogue, None, "m-2026-01-01"), Some(2.0));
}

#[test]
fn a_vendor_in_front_leads_to_its_own_entry_unless_there_is_one_of_the_provider() {
    let catalogue = catalogue(&[
        model("anthropic", "claude-x-4-5", 1.0),
        model("openai", "oss", 2.0),
        model("host", "openai/oss", 3.0),
    ]);
    let found = |family, name| found(&catalogue, family, name);
    for family in [None, Some("host"), Some("openrouter")] {
        assert_eq!(found(family, "anthropic/claude-x-4.5"), Some(1.0));
        assert_eq!(found(family, "anthropic/claude-x-4-5"), Some(1.0));
        let own = if family == Some("openrouter") {
            2.0
        } else {
            3.0
        };
        assert_eq!(found(family, "openai/oss"), Some(own));
    }
    assert_eq!(found(Some("openrouter"), "openai/oss:free"), None);
    assert_eq!(found(Some("openrouter"), "nobody/oss"), None);
}

#[test]
fn a_file_of_ones_own_gives_members_to_an_entry_and_new_entries() {
    let weak = sheet(
        "[[models]]\nprovider = 'p'\nid = 'm'\ncontext_window = 10\n\
         price = { input = 1, cached_input = 0.5, output = 2 }\n\
         [[models]]\nprovider = 'p'\nid = 'm*'\ncontext_window = 20",
    );
    let strong = sheet(
        "[[models]]\nprovider = 'p'\nid = 'm'\nprice = { input = 9, output = 9 }\n\
         [[models]]\nprovider = 'p'\nid = 'm-ours*'\ncontext_window = 30",
    );
    let catalogue = Catalogue::of(&[strong.unwrap(), weak.unwrap()]);
    let entry = catalogue.find(Some("p"), "m").unwrap();
    assert_eq!(entry.context_window, Some(10));
    let rate = entry.price.unwrap().rate;
    assert_eq!((rate.input, rate.cached_input), (9.0, None));
    let window = |name| catalogue.find(Some("p"), name).unwrap().context_window;
    assert_eq!((window("m-ours-1"), window("m-1")), (Some(30), Some(20)));
    assert_eq!(catalogue.entries().count(), 3);
}

#[test]
fn all_faults_of_a_file_are_told_together() {
    let told = faults(
        "version = 1\ndate = 'soon'\nmodel = 1\n\
         [[models]]\nprovider = ''\naliases = ['n']\ncontext_window = 0\n\
         [[models]]\nprovider = 'p'\nid = 'm'\ncapabilities = ['tols']\nconext_window = 1\n\
         modalities = { input = ['smell'], output = ['text'] }\nprice = { input = 'much', long = 1 }\n\
         [[models]]\nprovider = 'p'\nid = 'n'\naliases = ['m']\n\
         price = { input = 1, output = -1, long = { above = 1, input = -1, output = 1 } }",
    );
    let mut expected = vec![
        "model: is not a setting; did you mean `models`?",
        "date: must be a date such as 2026-01-31",
        "models[0].id: is missing",
        "models[0].provider: must not be empty",
        "models[0].context_window: must not be 0",
        "models[1].capabilities: must be a list out of \"tools\", \"json_schema\", \"reasoning\", \
         \"prompt_caching\", \"streaming\"",
        "models[1].conext_window: is not a setting; did you mean `context_window`?",
        "models[1].modalities.input: must be a list out of \"text\", \"image\", \"audio\", \"video\", \"pdf\"",
        "models[1].price.input: must be a number",
        "models[1].price.long: must be a table",
        "models[1].price.long.above: is missing",
        "models[1].price.long.input: is missing",
        "models[1].price.long.output: is missing",
        "models[1].price.output: is missing",
        "models[2].aliases: is the name of another entry of this provider too",
        "models[2].price.output: must not be negative",
        "models[2].price.long.input: must not be negative",
    ];
    let mut told: Vec<&str> = told.iter().map(String::as_str).collect();
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[test]
fn a_file_that_is_not_toml_is_told_by_line() {
    assert!(faults("version = = 1")[0].contains("line 1"));
}

#[test]
fn what_is_built_in_tells_a_price_and_a_size_of_every_model() {
    let live = LiveCatalogue::built_in();
    let catalogue = live.current();
    assert!(catalogue.entries().count() > 100);
    for entry in catalogue.entries() {
        let (provider, id) = (&entry.provider, entry.id.as_str());
        let rate = entry.price.unwrap().rate;
        let least = if entry.task == Task::Moderation {
            0.0
        } else {
            0.01
        };
        assert!(rate.input >= least && rate.input < 100.0, "{provider} {id}");
        assert!(
            rate.cached_input.is_none_or(|usd| usd < rate.input),
            "{provider} {id}"
        );
        assert!(
            rate.cache_write.is_none_or(|usd| usd > rate.input),
            "{provider} {id}"
        );
        let cached = entry.can(Capability::PromptCaching);
        assert_eq!(cached, rate.cached_input.is_some(), "{provider} {id}");
        let written = entry.modalities.output.is_empty();
        let writes = matches!(entry.task, Task::Chat | Task::Completion);
        assert_eq!(written, !writes, "{provider} {id}");
        let known = presets()
            .iter()
            .any(|p| p.catalogue.as_ref() == Some(provider));
        assert!(known, "{provider} is no preset's");
    }
}

#[test]
fn models_are_found_by_the_names_that_providers_give_them() {
    let live = LiveCatalogue::built_in();
    let catalogue = live.current();
    for (family, name, usd) in [
        ("openai", "gpt-4o-mini-2024-07-18", 0.15),
        ("openai", "gpt-4o-2024-05-13", 5.0),
        ("openai", "gpt-4o-2024-11-20", 2.5),
        ("anthropic", "claude-sonnet-4-5-20250929", 3.0),
        ("bedrock", "anthropic.claude-opus-5", 5.0),
        ("bedrock", "global.anthropic.claude-opus-5-5", 4.0),
        ("bedrock", "eu.anthropic.claude-opus-5-v1:0", 5.5),
        (
            "bedrock",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            1.1,
        ),
        ("google", "models/gemini-2.5-flash", 0.3),
        ("mistral", "mistral-large-latest", 0.5),
        ("groq", "openai/gpt-oss-20b", 0.075),
        ("openrouter", "anthropic/claude-opus-4.8", 5.0),
        ("openrouter", "x-ai/grok-4.3", 1.25),
    ] {
        assert_eq!(found(&catalogue, Some(family), name), Some(usd), "{name}");
        if family != "openrouter" && family != "groq" {
            assert_eq!(found(&catalogue, None, name), Some(usd), "{name}");
        }
    }
    assert_eq!(
        found(&catalogue, Some("openai"), "gpt-4o-audio-preview"),
        None
    );
    assert_eq!(found(&catalogue, Some("vllm"), "openai/gpt-oss-120b"), None);
}

#[test]
fn an_entry_is_described_for_a_list_of_models() {
    let live = LiveCatalogue::built_in();
    let catalogue = live.current();
    let told = catalogue.find(Some("openai"), "gpt-4o").unwrap().describe();
    assert_eq!(
        serde_json::Value::Object(told),
        serde_json::json!({
            "task": "chat",
            "context_window": 128_000,
            "max_output_tokens": 16384,
            "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]},
            "capabilities": ["tools", "json_schema", "prompt_caching", "streaming", "vision"],
            "price": {"input": 2.5, "cached_input": 1.25, "output": 10.0, "unit": "usd_per_million_tokens"}
        })
    );
}
