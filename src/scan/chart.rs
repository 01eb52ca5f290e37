//! Charts of a report as inline SVG: bars beside their labels, and one bar of several parts. No scripts, nothing loaded.

use std::fmt::{Result, Write};

use super::html::Escaped;

/// Measures of a drawing, in its own units.
const WIDTH: u32 = 640;
const LABEL: u32 = 170;
const NUMBER: u32 = 60;
const ROW: u32 = 22;
const BAR: u32 = 14;

/// Longest label that is drawn, in characters.
const LABEL_CHARS: usize = 24;

/// A bar: its label and how much it counts.
pub(super) struct Bar<'a> {
    pub(super) label: &'a str,
    pub(super) value: u64,
    /// What of the value stands out, drawn in another colour.
    pub(super) marked: u64,
}

/// Bars below each other, the longest as long as there is room.
pub(super) fn bars(text: &mut String, title: &str, bars: &[Bar<'_>]) -> Result {
    let most = bars.iter().map(|bar| bar.value).max().unwrap_or(0);
    let height = ROW * u32::try_from(bars.len()).unwrap_or(0) + 4;
    open(text, title, height)?;
    for (row, bar) in bars.iter().enumerate() {
        let top = ROW * u32::try_from(row).unwrap_or(0) + 4;
        let room = WIDTH - LABEL - NUMBER;
        let (length, marked) = (share(bar.value, most, room), share(bar.marked, most, room));
        let base = top + BAR - 3;
        let (label, whole) = (Escaped(&cut(bar.label)).to_string(), Escaped(bar.label).to_string());
        writeln!(
            text,
            r#"<g><title>{whole}: {}</title><text x="{}" y="{base}" text-anchor="end">{label}</text>
<rect class="bar" x="{LABEL}" y="{top}" width="{length:.1}" height="{BAR}" rx="2"/>
<rect class="mark" x="{LABEL}" y="{top}" width="{marked:.1}" height="{BAR}" rx="2"/>
<text x="{:.1}" y="{base}">{}</text></g>"#,
            bar.value,
            LABEL - 8,
            f64::from(LABEL) + length + 6.0,
            bar.value
        )?;
    }
    writeln!(text, "</svg>")
}

/// One bar whose parts make a whole, with a legend below. Each part has its class.
pub(super) fn parts(text: &mut String, title: &str, parts: &[(&str, &str, u64)]) -> Result {
    let whole: u64 = parts.iter().map(|(_, _, value)| value).sum();
    open(text, title, 56)?;
    let mut x = 0.0;
    for (label, class, value) in parts {
        let length = share(*value, whole, WIDTH);
        writeln!(
            text,
            r#"<rect class="{class}" x="{x:.1}" y="4" width="{length:.1}" height="22"><title>{label}: {value}</title></rect>"#
        )?;
        x += length;
    }
    let step = WIDTH / u32::try_from(parts.len().max(1)).unwrap_or(1);
    for (at, (label, class, value)) in parts.iter().enumerate() {
        let x = step * u32::try_from(at).unwrap_or(0);
        writeln!(
            text,
            r#"<rect class="{class}" x="{x}" y="36" width="11" height="11"/><text x="{}" y="46">{label}: {value}</text>"#,
            x + 16
        )?;
    }
    writeln!(text, "</svg>")
}

fn open(text: &mut String, title: &str, height: u32) -> Result {
    writeln!(
        text,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"><title>{}</title>"#,
        Escaped(title)
    )
}

/// How long a bar is.
#[expect(clippy::cast_precision_loss, reason = "a length in a drawing")]
fn share(value: u64, most: u64, room: u32) -> f64 {
    if most == 0 { 0.0 } else { value as f64 / most as f64 * f64::from(room) }
}

fn cut(label: &str) -> String {
    match label.char_indices().nth(LABEL_CHARS) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}
