//! From place to place: commands, drill-downs, history, tabs; and what the engine is asked to watch.

use super::App;
use crate::model::cluster::{ClusterName, ClusterState};
use crate::model::document::Aspect;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{ClusterRequest, Interest, Request, Severity};
use crate::views::command::{self, Change, Command};
use crate::views::drill::{Drill, drill};
use crate::views::history::{History, HistoryEntry};
use crate::views::msg::Effect;
use crate::views::place::{Belongs, Place, Source, Within};
use crate::views::prompt::PromptKind;
use crate::views::scope::Scope;
use crate::views::tabs::{Subscribed, TABS_MAX, Tab};
use std::sync::Arc;

/// A step through a tab's history from what is shown: [`History::back`] and the like.
type HistoryStep = fn(&mut History, HistoryEntry) -> Option<HistoryEntry>;

impl App {
    /// Runs a command line; a mistake becomes a message.
    pub(super) fn run_line(&mut self, line: &str) {
        match command::parse(line) {
            Ok(command) => self.run(command),
            Err(why) => {
                self.say(Severity::Error, &why);
            }
        }
    }

    fn run(&mut self, command: Command) {
        match command {
            Command::Show(source, change) => self.show(source, change),
            Command::Change(change) => {
                let source = match self.place().source {
                    // A namespace of the fleet means what is in it.
                    Source::Fleet if change.namespaces.is_some() || change.clusters.is_some() => {
                        Source::Resources(Text::const_new("pods"))
                    }
                    source @ (Source::Fleet | Source::Resources(_) | Source::Events) => source,
                };
                self.show(source, change);
            }
            Command::Quit => self.quit(),
            Command::ChangeObjects(words) => self.change_by_command(&words),
            Command::Suspend => self.effects.push(Effect::Suspend),
            Command::Mouse(on) => {
                self.effects.push(Effect::CaptureMouse(on));
                let text = if on { "the mouse selects, scrolls and sorts" } else { "the mouse selects text" };
                self.say(Severity::Note, text);
            }
            Command::Theme(name) => self.set_theme(name.as_deref()),
            Command::Open(name, words) => self.open_view(&name, &words),
            Command::Help => self.open_help(),
            Command::Sort(column) => self.sort_by_name(&column),
            Command::Label(key) => self.toggle_label(key),
            Command::Connect(names) => {
                let clusters = self.named_clusters(&names);
                self.ask(clusters, ClusterRequest::Connect, "connecting");
            }
            Command::Pause(names) => {
                let clusters = self.named_clusters(&names);
                self.ask(clusters, ClusterRequest::Pause, "disconnected");
            }
        }
    }

    fn place(&self) -> Place {
        self.tab().map(|tab| tab.listing.place.clone()).unwrap_or_default()
    }

    /// Shows a table with the scope as it is, but for what the command changes.
    fn show(&mut self, source: Source, change: Change) {
        if let Source::Resources(resource) = &source
            && let Some(why) = self.unknown_kind(resource)
        {
            self.say(Severity::Error, &why);
            return;
        }
        if let Some(why) = change.filter_mistake() {
            self.say(Severity::Error, &why);
            return;
        }
        let now = self.place();
        let mut scope = if source == Source::Fleet { Scope::default() } else { now.scope };
        if let Some(clusters) = change.clusters {
            scope.clusters = clusters;
        }
        if let Some(namespaces) = change.namespaces {
            for namespace in &namespaces {
                self.session.visit_namespace(namespace);
            }
            scope.namespaces = namespaces;
        }
        if let Some(pattern) = self.matches_nothing(&scope) {
            self.say(Severity::Error, &format!("no cluster or group is called {pattern}; :clusters shows them all"));
            return;
        }
        self.go(Place { filter: change.filter.unwrap_or_default(), wide: now.wide, ..Place::of(source, scope) });
    }

