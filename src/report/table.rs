//! Merges the tables of many clusters into one: columns joined by name, NAMESPACE NAME CLUSTER first.

use super::Reply;
use super::sort::Path;
use crate::engine::cluster::{Answer, TableRow};
use crate::model::cell::Column;
use crate::model::text::{Text, width};

/// Spaces between columns and the least width of one, as kubectl's.
const PADDING: usize = 3;
const WIDTH_MIN: usize = 6;

/// Options of a printed table.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// Shows columns of any priority.
    pub wide: bool,
    /// Prints names as `pod/p1`, for tables of several kinds.
    pub prefix: bool,
    /// Label keys that get a column each.
    pub label_columns: Vec<String>,
    /// Adds a LABELS column with all labels.
    pub show_labels: bool,
    /// Path to sort by; `None` sorts by namespace, name and cluster.
    pub sort_by: Option<Path>,
}

/// Lines of text cells, ready to be laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextTable {
    /// Headings of the columns.
    pub heading: Vec<Text>,
    /// Cells, line by line.
    pub lines: Vec<Vec<Text>>,
}

struct Line<'a> {
    reply: &'a Reply,
    columns: &'a [Column],
    row: &'a TableRow,
}

/// Joins the tables of one kind. Rows are ordered by namespace, name and cluster, or by [`Shape::sort_by`]; a kind
/// whose table does not begin with its name (events) keeps the servers' order.
pub fn merge(replies: &[Reply], shape: &Shape) -> TextTable {
    let mut lines: Vec<Line<'_>> = replies
        .iter()
        .filter_map(|reply| match &reply.answer {
            Answer::Table(table) => Some((reply, table)),
            Answer::Objects(_) => None,
        })
        .flat_map(|(reply, table)| table.rows.iter().map(move |row| Line { reply, columns: &table.columns, row }))
        .collect();
    let columns = union(&lines, shape.wide);
    let named = columns.first().is_some_and(|name| name == "NAME");
    match &shape.sort_by {
        Some(path) => lines.sort_by(|a, b| path.order(a.row.object.as_ref(), b.row.object.as_ref())),
        None if named => lines.sort_by(|a, b| identity(a).cmp(&identity(b))),
        None => {}
    }
    let namespaced = lines.iter().any(|line| line.reply.kind.namespaced);
    let mut grid =
        TextTable { heading: heading(&columns, namespaced, named, shape), lines: Vec::with_capacity(lines.len()) };
    grid.lines.extend(lines.iter().map(|line| cells(line, &columns, namespaced, shape)));
    grid
}

fn identity<'a>(line: &Line<'a>) -> (&'a Text, &'a Text, &'a crate::model::cluster::ClusterName) {
    (&line.row.namespace, &line.row.name, &line.reply.cluster)
}

