//! System calls, one by one.

use crate::sandbox::{self, Sandbox};
use crate::table::Table;

/// Runs of the program in each sandbox, in turn, so that a change of the machine's load meets all.
const ROUNDS: usize = 3;

pub(crate) fn report() {
    let user = sandbox::user();
    let mut columns = sandbox::all(&user);
    columns.insert(2, Sandbox::BaileyTrapped);
    let mut table = Table::new("call, ns", &columns);
    for _ in 0..ROUNDS {
        for column in &columns {
            for (row, nanoseconds) in column.measure(&user, "./calls") {
                table.add(&row, *column, nanoseconds);
            }
        }
    }
    table.print();
}
