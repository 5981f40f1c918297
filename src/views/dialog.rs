//! Short overlays: choose one of a few, or read a message.

use super::cursor::{Clicked, ListCursor};
use super::keymap::Action;
use super::panel::{centred, frame, line, write};
use super::theme::Role;
use super::view::{Input, Reply, ScreenCommand, View, ViewContext, ViewSpec};
use crate::model::cluster::Cluster;
use crate::model::object::ObjectKey;
use crate::model::text::{fit, width};
use crate::protocol::Snapshot;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// In which form the screen is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Letters alone.
    Text,
    /// Letters and colours, as a terminal reads them.
    Ansi,
    /// A picture.
    Svg,
}

impl Format {
    /// The end of the file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Ansi => "ansi",
            Self::Svg => "svg",
        }
    }
}

/// The effect of choosing an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// Show this container's log.
    Container(String),
    /// Put this into the clipboard.
    Copy(String),
    /// Save the screen.
    Save(Format),
    /// Nothing but close: a message.
    Close,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The text of the entry.
    pub label: String,
    /// Shown dimmed beside it: what would be copied, which one is current.
    pub detail: String,
    /// The choice it stands for.
    pub pick: Pick,
}

/// A list to choose from.
#[derive(Debug, Clone)]
pub struct Chooser {
    title: String,
    choices: Vec<Choice>,
    cursor: ListCursor,
}

/// Entries kept; a pod with more containers than this does not exist.
const CHOICES_MAX: usize = 500;

impl Chooser {
    /// A chooser with the cursor on the first entry; entries past the bound are left out.
    pub fn new(title: impl Into<String>, mut choices: Vec<Choice>) -> Self {
        choices.truncate(CHOICES_MAX);
        Self { title: title.into(), choices, cursor: ListCursor::default() }
    }

    /// With the cursor where it was in a list like this one, or on the last entry.
    #[must_use]
    pub fn at(self, cursor: ListCursor) -> Self {
        let last = self.choices.len().saturating_sub(1);
        let cursor = if cursor.at() > last { ListCursor::on(last) } else { cursor };
        Self { cursor, ..self }
    }

    /// Where the cursor is.
    pub fn cursor(&self) -> ListCursor {
        self.cursor
    }

    /// The containers of a pod, the cursor on the one shown.
    pub fn containers(names: &[impl AsRef<str>], current: &str) -> Self {
        let choice = |name: &str| Choice {
            label: name.to_owned(),
            detail: if name == current { "shown".to_owned() } else { String::new() },
            pick: Pick::Container(name.to_owned()),
        };
        let at = names.iter().position(|n| n.as_ref() == current).unwrap_or(0);
        Self {
            cursor: ListCursor::on(at),
            ..Self::new("Container", names.iter().map(|n| choice(n.as_ref())).collect())
        }
    }

    /// The texts that can be copied of an object: names, a command, its cells (column and value), its text where it is open.
    pub fn copy(object: &ObjectKey, cells: &[(String, String)], text: Option<String>, snapshot: &Snapshot) -> Self {
        let entry = |label: &str, text: String| Choice {
            label: label.to_owned(),
            detail: text.clone(),
            pick: Pick::Copy(text),
        };
        let mut choices = vec![entry("name", object.name.to_string())];
        if !object.namespace.is_empty() {
            choices.push(entry("namespace", object.namespace.to_string()));
        }
        choices.push(entry("cluster", object.cluster.to_string()));
        if let Some(command) = kubectl(object, snapshot) {
            choices.push(entry("kubectl command", command));
        }
        if let Some(text) = text.filter(|t| !t.is_empty()) {
            let detail = format!("{} lines", text.lines().count());
            choices.push(Choice { detail, ..entry("text", text) });
        }
        for (column, value) in cells.iter().filter(|(_, v)| !v.is_empty()) {
            choices.push(entry(&column.to_lowercase(), value.clone()));
        }
        Self::new("Copy", choices)
    }

    /// The texts that can be copied of a cluster.
    pub fn copy_cluster(cluster: &Cluster) -> Self {
        let entry = |label: &str, text: &str| Choice {
            label: label.to_owned(),
            detail: text.to_owned(),
            pick: Pick::Copy(text.to_owned()),
        };
        let mut choices = vec![entry("name", cluster.entry.name.as_str())];
        if let Some(context) = &cluster.entry.context {
            choices.push(entry("context", context));
            choices.push(entry("kubectl command", &format!("kubectl --context {}", quoted(context))));
        }
        for (label, text) in [("server", cluster.entry.server.as_str()), ("reason", cluster.state.why())] {
            if !text.is_empty() {
                choices.push(entry(label, text));
            }
        }
        Self::new("Copy", choices)
    }

    /// The forms a screen can be saved in.
    pub fn save() -> Self {
        let entry = |label: &str, detail: &str, format| Choice {
            label: label.to_owned(),
            detail: detail.to_owned(),
            pick: Pick::Save(format),
        };
        let choices = vec![
            entry("text", "letters alone", Format::Text),
            entry("ANSI", "with colours, for cat and less -R", Format::Ansi),
            entry("SVG", "a picture", Format::Svg),
        ];
        Self::new("Save the screen as", choices)
    }

