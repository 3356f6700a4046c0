//! A picture of the cost of a file against the number of files, a line for each number of tenants or hosts. Pure.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const MARGIN: f64 = 56.0;
const COLOURS: [&str; 3] = ["#1b6ca8", "#c05621", "#2f855a"];

/// `cells` are tenants (or what else `crowds_of` names), files, and CPU milliseconds per file. Files are drawn on a logarithmic scale.
pub(super) fn picture(cells: &[(usize, usize, f64)], crowds_of: &str) -> String {
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
         <text x=\"{MARGIN}\" y=\"24\" font-size=\"14\">CPU milliseconds per file</text>\n"
    );
    for step in 0..=4 {
        let ms = most * f64::from(step) / 4.0;
        // Writing to a String cannot fail; the same below.
        let _ = writeln!(
            svg,
            "<line x1=\"{MARGIN}\" x2=\"{:.0}\" y1=\"{1:.1}\" y2=\"{1:.1}\" stroke=\"#ddd\"/><text x=\"8\" y=\"{2:.1}\">{ms:.1}</text>",
            WIDTH - MARGIN,
            y(ms),
            y(ms) + 4.0
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
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\" text-anchor=\"end\">{crowd} {crowds_of}</text>",
                x(*files),
                y(*ms) - 8.0
            );
        }
    }
    let mut counts: Vec<usize> = cells.iter().map(|(_, files, _)| *files).collect();
    counts.sort_unstable();
    counts.dedup();
    for files in counts {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{files} files</text>",
            x(files),
            HEIGHT - 24.0
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::picture;

    #[test]
    fn each_number_of_tenants_has_its_line() {
        let svg = picture(&[(1, 10, 5.0), (1, 100, 4.0), (10, 10, 6.0), (10, 100, 5.5)], "tenants");
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("10 tenants") && svg.contains("100 files") && !svg.contains("NaN"), "{svg}");
    }
}
