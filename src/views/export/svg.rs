//! The screen as SVG: a grid of one font, colours as the terminal would show them.

use super::{Run, rows};
use crate::views::theme::Background;
use crate::views::theme::color::rgb;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

/// A cell, in tenths of a pixel wide and pixels high; the letters are 14 pixels.
const CELL_WIDTH: u32 = 84;
const CELL_HEIGHT: u32 = 18;
const BASELINE: u32 = 14;
/// Around the text.
const MARGIN: u32 = 12;

type Rgb = (u8, u8, u8);

/// Draws the screen on a dark or a light background.
pub fn svg(buffer: &Buffer, background: Background) -> String {
    let (paper, ink) = match background {
        Background::Dark | Background::Any => ((0x16, 0x1a, 0x20), (0xd0, 0xd4, 0xda)),
        Background::Light => ((0xff, 0xff, 0xff), (0x24, 0x29, 0x2f)),
    };
    let (columns, lines) = (u32::from(buffer.area.width), u32::from(buffer.area.height));
    let (width, height) = ((columns * CELL_WIDTH).div_ceil(10) + 2 * MARGIN, lines * CELL_HEIGHT + 2 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{}\"/>\n",
        hex(paper)
    );
    let mut y = MARGIN;
    for row in rows(buffer) {
        for run in row {
            draw(&mut out, &run, u32::from(run.from - buffer.area.x), y, (paper, ink));
        }
        y += CELL_HEIGHT;
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, run: &Run, column: u32, y: u32, (paper, ink): (Rgb, Rgb)) {
    let looks = run.style.add_modifier;
    let of = |color: Option<Color>, or: Rgb| color.and_then(rgb).unwrap_or(or);
    let (mut fg, mut bg) = (of(run.style.fg, ink), of(run.style.bg, paper));
    if looks.contains(Modifier::REVERSED) {
        std::mem::swap(&mut fg, &mut bg);
    }
    let (x, width) = (pixels(column, MARGIN), pixels(u32::from(run.columns), 0));
    if bg != paper {
        let rect =
            format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{CELL_HEIGHT}\" fill=\"{}\"/>\n", hex(bg));
        out.push_str(&rect);
    }
    let text = run.text.trim_end();
    if text.trim().is_empty() {
        return;
    }
    let letters = u32::try_from(crate::model::text::width(text)).unwrap_or(0);
    let mut attributes =
        format!("x=\"{x}\" y=\"{}\" textLength=\"{}\" fill=\"{}\"", y + BASELINE, pixels(letters, 0), hex(fg));
    for (look, attribute) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
        (Modifier::CROSSED_OUT, " text-decoration=\"line-through\""),
        (Modifier::DIM, " opacity=\"0.6\""),
    ] {
        if looks.contains(look) {
            attributes.push_str(attribute);
        }
    }
    out.extend(["<text xml:space=\"preserve\" ", &attributes, ">", &escape(text), "</text>\n"]);
}

/// Tenths of a pixel written without a floating-point number, so that every machine writes the same.
fn pixels(columns: u32, plus: u32) -> String {
    let tenths = columns * CELL_WIDTH + plus * 10;
    if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
