//! Custom resources: the printer columns of their definition, and a health rule by the usual conditions.

use super::path::Path;
use super::wire::{Condition, Maybe, Meta, Object, Seq, Str, condition, is_true};
use super::{Projected, health};
use crate::model::cell::{Cell, Column};
use crate::model::health::Health;
use crate::model::text::{Text, clean};
use crate::model::time::UnixSeconds;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Maximum number of columns of one definition; more do not fit side by side anyway.
const COLUMNS_MAX: usize = 64;

/// A printer column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Printed {
    pub(super) column: Column,
    path: Path,
    form: Form,
}

/// Conversion of a value to a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Integer,
    Number,
    Boolean,
    Date,
}

/// The types that a column may have.
const FORMS: [(&str, Form); 5] = [
    ("string", Form::Text),
    ("integer", Form::Integer),
    ("number", Form::Number),
    ("boolean", Form::Boolean),
    ("date", Form::Date),
];

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Definition<'a> {
    #[serde(borrow)]
    versions: Seq<Version<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Version<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    additional_printer_columns: Seq<PrinterColumn<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PrinterColumn<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(rename = "type")]
    kind: Str<'a>,
    priority: i64,
    json_path: Str<'a>,
}

impl PrinterColumn<'_> {
    /// `None` for a path that cannot be read.
    fn printed(&self) -> Option<Printed> {
        let form = FORMS.iter().find(|(name, _)| **name == *self.kind).map_or(Form::Text, |(_, form)| *form);
        let name = clean(&self.name).to_uppercase();
        let column = if self.priority > 0 { Column::wide(&name) } else { Column::new(&name) };
        let right = matches!(form, Form::Integer | Form::Number | Form::Date);
        let column = if right { column.right() } else { column };
        Some(Printed { column, path: Path::parse(&self.json_path)?, form })
    }
}

/// The columns that a definition states for one version; the age if it states none. Fails if the definition is not JSON
/// of the expected shape.
pub(super) fn columns(definition: &str, version: &str) -> Result<Vec<Printed>, serde_json::Error> {
    let definition: Object<'_, Definition<'_>> = serde_json::from_str(definition)?;
    let stated = definition.spec.versions.iter().find(|v| *v.name == *version);
    let stated: &[PrinterColumn<'_>] = stated.map_or(&[], |v| &v.additional_printer_columns);
    if stated.is_empty() {
        let path = Path::parse(".metadata.creationTimestamp");
        let age = |path| Printed { column: Column::new("AGE").right(), path, form: Form::Date };
        return Ok(path.map(age).into_iter().collect());
    }
    // The server shows the columns up to the first it cannot read.
    Ok(stated.iter().take(COLUMNS_MAX).map_while(PrinterColumn::printed).collect())
}

impl Printed {
    fn cell(&self, object: &RawValue) -> Cell {
        self.path.first(object).map_or(Cell::Empty, |value| self.form.cell(value.get()))
    }
}

impl Form {
    fn cell(self, json: &str) -> Cell {
        let is_text = json.starts_with('"');
        match self {
            // What a null prints as text is the server's own oddity.
            Self::Text if json == "null" => Cell::text("<no value>"),
            Self::Text if is_text => text(json).map_or(Cell::Empty, |t| Cell::text(&t)),
            Self::Text => Cell::text(&fraction(json).unwrap_or_else(|| json.to_owned())),
            Self::Integer => integer(json).map_or(Cell::Empty, Cell::Int),
            Self::Number => match json.parse() {
                Ok(whole) => Cell::Int(whole),
                Err(_) if json.parse::<f64>().is_ok() => Cell::text(json),
                Err(_) => Cell::Empty,
            },
            Self::Boolean if matches!(json, "true" | "false") => Cell::text(json),
            Self::Date if is_text => text(json).map_or(Cell::Empty, |t| date(&t)),
            Self::Boolean | Self::Date => Cell::Empty,
        }
    }
}

fn text(json: &str) -> Option<Str<'_>> {
    serde_json::from_str(json).ok()
}