    /// A message to read, a line each.
    pub fn message(title: impl Into<String>, lines: &[String]) -> Self {
        let entry = |text: &String| Choice { label: text.clone(), detail: String::new(), pick: Pick::Close };
        Self::new(title, lines.iter().map(entry).collect())
    }

    /// Moves; returns false if the action is no move.
    pub fn step(&mut self, action: Action, area: Rect) -> bool {
        self.cursor.step(action, self.choices.len(), Self::rows(self.place(area)))
    }

    /// Returns the choice that `enter` takes.
    pub fn chosen(&self) -> Option<&Pick> {
        self.choices.get(self.cursor.at()).map(|c| &c.pick)
    }

    /// Selects the clicked entry; of one that only says something no second click is made.
    pub fn select(&mut self, at: Position, area: Rect) -> Clicked {
        let place = self.place(area);
        if !place.contains(at) || at.y == place.y {
            return Clicked::Nothing;
        }
        let clicked = self.cursor.click(usize::from(at.y - place.y - 1), self.choices.len(), Self::rows(place));
        match self.chosen() {
            Some(Pick::Close) if clicked == Clicked::Again => Clicked::Selected,
            _ => clicked,
        }
    }

    /// Entries shown at once.
    fn rows(place: Rect) -> usize {
        usize::from(place.height.saturating_sub(1))
    }

    fn place(&self, area: Rect) -> Rect {
        let labels = self.label_width();
        let widest = self.choices.iter().map(|c| if c.detail.is_empty() { 0 } else { width(&c.detail) + 3 }).max();
        let columns = (labels + widest.unwrap_or(0)).max(width(&self.title)).clamp(28, 96) + 2;
        centred(area, columns, self.choices.len().max(1) + 1)
    }

    fn label_width(&self) -> usize {
        self.choices.iter().map(|c| width(&c.label)).max().unwrap_or(0)
    }
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "chooser", ..ViewSpec::PANEL };

impl View for Chooser {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        let Some(action) = input.action else { return Reply::stay() };
        match (action, self.chosen()) {
            (Action::BACK, _) => Reply::close(),
            (Action::ACCEPT, Some(pick)) => Reply::finish(ScreenCommand::Pick(pick.clone())),
            (action, _) => Reply::known(self.step(action, cx.area)),
        }
    }

    fn click(&mut self, at: Position, cx: &ViewContext<'_>) -> Option<Reply> {
        match self.select(at, cx.area) {
            Clicked::Nothing => None,
            Clicked::Selected => Some(Reply::stay()),
            Clicked::Again => Some(self.update(Input::accept(), cx)),
        }
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let (place, theme) = (self.place(cx.area), cx.theme);
        frame(buffer, place, &self.title, theme);
        let ground = theme.style(Role::Overlay);
        if self.choices.is_empty() {
            line(buffer, place, place.y.saturating_add(1), "nothing to choose", ground.patch(theme.style(Role::Dim)));
        }
        let labels = self.label_width().min(usize::from(place.width / 2));
        let shown = self.choices.iter().enumerate().skip(self.cursor.first(Self::rows(place)));
        for ((at, choice), y) in shown.zip(place.y.saturating_add(1)..place.bottom()) {
            let row = Rect { y, height: 1, x: place.x + place.width.min(1), width: place.width.saturating_sub(2) };
            let columns = usize::from(row.width);
            let room = columns.saturating_sub(labels + 3);
            let is_wide = choice.detail.is_empty();
            write(buffer, row, &fit(&choice.label, if is_wide { columns } else { labels }), ground);
            let detail = fit(&choice.detail, room);
            let gap = u16::try_from(labels + 3).unwrap_or(row.width).min(row.width);
            let beside = Rect { x: row.x + gap, width: row.width - gap, ..row };
            write(buffer, beside, &detail, ground.patch(theme.style(Role::Dim)));
            if at == self.cursor.at() {
                let whole = Rect { y, height: 1, ..place };
                buffer.set_style(whole.intersection(buffer.area), theme.style(Role::Cursor));
            }
        }
    }
}

/// The command that shows the object with kubectl; `None` where the cluster has no context of its own.
pub fn kubectl(object: &ObjectKey, snapshot: &Snapshot) -> Option<String> {
    let cluster = snapshot.clusters.get(&object.cluster)?;
    let context = cluster.entry.context.as_ref()?;
    let resource = match cluster.catalog.get(&object.kind) {
        Some(kind) => kind.resource(),
        None => object.kind.to_string().to_lowercase(),
    };
    let namespace =
        if object.namespace.is_empty() { String::new() } else { format!(" -n {}", quoted(&object.namespace)) };
    Some(format!("kubectl --context {}{namespace} get {resource} {} -o yaml", quoted(context), quoted(&object.name)))
}

/// Quotes what a shell would take apart.
fn quoted(word: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@' | '=' | ',' | '+');
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
