//! A picture of loads and of what was done about them: what arrives, what waits, how many consumers there are. Pure.

use std::fmt::Write as _;

const COLUMNS: usize = 2;
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 170.0;
const HEAD: f64 = 40.0;
const LEFT: f64 = 16.0;
/// Height of what is drawn in a panel.
const DEPTH: f64 = 100.0;
const ARRIVED: &str = "#9db8d2";
const BACKLOG: &str = "#c05621";
const CONSUMERS: &str = "#2f855a";

/// A load, window by window.
#[derive(Debug)]
pub(super) struct Scene {
    /// What it is called.
    pub(super) name: String,
    /// The least consumers.
    pub(super) least: u64,
    /// How often their number was changed.
    pub(super) changes: u64,
    /// Messages that arrived.
    pub(super) arrived: Vec<u64>,
    /// Messages that waited at its end.
    pub(super) backlog: Vec<u64>,
    /// Consumers in it.
    pub(super) consumers: Vec<u64>,
}

impl Scene {
    pub(super) fn most_backlog(&self) -> u64 {
        self.backlog.iter().copied().max().unwrap_or_default()
    }

    pub(super) fn most_consumers(&self) -> u64 {
        self.consumers.iter().copied().max().unwrap_or_default()
    }
}

/// All scenes beside and below each other; messages on scales of their own, consumers all on one.
pub(super) fn picture(scenes: &[Scene]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a few scenes")]
    let (width, height) = (WIDTH * COLUMNS as f64, HEAD + HEIGHT * scenes.len().div_ceil(COLUMNS) as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"14\">Consumers against load (simulated): \
         <tspan fill=\"{ARRIVED}\">\u{25a0} messages that arrive</tspan> \
         <tspan fill=\"{BACKLOG}\">\u{25a0} messages that wait</tspan> \
         <tspan fill=\"{CONSUMERS}\">\u{25a0} consumers</tspan></text>\n"
    );
    let most = scenes.iter().map(Scene::most_consumers).max().unwrap_or_default();
    for (number, scene) in scenes.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a few scenes")]
        let (x, y) = ((number % COLUMNS) as f64 * WIDTH, HEAD + (number / COLUMNS) as f64 * HEIGHT);
        panel(&mut svg, scene, most, x + LEFT, y);
    }
    svg + "</svg>\n"
}

/// `most` consumers is the top of every panel's scale.
fn panel(svg: &mut String, scene: &Scene, most: u64, x: f64, y: f64) {
    let most_arrived = scene.arrived.iter().copied().max().unwrap_or_default();
    let (backlog, consumers) = (scene.most_backlog(), scene.most_consumers());
    let (title, ground, right) = (y + 14.0, y + 24.0 + DEPTH, x + WIDTH - 2.0 * LEFT);
    // Writing to a String cannot fail; the same below.
    let _ = writeln!(
        svg,
        "<text x=\"{x:.0}\" y=\"{title:.0}\"><tspan font-weight=\"bold\">{}</tspan>: up to \
         <tspan fill=\"{ARRIVED}\">{most_arrived}</tspan> arrive in a window, \
         <tspan fill=\"{BACKLOG}\">{backlog}</tspan> wait, <tspan fill=\"{CONSUMERS}\">{consumers}</tspan> \
         consumers</text>\n\
         <line x1=\"{x:.0}\" x2=\"{right:.0}\" y1=\"{ground:.0}\" y2=\"{ground:.0}\" stroke=\"#ccc\"/>",
        scene.name,
    );
    let line = |colour: &str, width: &str| format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"");
    for (values, most, style) in [
        (&scene.arrived, most_arrived, format!("fill=\"{ARRIVED}\" fill-opacity=\"0.6\"")),
        (&scene.backlog, backlog, line(BACKLOG, "1.2")),
        (&scene.consumers, most, line(CONSUMERS, "2")),
    ] {
        let _ = writeln!(svg, "<path {style} d=\"{}\"/>", steps(values, most, x, ground));
    }
}

/// A curve in steps: each value holds for its window. It begins and ends on the ground, so that it can be filled.
#[expect(clippy::cast_precision_loss, reason = "no value comes near 2^52")]
fn steps(values: &[u64], most: u64, x: f64, ground: f64) -> String {
    let across = (WIDTH - 2.0 * LEFT) / values.len().max(1) as f64;
    let up = |value: u64| ground - value as f64 / most.max(1) as f64 * DEPTH;
    let mut path = format!("M{x:.1},{ground:.1}");
    let mut last = None;
    for (number, value) in values.iter().enumerate() {
        if last != Some(*value) {
            let _ = write!(path, "H{:.1}V{:.1}", x + number as f64 * across, up(*value));
            last = Some(*value);
        }
    }
    let _ = write!(path, "H{:.1}V{ground:.1}", x + values.len() as f64 * across);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scene_has_its_panel_and_each_value_its_step() {
        let scene = |name: &str| Scene {
            name: name.to_owned(),
            least: 1,
            changes: 1,
            arrived: vec![0, 10, 10, 0],
            backlog: vec![0, 0, 0, 0],
            consumers: vec![1, 1, 2, 1],
        };
        let svg = picture(&[scene("step"), scene("burst"), scene("drip")]);
        assert_eq!(svg.matches("<path").count(), 9);
        assert!(svg.contains("burst") && svg.contains("height=\"380\"") && !svg.contains("NaN"), "{svg}");
        assert_eq!(steps(&[0, 10, 10, 0], 10, 0.0, 100.0).matches('H').count(), 4);
    }
}