#[expect(clippy::cast_possible_truncation, reason = "a fraction is cut off, as the server does")]
fn integer(json: &str) -> Option<i64> {
    json.parse().ok().or_else(|| Some(json.parse::<f64>().ok()?.trunc() as i64))
}

/// Formats a fraction as the server does: the shortest digits, with an exponent from a million on and below a ten
/// thousandth; `None` if it is not a fraction.
fn fraction(json: &str) -> Option<String> {
    if !json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) || json.parse::<i64>().is_ok() {
        return None;
    }
    let number = json.parse::<f64>().ok()?;
    let short = format!("{number:e}");
    let (digits, exponent) = short.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    if number != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return Some(format!("{digits}e{sign}{:02}", exponent.abs()));
    }
    Some(number.to_string())
}

fn date(text: &str) -> Cell {
    match UnixSeconds::parse(text) {
        Some(moment) => Cell::Since(moment),
        None if text.is_empty() => Cell::Unknown,
        None => Cell::text("<invalid>"),
    }
}

/// A custom resource: only its metadata has a reliable shape.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Custom<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    conditions: Maybe<Vec<Condition<'a>>>,
}

/// Conditions that summarize the health of an object; the first that it has decides.
const CONDITIONS: [&str; 6] = ["Ready", "Available", "Healthy", "Programmed", "Established", "Synced"];

fn verdict(meta: &Meta<'_>, conditions: &[Condition<'_>]) -> Health {
    if meta.is_terminating() {
        return Health::Progressing;
    }
    if let Some(stalled) = condition(conditions, "Stalled").filter(|c| *c.status == *"True") {
        return Health::Failed(health::reason(stalled.reason.or("Stalled")));
    }
    let Some(decides) = CONDITIONS.into_iter().find_map(|kind| condition(conditions, kind)) else {
        return Health::Unknown;
    };
    match &*decides.status {
        "True" => Health::Healthy,
        "False" if is_true(conditions, "Reconciling") || is_true(conditions, "Progressing") => Health::Progressing,
        "False" if decides.reason.is_empty() => {
            Health::Degraded(Text::from(format!("not {}", health::reason(&decides.kind))))
        }
        "False" => Health::Degraded(health::reason(&decides.reason)),
        _ => Health::Progressing,
    }
}

/// Projects a custom resource.
pub(super) fn project<'a>(columns: &[Printed], raw: &'a str) -> Result<Projected<'a>, serde_json::Error> {
    let custom: Custom<'a> = serde_json::from_str(raw)?;
    let object: &RawValue = serde_json::from_str(raw)?;
    let status: Status<'_> = custom.status.and_then(|s| serde_json::from_str(s.get()).ok()).unwrap_or_default();
    let cells = columns.iter().map(|c| c.cell(object)).collect();
    let health = verdict(&custom.metadata, &status.conditions);
    Ok(Projected { cells, health, meta: custom.metadata })
}

#[cfg(test)]
mod tests {
    use crate::engine::k8s::projection::testing::{NOW, made};
    use crate::engine::k8s::projection::{Interner, Projection};
    use crate::model::cluster::ClusterName;
    use crate::model::health::Health;
    use crate::model::object::Row;
    use serde_json::{Value, json};

    fn definition(columns: &Value) -> Projection {
        let definition = json!({"metadata": {"name": "d"}, "spec": {"versions": [
            {"name": "v1alpha1", "additionalPrinterColumns": [{"name": "Old", "type": "string", "jsonPath": ".x"}]},
            {"name": "v1", "schema": {"large": [1, 2, 3]}, "additionalPrinterColumns": columns}]}});
        Projection::printed(&definition.to_string(), "v1").unwrap()
    }

    fn row(projection: &Projection, object: &Value) -> Row {
        projection.row(&ClusterName::new("c"), &object.to_string(), &mut Interner::default()).unwrap()
    }

    fn cells(row: &Row) -> Vec<String> {
        row.cells.iter().map(|c| c.show(NOW).to_string()).collect()
    }

