//! Log lines as JSON, an object per line, for collectors of logs.
//!
//! `audit_id` is the correlation id: the same as in the audit log, in the response header and in the API server's own
//! log.

use crate::engine::clock;
use serde_json::{Map, Value};
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes `ts`, `level`, `target` and `msg`, and each field of the event under its own name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        writeln!(writer, "{}", line(clock::now_micros(), (*metadata.level(), metadata.target()), |to| event.record(to)))
    }
}

fn line(micros: i64, (level, target): (Level, &str), record: impl FnOnce(&mut Fields)) -> Value {
    let mut fields = Fields(Map::new());
    if let Ok(time) = jiff::Timestamp::from_microsecond(micros) {
        fields.put("ts", format!("{time:.6}"));
    }
    fields.put("level", level.as_str().to_ascii_lowercase());
    fields.put("target", target);
    record(&mut fields);
    Value::Object(fields.0)
}

/// The fields of one event.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        let name = if name == "message" { "msg" } else { name };
        // A field of an event does not replace what every line has.
        self.0.entry(name).or_insert_with(|| value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::io;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_object_with_its_fields() {
        let lines = Lines::default();
        let to = lines.clone();
        let subscriber = tracing_subscriber::fmt().event_format(Json).with_writer(move || to.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(audit_id = "a-1", code = 503_u64, retried = true, level = "fake", "line one\nline \"two\"");
        });
        let text = String::from_utf8(lines.0.lock().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let mut event: Value = serde_json::from_str(&text).unwrap();
        let time = event.as_object_mut().unwrap().remove("ts").unwrap();
        assert_eq!(time.as_str().unwrap().len(), "2026-11-21T12:00:00.000000Z".len());
        let target = event.as_object_mut().unwrap().remove("target").unwrap();
        assert!(target.as_str().unwrap().contains("json::tests"));
        let expected = serde_json::json!({
            "level": "warn", "msg": "line one\nline \"two\"", "audit_id": "a-1", "code": 503, "retried": true
        });
        assert_eq!(event, expected);
    }
}
