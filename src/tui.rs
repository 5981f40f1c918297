//! Terminal set-up, input and frame pacing: the loop around [`App`]. The only place that names crossterm.

use crate::engine::clock;
use crate::model::time::UnixSeconds;
use crate::protocol::{Request, Snapshot};
use crate::views::app::{App, Setup};
use crate::views::msg::{Effect, Flow, Msg};
use crossterm::event::{Event, EventStream};
use futures::StreamExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

mod background;
mod input;
mod outbox;
mod process_memory;
mod session;
mod signals;
mod terminal;

use background::{BackgroundQuery, Taken};
use outbox::Outbox;
use terminal::Screen;

/// Two frames are at least this far apart: more than a terminal shows is work for nothing.
pub const FRAME_INTERVAL: Duration = Duration::from_millis(16);

/// How the console starts.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the command line or the terminal")]
pub struct Options {
    /// A command line for the first view (`-c`); without one the last session is restored.
    pub command: Option<String>,
    /// The theme by name; `None` asks the terminal whether it is dark or light.
    pub theme: Option<String>,
    /// `NO_COLOR` is set.
    pub no_color: bool,
    /// The terminal's word on its colours: `COLORTERM`.
    pub colorterm: Option<String>,
    /// The terminal's name: `TERM`.
    pub term: Option<String>,
    /// `TMUX` is set: a copy must be wrapped to pass through.
    pub in_tmux: bool,
    /// Whether the mouse is taken at the start.
    pub mouse: bool,
    /// Start as if there had been no session before.
    pub fresh: bool,
    /// The user's file of keys; without one, `keys.yaml` beside the themes.
    pub keymap: Option<PathBuf>,
    /// Where themes and the keymap of the user are.
    pub config_dir: Option<PathBuf>,
    /// Where the session and saved screens go; `None` keeps nothing.
    pub state_dir: Option<PathBuf>,
}

/// Why the console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// The user left.
    Quit,
    /// SIGTERM, SIGHUP or SIGINT.
    Signal,
    /// The terminal is gone.
    InputClosed,
    /// The engine ended.
    EngineEnded,
}

/// The names of all themes there are, `auto` first; and what is wrong with files of themes.
pub fn theme_names(config_dir: Option<&Path>) -> (Vec<String>, Vec<String>) {
    let (themes, problems) = session::themes(config_dir);
    (themes.names().map(str::to_owned).collect(), problems)
}

/// Runs the console until the user leaves. The terminal is restored however it ends.
pub async fn run(
    snapshots: watch::Receiver<Arc<Snapshot>>,
    requests: mpsc::Sender<Request>,
    options: Options,
) -> std::io::Result<ExitReason> {
    let (setup, problems) = session::setup(&options);
    let screen = Screen::open(options.mouse, options.in_tmux)?;
    let mut app = App::new(Setup { size: Screen::size(), now: clock::now(), ..setup });
    for problem in problems {
        app.warn(&problem);
    }
    let mut console = Console {
        app,
        screen,
        outbox: Outbox::new(requests),
        state_dir: options.state_dir.clone(),
        due: None,
        drawn: None,
        ticked: None,
    };
    let background = BackgroundQuery::ask(&options)?;
    let reason = console.run(snapshots, background).await;
    session::save(options.state_dir.as_deref(), &console.app.session());
    reason
}

struct Console {
    app: App,
    screen: Screen,
    outbox: Outbox,
    state_dir: Option<PathBuf>,
    /// When the next frame is due; `None` while nothing changed.
    due: Option<Instant>,
    drawn: Option<Instant>,
    /// When the time was last looked at.
    ticked: Option<Instant>,
}

