//! The containers of a pod, read from its description: what each runs, in what state; `enter` opens its log.

use super::cursor::{Clicked, ListCursor};
use super::dialog::{Choice, Chooser, Pick};
use super::keymap::Action;
use super::page::{Scene, fresh, object_name};
use crate::model::document::{Aspect, Body};
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::DocumentRequest;
use crate::protocol::{Request, RequestId, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The list while it is open.
#[derive(Debug)]
pub struct Containers {
    id: RequestId,
    pod: ObjectKey,
    cursor: ListCursor,
}

/// One container as its description has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    pub name: String,
    pub image: String,
    /// `Running`, or the reason it is not.
    pub state: String,
    pub restarts: String,
}

/// Sections of a description that list containers.
const SECTIONS: &[&str] = &["Init Containers:", "Containers:", "Ephemeral Containers:"];

/// Reads the containers from a description.
pub fn read(lines: &[Text]) -> Vec<Container> {
    let mut containers: Vec<Container> = Vec::new();
    let mut inside = false;
    for line in lines {
        let text = line.trim();
        if !line.starts_with(' ') {
            inside = SECTIONS.contains(&text);
        } else if inside && line.starts_with("  ") && !line.starts_with("   ") && text.ends_with(':') {
            containers.push(Container { name: text.trim_end_matches(':').to_owned(), ..Container::default() });
        } else if let (true, Some(container), Some((key, value))) =
            (inside, containers.last_mut(), text.split_once(':'))
        {
            let value = value.trim().to_owned();
            match key {
                "Image" => container.image = value,
                "State" => container.state = value,
                // Under State, and again under Last State: the first is of now.
                "Reason" if matches!(container.state.as_str(), "Waiting" | "Terminated") => container.state = value,
                "Restart Count" => container.restarts = value,
                _ => {}
            }
        }
    }
    containers
}

impl Containers {
    /// Opens the list; send the requests.
    pub fn open(pod: ObjectKey, next: &mut u64) -> (Self, Vec<Request>) {
        let id = fresh(next);
        let open = Request::Document(DocumentRequest::Open { id, object: pod.clone(), aspect: Aspect::Describe });
        (Self { id, pod, cursor: ListCursor::default() }, vec![open])
    }

    /// Says whether it was this that was asked in vain.
    pub fn misses(&self, request: &Request) -> bool {
        matches!(request, Request::Document(DocumentRequest::Open { id, .. }) if *id == self.id)
    }

    /// What must be sent when it is closed.
    pub fn close(&self) -> Vec<Request> {
        vec![Request::Document(DocumentRequest::Close(self.id))]
    }

    pub fn pod(&self) -> &ObjectKey {
        &self.pod
    }

    fn chooser(&self, snapshot: &Snapshot) -> Chooser {
        let title = format!("{} on {} · enter shows the log", object_name(&self.pod), self.pod.cluster);
        match snapshot.documents.get(&self.id).map(|d| &d.body) {
            Some(Body::Ready(lines) | Body::Gone(lines)) => {
                let choice = |c: Container| Choice {
                    label: c.name.clone(),
                    detail: format!("{}  {} restarts  {}", c.state, c.restarts, c.image),
                    pick: Pick::Container(c.name),
                };
                Chooser::new(title, read(lines).into_iter().map(choice).collect()).at(self.cursor)
            }
            Some(Body::Failed(why)) => Chooser::message(title, &[format!("✗ {why}")]),
            Some(Body::Fetching) | None => Chooser::message(title, &["◌ fetching …".to_owned()]),
        }
    }

    /// Moves; `false` if the action is none of its own.
    pub fn on(&mut self, action: Action, area: Rect, snapshot: &Snapshot) -> bool {
        let mut chooser = self.chooser(snapshot);
        let known = chooser.on(action, area);
        self.cursor = chooser.cursor();
        known
    }

    /// Selects the clicked container.
    pub fn click(&mut self, at: (u16, u16), area: Rect, snapshot: &Snapshot) -> Clicked {
        let mut chooser = self.chooser(snapshot);
        let clicked = chooser.click(at, area);
        self.cursor = chooser.cursor();
        clicked
    }

    /// The container `enter` takes.
    pub fn chosen(&self, snapshot: &Snapshot) -> Option<String> {
        match self.chooser(snapshot).chosen()? {
            Pick::Container(name) => Some(name.clone()),
            Pick::Copy(_) | Pick::Save(_) | Pick::Close => None,
        }
    }

    pub fn draw(&self, area: Rect, buffer: &mut Buffer, scene: &Scene<'_>) {
        self.chooser(scene.snapshot).draw(area, buffer, scene.theme);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_read_from_a_description() {
        let text = "Name:   api-1\nInit Containers:\n  init:\n    Image:        r/init:1\n    State:        Terminated\n      \
                    Reason:     Completed\n    Restart Count: 0\nContainers:\n  api:\n    Image:        r/api:1\n    \
                    State:        Waiting\n      Reason:     CrashLoopBackOff\n    Last State:   Terminated\n      \
                    Reason:     OOMKilled\n    Restart Count: 7\nVolumes:   v\n  x:\n";
        let lines: Vec<Text> = text.lines().map(Text::new).collect();
        let shown: Vec<String> =
            read(&lines).iter().map(|c| format!("{} {} {} {}", c.name, c.state, c.restarts, c.image)).collect();
        assert_eq!(shown, ["init Completed 0 r/init:1", "api CrashLoopBackOff 7 r/api:1"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(lines in proptest::collection::vec("(  |   |Containers:|a:|Image: x){0,5}", 0..20)) {
            drop(read(&lines.iter().map(Text::new).collect::<Vec<_>>()));
        }
    }
}
