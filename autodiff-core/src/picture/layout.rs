//! Where boxes and arrows go: a layered drawing, after K. Sugiyama, S. Tagawa and M. Toda, Methods for Visual
//! Understanding of Hierarchical System Structures, 1981.
//!
//! Boxes stand in rows, each above all that is made from it. An arrow over several rows goes through a place that is kept
//! free for it in each, which all arrows from one box share. Rows are ordered so that few arrows cross, and places are then
//! moved within that order to where their arrows are short.

/// Free space between neighbours in a row, and between rows.
const GAP: (f64, f64) = (24.0, 38.0);
/// The width of the place where arrows go through a row.
const LANE: f64 = 2.0;

/// A box, before and after it has a place.
#[derive(Clone, Debug)]
pub struct Item {
    pub width: f64,
    pub height: f64,
    /// The boxes that arrows come from, which stand before this one in the list.
    pub inputs: Vec<usize>,
    /// The centre.
    pub x: f64,
    pub y: f64,
}

/// A part of an arrow: down from `from` to the height `leaves`, over to the height `enters`, and down to `to`.
#[derive(Debug)]
pub struct Segment {
    pub from: (f64, f64),
    pub leaves: f64,
    pub enters: f64,
    pub to: (f64, f64),
    /// Whether it ends at a box.
    pub ends: bool,
}

/// A line between neighbouring rows, and how far from the middle of the lower end it arrives.
#[derive(Clone, Copy, Debug)]
struct Link {
    upper: usize,
    lower: usize,
    port: f64,
    /// How much it matters that it is short: more where it is part of a long arrow, which should be straight.
    weight: f64,
}

/// Rows from the top; the first `boxes` items are boxes, the others lanes.
struct Rows {
    items: Vec<Item>,
    boxes: usize,
    rows: Vec<Vec<usize>>,
    row_of: Vec<usize>,
    links: Vec<Link>,
    /// The links that end, and those that start, at an item.
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
}

/// Gives each box its place, with the top left corner of all at 0, 0; the arrows, and width and height of the whole.
///
/// The last box is made from all others.
pub fn place(items: &mut Vec<Item>) -> (Vec<Segment>, (f64, f64)) {
    let mut all = Rows::new(std::mem::take(items));
    all.order();
    all.shift();
    let segments = all.segments();
    all.items.truncate(all.boxes);
    *items = all.items;
    let right = items.iter().map(|item| item.x + item.width / 2.0).fold(0.0, larger);
    let bottom = items.iter().map(|item| item.y + item.height / 2.0).fold(0.0, larger);
    (segments, (right, bottom))
}

fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

impl Rows {
    fn new(items: Vec<Item>) -> Self {
        let boxes = items.len();
        // As far down as can be: right above the first use.
        let mut from_end = vec![0; boxes];
        for i in (0..boxes).rev() {
            for &input in &items[i].inputs {
                from_end[input] = from_end[input].max(from_end[i] + 1);
            }
        }
        let depth = from_end.iter().max().map_or(0, |most| most + 1);
        let row_of = from_end.iter().map(|from_end| depth - 1 - from_end).collect();
        let mut all = Rows {
            items,
            boxes,
            rows: vec![Vec::new(); depth],
            row_of,
            links: Vec::new(),
            above: Vec::new(),
            below: Vec::new(),
        };
        all.link();
        all.rows_as_met();
        all
    }