    #[test]
    fn columns_have_the_types_their_definition_gives_them() {
        let projection = definition(&json!([
            {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
            {"name": "Count", "type": "integer", "jsonPath": ".spec.count"},
            {"name": "Ratio", "type": "number", "jsonPath": ".spec.ratio"},
            {"name": "On", "type": "boolean", "jsonPath": ".spec.on"},
            {"name": "Map", "type": "string", "priority": 1, "jsonPath": ".spec.map"},
            {"name": "Expires", "type": "date", "jsonPath": ".status.expires"},
            {"name": "Nothing", "type": "integer", "jsonPath": ".spec.on"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]));
        let names: Vec<(String, u8)> = projection.columns().iter().map(|c| (c.name.to_string(), c.priority)).collect();
        assert_eq!(names[0], ("READY".to_owned(), 0));
        assert_eq!(names[4], ("MAP".to_owned(), 1));
        let object = made(
            json!({"spec": {"count": 7, "ratio": 0.5, "on": true, "map": {"a":[1]}}, "status": {"expires": "soon",
            "conditions": [{"type": "Ready", "status": "True"}]}}),
        );
        let row = row(&projection, &object);
        assert_eq!(cells(&row), ["True", "7", "0.5", "true", "{\"a\":[1]}", "<invalid>", "", "2m"]);
        assert_eq!(row.health, Health::Healthy);
    }

    #[test]
    fn numbers_as_text_read_as_the_server_writes_them() {
        let projection = definition(&json!([{"name": "N", "type": "string", "jsonPath": ".n"},
            {"name": "I", "type": "integer", "jsonPath": ".n"}]));
        for (number, text, whole) in [
            ("7", "7", "7"),
            ("1000000", "1000000", "1000000"),
            ("1234567.5", "1.2345675e+06", "1234567"),
            ("999999.5", "999999.5", "999999"),
            ("-0.5", "-0.5", "0"),
            ("0.00001", "1e-05", "0"),
            ("1e300", "1e+300", "9223372036854775807"),
        ] {
            let mut object = made(json!({}));
            object["n"] = serde_json::from_str(number).unwrap();
            let row = projection.row(&ClusterName::new("c"), &object.to_string(), &mut Interner::default()).unwrap();
            assert_eq!(cells(&row), [text, whole], "{number}");
        }
    }

    #[test]
    fn the_first_column_that_cannot_be_read_is_the_end_of_them() {
        let column = |name: &str, path: &str| json!({"name": name, "type": "string", "jsonPath": path});
        let projection = definition(&json!([column("A", ".a"), column("B", ".b["), column("C", ".c")]));
        assert_eq!(projection.columns().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["A"]);
    }

    #[test]
    fn without_columns_there_is_the_age() {
        let projection = definition(&json!(null));
        assert_eq!(projection.columns().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["AGE"]);
        assert_eq!(cells(&row(&projection, &made(json!({"status": "odd"})))), ["2m"]);
        assert!(!projection.is_same(&definition(&json!([{"name": "A", "type": "string", "jsonPath": ".a"}]))));
        assert!(projection.is_same(&definition(&json!([]))));
    }

    #[test]
    fn the_usual_conditions_decide_the_health() {
        let projection = definition(&json!([]));
        let health = |conditions: Value| row(&projection, &made(json!({"status": {"conditions": conditions}}))).health;
        assert_eq!(health(json!([])), Health::Unknown);
        assert_eq!(health(json!({"odd": 1})), Health::Unknown);
        assert_eq!(health(json!([{"type": "Available", "status": "True"}])), Health::Healthy);
        let denied =
            json!([{"type": "Synced", "status": "True"}, {"type": "Ready", "status": "False", "reason": "Denied"}]);
        assert_eq!(health(denied), Health::Degraded("Denied".into()));
        assert_eq!(health(json!([{"type": "Ready", "status": "False"}])), Health::Degraded("not Ready".into()));
        assert_eq!(health(json!([{"type": "Ready", "status": "Unknown"}])), Health::Progressing);
        let stalled =
            json!([{"type": "Stalled", "status": "True", "reason": "Bad"}, {"type": "Ready", "status": "False"}]);
        assert_eq!(health(stalled), Health::Failed("Bad".into()));
    }
}
