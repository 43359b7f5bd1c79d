//! The curve as a picture: share of right answers that can be served against the share of serves
//! that are wrong, over all operating points, as SVG without any dependency of its own.

use std::fmt::Write;

use super::measure::{Measured, Point, curve};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 180.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 56.0;
/// The widest share of wrong serves that is drawn: nobody runs a cache beyond.
const MOST_WRONG: f64 = 0.25;
/// Told apart by people who see colours differently, too (Okabe and Ito's palette).
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];

/// Draws one line a file.
#[must_use]
pub fn svg(title: &str, files: &[(String, Vec<Measured>)]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\">{}</text>\n",
        escaped(title)
    );
    axes(&mut svg);
    for (i, (name, rows)) in files.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        line(&mut svg, rows, colour);
        #[allow(clippy::cast_precision_loss, reason = "a handful of files")]
        let y = TOP + 14.0 + 18.0 * i as f64;
        let x = WIDTH - RIGHT + 14.0;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{y}\">{}</text>",
            y - 9.0,
            x + 16.0,
            escaped(name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn x_of(wrong: f64) -> f64 {
    LEFT + wrong.min(MOST_WRONG) / MOST_WRONG * (WIDTH - LEFT - RIGHT)
}

fn y_of(coverage: f64) -> f64 {
    HEIGHT - BOTTOM - coverage * (HEIGHT - TOP - BOTTOM)
}

fn axes(svg: &mut String) {
    for percent in [0.0, 5.0, 10.0, 15.0, 20.0, 25.0] {
        let x = x_of(percent / 100.0);
        let (top, bottom) = (y_of(1.0), y_of(0.0));
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{percent} %</text>",
            bottom + 18.0
        );
    }
    for percent in [0.0, 20.0, 40.0, 60.0, 80.0, 100.0] {
        let y = y_of(percent / 100.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0
        );
    }
    let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"{middle:.1}\" y=\"{}\" text-anchor=\"middle\">wrong serves, of all serves</text>\
         <text transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">served, of what may be</text>",
        HEIGHT - 14.0,
        y_of(0.5)
    );
}

fn line(svg: &mut String, rows: &[Measured], colour: &str) {
    let label1 = rows.iter().filter(|r| r.label).count().max(1);
    #[allow(clippy::cast_precision_loss, reason = "counts of rows, far below 2^52")]
    let coverage = |point: &Point| point.served1 as f64 / label1 as f64;
    let mut path = String::new();
    for point in curve(rows).iter().filter(|p| p.wrong() <= MOST_WRONG) {
        let step = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(
            path,
            "{step}{:.1} {:.1}",
            x_of(point.wrong()),
            y_of(coverage(point))
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"/>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_line_and_its_name_is_escaped() {
        let row = |label, score| Measured {
            label,
            served: true,
            score,
            ms: 1.0,
        };
        let rows = vec![row(true, 0.9), row(true, 0.8), row(false, 0.1)];
        let svg = svg("a & b", &[("<x>".into(), rows)]);
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;x&gt;"));
        // Half of it and all of it without a wrong one; the third point is beyond the edge.
        assert!(svg.contains("d=\"M64.0 212.0L64.0 40.0\""), "{svg}");
    }
}