    /// A pattern of the scope that no cluster matches, once clusters are known.
    fn matches_nothing<'a>(&self, scope: &'a Scope) -> Option<&'a Text> {
        let alone = |pattern: &Text| Scope { clusters: vec![pattern.clone()], ..Scope::default() };
        let empty = |pattern: &&Text| alone(pattern).resolve(&self.snapshot).is_empty();
        scope.clusters.iter().find(|p| !self.snapshot.clusters.is_empty() && empty(p))
    }

    /// Why no cluster can show this kind; `None` while some cluster may.
    fn unknown_kind(&self, resource: &str) -> Option<String> {
        let clusters = &self.snapshot.clusters;
        let mut catalogs = clusters.values().map(|c| &c.catalog).filter(|c| !c.kinds.is_empty()).peekable();
        catalogs.peek()?;
        let is_partial = clusters.values().any(|c| c.catalog.kinds.is_empty());
        let mut names: Vec<&str> = Vec::new();
        for catalog in catalogs {
            if catalog.find(resource).is_some() || catalog.category(resource).next().is_some() {
                return None;
            }
            names.extend(catalog.kinds.iter().map(|k| k.plural.as_str()));
        }
        let near = crate::views::suggest::nearest(resource, names);
        let hint = near.map_or("ctrl-a finds what there is".to_owned(), |near| format!("did you mean :{near}?"));
        let asked = if is_partial { "connected cluster" } else { "cluster" };
        Some(format!("no {asked} serves {resource}; {hint}"))
    }

    /// Goes to a new place; the present one goes to the history.
    pub(super) fn go(&mut self, place: Place) {
        let place = Place { sort: self.session.sort_of(&place.source), ..place };
        self.uncover();
        let is_page = self.tab().is_some_and(|tab| tab.page.is_some());
        if !is_page && place == (Place { cursor: None, offset: 0, sideways: 0, ..self.place() }) {
            return;
        }
        self.leave();
        self.enter(HistoryEntry::Table(Box::new(place)));
    }

    /// Puts what is shown into the history.
    pub(super) fn leave(&mut self) {
        if let Some(tab) = self.tab_mut() {
            let entry = tab.entry();
            tab.history.left(entry);
        }
    }

    fn enter(&mut self, entry: HistoryEntry) {
        match entry {
            HistoryEntry::Table(place) => self.enter_table(*place),
            HistoryEntry::View(saved) => self.reopen(&saved),
        }
    }

    fn enter_table(&mut self, place: Place) {
        // The table under a full-screen view is as it was left, with its cursor and marks.
        if self.close_page() && self.tab().is_some_and(|tab| tab.listing.place.is_same_table(&place)) {
            return;
        }
        self.connect_named(&place.scope);
        let (snapshot, now) = (Arc::clone(&self.snapshot), self.now);
        let listing = self.listing_of(place);
        if let Some(tab) = self.tab_mut() {
            tab.listing = listing;
            tab.listing.feed(&snapshot, tab.view, now);
        }
        self.tell_moved();
        self.subscribe();
    }

    /// Naming a cluster that is not connected asks for it.
    fn connect_named(&mut self, scope: &Scope) {
        if scope.clusters.is_empty() {
            return;
        }
        let named = scope.resolve(&self.snapshot);
        let listed = |name: &ClusterName| {
            self.snapshot
                .clusters
                .get(name)
                .is_some_and(|c| c.state == ClusterState::Listed && c.entry.defect.is_none())
        };
        let listed: Vec<ClusterName> = named.into_iter().filter(listed).collect();
        if !listed.is_empty() {
            self.send(Request::Cluster(ClusterRequest::Connect(listed)));
        }
    }

    /// Asks the engine to watch what each tab looks at, where that is different from before.
    pub(super) fn subscribe(&mut self) {
        // A selector that is still being typed is judged here; the servers get the finished one.
        let typing = self.prompt.as_ref().is_some_and(|p| p.kind == PromptKind::Filter);
        for (at, tab) in self.tabs.iter_mut().enumerate() {
            if typing && at == self.active {
                continue;
            }
            let place = &tab.listing.place;
            let wanted = match &place.source {
                Source::Fleet => Subscribed::default(),
                Source::Resources(_) | Source::Events => Subscribed {
                    resource: Text::new(place.source.name()),
                    clusters: place.looked_at().resolve(&self.snapshot),
                    selector: tab.listing.filter().selector().clone(),
                    // A pattern cannot be asked of a server.
                    namespaces: place.scope.namespaces.iter().filter(|n| !n.contains(['*', '?'])).cloned().collect(),
                },
            };
            if tab.subscribed.as_ref() == Some(&wanted) {
                continue;
            }
            let interests = if wanted.resource.is_empty() {
                Vec::new()
            } else {
                let clusters = wanted.clusters.clone().into();
                vec![Interest {
                    resource: wanted.resource.clone(),
                    clusters,
                    selector: wanted.selector.clone(),
                    namespaces: wanted.namespaces.clone().into(),
                }]
            };
            self.effects.push(Effect::Send(Request::Cluster(ClusterRequest::Subscribe { view: tab.view, interests })));
            tab.subscribed = Some(wanted);
        }
    }

    /// `enter`: into what belongs to the row.
    pub(super) fn open_selected(&mut self) {
        let Some(tab) = self.tab() else { return };
        let Some((row, slot)) = tab.listing.selected_row() else { return };
        let name = row.name.clone();
        let scope = tab.listing.place.scope.clone();
        if tab.listing.place.source == Source::Events {
            let object = tab.listing.cell_text(row, slot, "OBJECT", self.now);
            let (cluster, namespace) = (row.cluster.clone(), row.namespace.clone());
            self.go_to_event_object(cluster, namespace, object.as_deref().unwrap_or_default());
            return;
        }
        match drill(row, slot) {
            Drill::Cluster => {
                let marked: Vec<Text> = tab.listing.chosen().into_iter().map(|k| k.name).collect();
                let marked = if marked.contains(&name) { marked } else { vec![name] };
                let scope = Scope { clusters: marked, namespaces: Vec::new() };
                self.go(Place::of(Source::Resources(Text::const_new("pods")), scope));
            }
            Drill::Rows { resource, within } => {
                let place = Place::of(Source::Resources(resource), Scope { namespaces: Vec::new(), ..scope });
                self.go(Place { within: Some(within), ..place });
            }
            Drill::Namespace(namespace) => {
                self.session.visit_namespace(&namespace);
                let scope = Scope { namespaces: vec![namespace], ..scope };
                self.go(Place::of(Source::Resources(Text::const_new("pods")), scope));
            }
            Drill::Kind(resource) => self.go(Place::of(Source::Resources(resource), scope)),
            Drill::Containers => self.open_containers(),
            Drill::Describe => self.open_detail(Aspect::Describe),
            Drill::Refused(why) => {
                self.say(Severity::Warning, &why);
            }
        }
    }

    /// To the object an event is about: `pod/api-1`.
    fn go_to_event_object(&mut self, cluster: ClusterName, namespace: Text, object: &str) {
        let catalog = self.snapshot.clusters.get(&cluster).map(|c| &c.catalog);
        let found = object.split_once('/').and_then(|(kind, name)| catalog?.find(kind).map(|k| (k, name)));
        let Some((kind, name)) = found else {
            self.say(Severity::Note, &format!("the object {object} cannot be found by its kind"));
            return;
        };
        let namespace = if kind.namespaced { namespace } else { Text::default() };
        let key = ObjectKey { cluster, kind: kind.id.clone(), namespace, name: Text::new(name), uid: Text::default() };
        self.go_to_object(key);
    }

    /// To the owner of the row: its own table, the cursor on it.
    pub(super) fn go_to_owner(&mut self) {
        let Some((row, _)) = self.tab().and_then(|tab| tab.listing.selected_row()) else { return };
        let Some(owner) = row.owner.clone() else {
            let text = format!("{} has no owner", row.name);
            self.say(Severity::Note, &text);
            return;
        };
        let key = ObjectKey {
            cluster: row.cluster.clone(),
            namespace: if owner.kind == node_kind() { Text::default() } else { row.namespace.clone() },
            kind: owner.kind.clone(),
            name: owner.name.clone(),
            uid: owner.uid.clone(),
        };
        self.go_to_object(key);
    }

    /// To the node a pod runs on.
    pub(super) fn go_to_node(&mut self) {
        let Some(tab) = self.tab() else { return };
        let Some((row, slot)) = tab.listing.selected_row() else { return };
        let node = tab.listing.cell_text(row, slot, "NODE", self.now).filter(|n| !n.is_empty() && !n.starts_with('<'));
        let Some(node) = node else {
            let text = format!("{} is on no node", row.name);
            self.say(Severity::Note, &text);
            return;
        };
        let cluster = row.cluster.clone();
        let key =
            ObjectKey { cluster, kind: node_kind(), namespace: Text::default(), name: node, uid: Text::default() };
        self.go_to_object(key);
    }

    /// The table of the object's kind, with the cursor on it.
    pub(super) fn go_to_object(&mut self, key: ObjectKey) {
        let catalog = self.snapshot.clusters.get(&key.cluster).map(|c| &c.catalog);
        let resource = catalog.and_then(|c| c.get(&key.kind)).map(|kind| Text::new(kind.resource()));
        let resource = resource.unwrap_or_else(|| Text::new(key.kind.kind.to_lowercase()));
        let scope = Scope { namespaces: Vec::new(), ..self.place().scope };
        self.go(Place { cursor: Some(key), ..Place::of(Source::Resources(resource), scope) });
    }

    /// The events of the row's object.
    pub(super) fn go_to_events(&mut self) {
        let Some(key) = self.tab().and_then(|tab| tab.listing.selected()) else { return };
        let object = Text::from(format!("{}/{}", key.kind.kind.to_lowercase(), key.name));
        let test = Belongs::Column { name: Text::const_new("OBJECT"), value: object.clone() };
        let within = Within { title: object, cluster: key.cluster.clone(), test };
        let scope = Scope { namespaces: Vec::new(), ..self.place().scope };
        self.go(Place { within: Some(within), ..Place::of(Source::Events, scope) });
    }

    /// `esc`: first the marks of typing, then the place before.
    pub(super) fn go_back(&mut self) {
        let filtered = self.place();
        if !filtered.filter.is_empty() {
            self.set_filter("");
            return;
        }
        if filtered.faults {
            let now = self.now;
            if let Some(listing) = self.listing_mut() {
                listing.set_faults(false, now);
            }
            return;
        }
        if !self.walk(History::back) {
            self.say(Severity::Note, "this is the first view; :q leaves");
        }
    }

    /// Walks the history; says whether there was somewhere to go.
    pub(super) fn walk(&mut self, step: HistoryStep) -> bool {
        let entry = self.tab_mut().and_then(|tab| {
            let from = tab.entry();
            step(&mut tab.history, from)
        });
        let walked = entry.is_some();
        if let Some(entry) = entry {
            self.enter(entry);
        }
        walked
    }

    pub(super) fn walk_or_say(&mut self, step: HistoryStep) {
        if !self.walk(step) {
            self.say(Severity::Note, "there is nothing that way");
        }
    }

    pub(super) fn new_tab(&mut self) {
        if self.tabs.len() >= TABS_MAX {
            self.say(Severity::Warning, "there are nine tabs; ctrl-q closes one");
            return;
        }
        let (place, page) = (self.place(), self.tab().and_then(Tab::saved_view));
        self.add_tab(place);
        self.active = self.tabs.len() - 1;
        self.feed();
        if let Some(page) = page {
            self.open_saved(&page);
        }
    }

    pub(super) fn close_tab(&mut self) {
        if self.tabs.len() < 2 {
            self.say(Severity::Note, "this is the last tab; :q leaves");
            return;
        }
        self.close_page();
        let closed: Tab = self.tabs.remove(self.active);
        self.send(Request::Cluster(ClusterRequest::Subscribe { view: closed.view, interests: Vec::new() }));
        self.active = self.active.min(self.tabs.len() - 1);
    }

    pub(super) fn turn_tab(&mut self, forward: bool) {
        let count = self.tabs.len().max(1);
        self.active = (self.active + if forward { 1 } else { count - 1 }) % count;
    }

    fn named_clusters(&self, names: &[Text]) -> Vec<ClusterName> {
        Scope { clusters: names.to_vec(), ..Scope::default() }.resolve(&self.snapshot)
    }

    /// Asks something of clusters, and says so.
    pub(super) fn ask(
        &mut self,
        clusters: Vec<ClusterName>,
        request: fn(Vec<ClusterName>) -> ClusterRequest,
        doing: &str,
    ) {
        let text = match clusters.as_slice() {
            [] => "no such cluster; :clusters shows them all".to_owned(),
            [one] => format!("{doing} {one}"),
            many => format!("{doing} {} clusters", many.len()),
        };
        if !clusters.is_empty() {
            self.send(Request::Cluster(request(clusters)));
        }
        self.say(Severity::Note, &text);
    }
}

fn node_kind() -> crate::model::kind::KindId {
    crate::model::kind::KindId::new("", "Node")
}