    /// Makes the lanes, and all links.
    fn link(&mut self) {
        // The lanes of each box, from the row below it on.
        let mut lanes = vec![Vec::new(); self.boxes];
        for i in 0..self.boxes {
            let inputs = self.items[i].inputs.clone();
            for (k, &input) in inputs.iter().enumerate() {
                let first = self.row_of[input] + 1;
                while first + lanes[input].len() < self.row_of[i] {
                    let upper = lanes[input].last().copied().unwrap_or(input);
                    let lane = self.items.len();
                    self.items.push(Item { width: LANE, height: 0.0, inputs: Vec::new(), x: 0.0, y: 0.0 });
                    self.row_of.push(first + lanes[input].len());
                    let weight = if upper < self.boxes { 2.0 } else { 8.0 };
                    self.links.push(Link { upper, lower: lane, port: 0.0, weight });
                    lanes[input].push(lane);
                }
                let upper = match self.row_of[i] - first {
                    0 => input,
                    rows => lanes[input][rows - 1],
                };
                let along = (k + 1) as f64 / (inputs.len() + 1) as f64 - 0.5;
                let weight = if upper < self.boxes { 1.0 } else { 2.0 };
                self.links.push(Link { upper, lower: i, port: along * self.items[i].width, weight });
            }
        }
        self.above = vec![Vec::new(); self.items.len()];
        self.below = self.above.clone();
        for (i, link) in self.links.iter().enumerate() {
            self.above[link.lower].push(i);
            self.below[link.upper].push(i);
        }
    }

    /// Fills the rows as a walk from the end meets the items, so that inputs stand in order.
    fn rows_as_met(&mut self) {
        let mut met = vec![false; self.items.len()];
        let mut stack = vec![self.boxes - 1];
        while let Some(item) = stack.pop() {
            if !std::mem::replace(&mut met[item], true) {
                self.rows[self.row_of[item]].push(item);
                stack.extend(self.above[item].iter().rev().map(|&link| self.links[link].upper));
            }
        }
    }

