//! `npzarrow plot`: a picture of an array, without axes or letters; the standard output says what it shows.

use serde_json::json;

use super::args::{Plot, PlotKind};
use super::context::Context;
use super::files::{Opened, expand};
use super::format;
use super::numbers::{self, Summary, bin, histogram, rounded, summary};
use crate::array::NpyArray;
use crate::convert::to_usize;
use crate::error::{Error, ErrorKind, Result};
use crate::npy::{Dtype, Order, Scalar};
use crate::sink::Pending;

const WIDTH: usize = 800;
const HEIGHT: usize = 400;
const BINS: usize = 100;
/// Smaller images are enlarged to about this.
const MIN_IMAGE: usize = 256;
const BLUE: [u8; 4] = [31, 119, 180, 255];
const WHITE: [u8; 4] = [255, 255, 255, 255];

/// Pixels, row by row.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 4]>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![WHITE; width.saturating_mul(height)] }
    }

    fn set(&mut self, x: usize, y: usize, colour: [u8; 4]) {
        if x < self.width
            && let Some(pixel) = self.pixels.get_mut(y.saturating_mul(self.width).saturating_add(x))
        {
            *pixel = colour;
        }
    }

    /// Draws from one height to another, both counted from below.
    fn column(&mut self, x: usize, from: usize, to: usize) {
        for y in from.min(to)..=from.max(to) {
            self.set(x, self.height.saturating_sub(1).saturating_sub(y), BLUE);
        }
    }

    fn write(&self, file: Pending) -> Result<Pending> {
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let mut file = file;
        let failed = |error: png::EncodingError| Error::from(std::io::Error::other(error));
        let mut encoder = png::Encoder::new(&mut file, side(self.width), side(self.height));
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(self.pixels.as_flattened()).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(file)
    }
}

pub(super) fn run(arguments: &Plot, context: &mut Context<'_>) -> Result<bool> {
    let files = expand(std::slice::from_ref(&arguments.file), context)?;
    let refused = |option, value, expected| {
        Error::new(ErrorKind::Option { option, value, expected }).in_path(&arguments.file)
    };
    if !arguments.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Err(refused("output", arguments.output.display().to_string(), "a name that ends in .png"));
    }
    let [file] = &files[..] else {
        return Err(refused("file", format!("{} files", files.len()), "one"));
    };
    let opened = Opened::open(file, context)?;
    let names = opened.names(arguments.name.as_slice())?;
    let [name] = &names[..] else {
        return Err(refused(
            "name",
            format!("missing (the file has {})", names.join(", ")),
            "the name of one array",
        ));
    };
    let array = opened.array(name, context)?;
    let Some(summary) = summary(&array).filter(|summary| summary.count > 0) else {
        let dtype = format!("{} {}", format::dtype(array.header()), array.header().shape());
        return Err(refused("array", dtype, "real numbers"));
    };
    if summary.finite.0 > summary.finite.1 {
        return Err(refused("array", "nothing but NaN and infinities".to_owned(), "finite numbers"));
    }
    let ndim = array.header().shape().len();
    let kind = arguments.kind.unwrap_or(if ndim < 2 { PlotKind::Line } else { PlotKind::Image });
    let canvas = match kind {
        PlotKind::Line => line(&array, &summary),
        PlotKind::Histogram => bars(&histogram(&array, summary.finite.0, summary.finite.1, BINS)),
        PlotKind::Image => image(&array, &summary, arguments.index).ok_or_else(|| {
            refused("array", array.header().shape().to_string(), "two axes or more, and such an --index")
        })?,
    };
    let picture = context.write_options().create(&arguments.output)?;
    let path = picture.path().to_owned();
    canvas.write(picture).map_err(|error| error.in_path(&path))?.commit(false)?;
    let (min, max) = summary.finite;
    let (width, height) = (canvas.width, canvas.height);
    if context.json {
        let path = format::path(&path);
        context.line(json!({ "path": path, "width": width, "height": height, "min": min, "max": max }))?;
    } else {
        let (path, count) = (path.display(), summary.count);
        let text = format!("{path}: {width}×{height}, {count} values from {min} to {max}");
        context.line(format::visible(&text))?;
    }
    Ok(true)
}

