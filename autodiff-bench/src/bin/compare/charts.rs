//! Charts: for each workload, every engine's time on a logarithmic axis, in units of our best.

use crate::report::{View, is_ours};
use plotters::prelude::*;
use std::path::Path;

/// Colours that stay apart for readers who do not see red and green apart (Okabe and Ito).
const COLOURS: [RGBColor; 9] = [
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(120, 120, 120),
    RGBColor(60, 60, 60),
    RGBColor(240, 228, 66),
];

pub fn draw(path: &Path, view: &View) -> Result<(), String> {
    sketch(path, view).map_err(|e| format!("{}: {e}", path.display()))
}

fn sketch(path: &Path, view: &View) -> Result<(), Box<dyn std::error::Error>> {
    // Lines from the top down, each with its times relative to our best.
    let lines: Vec<_> = (view.lines.iter())
        .filter_map(|line| {
            let ours = line.ours_ms(&view.peers)?;
            let times =
                line.cells.iter().map(|cell| Some(cell.as_ref().ok()?.min_ms / ours)).collect::<Vec<_>>();
            Some((line.workload.as_str(), times, line.floor_ms.map(|floor| floor / ours)))
        })
        .collect();
    let all = lines.iter().flat_map(|(_, times, floor)| times.iter().flatten().chain(floor));
    let (low, high) = all.fold((0.5, 2.0), |(low, high): (f64, f64), &x| {
        (if x < low { x } else { low }, if x > high { x } else { high })
    });
    let height = 110 + 22 * lines.len() as u32;
    let area = SVGBackend::new(path, (1000, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let rows = lines.len();
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("Time of value and gradients, {}", view.setting), ("sans-serif", 20))
        .margin(12)
        .margin_right(150)
        .x_label_area_size(44)
        .y_label_area_size(210)
        .build_cartesian_2d((low / 1.3..high * 1.3).log_scale(), -0.5..rows as f64 - 0.5)?;
    let label = |y: &f64| {
        let row = (rows as f64 - 1.0 - y) as usize;
        if y.fract() == 0.0 {
            lines.get(row).map_or(String::new(), |line| line.0.to_string())
        } else {
            String::new()
        }
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(2 * rows + 1)
        .y_label_formatter(&label)
        .x_label_formatter(&|x| format!("{x}x"))
        .x_desc("time / best of our backends (logarithmic; further left is faster)")
        .label_style(("sans-serif", 13))
        .light_line_style(RGBColor(240, 240, 240))
        .draw()?;
    let y = |row: usize| (rows - 1 - row) as f64;
    chart
        .draw_series(LineSeries::new([(1.0, -0.5), (1.0, rows as f64 - 0.5)], COLOURS[0].stroke_width(1)))?;
    let floors = lines.iter().enumerate().filter_map(|(row, line)| Some((row, line.2?)));
    chart.draw_series(
        floors.map(|(row, x)| {
            PathElement::new([(x, y(row) - 0.35), (x, y(row) + 0.35)], BLACK.stroke_width(2))
        }),
    )?;
    // The legend stands beside the chart, where what belongs to the chart is cut off.
    let place = |entry: usize| (872, 48 + 20 * entry as i32);
    let text = |entry: usize, label: String| {
        let (x, y) = place(entry);
        Text::new(label, (x + 14, y - 7), ("sans-serif", 13))
    };
    // Ours first, so that the smaller points of others lie on top of them.
    let mut order: Vec<usize> = (0..view.peers.len()).collect();
    order.sort_by_key(|&i| !is_ours(&view.peers[i]));
    for (entry, &i) in order.iter().enumerate() {
        let (colour, ours) = (COLOURS[i % COLOURS.len()], is_ours(&view.peers[i]));
        let size = if ours { 6 } else { 4 };
        let points =
            lines.iter().enumerate().filter_map(|(row, line)| Some((line.1.get(i).copied()??, y(row))));
        chart.draw_series(points.map(|at| Circle::new(at, size, colour.filled())))?;
        area.draw(&Circle::new(place(entry), size, colour.filled()))?;
        area.draw(&text(
            entry,
            if ours { format!("{} (ours)", view.peers[i]) } else { view.peers[i].clone() },
        ))?;
    }
    let (x, middle) = place(order.len());
    area.draw(&PathElement::new([(x, middle - 6), (x, middle + 6)], BLACK.stroke_width(2)))?;
    area.draw(&text(order.len(), "physical floor".to_string()))?;
    area.present()?;
    Ok(())
}