    /// Sorts each row by the mean place of what its items are linked to, over and over, and keeps the best.
    fn order(&mut self) {
        let mut place = vec![0.0; self.items.len()];
        let mut best = (self.crossings(&mut place), self.rows.clone());
        for round in 0..16 {
            if best.0 == 0 {
                break;
            }
            let down = round % 2 == 0;
            let depth = self.rows.len();
            for step in 1..depth {
                let row = if down { step } else { depth - 1 - step };
                self.sort(row, down, &mut place);
            }
            let count = self.crossings(&mut place);
            if count < best.0 {
                best = (count, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    /// The place in its row where a link arrives.
    fn arrives(&self, link: Link, place: &[f64]) -> f64 {
        place[link.lower] + 0.9 * link.port / self.items[link.lower].width
    }

    fn sort(&mut self, row: usize, by_above: bool, place: &mut [f64]) {
        let mut items = std::mem::take(&mut self.rows[row]);
        let mean = |&item: &usize| {
            let links = if by_above { &self.above[item] } else { &self.below[item] };
            let places = links.iter().map(|&link| match by_above {
                true => place[self.links[link].upper],
                false => self.arrives(self.links[link], place),
            });
            if links.is_empty() { place[item] } else { places.sum::<f64>() / links.len() as f64 }
        };
        let means: Vec<f64> = items.iter().map(mean).collect();
        let mut by_mean: Vec<usize> = (0..items.len()).collect();
        by_mean.sort_by(|&a, &b| means[a].total_cmp(&means[b]));
        items = by_mean.into_iter().map(|i| items[i]).collect();
        items.iter().enumerate().for_each(|(i, &item)| place[item] = i as f64);
        self.rows[row] = items;
    }

    /// How many links cross, and the places of items in their rows.
    fn crossings(&self, place: &mut [f64]) -> usize {
        for row in &self.rows {
            row.iter().enumerate().for_each(|(i, &item)| place[item] = i as f64);
        }
        let mut count = 0;
        for row in &self.rows {
            // Those from further left that arrive further right.
            let mut arrived: Vec<f64> = Vec::new();
            for &item in row {
                let mut ends: Vec<f64> =
                    self.below[item].iter().map(|&link| self.arrives(self.links[link], place)).collect();
                ends.sort_by(f64::total_cmp);
                count += ends.iter().map(|end| arrived.len() - right_of(&arrived, *end)).sum::<usize>();
                for end in ends {
                    arrived.insert(right_of(&arrived, end), end);
                }
            }
        }
        count
    }

    /// Moves the items within their order to where links are short.
    fn shift(&mut self) {
        for row in self.rows.clone() {
            self.settle(&row, &vec![(0.0, 1.0); row.len()]);
        }
        const ROUNDS: usize = 32;
        for round in 0..ROUNDS {
            // In the end by the links on both sides.
            let both = round >= ROUNDS - 8;
            let down = round % 2 == 0;
            for step in 0..self.rows.len() {
                let row = self.rows[if down { step } else { self.rows.len() - 1 - step }].clone();
                let wishes: Vec<_> =
                    row.iter().map(|&item| self.wish(item, down || both, !down || both)).collect();
                self.settle(&row, &wishes);
            }
        }
        let left = self.items.iter().map(|item| item.x - item.width / 2.0);
        let left = left.fold(f64::INFINITY, |a, b| if b < a { b } else { a });
        self.items.iter_mut().for_each(|item| item.x -= left);
    }

    /// Where an item would stand by its links, and how much that matters.
    fn wish(&self, item: usize, above: bool, below: bool) -> (f64, f64) {
        let (mut sum, mut weight) = (0.0, 0.0);
        let mut add = |x: f64, w: f64| {
            sum += w * x;
            weight += w;
        };
        if above {
            let links = self.above[item].iter().map(|&link| self.links[link]);
            links.for_each(|link| add(self.items[link.upper].x - link.port, link.weight));
        }
        if below {
            let links = self.below[item].iter().map(|&link| self.links[link]);
            links.for_each(|link| add(self.items[link.lower].x + link.port, link.weight));
        }
        if weight == 0.0 { (self.items[item].x, 0.01) } else { (sum / weight, weight) }
    }

    /// Puts the items of a row next to their wishes, by least squares, in their order and apart: neighbours that would
    /// come too close form a block, which stands at the mean of their wishes.
    fn settle(&mut self, row: &[usize], wishes: &[(f64, f64)]) {
        let mut offsets = vec![0.0; row.len()];
        for i in 1..row.len() {
            let (a, b) = (&self.items[row[i - 1]], &self.items[row[i]]);
            offsets[i] = offsets[i - 1] + (a.width + b.width) / 2.0 + GAP.0;
        }
        // Of each block: the mean, the weight, and the number of items.
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        for (offset, (wish, weight)) in offsets.iter().zip(wishes) {
            let mut block = (wish - offset, *weight, 1);
            while let Some(&(mean, weight, count)) = blocks.last()
                && mean >= block.0
            {
                blocks.pop();
                let both = weight + block.1;
                block = ((mean * weight + block.0 * block.1) / both, both, count + block.2);
            }
            blocks.push(block);
        }
        let places = blocks.iter().flat_map(|&(mean, _, count)| std::iter::repeat_n(mean, count));
        for ((&item, offset), place) in row.iter().zip(&offsets).zip(places) {
            self.items[item].x = place + offset;
        }
    }

    /// The heights of all, and the arrows.
    fn segments(&mut self) -> Vec<Segment> {
        let mut edges = Vec::with_capacity(self.rows.len());
        let mut top = 0.0;
        for row in &self.rows {
            let height = row.iter().map(|&item| self.items[item].height).fold(0.0, larger);
            row.iter().for_each(|&item| self.items[item].y = top + height / 2.0);
            edges.push((top, top + height));
            top += height + GAP.1;
        }
        let segment = |link: &Link| {
            let (upper, lower) = (&self.items[link.upper], &self.items[link.lower]);
            let ((upper_top, leaves), (enters, _)) =
                (edges[self.row_of[link.upper]], edges[self.row_of[link.lower]]);
            let ends = link.lower < self.boxes;
            let start = if link.upper < self.boxes { upper.y + upper.height / 2.0 } else { upper_top };
            let end = if ends { lower.y - lower.height / 2.0 } else { enters };
            Segment { from: (upper.x, start), leaves, enters, to: (lower.x + link.port, end), ends }
        };
        self.links.iter().map(segment).collect()
    }
}

/// The number of elements of a sorted list that are not larger.
fn right_of(sorted: &[f64], x: f64) -> usize {
    sorted.partition_point(|other| *other <= x)
}