/// Connects each value with the one before; where there are more values than columns, all that they reach is drawn.
fn line(array: &NpyArray, summary: &Summary) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let (min, max) = summary.finite;
    let mut index = 0_u64;
    let mut before: Option<(usize, usize)> = None;
    let last = summary.count.saturating_sub(1).max(1);
    numbers::each(array, |number| {
        let x = bin(rounded(index), 0.0, rounded(last), WIDTH);
        index += 1;
        if !number.is_finite() {
            before = None;
            return;
        }
        let y = if max > min { bin(number, min, max, HEIGHT) } else { HEIGHT / 2 };
        let (left, from) = before.unwrap_or((x, y));
        let steps = x.saturating_sub(left).max(1);
        // A straight line, column by column.
        let at =
            |step: usize| from.saturating_mul(steps - step).saturating_add(y.saturating_mul(step)) / steps;
        for step in 0..steps {
            canvas.column(left.saturating_add(step + 1).min(x), at(step), at(step + 1));
        }
        before = Some((x, y));
    });
    canvas
}

fn bars(counts: &[u64]) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let width = WIDTH.checked_div(counts.len()).unwrap_or(1).max(2);
    for (place, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = bin(rounded(count), 0.0, rounded(most), HEIGHT);
        for x in 0..width - 1 {
            canvas.column(place * width + x, 0, height);
        }
    }
    canvas
}

/// The last two axes are rows and columns, or the last three with colours; bytes are colours as they are, other
/// numbers are stretched from the least to the largest.
fn image(array: &NpyArray, summary: &Summary, index: usize) -> Option<Canvas> {
    let shape: Vec<usize> = array.header().shape().iter().map(|&dim| to_usize(dim)).collect();
    let has_colours = shape.len() >= 3 && matches!(shape.last(), Some(1 | 3 | 4));
    let axes = if has_colours { 3 } else { 2 };
    let first = shape.len().checked_sub(axes)?;
    let (outer, inner) = shape.split_at_checked(first)?;
    let (&height, &width) = (inner.first()?, inner.get(1)?);
    let colours = inner.get(2).copied().unwrap_or(1);
    if index >= outer.iter().product() || width == 0 || height == 0 {
        return None;
    }
    let mut values = Vec::new();
    numbers::each(array, |number| values.push(number));
    let is_bytes = matches!(array.header().dtype(), Dtype::Scalar(Scalar::UInt8, _));
    let (min, max) = if is_bytes { (0.0, 256.0) } else { summary.finite };
    let level = |place: [usize; 3]| {
        let mut position = unravel(index, outer);
        position.extend(place.iter().take(axes));
        let number =
            values.get(offset(&position, &shape, array.header().order())).copied().unwrap_or(f64::NAN);
        u8::try_from(bin(number, min, max, 256)).unwrap_or(u8::MAX)
    };
    let scale = MIN_IMAGE.checked_div(width.max(height)).unwrap_or(1).max(1);
    let mut canvas = Canvas::new(width * scale, height * scale);
    for y in 0..height {
        for x in 0..width {
            let colour = match colours {
                1 => [level([y, x, 0]), level([y, x, 0]), level([y, x, 0]), 255],
                3 => [level([y, x, 0]), level([y, x, 1]), level([y, x, 2]), 255],
                _ => [level([y, x, 0]), level([y, x, 1]), level([y, x, 2]), level([y, x, 3])],
            };
            for (dy, dx) in (0..scale * scale).map(|step| (step / scale, step % scale)) {
                canvas.set(x * scale + dx, y * scale + dy, colour);
            }
        }
    }
    Some(canvas)
}

/// The place along each axis of an element, counted in C order.
fn unravel(index: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = index;
    let mut position: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&dim| {
            let place = rest.checked_rem(dim).unwrap_or(0);
            rest = rest.checked_div(dim).unwrap_or(0);
            place
        })
        .collect();
    position.reverse();
    position
}

/// Where an element lies in memory.
fn offset(position: &[usize], shape: &[usize], order: Order) -> usize {
    let step = |offset: usize, (place, dim): (&usize, &usize)| offset * dim + place;
    match order {
        Order::C => position.iter().zip(shape).fold(0, step),
        Order::Fortran => position.iter().zip(shape).rev().fold(0, step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let shape = [2, 3, 4];
        for index in 0..24 {
            let position = unravel(index, &shape);
            assert_eq!(offset(&position, &shape, Order::C), index);
            let [a, b, c] = position[..] else { panic!() };
            assert_eq!(offset(&position, &shape, Order::Fortran), a + 2 * b + 6 * c);
        }
        assert!(unravel(5, &[]).is_empty());
    }
}
