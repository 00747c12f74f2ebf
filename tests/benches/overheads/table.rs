//! A table of measurements, one column for each sandbox, as ratios to the first.

use std::collections::BTreeMap;

use crate::sandbox::Sandbox;

/// Measured values by row and column; the least of several measurements counts.
#[derive(Debug)]
pub(crate) struct Table {
    /// What the rows are, and the unit of the values.
    title: &'static str,
    columns: Vec<Sandbox>,
    rows: Vec<String>,
    values: BTreeMap<(usize, usize), f64>,
}

impl Table {
    /// An empty table. The first column is what the others are compared with.
    pub(crate) fn new(title: &'static str, columns: &[Sandbox]) -> Self {
        Self { title, columns: columns.to_vec(), rows: Vec::new(), values: BTreeMap::new() }
    }

    /// Adds a measurement.
    pub(crate) fn add(&mut self, row: &str, column: Sandbox, value: f64) {
        let Some(column) = self.columns.iter().position(|known| *known == column) else { return };
        let row = self.rows.iter().position(|known| known == row).unwrap_or_else(|| {
            self.rows.push(row.to_owned());
            self.rows.len() - 1
        });
        let known = self.values.entry((row, column)).or_insert(value);
        *known = known.min(value);
    }

    fn ratio(&self, row: usize, column: usize) -> Option<f64> {
        Some(self.values.get(&(row, column))? / self.values.get(&(row, 0))?)
    }

    /// Geometric mean of a column's ratios over the rows that it has, and how many those are.
    fn mean(&self, column: usize) -> (f64, usize) {
        let logarithms: Vec<f64> =
            (0..self.rows.len()).filter_map(|row| self.ratio(row, column)).map(f64::ln).collect();
        ((logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp(), logarithms.len())
    }

    /// Prints it.
    pub(crate) fn print(&self) {
        self.print_titles();
        (0..self.rows.len()).for_each(|row| self.print_row(row));
        self.print_means();
    }

    /// Prints what is above the rows: the first two columns' values come first, then ratios of all but the first to it.
    pub(crate) fn print_titles(&self) {
        print!("{:<24}", self.title);
        self.columns.iter().take(2).for_each(|column| print!(" {:>10}", column.title()));
        println!("  {}", self.columns[1..].iter().map(|c| format!("{:>14}", c.title())).collect::<String>());
    }

    /// Prints the row that was added last.
    pub(crate) fn print_last_row(&self) {
        self.rows.len().checked_sub(1).into_iter().for_each(|row| self.print_row(row));
    }

    fn print_row(&self, row: usize) {
        print!("{:<24}", self.rows[row]);
        for column in 0..2 {
            let value = self.values.get(&(row, column));
            print!(" {:>10}", value.map_or_else(none, |value| shown(*value)));
        }
        print!("  ");
        for column in 1..self.columns.len() {
            let ratio = self.ratio(row, column);
            print!("{:>14}", ratio.map_or_else(none, |ratio| format!("x {ratio:.2}")));
        }
        println!();
    }

    /// Prints what is below the rows: geometric means.
    pub(crate) fn print_means(&self) {
        print!("{:<46}  ", "geometric mean (rows)");
        for column in 1..self.columns.len() {
            let (mean, rows) = self.mean(column);
            print!("{:>14}", if rows == 0 { none() } else { format!("x {mean:.2} ({rows})") });
        }
        println!();
    }
}

fn none() -> String {
    "-".to_owned()
}

fn shown(value: f64) -> String {
    if value < 10.0 { format!("{value:.3}") } else { format!("{value:.0}") }
}
