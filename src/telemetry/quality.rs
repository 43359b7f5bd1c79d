//! The share of wrong hits as Prometheus reads it. Written out at each scrape rather than kept by the recorder: a
//! namespace that nobody asks in any more must not be told for ever, nor one tenant's to another.

use std::fmt::Write as _;

use super::table::{self, METRICS};

/// Namespaces that one page tells of, those with the most hits: as many series as a scrape can bear.
const MOST: usize = 200;

/// What is known of one namespace's hits.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityGauge {
    /// Its label, of letters, digits and `._-/@`.
    pub namespace: String,
    /// Hits by meaning of the policy in force.
    pub hits: usize,
    /// Of these: labelled by chance.
    pub labelled: usize,
    /// Share of wrong ones, 0 to 1; none without labels.
    pub wrong_share: Option<f64>,
    /// The share is not above this with 95 % confidence.
    pub upper_95: f64,
    /// Share that may be wrong, where the policy is a budget.
    pub budget: Option<f64>,
}

/// The gauges in the exposition format 0.0.4; nothing where there are none.
#[must_use]
pub fn quality_text(gauges: &[QualityGauge]) -> String {
    let mut told: Vec<&QualityGauge> = gauges.iter().collect();
    told.sort_by(|a, b| b.hits.cmp(&a.hits).then(a.namespace.cmp(&b.namespace)));
    told.truncate(MOST);
    let mut text = String::new();
    let count = |n: usize| Some(n.to_string());
    let share = |s: Option<f64>| s.map(|s| s.to_string());
    write(&mut text, table::QUALITY_HITS, &told, |g| count(g.hits));
    write(&mut text, table::QUALITY_LABELLED, &told, |g| {
        count(g.labelled)
    });
    write(&mut text, table::WRONG_SHARE, &told, |g| {
        share(g.wrong_share)
    });
    write(&mut text, table::WRONG_SHARE_UPPER, &told, |g| {
        share(Some(g.upper_95))
    });
    write(&mut text, table::WRONG_BUDGET, &told, |g| share(g.budget));
    text
}

fn write(
    text: &mut String,
    name: &str,
    gauges: &[&QualityGauge],
    value: impl Fn(&QualityGauge) -> Option<String>,
) {
    let told = gauges.iter().filter_map(|g| Some((g, value(g)?)));
    for (row, (gauge, value)) in told.enumerate() {
        if row == 0 {
            let found = METRICS.iter().find(|metric| metric.name == name);
            let help = found.map_or("", |m| m.help);
            // Writing to a String cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        }
        let _ = writeln!(text, "{name}{{namespace=\"{}\"}} {value}", gauge.namespace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(namespace: &str, hits: usize, wrong_share: Option<f64>) -> QualityGauge {
        QualityGauge {
            namespace: namespace.into(),
            hits,
            labelled: usize::from(wrong_share.is_some()),
            wrong_share,
            upper_95: 1.0,
            budget: None,
        }
    }

    #[test]
    fn what_is_not_known_is_not_told_and_the_busiest_come_first() {
        let text = quality_text(&[gauge("acme", 1, None), gauge("acme/b", 2, Some(0.5))]);
        let rows: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
        assert_eq!(rows[0], "reprise_quality_hits{namespace=\"acme/b\"} 2");
        assert!(rows.contains(&"reprise_quality_wrong_share{namespace=\"acme/b\"} 0.5"));
        assert!(!text.contains("reprise_quality_budget"));
        assert_eq!(text.matches("wrong_share{namespace=\"acme\"}").count(), 0);
        assert_eq!(quality_text(&[]), "");
    }

    #[test]
    fn one_page_tells_of_so_many_namespaces_only() {
        let many: Vec<_> = (0..MOST + 5)
            .map(|n| gauge(&format!("n{n}"), n, None))
            .collect();
        let text = quality_text(&many);
        assert_eq!(text.matches("reprise_quality_hits{").count(), MOST);
        assert!(!text.contains("\"n4\"") && text.contains("\"n5\""));
    }
}
