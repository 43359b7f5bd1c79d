//! Who is left alone, as Prometheus reads it. Written out at each scrape: it changes with time alone, and a model that
//! nobody asks for any more must not be told for ever.

use std::fmt::Write as _;

use super::table::{self, METRICS};

/// Models that one page tells of, those in trouble first: as many series as a scrape can bear.
const MOST: usize = 200;

/// How one model of a provider stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpstreamGauge {
    /// 0: it is asked, 1: one request at a time tries it, 2: it is left alone.
    pub state: u8,
    /// The provider's name.
    pub provider: String,
    /// Its own name for the model.
    pub model: String,
}

/// The gauges in the exposition format 0.0.4; nothing where there are none.
#[must_use]
pub fn upstream_text(gauges: &[UpstreamGauge]) -> String {
    let mut told: Vec<&UpstreamGauge> = gauges.iter().collect();
    told.sort_by(|a, b| b.state.cmp(&a.state).then(a.cmp(b)));
    told.truncate(MOST);
    let mut text = String::new();
    let name = table::UPSTREAM_STATE;
    for (row, gauge) in told.into_iter().enumerate() {
        if row == 0 {
            let found = METRICS.iter().find(|metric| metric.name == name);
            let help = found.map_or("", |m| m.help);
            // Writing to a String cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        }
        let (provider, model) = (quoted(&gauge.provider), quoted(&gauge.model));
        let state = gauge.state;
        let _ = writeln!(text, "{name}{{provider={provider},model={model}}} {state}");
    }
    text
}

/// A label's value: names of models are what clients make of them.
fn quoted(name: &str) -> String {
    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", name.replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(model: &str, state: u8) -> UpstreamGauge {
        UpstreamGauge {
            state,
            provider: "p".into(),
            model: model.into(),
        }
    }

    #[test]
    fn those_in_trouble_come_first_and_no_name_breaks_out_of_its_quotes() {
        let text = upstream_text(&[gauge("a", 0), gauge("b\"} 1\n\\", 2)]);
        let rows: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
        let bad = r#"reprise_upstream_state{provider="p",model="b\"} 1\n\\"} 2"#;
        let good = r#"reprise_upstream_state{provider="p",model="a"} 0"#;
        assert_eq!(rows, [bad, good]);
        assert_eq!(upstream_text(&[]), "");
    }

    #[test]
    fn one_page_tells_of_so_many_models_only() {
        let mut many: Vec<_> = (0..MOST).map(|n| gauge(&format!("m{n}"), 0)).collect();
        many.push(gauge("z", 1));
        let text = upstream_text(&many);
        assert_eq!(text.matches("reprise_upstream_state{").count(), MOST);
        assert!(text.contains("\"z\"} 1"));
    }
}
