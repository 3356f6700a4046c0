//! What is shipped beside the host agrees with it: `docs/metrics.md`, the alerts, and the dashboard of Grafana.

use super::*;
use promql_parser::parser::{self, Expr, LabelModifier};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_norway::Value;
use std::collections::BTreeSet;

/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["instance", "job"];

/// Metrics by the names of their samples, with their labels.
type Exposed = BTreeMap<String, BTreeSet<String>>;

fn exposed() -> Exposed {
    let (metrics, snapshot) = all();
    let mut exposed = Exposed::new();
    for line in metrics.text(&snapshot, Format::Plain).lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
        exposed.entry(name.to_owned()).or_default().extend(labels.map(|(name, _)| name.to_owned()));
    }
    exposed
}

/// Without what is added to the name of a histogram.
fn family(name: &str, exposed: &Exposed) -> String {
    let whole = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
    let is_histogram = whole.filter(|whole| exposed.contains_key(&format!("{whole}_bucket")));
    is_histogram.unwrap_or(name).to_owned()
}

fn file(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What an expression asks for that there is not.
struct Check<'a> {
    exposed: &'a Exposed,
    metrics: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Check<'_> {
    fn labels(&mut self, named: &[String], of: &Expr) {
        let mut inner = Check { exposed: self.exposed, metrics: BTreeSet::new(), wrong: Vec::new() };
        walk_expr(&mut inner, of).unwrap();
        for name in named.iter().filter(|name| !ADDED.contains(&name.as_str())) {
            if !inner.metrics.iter().all(|metric| self.exposed.get(metric).is_none_or(|labels| labels.contains(name))) {
                self.wrong.push(format!("the label {name} is not one of {:?}", inner.metrics));
            }
        }
    }
}

impl ExprVisitor for Check<'_> {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
        match expression {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Aggregate(aggregate) => {
                if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = &aggregate.modifier {
                    self.labels(&labels.labels, &aggregate.expr);
                }
            }
            Expr::Binary(binary) => {
                let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
                assert!(matching.is_none(), "labels of on() and ignoring() are not checked: {binary:?}");
            }
            _ => {}
        }
        Ok(true)
    }
}

impl Check<'_> {
    fn selector(&mut self, selector: &parser::VectorSelector) {
        let name = selector.name.clone().expect("a metric is named");
        // Prometheus' own.
        if name == "up" {
            return;
        }
        match self.exposed.get(&name) {
            None => self.wrong.push(format!("there is no {name}")),
            Some(labels) => {
                for matcher in &selector.matchers.matchers {
                    if !labels.contains(&matcher.name) && !ADDED.contains(&matcher.name.as_str()) {
                        self.wrong.push(format!("{name} has no label {}", matcher.name));
                    }
                }
            }
        }
        self.metrics.insert(name);
    }
}

/// What is wrong with an expression; the metrics that it names.
fn check(text: &str, exposed: &Exposed) -> (Vec<String>, BTreeSet<String>) {
    let expression = parser::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut check = Check { exposed, metrics: BTreeSet::new(), wrong: Vec::new() };
    walk_expr(&mut check, &expression).unwrap();
    (check.wrong, check.metrics)
}

#[test]
fn a_wrong_name_a_wrong_label_and_what_is_no_query_are_found() {
    let exposed = exposed();
    let wrong = |text| check(text, &exposed).0.join("; ");
    assert_eq!(wrong("mysimbdp_rows"), "there is no mysimbdp_rows");
    assert_eq!(wrong("rate(mysimbdp_rows_total{app=\"a\"}[5m])"), "mysimbdp_rows_total has no label app");
    assert!(wrong("sum by (state) (rate(mysimbdp_rows_total[5m]))").contains("the label state is not one of"));
    assert_eq!(wrong("sum by (tenant, instance) (rate(mysimbdp_rows_total{job=\"j\"}[5m]))"), "");
    assert!(parser::parse("sum by (tenant) (rate(mysimbdp_rows_total[5m])").is_err());
}

#[test]
fn each_metric_is_documented_with_its_labels_and_no_other() {
    let exposed = exposed();
    let mut there = Exposed::new();
    for (name, labels) in &exposed {
        there.entry(family(name, &exposed)).or_default().extend(labels.iter().filter(|label| *label != "le").cloned());
    }
    let documented = file("docs/metrics.md");
    let rows = documented.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let labels = cells[2].split(", ").filter(|label| !label.is_empty());
        (cells[1].trim_matches('`').to_owned(), labels.map(|label| label.trim_matches('`').to_owned()).collect())
    });
    assert_eq!(there, rows.collect::<Exposed>(), "left: what there is; right: docs/metrics.md");
}

#[test]
fn alerts_ask_for_what_there_is_and_say_what_it_means() {
    let exposed = exposed();
    let rules: Value = serde_norway::from_str(&file("config/prometheus-alerts.yaml")).unwrap();
    let guide = file("docs/operator-guide.md");
    let mut names = BTreeSet::new();
    for rule in rules["groups"][0]["rules"].as_sequence().unwrap() {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{rule:?}")).to_owned();
        let name = text(&rule["alert"]);
        let (wrong, metrics) = check(&text(&rule["expr"]), &exposed);
        assert!(wrong.is_empty() && !metrics.is_empty(), "{name}: {wrong:?}");
        assert!(["for", "keep_firing_for"].iter().any(|key| rule[*key].is_string()), "{name} would flap");
        assert!(["critical", "warning", "info"].contains(&text(&rule["labels"]["severity"]).as_str()), "{name}");
        let annotations = &rule["annotations"];
        assert!(text(&annotations["summary"]).len() > 20 && text(&annotations["description"]).len() > 20, "{name}");
        let anchor = format!("docs/operator-guide.md#{}", name.to_ascii_lowercase());
        assert_eq!(text(&annotations["runbook_url"]), anchor);
        assert!(guide.contains(&format!("\n### {name}\n")), "{name} is not in the guide");
        names.insert(name);
    }
    let explained = guide.lines().filter_map(|line| line.strip_prefix("### Mysimbdp"));
    assert_eq!(names, explained.map(|rest| format!("Mysimbdp{rest}")).collect(), "left: alerts; right: the guide");
}

#[test]
fn the_dashboard_asks_for_what_there_is_and_each_panel_says_what_it_shows() {
    let exposed = exposed();
    let dashboard: serde_json::Value = serde_json::from_str(&file("config/grafana-dashboard.json")).unwrap();
    let (mut asked, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        if panel["type"] == "row" {
            continue;
        }
        let title = panel["title"].as_str().unwrap();
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 10), "{title} has no description");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        for target in panel["targets"].as_array().unwrap() {
            let text = target["expr"].as_str().unwrap().replace("$__rate_interval", "5m");
            let (wrong, metrics) = check(&text, &exposed);
            assert!(wrong.is_empty(), "{title}: {wrong:?}");
            asked.extend(metrics.iter().map(|name| family(name, &exposed)));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let Some(query) = variable["query"].as_str().and_then(|query| query.strip_prefix("label_values(")) else {
            continue;
        };
        let (metric, label) = query.trim_end_matches(')').split_once(", ").unwrap();
        let labels = exposed.get(metric).unwrap_or_else(|| panic!("there is no {metric}"));
        assert!(labels.contains(label) || ADDED.contains(&label), "{metric} has no label {label}");
    }
    assert!(asked.len() > 30, "{asked:?}");
}