impl Console {
    async fn run(
        &mut self,
        mut snapshots: watch::Receiver<Arc<Snapshot>>,
        mut background: BackgroundQuery,
    ) -> std::io::Result<ExitReason> {
        let mut events = EventStream::new();
        let mut signals = signals::Signals::new()?;
        // Nobody listened so far.
        self.measure();
        self.draw()?;
        let first = Arc::clone(&snapshots.borrow_and_update());
        self.tell(Msg::Snapshot(first));
        loop {
            let due = self.due;
            let tick = self.next_tick();
            let flow = tokio::select! {
                biased;
                () = at(due) => { self.draw()?; continue; }
                event = events.next() => match event {
                    Some(Ok(event)) => self.on_taken(background.take(event)),
                    Some(Err(_)) | None => return Ok(ExitReason::InputClosed),
                },
                () = self.outbox.flush() => continue,
                signal = signals.next() => {
                    match signal {
                        signals::Signal::End => return Ok(ExitReason::Signal),
                        signals::Signal::Continue => self.take_back()?,
                        signals::Signal::Resize => self.measure(),
                    }
                    continue;
                }
                changed = snapshots.changed() => {
                    if changed.is_err() {
                        return Ok(ExitReason::EngineEnded);
                    }
                    // Cloned out at once: a held borrow blocks the engine.
                    let snapshot = Arc::clone(&snapshots.borrow_and_update());
                    self.app.update(Msg::Tick(clock::now()));
                    self.app.update(Msg::Snapshot(snapshot))
                }
                () = at(tick) => {
                    self.ticked = Some(Instant::now());
                    self.app.update(Msg::Tick(clock::now()))
                }
            };
            if let Some(reason) = self.follow(flow)? {
                return Ok(reason);
            }
        }
    }

    fn on_taken(&mut self, taken: Taken) -> Flow {
        match taken {
            Taken::Answer { light } => self.app.update(Msg::Background { light }),
            Taken::Events(events) => events.iter().fold(Flow::default(), |flow, event| flow.then(self.on_event(event))),
        }
    }

    /// Keys see the time too, so that what they show is of now.
    fn on_event(&mut self, event: &Event) -> Flow {
        let Some(msg) = input::message(event) else { return Flow::default() };
        self.app.update(Msg::Tick(clock::now())).then(self.app.update(msg))
    }

    /// Tells the app something whose effects cannot end the console.
    fn tell(&mut self, msg: Msg) {
        let flow = self.app.update(msg);
        drop(self.follow(flow));
    }

    /// Does what the app asked for.
    fn follow(&mut self, flow: Flow) -> std::io::Result<Option<ExitReason>> {
        if flow.draw && self.due.is_none() {
            let now = Instant::now();
            self.due = Some(self.drawn.map_or(now, |drawn| (drawn + FRAME_INTERVAL).max(now)));
        }
        for effect in flow.effects {
            match effect {
                Effect::Send(request) => {
                    if let Err(request) = self.outbox.send(request) {
                        let refused = self.app.update(Msg::Refused(request));
                        self.due = self.due.or_else(|| refused.draw.then(Instant::now));
                    }
                }
                Effect::Copy(text) => self.screen.copy(&text)?,
                Effect::CaptureMouse(on) => self.screen.capture_mouse(on)?,
                Effect::Save { name, text } => {
                    let saved = session::save_file(self.state_dir.as_deref(), &name, &text);
                    self.app.update(Msg::Saved(saved));
                    self.due = self.due.or_else(|| Some(Instant::now()));
                }
                Effect::MeasureMemory => {
                    if let Some(bytes) = process_memory::resident() {
                        self.app.update(Msg::Memory(bytes));
                    }
                }
                Effect::Suspend => {
                    Screen::suspend()?;
                    self.take_back()?;
                }
                Effect::Quit => return Ok(Some(ExitReason::Quit)),
            }
        }
        Ok(None)
    }

    /// Takes the terminal again; it may have been resized meanwhile.
    fn take_back(&mut self) -> std::io::Result<()> {
        self.screen.resume()?;
        self.measure();
        Ok(())
    }

    /// Tells the app how large the terminal is now, and draws anew.
    fn measure(&mut self) {
        let (columns, rows) = Screen::size();
        self.tell(Msg::Resize(columns, rows));
    }

    fn draw(&mut self) -> std::io::Result<()> {
        self.due = None;
        self.screen.draw(|frame| self.app.view(frame))?;
        self.drawn = Some(Instant::now());
        Ok(())
    }

    /// When the screen next reads differently by itself: at a whole second, since ages are whole seconds.
    fn next_tick(&self) -> Option<Instant> {
        let seconds = u64::try_from(self.app.next_change()?).ok()?.max(1);
        let last = self.drawn.max(self.ticked).unwrap_or_else(Instant::now);
        Some(last + Duration::from_secs(seconds))
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// The local clock's distance from Greenwich now.
fn utc_offset_s(now: UnixSeconds) -> i64 {
    let time = jiff::Timestamp::from_second(now.0).unwrap_or_default();
    i64::from(jiff::tz::TimeZone::system().to_offset(time).seconds())
}