/// Returns all columns by name, in the order of their first occurrence.
fn union(lines: &[Line<'_>], wide: bool) -> Vec<Text> {
    let mut names: Vec<Text> = Vec::new();
    let mut last: Option<&[Column]> = None;
    for line in lines {
        // Rows of one cluster share their columns; only a change of cluster can bring a new one.
        if last.is_some_and(|columns| std::ptr::eq(columns, line.columns)) {
            continue;
        }
        last = Some(line.columns);
        for column in line.columns.iter().filter(|c| wide || c.priority == 0) {
            if !names.contains(&column.name) {
                names.push(column.name.clone());
            }
        }
    }
    names
}

fn heading(columns: &[Text], namespaced: bool, named: bool, shape: &Shape) -> Vec<Text> {
    let mut out = Vec::new();
    if namespaced {
        out.push(Text::const_new("NAMESPACE"));
    }
    let mut rest = columns.iter();
    if named {
        out.extend(rest.next().cloned());
    }
    out.push(Text::const_new("CLUSTER"));
    out.extend(rest.cloned());
    out.extend(shape.label_columns.iter().map(|key| Text::from(key.rsplit('/').next().unwrap_or(key).to_uppercase())));
    if shape.show_labels {
        out.push(Text::const_new("LABELS"));
    }
    out
}

fn cells(line: &Line<'_>, columns: &[Text], namespaced: bool, shape: &Shape) -> Vec<Text> {
    let cell = |name: &Text| {
        let at = line.columns.iter().position(|c| c.name == *name);
        at.and_then(|at| line.row.cells.get(at)).cloned().unwrap_or_default()
    };
    let mut out = Vec::with_capacity(columns.len() + 3);
    if namespaced {
        out.push(line.row.namespace.clone());
    }
    let mut rest = columns.iter();
    if columns.first().is_some_and(|name| name == "NAME") {
        let name = rest.next().map(cell).unwrap_or_default();
        out.push(if shape.prefix { prefixed(&line.reply.kind, &name) } else { name });
    }
    out.push(Text::new(line.reply.cluster.as_str()));
    out.extend(rest.map(cell));
    out.extend(shape.label_columns.iter().map(|key| match line.row.labels.get(key.as_str()) {
        Some(value) => value.clone(),
        None => Text::default(),
    }));
    if shape.show_labels {
        out.push(labels(line.row));
    }
    out
}

fn labels(row: &TableRow) -> Text {
    if row.labels.is_empty() {
        return Text::const_new("<none>");
    }
    let pairs: Vec<String> = row.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    Text::from(pairs.join(","))
}

/// Returns the name with its kind: `pod/p1`, `deployment.apps/d1`.
pub fn prefixed(kind: &crate::model::kind::Kind, name: &str) -> Text {
    let lower = kind.id.kind.to_lowercase();
    if kind.id.group.is_empty() {
        compact_str::format_compact!("{lower}/{name}")
    } else {
        compact_str::format_compact!("{lower}.{}/{name}", kind.id.group)
    }
}

/// Lays the table out as kubectl does; every line ends with a line break, and the last column is not padded.
pub fn layout(grid: &TextTable, no_headers: bool) -> String {
    let all = || (!no_headers).then_some(&grid.heading).into_iter().chain(&grid.lines);
    let columns = all().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            let widest = all().filter_map(|line| line.get(at)).map(|cell| width(cell)).max().unwrap_or(0);
            (widest + PADDING).max(WIDTH_MIN)
        })
        .collect();
    let mut out = String::new();
    for line in all() {
        let start = out.len();
        for (cell, columns) in line.iter().zip(&widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(cell))));
        }
        out.truncate(start + out.get(start..).map_or(0, |text| text.trim_end().len()));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cluster::Table;
    use crate::model::cluster::ClusterName;
    use crate::model::kind::{Kind, KindId};

    fn reply(cluster: &str, columns: &[Column], rows: &[(&str, &[&str])]) -> Reply {
        let rows = rows.iter().map(|(namespace, cells)| TableRow {
            cells: cells.iter().map(|c| Text::new(c)).collect(),
            namespace: Text::new(namespace),
            name: Text::new(cells[0]),
            ..TableRow::default()
        });
        Reply {
            cluster: ClusterName::new(cluster),
            kind: Kind {
                id: KindId::new("", "Pod"),
                version: Text::const_new("v1"),
                plural: Text::const_new("pods"),
                singular: Text::const_new("pod"),
                short_names: vec![],
                categories: vec![],
                namespaced: true,
                verbs: vec![],
            },
            answer: Answer::Table(Table { columns: columns.to_vec(), rows: rows.collect() }),
        }
    }

    #[test]
    fn columns_join_by_name_and_rows_by_namespace_name_cluster() {
        let a =
            reply("eu", &[Column::new("NAME"), Column::new("READY")], &[("x", &["api", "1/1"]), ("b", &["db", "0/1"])]);
        let b = reply(
            "us",
            &[Column::new("NAME"), Column::new("PHASE"), Column::new("READY"), Column::wide("IP")],
            &[("x", &["api", "Up", "2/2", "10.0.0.1"])],
        );
        let grid = merge(&[a, b], &Shape::default());
        assert_eq!(
            layout(&grid, false),
            "\
NAMESPACE   NAME   CLUSTER   READY   PHASE
b           db     eu        0/1
x           api    eu        1/1
x           api    us        2/2     Up
"
        );
    }

    #[test]
    fn wide_headings_and_prefixes_follow_the_shape() {
        let a = reply("eu", &[Column::new("NAME"), Column::wide("IP")], &[("x", &["api", "10.0.0.1"])]);
        let shape = Shape {
            wide: true,
            prefix: true,
            show_labels: true,
            label_columns: vec!["a/team".to_owned()],
            ..Shape::default()
        };
        let grid = merge(&[a], &shape);
        assert_eq!(grid.heading, ["NAMESPACE", "NAME", "CLUSTER", "IP", "TEAM", "LABELS"]);
        assert_eq!(grid.lines[0], ["x", "pod/api", "eu", "10.0.0.1", "", "<none>"]);
    }

    #[test]
    fn events_keep_the_servers_order() {
        let columns = [Column::new("LAST SEEN"), Column::new("REASON")];
        let a = reply("eu", &columns, &[("x", &["9m", "Zed"]), ("a", &["1m", "Abc"])]);
        let grid = merge(&[a], &Shape::default());
        assert_eq!(grid.heading, ["NAMESPACE", "CLUSTER", "LAST SEEN", "REASON"]);
        assert_eq!(grid.lines[0], ["x", "eu", "9m", "Zed"]);
    }
}
