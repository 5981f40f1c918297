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

/// Minimum time between two frames: a terminal shows no more than that.
pub const FRAME_INTERVAL: Duration = Duration::from_millis(16);

/// Options of the console at its start.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the command line or the terminal")]
pub struct Options {
    /// A command line for the first view (`-c`); `None` restores the last session.
    pub command: Option<String>,
    /// Name of the theme; `None` chooses one by the background of the terminal.
    pub theme: Option<String>,
    /// `NO_COLOR` is set.
    pub no_color: bool,
    /// `COLORTERM`: colour support of the terminal.
    pub colorterm: Option<String>,
    /// `TERM`: kind of the terminal.
    pub term: Option<String>,
    /// `TMUX` is set: a copy must be wrapped to pass through tmux.
    pub in_tmux: bool,
    /// The console captures the mouse from the start.
    pub mouse: bool,
    /// The last session is not restored.
    pub fresh: bool,
    /// The user's keymap file; `None` is `keys.yaml` beside the themes.
    pub keymap: Option<PathBuf>,
    /// Folder of the themes and the keymap of the user; `None` for none.
    pub config_dir: Option<PathBuf>,
    /// Folder of the session and of saved screens; `None` saves nothing.
    pub state_dir: Option<PathBuf>,
}

/// Reason why the console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// The user left.
    Quit,
    /// SIGTERM, SIGHUP or SIGINT was received.
    Signal,
    /// The terminal was closed.
    InputClosed,
    /// The engine ended.
    EngineEnded,
}

/// Returns the names of all themes, `auto` first, and the problems of theme files.
pub fn theme_names(config_dir: Option<&Path>) -> (Vec<String>, Vec<String>) {
    let (themes, problems) = session::themes(config_dir);
    (themes.names().map(str::to_owned).collect(), problems)
}

/// Runs the console until the user leaves. The terminal is restored in any case. Fails if the terminal cannot be set up
/// or written to, or if signal handlers cannot be installed.
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
    /// When the next frame is due; `None` if nothing has changed.
    due: Option<Instant>,
    drawn: Option<Instant>,
    /// When the app last received the time.
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

    /// Handles an event. The app receives the time first, so that ages are those of now.
    fn on_event(&mut self, event: &Event) -> Flow {
        let Some(msg) = input::message(event) else { return Flow::default() };
        self.app.update(Msg::Tick(clock::now())).then(self.app.update(msg))
    }

    /// Sends the app a message whose effects cannot end the console.
    fn tell(&mut self, msg: Msg) {
        let flow = self.app.update(msg);
        drop(self.follow(flow));
    }

    /// Carries out the effects of the app; returns a reason if they end the console. Fails if the terminal cannot be
    /// written to.
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

    /// Sends the app the size of the terminal, and redraws.
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

    /// When the screen next changes by itself: at a full second, since ages are full seconds.
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

/// Offset of the local time from UTC, in seconds.
fn utc_offset_s(now: UnixSeconds) -> i64 {
    let time = jiff::Timestamp::from_second(now.0).unwrap_or_default();
    i64::from(jiff::tz::TimeZone::system().to_offset(time).seconds())
}
