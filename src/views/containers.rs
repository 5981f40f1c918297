//! The containers of a pod, read from its description: what each runs, in what state; `enter` opens its log.

use super::cursor::{Clicked, ListCursor};
use super::dialog::{Choice, Chooser, Pick};
use super::keymap::Action;
use super::page::object_name;
use super::view::{Input, Keep, Reply, RequestIds, ScreenCommand, View, ViewContext, ViewSpec};
use crate::model::document::{Aspect, Body};
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{DocumentRequest, Request, RequestId, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Position;

/// The list while it is open.
#[derive(Debug)]
pub struct Containers {
    id: RequestId,
    pod: ObjectKey,
    cursor: ListCursor,
}

/// A container as its description has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// The container's name.
    pub name: String,
    /// The image it runs.
    pub image: String,
    /// `Running`, or the reason it is not.
    pub state: String,
    /// How often it was restarted.
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
    pub fn open(pod: ObjectKey, ids: &RequestIds) -> (Self, Vec<Request>) {
        let id = ids.fresh();
        let open = Request::Document(DocumentRequest::Open { id, object: pod.clone(), aspect: Aspect::Describe });
        (Self { id, pod, cursor: ListCursor::default() }, vec![open])
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

    /// The container `enter` takes.
    fn chosen(&self, snapshot: &Snapshot) -> Option<Pick> {
        self.chooser(snapshot).chosen().filter(|pick| matches!(pick, Pick::Container(_))).cloned()
    }
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "containers", ..ViewSpec::PANEL };

impl View for Containers {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        let Some(action) = input.action else { return Reply::stay() };
        match (action, self.chosen(cx.snapshot)) {
            (Action::BACK, _) => Reply::close(),
            (Action::ACCEPT, Some(pick)) => Reply::finish(ScreenCommand::Pick(pick)),
            (action, _) => {
                let mut chooser = self.chooser(cx.snapshot);
                let known = chooser.step(action, cx.area);
                self.cursor = chooser.cursor();
                Reply::known(known)
            }
        }
    }

    fn click(&mut self, at: Position, cx: &ViewContext<'_>) -> Option<Reply> {
        let mut chooser = self.chooser(cx.snapshot);
        let clicked = chooser.select(at, cx.area);
        self.cursor = chooser.cursor();
        match clicked {
            Clicked::Nothing => None,
            Clicked::Selected => Some(Reply::stay()),
            Clicked::Again => Some(self.update(Input::accept(), cx)),
        }
    }

    fn on_rejected(&mut self, request: &Request) -> Keep {
        Keep::unless(matches!(request, Request::Document(DocumentRequest::Open { id, .. }) if *id == self.id))
    }

    fn on_close(&self) -> Vec<Request> {
        vec![Request::Document(DocumentRequest::Close(self.id))]
    }

    fn object(&self) -> Option<&ObjectKey> {
        Some(&self.pod)
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        self.chooser(cx.snapshot).draw(buffer, cx);
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
