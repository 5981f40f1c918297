//! The metrics' document, dashboard and alerts name what exists.

use quarterdeck::engine::proxy::metrics::catalogue;
use std::fs;

#[test]
fn the_table_of_metrics_is_the_catalogue() {
    let path = "docs/routing-metrics.md";
    let written = fs::read_to_string(path).expect("the document can be read");
    let table = catalogue::TABLE.markdown();
    assert!(written.contains(&table), "{path} does not hold this table:\n{table}");
}
