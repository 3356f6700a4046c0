//! The text that is scraped: OpenMetrics where that is asked for, else the older format of Prometheus, which all tools read.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::collections::HashMap;

/// In which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' own, 0.0.4.
    Plain,
}

impl Format {
    /// The one that an `Accept` header prefers.
    pub fn preferred(accept: Option<&str>) -> Format {
        let mut best = (0.0, Format::Plain);
        for range in accept.unwrap_or_default().split(',') {
            let mut words = range.split(';').map(str::trim);
            let media = words.next().unwrap_or_default().to_ascii_lowercase();
            let quality = words.find_map(|word| word.strip_prefix("q=")?.parse::<f64>().ok()).unwrap_or(1.0);
            let format = match media.as_str() {
                "application/openmetrics-text" => Format::OpenMetrics,
                "text/plain" | "text/*" | "*/*" => Format::Plain,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, format);
            }
        }
        best.1
    }

    /// What the text is.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

pub(super) fn write(registry: &Registry, format: Format) -> String {
    let mut text = String::new();
    // A text is written into memory: that does not fail.
    let _written = encode(&mut text, registry);
    match format {
        Format::OpenMetrics => text,
        Format::Plain => plain(&text),
    }
}

/// The same in the older format: there a counter is called with its ending, infos are gauges, and nothing says the unit or the
/// end.
fn plain(text: &str) -> String {
    let types: HashMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let mut plain = String::with_capacity(text.len());
    for line in text.lines() {
        let described = ["# HELP ", "# TYPE "].into_iter().find_map(|mark| Some((mark, line.strip_prefix(mark)?)));
        match described.and_then(|(mark, rest)| Some((mark, rest.split_once(' ')?))) {
            None if line == "# EOF" || line.starts_with("# UNIT ") => continue,
            None => plain.push_str(line),
            Some((mark, (name, rest))) => {
                let (ending, kind) = match types.get(name) {
                    Some(&"counter") => ("_total", "counter"),
                    Some(&"info") => ("_info", "gauge"),
                    Some(kind) => ("", *kind),
                    None => ("", rest),
                };
                let rest = if mark == "# TYPE " { kind } else { rest };
                plain.extend([mark, name, ending, " ", rest]);
            }
        }
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_for_plain_text_or_for_nothing_gets_it_and_prometheus_what_it_likes_best() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        for (accept, format) in [
            (None, Format::Plain),
            (Some("*/*"), Format::Plain),
            (Some("text/plain;version=0.0.4"), Format::Plain),
            (Some("application/openmetrics-text;version=1.0.0"), Format::OpenMetrics),
            (Some("application/openmetrics-text;q=0.2, text/plain;q=0.9"), Format::Plain),
            (Some(prometheus), Format::OpenMetrics),
            (Some("application/json"), Format::Plain),
        ] {
            assert_eq!(Format::preferred(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn the_older_format_names_counters_as_their_samples_and_has_no_infos() {
        let text = "# HELP a_rows Rows, # TYPE and all.\n# TYPE a_rows counter\na_rows_total{t=\"x # EOF\"} 3\n\
                    # HELP b What.\n# TYPE b info\nb_info{v=\"1\"} 1\n\
                    # HELP c_seconds C.\n# TYPE c_seconds histogram\n# UNIT c_seconds seconds\nc_seconds_sum 1.0\n# EOF\n";
        let expected = "# HELP a_rows_total Rows, # TYPE and all.\n# TYPE a_rows_total counter\na_rows_total{t=\"x # EOF\"} 3\n\
                        # HELP b_info What.\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n\
                        # HELP c_seconds C.\n# TYPE c_seconds histogram\nc_seconds_sum 1.0\n";
        assert_eq!(plain(text), expected);
    }
}
