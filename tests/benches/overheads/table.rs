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

    /// Prints it: the values of the first two columns, and ratios to the first of all but it.
    pub(crate) fn print(&self) {
        print!("{:<24}", self.title);
        self.columns.iter().take(2).for_each(|column| print!(" {:>10}", column.title()));
        println!("  {}", self.columns[1..].iter().map(|c| format!("{:>14}", c.title())).collect::<String>());
        for (row, name) in self.rows.iter().enumerate() {
            print!("{name:<24}");
            for column in 0..2 {
                print!(" {:>10}", self.values.get(&(row, column)).map_or_else(none, |value| shown(*value)));
            }
            print!("  ");
            for column in 1..self.columns.len() {
                print!("{:>14}", self.ratio(row, column).map_or_else(none, |ratio| format!("x {ratio:.2}")));
            }
            println!();
        }
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
