//! The terminal: set up at the start, and restored however the console ends.

use base64::Engine as _;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use crossterm::{cursor, execute, queue, terminal};
use parking_lot::Mutex;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{DefaultTerminal, Frame, Terminal};
use std::io::{Write as _, stdout};
use std::sync::Once;
use std::thread::{self, ThreadId};

/// The terminal while the console uses it.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: DefaultTerminal,
    mouse: bool,
    in_tmux: bool,
    _taken: Taken,
}

impl Screen {
    /// Sets up the terminal for the console on this thread: raw mode, the alternate screen, bracketed paste, the mouse
    /// if wanted. A panic on this thread restores it before the panic is printed. Fails if the terminal cannot be set
    /// up.
    pub(super) fn open(mouse: bool, in_tmux: bool) -> std::io::Result<Self> {
        // Not ratatui's own start: its hook leaves the screen whoever panics, and the console would go on drawing.
        let taken = Taken::by_this_thread();
        terminal::enable_raw_mode()?;
        execute!(stdout(), terminal::EnterAlternateScreen, EnableBracketedPaste)?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        let mut screen = Self { terminal, mouse, in_tmux, _taken: taken };
        screen.capture_mouse(mouse)?;
        Ok(screen)
    }

    /// Columns and rows; 80x24 if they are unknown.
    pub(super) fn size() -> (u16, u16) {
        terminal::size().unwrap_or((80, 24))
    }

    /// Draws one frame; the terminal shows it whole or not at all. Fails if the terminal cannot be written to.
    pub(super) fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> std::io::Result<()> {
        queue!(stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(view).map(drop);
        execute!(stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    pub(super) fn capture_mouse(&mut self, on: bool) -> std::io::Result<()> {
        self.mouse = on;
        if on { execute!(stdout(), EnableMouseCapture) } else { execute!(stdout(), DisableMouseCapture) }
    }

    /// Copies by OSC 52, so that it works over SSH too; inside tmux wrapped to pass through. Fails if the terminal
    /// cannot be written to.
    pub(super) fn copy(&self, text: &str) -> std::io::Result<()> {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        let sequence = format!("\u{1b}]52;c;{encoded}\u{7}");
        let mut out = stdout();
        if self.in_tmux {
            write!(out, "\u{1b}Ptmux;{}\u{1b}\\", sequence.replace('\u{1b}', "\u{1b}\u{1b}"))?;
        } else {
            write!(out, "{sequence}")?;
        }
        out.flush()
    }

    /// Restores the terminal for the shell and stops this process, as `ctrl-z` does elsewhere; returns at `fg`. Fails
    /// if the process cannot be stopped.
    pub(super) fn suspend() -> std::io::Result<()> {
        give_back();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        Ok(())
    }

    /// Sets up the terminal again after a suspension. Fails if the terminal cannot be set up.
    pub(super) fn resume(&mut self) -> std::io::Result<()> {
        terminal::enable_raw_mode()?;
        execute!(stdout(), terminal::EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        self.capture_mouse(self.mouse)?;
        // Not `clear`: it asks the terminal where the cursor is, and the answer goes to whoever reads the keys.
        let (columns, rows) = Self::size();
        self.terminal.resize(Rect::new(0, 0, columns, rows))
    }
}

/// Thread of the console that has the terminal.
static OWNER: Mutex<Option<ThreadId>> = Mutex::new(None);

/// Guard of the terminal; its drop restores it, once: leaving the alternate screen a second time would move the cursor
/// over later output.
#[derive(Debug)]
struct Taken;

impl Taken {
    fn by_this_thread() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(restore_on_panic);
        *OWNER.lock() = Some(thread::current().id());
        Self
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if OWNER.lock().take().is_some() {
            give_back();
        }
    }
}

/// Restores the terminal, ignoring errors: there is nowhere to report them to.
fn give_back() {
    let restored = execute!(
        stdout(),
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        terminal::LeaveAlternateScreen,
        cursor::Show
    );
    drop(restored);
    drop(terminal::disable_raw_mode());
}

/// Installs the panic hook. A panic of the console restores the terminal and is printed. A panic in a task of the
/// engine is caught there and becomes the reason of a cluster, while the console continues: it goes to the log alone,
/// as all output does that must not reach the screen.
fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let mut owner = OWNER.lock();
        let is_own = owner.take_if(|owner| *owner == thread::current().id()).is_some();
        let is_taken = owner.is_some();
        drop(owner);
        if is_own {
            give_back();
        } else if is_taken {
            return tracing::error!("{panic}");
        }
        before(panic);
    }));
}
