//! A picture of a figure against a number of things, a line for each size of a crowd: the cost of a file against the number of files,
//! for tenants or hosts; messages a second against consumers, for streams. Pure.

use std::fmt::Write as _;
use xtask::text::thousands;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const MARGIN: f64 = 56.0;
const COLOURS: [&str; 3] = ["#1b6ca8", "#c05621", "#2f855a"];

/// What is drawn, in words.
pub(super) struct Words {
    /// What the figure is.
    pub(super) title: &'static str,
    /// What stands along the bottom.
    pub(super) along: &'static str,
    /// What the lines are for.
    pub(super) crowds_of: &'static str,
}

/// `cells` are the size of a crowd, how many there are along the bottom, and the figure. The bottom is a logarithmic scale.
pub(super) fn picture(cells: &[(usize, usize, f64)], words: &Words) -> String {
    let most = cells.iter().map(|(.., ms)| *ms).fold(0.0_f64, f64::max) * 1.2;
    #[expect(clippy::cast_precision_loss, reason = "a thousand files")]
    let decade = |files: usize| (files as f64).log10();
    let (left, right) = cells.iter().fold((f64::MAX, 0.0_f64), |(left, right), (_, files, _)| {
        (left.min(decade(*files)), right.max(decade(*files)))
    });
    let x = |files: usize| MARGIN + (decade(files) - left) / (right - left).max(1e-9) * (WIDTH - 2.0 * MARGIN);
    let y = |ms: f64| HEIGHT - MARGIN - ms / most.max(1e-9) * (HEIGHT - 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{MARGIN}\" y=\"24\" font-size=\"14\">{}</text>\n",
        words.title
    );
    for step in 0..=4 {
        let value = most * f64::from(step) / 4.0;
        let label = if most < 1_000.0 { format!("{value:.1}") } else { thousands(value) };
        // Writing to a String cannot fail; the same below.
        let _ = writeln!(
            svg,
            "<line x1=\"{MARGIN}\" x2=\"{:.0}\" y1=\"{1:.1}\" y2=\"{1:.1}\" stroke=\"#ddd\"/><text x=\"8\" y=\"{2:.1}\">{label}</text>",
            WIDTH - MARGIN,
            y(value),
            y(value) + 4.0
        );
    }
    let mut crowds: Vec<usize> = cells.iter().map(|(tenants, ..)| *tenants).collect();
    crowds.dedup();
    for (crowd, colour) in crowds.iter().zip(COLOURS.iter().cycle()) {
        let of: Vec<_> = cells.iter().filter(|(tenants, ..)| tenants == crowd).collect();
        let points: Vec<String> = of.iter().map(|(_, files, ms)| format!("{:.1},{:.1}", x(*files), y(*ms))).collect();
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            points.join(" ")
        );
        if let Some((_, files, ms)) = of.last() {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\" text-anchor=\"end\">{crowd} {}</text>",
                x(*files),
                y(*ms) - 8.0,
                words.crowds_of
            );
        }
    }
    let mut counts: Vec<usize> = cells.iter().map(|(_, files, _)| *files).collect();
    counts.sort_unstable();
    counts.dedup();
    for files in counts {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{files} {}</text>",
            x(files),
            HEIGHT - 24.0,
            words.along
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES_OF_TENANTS: Words = Words { title: "CPU milliseconds per file", along: "files", crowds_of: "tenants" };

    #[test]
    fn each_number_of_tenants_has_its_line() {
        let svg = picture(&[(1, 10, 5.0), (1, 100, 4.0), (10, 10, 6.0), (10, 100, 5.5)], &FILES_OF_TENANTS);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("10 tenants") && svg.contains("100 files") && !svg.contains("NaN"), "{svg}");
    }
}
