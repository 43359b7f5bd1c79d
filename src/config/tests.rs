//! Configuration as a user meets it: sources in, settings or faults out.

use super::*;

/// Settings of `text` as the only source over the defaults.
pub(in crate::config) fn from_file(text: &str) -> Result<Config, Faults> {
    load(text, &[], &[])
}

fn load(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Faults> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("reprise.toml");
    std::fs::write(&path, file).unwrap();
    let owned = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    Config::load(Sources {
        file: Some(path),
        env: owned(env),
        overrides: owned(flags),
    })
}

/// The faults as lines, each file named just `file`.
fn faults(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Vec<String> {
    let Faults(faults) = load(file, env, flags).unwrap_err();
    let short = |mut fault: Fault| {
        if matches!(fault.origin, Origin::File(_)) {
            fault.origin = Origin::File("r.toml".into());
        }
        fault.to_string()
    };
    faults.into_iter().map(short).collect()
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = from_file("").unwrap();
    assert_eq!(config.server.bind, "127.0.0.1:8080");
    assert!(config.server.bind_is_loopback());
    assert_eq!(config.cache.threshold.to_bits(), 0.92_f64.to_bits());
    assert_eq!(config.cache.ttl().as_secs(), 86_400);
    assert_eq!(config.cache.ineligible, Ineligible::Exact);
    assert_eq!(config.log.format, LogFormat::Text);
    assert!(config.providers.is_empty() && config.routes.is_empty());
    assert!(config.prices.is_empty() && config.catalogue.own().is_none());
}

#[test]
fn each_setting_of_the_reference_has_a_comment() {
    let reference = include_str!("default.toml");
    let end = reference.find("# Who answers").unwrap();
    let settings = reference[..end]
        .lines()
        .filter(|l| l.contains(" = ") && !l.starts_with('#'));
    for line in settings {
        assert!(line.contains(" # "), "no reason given: {line}");
    }
}

#[test]
fn the_examples_in_the_reference_are_valid() {
    let lines = include_str!("default.toml").lines();
    let example: Vec<_> = lines.filter_map(|line| line.strip_prefix("#: ")).collect();
    let config = from_file(&example.join("\n")).unwrap();
    assert_eq!(config.providers[0].kind, ProviderKind::Openai);
    assert_eq!(
        config.routes[0].candidates[0].model.as_deref(),
        Some("gpt-4o-mini")
    );
    assert!(config.namespace("handbook").unwrap().may_read("anyone"));
    assert!(!config.namespace("handbook").unwrap().may_write("anyone"));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "[cache]\nttl_s = 1\nflight_wait_ms = 1\ndecisions = 1";
    let env = [
        ("REPRISE_CACHE__TTL_S", "2"),
        ("REPRISE_CACHE__FLIGHT_WAIT_MS", "2"),
    ];
    let cache = load(file, &env, &[("cache.ttl_s", "3")]).unwrap().cache;
    assert_eq!(
        (cache.ttl_s, cache.flight_wait_ms, cache.decisions),
        (3, 2, 1)
    );
}

#[test]
fn a_number_that_nothing_looks_at_is_told() {
    let told = |file: &str| faults(file, &[], &[]).join("\n");
    assert!(told("[cache]\nthreshold = 0.95").contains("cache.decide"));
    let idle = told("[cache]\ndecide = 'threshold'\nprobability = 0.9");
    assert!(idle.contains("cache.probability") && idle.contains("cache.decide"));
    assert!(load("[cache]\ndecide = 'threshold'\nthreshold = 0.95", &[], &[]).is_ok());
}

#[test]
fn every_type_can_come_from_the_environment() {
    let env = [
        ("REPRISE_SERVER__BIND", "0.0.0.0:0"),
        ("REPRISE_CACHE__DECIDE", "threshold"),
        ("REPRISE_CACHE__THRESHOLD", "1"),
        ("REPRISE_CACHE__SEMANTIC", "false"),
        ("REPRISE_CACHE__INELIGIBLE", "bypass"),
        (
            "REPRISE_PROVIDERS",
            "[{name = 'a', base_url = 'http://a', models = ['m-*']}]",
        ),
        ("PATH", "not ours"),
    ];
    let config = load("", &env, &[]).unwrap();
    assert!(!config.server.bind_is_loopback() && !config.cache.semantic);
    assert_eq!(config.cache.threshold.to_bits(), 1.0_f64.to_bits());
    assert_eq!(config.cache.ineligible, Ineligible::Bypass);
    assert!(config.providers[0].models[0].matches("m-1"));
}

#[test]
fn short_names_set_their_setting_and_the_full_name_wins() {
    let short = ("REPRISE_MODEL_DIR", "/short");
    assert_eq!(
        load("", &[short], &[]).unwrap().embedding.model_dir,
        "/short"
    );
    let data = load("[data]\ndir = 'file'", &[("REPRISE_DATA", "/short")], &[]);
    assert_eq!(data.unwrap().data_dir(), Path::new("/short"));
    let env = [
        ("REPRISE_EMBEDDING__MODEL_DIR", "/full"),
        short,
        ("REPRISE_LOG", "debug"),
    ];
    let config = load("", &env, &[]).unwrap();
    assert_eq!(
        (
            config.embedding.model_dir.as_str(),
            config.log.filter.as_str()
        ),
        ("/full", "debug")
    );
}

#[test]
fn variables_that_other_parts_read_are_let_through() {
    let env = [
        ("REPRISE_ADMIN_KEY", "k"),
        ("REPRISE_ADMIN_KEY_FILE", "f"),
        ("REPRISE_CONFIG", "c"),
    ];
    assert!(load("", &env, &[]).is_ok());
}

#[test]
fn reprise_config_names_the_file_when_no_flag_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.toml");
    std::fs::write(&path, "[data]\ndir = 'elsewhere'").unwrap();
    let env = vec![(
        "REPRISE_CONFIG".to_owned(),
        path.to_string_lossy().into_owned(),
    )];
    let config = Config::load(Sources {
        env,
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(config.data_dir(), Path::new("elsewhere"));
}

#[test]
fn all_faults_are_told_together_each_with_its_path_and_origin() {
    let file = "[cache]\nthreshold = 1.5\nttl_s = 'long'\n[sever]\nbind = 'x'\n\
                [[providers]]\nname = 'a'\nbase_url = 'ftp://a'";
    let env = [
        ("REPRISE_INDEX__EF_SERCH", "1"),
        ("REPRISE_STORE__QUEUE", "-1"),
    ];
    let told = faults(file, &env, &[("retry.max_attempts", "many")]);
    let mut expected = vec![
        "cache.threshold (file r.toml): must be from 0 to 1",
        "cache.ttl_s (file r.toml): must be a whole number",
        "sever (file r.toml): is not a setting; did you mean `server`?",
        "providers[0].base_url (file r.toml): must start with http:// or https://",
        "index.ef_serch (environment REPRISE_INDEX__EF_SERCH): is not a setting; did you mean `index.ef_search`?",
        "store.queue (environment REPRISE_STORE__QUEUE): must not be negative",
        "retry.max_attempts (flag): must be a whole number",
    ];
    let mut told: Vec<&str> = told.iter().map(String::as_str).collect();
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[test]
fn a_fault_in_the_file_does_not_hide_one_at_the_same_path_in_the_environment() {
    let told = faults(
        "[cache]\nttl_s = 'long'",
        &[("REPRISE_CACHE__TTL_S", "longer")],
        &[],
    );
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_setting_in_the_wrong_section_is_pointed_to_the_right_one() {
    let told = faults("[store]\nthreshold = 0.9", &[], &[]);
    assert_eq!(
        told,
        ["store.threshold (file r.toml): is not a setting; did you mean `cache.threshold`?"]
    );
}

#[test]
fn a_variable_that_resembles_nothing_is_still_refused() {
    let told = faults("", &[("REPRISE_XYZZY", "1")], &[]);
    assert_eq!(
        told,
        ["xyzzy (environment REPRISE_XYZZY): is not a setting"]
    );
    assert_eq!(faults("", &[("REPRISE_cache__ttl_s", "1")], &[]).len(), 1);
}

#[test]
fn a_variable_that_names_a_section_is_told_its_settings() {
    assert_eq!(
        faults("", &[("REPRISE_LOG__", "x"), ("REPRISE_INDEX", "x")], &[])[1],
        "index (environment REPRISE_INDEX): is a section; its settings are index.candidates, \
         index.dead_limit, index.ef_construction, index.ef_search, index.flat_max, index.m, \
         index.snapshot_every_s"
    );
}

#[test]
fn faults_inside_lists_name_the_item_and_field() {
    let file = "[[providers]]\nbase_url = 'http://a'\napi_kee_env = 'X'\n\
                [[providers]]\nname = 'b'\nbase_url = 'http://b'\nkind = 'claude'\nmodels = ['[']\n\
                [[routes]]\nmodel = 'm'\ncandidates = [{provider = 'nobody'}, {model = 'x'}]";
    let told = faults(file, &[], &[]).join("\n");
    for line in [
        "providers[0].name (file r.toml): is missing",
        "providers[0].api_kee_env (file r.toml): is not a setting; did you mean `api_key_env`?",
        "providers[1].kind (file r.toml): must be one of \"openai\", \"anthropic\", \"gemini\", \"bedrock\", \
         \"cohere\", \"demo\"",
        "providers[1].models (file r.toml): is not a pattern: ",
        "routes[0].candidates[0].provider (file r.toml): is not the name of a provider",
        "routes[0].candidates[1].provider (file r.toml): is missing",
    ] {
        assert!(told.contains(line), "{line}\nnot in\n{told}");
    }
    assert_eq!(told.lines().count(), 6, "{told}");
}

#[test]
fn names_are_unique_and_plain() {
    let file = "[[providers]]\nname='a'\nbase_url='http://a'\n[[providers]]\nname='a'\nbase_url='http://b'\n\
                [[namespaces]]\nname='no spaces'\nread=['a b']\n\
                [[namespaces]]\nname='n'\n[[namespaces]]\nname='n'";
    let told = faults(file, &[], &[]).join("\n");
    assert!(told.contains("providers[1].name (file r.toml): is the name of another provider too"));
    assert!(
        told.contains("namespaces[0].name (file r.toml): must be 1 to 64"),
        "{told}"
    );
    assert!(
        told.contains("namespaces[0].read (file r.toml): must hold names of tenants"),
        "{told}"
    );
    assert!(
        told.contains("namespaces[2].name (file r.toml): is declared twice"),
        "{told}"
    );
}

#[test]
fn relations_between_settings_are_checked() {
    let file = "[retry]\nbase_ms = 10\nmax_ms = 5\n[deadlines]\ntotal_ms = 10\n[index]\ncandidates = 65\n\
                [server]\nbind = 'example.com:80'\nmetrics_bind = 'x'\n[data]\ndir = ' '\n\
                [[prices]]\nmodel = 'm'\ninput = -1\noutput = 0\n[store]\ncapacity_bytes = 1048576\n\
                [cache]\nmax_entry_bytes = 2000000";
    let Faults(told) = from_file(file).unwrap_err();
    let mut paths: Vec<_> = told.iter().map(|fault| fault.path.as_str()).collect();
    paths.sort_unstable();
    let expected = [
        "cache.max_entry_bytes",
        "data.dir",
        "deadlines.connect_ms",
        "deadlines.first_byte_ms",
        "index.candidates",
        "prices[0].input",
        "retry.base_ms",
        "server.bind",
        "server.metrics_bind",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn no_entry_may_be_larger_than_a_record_unpacks_to() {
    let with = |bytes: u32| from_file(&format!("[cache]\nmax_entry_bytes = {bytes}"));
    assert!(with(crate::config::MAX_ENTRY_BYTES).is_ok());
    let Faults(told) = with(crate::config::MAX_ENTRY_BYTES + 1).unwrap_err();
    assert_eq!(told[0].path, "cache.max_entry_bytes");
}

#[test]
fn a_key_written_in_the_file_is_refused_and_not_repeated() {
    let file = "[[providers]]\nname='a'\nbase_url='https://u:sk-secret@a'\napi_key_env='sk-secret'\napi_key='sk-secret'";
    let told = faults(file, &[], &[]).join("\n");
    assert!(told.contains("not the key itself"), "{told}");
    assert!(told.contains("must not hold credentials"), "{told}");
    assert!(!told.contains("sk-secret"), "{told}");
}

#[test]
fn a_file_that_is_not_toml_is_told_by_line_without_quoting_it() {
    let told = faults("[cache]\nttl_s = = sk-secret", &[], &[]);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("file r.toml: line 2: "), "{told:?}");
    assert!(!told[0].contains("secret"), "{told:?}");
}

#[test]
fn a_named_file_that_is_missing_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let file = Some(dir.path().join("none.toml"));
    let told = Config::load(Sources {
        file,
        ..Sources::default()
    })
    .unwrap_err()
    .to_string();
    assert!(told.contains("none.toml: cannot be read"), "{told}");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let told = faults(
        "[cache]\nthreshold = nan",
        &[("REPRISE_INDEX__DEAD_LIMIT", "inf")],
        &[],
    );
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_value_of_the_wrong_type_is_told_with_the_right_one() {
    for (given, wanted) in [
        ("[cache]\nsemantic = 'yes'", "true or false"),
        ("[cache]\nttl_s = 1.5", "a whole number"),
        ("[cache]\nthreshold = '0.9'", "a number"),
        (
            "[cache]\nineligible = 'never'",
            "one of \"exact\", \"bypass\"",
        ),
        ("[server]\nbind = 8080", "text"),
        ("[[namespaces]]\nname = 'n'\nread = [1]", "a list of texts"),
        (
            "[[providers]]\nname = 'n'\nbase_url = 'http://n'\nmodels = [1]",
            "a list of texts",
        ),
        ("providers = 'openai'", "a list of tables"),
        ("prices = [1]", "a table"),
        ("cache = 1", "is a section"),
    ] {
        let told = faults(given, &[], &[]).join("\n");
        assert!(told.contains(wanted), "{given}: {told}");
    }
    let told = faults("", &[("REPRISE_ROUTES", "[{")], &[]);
    assert_eq!(
        told,
        ["routes (environment REPRISE_ROUTES): must be a list of tables, written as TOML"]
    );
}

#[test]
fn a_price_may_tell_what_a_providers_cache_costs() {
    let price = "[[prices]]\nmodel = 'mine'\ninput = 1\noutput = 2";
    let config = from_file(&format!("{price}\ncached_input = 0.5\n{price}")).unwrap();
    let cached = config.prices.iter().map(|price| price.cached_input);
    assert_eq!(cached.collect::<Vec<_>>(), [Some(0.5), None]);
    let Faults(told) = from_file(&format!("{price}\ncache_write = -1")).unwrap_err();
    assert_eq!(told[0].path, "prices[0].cache_write");
}

proptest::proptest! {
    #[test]
    fn no_text_in_any_source_makes_it_panic(file in ".{0,80}", name in "[A-Z_]{0,20}", value in ".{0,20}") {
        let _ = load(&file, &[(&format!("REPRISE_{name}"), &value)], &[(&name.to_lowercase(), &value)]);
        let _ = load(&format!("[cache]\n{file} = {value}"), &[("REPRISE_PRICES", &value)], &[]);
    }
}
