//! The chart of an evaluation, as SVG: bars of nDCG@10, a group for each kind and language, a bar for each way of searching.

use std::fmt::{Result, Write};

use super::Report;

const COLOURS: [&str; 6] = ["#9aa5b1", "#5b8fd1", "#c78c2e", "#8a5cb8", "#1f9d6b", "#b8435a"];

/// Measures of the drawing, in its own units.
const BAR: usize = 14;
const GAP: usize = 26;
const HEIGHT: u16 = 220;
const TOP: usize = 44;
const LEFT: usize = 40;
const BOTTOM: usize = TOP + HEIGHT as usize;

/// Draws the report.
pub(super) fn svg(report: &Report) -> String {
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut svg, report);
    svg
}

fn draw(svg: &mut String, report: &Report) -> Result {
    let kinds: Vec<&String> =
        report.configurations.first().map_or_else(Vec::new, |first| first.scores.by_kind.keys().collect());
    let group = report.by_kind().count() * BAR + GAP;
    let width = (LEFT + kinds.len() * group + 20).max(LEFT + report.by_kind().count() * 150);
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {}" font-family="sans-serif" font-size="11" role="img">
<title>nDCG@10 by kind of query</title>
<rect width="100%" height="100%" fill="#fff"/>"##,
        BOTTOM + 50
    )?;
    legend(svg, report)?;
    for step in 0..=4 {
        let y = BOTTOM - usize::from(HEIGHT) * step / 4;
        let label = ["0", "0.25", "0.50", "0.75", "1"][step];
        writeln!(
            svg,
            r##"<line x1="{LEFT}" x2="{width}" y1="{y}" y2="{y}" stroke="#ddd"/><text x="8" y="{}">{label}</text>"##,
            y + 4
        )?;
    }
    for (place, kind) in kinds.iter().enumerate() {
        bars(svg, report, kind, LEFT + 8 + place * group)?;
    }
    writeln!(svg, "</svg>")
}

fn legend(svg: &mut String, report: &Report) -> Result {
    for (place, (configuration, colour)) in report.by_kind().zip(COLOURS).enumerate() {
        let x = LEFT + place * 150;
        writeln!(
            svg,
            r#"<rect x="{x}" y="12" width="11" height="11" fill="{colour}"/><text x="{}" y="22">{} ({:.3})</text>"#,
            x + 16,
            configuration.name,
            configuration.scores.all.ndcg_at_10
        )?;
    }
    Ok(())
}

fn bars(svg: &mut String, report: &Report, kind: &str, x: usize) -> Result {
    for (place, (configuration, colour)) in report.by_kind().zip(COLOURS).enumerate() {
        let value = configuration.scores.by_kind.get(kind).map_or(0.0, |measures| measures.ndcg_at_10);
        let height = value.clamp(0.0, 1.0) * f64::from(HEIGHT);
        let (left, wide, name) = (x + place * BAR, BAR - 2, &configuration.name);
        let top = f64::from(u32::try_from(BOTTOM).unwrap_or(0)) - height;
        writeln!(
            svg,
            r#"<rect x="{left}" y="{top:.1}" width="{wide}" height="{height:.1}" fill="{colour}"><title>{name} {kind}: {value:.3}</title></rect>"#
        )?;
    }
    let middle = x + report.by_kind().count() * BAR / 2;
    let (kind, lang) = kind.split_once('/').unwrap_or((kind, ""));
    for (line, text) in [kind, lang].iter().enumerate() {
        let y = BOTTOM + 16 + line * 14;
        writeln!(svg, r#"<text x="{middle}" y="{y}" text-anchor="middle">{text}</text>"#)?;
    }
    Ok(())
}
