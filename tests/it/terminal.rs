//! The real binary in a pseudo-terminal, its screen read back with a VT parser.

use parking_lot::{Condvar, Mutex};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read as _, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What the terminal shows, and how often that changed.
struct Shown {
    parser: vt100::Parser,
    changes: u64,
    ended: bool,
    /// Within a synchronized update: a frame is half drawn, and nobody would see it.
    drawing: bool,
    /// The end of what was read last, where a mark may have been cut.
    cut: Vec<u8>,
}

/// The marks around one frame.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

impl Shown {
    fn take(&mut self, output: &[u8]) {
        self.parser.process(output);
        self.changes += 1;
        self.cut.extend_from_slice(output);
        let last = |mark: &[u8]| self.cut.windows(mark.len()).rposition(|part| part == mark);
        let (begin, end) = (last(BEGIN), last(END));
        if begin.is_some() || end.is_some() {
            self.drawing = begin > end;
        }
        let kept = self.cut.len().min(BEGIN.len() - 1);
        self.cut.drain(..self.cut.len() - kept);
    }
}

struct Screen {
    shown: Mutex<Shown>,
    changed: Condvar,
}

/// Where typed keys go, and the terminal's own answers.
type Keys = Arc<Mutex<Box<dyn Write + Send>>>;

/// What a program asks of its terminal, and what this one says: a dark background, and what it is.
const QUESTIONS: [(&[u8], &[u8]); 3] = [
    (b"\x1b]10;?", b"\x1b]10;rgb:e0e0/e0e0/e0e0\x1b\\"),
    (b"\x1b]11;?", b"\x1b]11;rgb:1010/1010/1010\x1b\\"),
    (b"\x1b[c", b"\x1b[?62;22c"),
];

/// A program in a terminal of its own; killed when dropped.
pub(crate) struct Terminal {
    screen: Arc<Screen>,
    keys: Keys,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

/// The environment a test gives the program: nothing of the tester's own.
pub(crate) fn command(program: &Path, home: &Path, arguments: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.env_clear();
    for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("COLORTERM", "truecolor")] {
        command.env(name, value);
    }
    command.env("HOME", home);
    command.cwd(home);
    command.args(arguments);
    command
}

impl Terminal {
    /// Starts the command in a terminal of so many columns and rows.
    pub(crate) fn start(command: CommandBuilder, (columns, rows): (u16, u16)) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let keys: Keys = Arc::new(Mutex::new(pair.master.take_writer().expect("a writer")));
        let answers = Arc::clone(&keys);
        let mut output = pair.master.try_clone_reader().expect("a reader");
        let (rows, columns) = emulated((columns, rows));
        let shown = Shown {
            parser: vt100::Parser::new(rows, columns, 0),
            changes: 0,
            ended: false,
            drawing: false,
            cut: vec![],
        };
        let screen = Arc::new(Screen { shown: Mutex::new(shown), changed: Condvar::new() });
        let reader = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            loop {
                let read = output.read(&mut buffer).unwrap_or(0);
                answer(buffer.get(..read).unwrap_or_default(), &answers);
                let mut shown = reader.shown.lock();
                if read == 0 {
                    shown.ended = true;
                } else {
                    shown.take(buffer.get(..read).unwrap_or_default());
                }
                reader.changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { screen, keys, child, master: pair.master }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("a running process has an id")
    }

    /// Says whether the program has the screen to itself: what it shows then is gone when it leaves.
    pub(crate) fn is_alternate(&self) -> bool {
        self.screen.shown.lock().parser.screen().alternate_screen()
    }

    /// What of the terminal is not as a shell wants it: the alternate screen, the mouse, the paste, the cursor.
    pub(crate) fn left_behind(&self) -> Vec<&'static str> {
        let shown = self.screen.shown.lock();
        let screen = shown.parser.screen();
        let marks = [
            ("the alternate screen", screen.alternate_screen()),
            ("the mouse", screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None),
            ("bracketed paste", screen.bracketed_paste()),
            ("a hidden cursor", screen.hide_cursor()),
        ];
        marks.into_iter().filter(|(_, left)| *left).map(|(what, _)| what).collect()
    }

    /// The screen as it is.
    pub(crate) fn text(&self) -> String {
        text(&self.screen.shown.lock().parser)
    }

    /// The foreground and background colours on the screen, each once.
    pub(crate) fn colors(&self) -> Vec<vt100::Color> {
        let shown = self.screen.shown.lock();
        let (rows, columns) = shown.parser.screen().size();
        let mut colors = Vec::new();
        for cell in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let cell = shown.parser.screen().cell(cell.0, cell.1);
            for color in cell.into_iter().flat_map(|cell| [cell.fgcolor(), cell.bgcolor()]) {
                if !colors.contains(&color) {
                    colors.push(color);
                }
            }
        }
        colors
    }

    /// Sends the process a signal, as `kill` does.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a process"), signal).expect("a signal is sent");
    }

    pub(crate) fn send(&mut self, keys: &str) {
        let mut to = self.keys.lock();
        to.write_all(keys.as_bytes()).and_then(|()| to.flush()).expect("the terminal takes keys");
    }

    pub(crate) fn resize(&self, (columns, rows): (u16, u16)) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        // Held over both: what the program draws for the new size must not be read with the old one.
        let mut shown = self.screen.shown.lock();
        self.master.resize(size).expect("the terminal can be resized");
        let (rows, columns) = emulated((columns, rows));
        shown.parser.screen_mut().set_size(rows, columns);
    }

    /// Waits until the screen is as wanted; the screen as it was then, or a panic that shows it.
    pub(crate) fn wait(&self, what: &str, deadline: Duration, wanted: impl Fn(&str) -> bool) -> String {
        match self.poll(deadline, wanted) {
            Ok(text) => text,
            Err(text) => panic!("no {what} within {deadline:?}; the screen was:\n{text}"),
        }
    }

    /// As [`Terminal::wait`], the last screen as the error.
    pub(crate) fn poll(&self, deadline: Duration, wanted: impl Fn(&str) -> bool) -> Result<String, String> {
        let until = Instant::now() + deadline;
        let mut shown = self.screen.shown.lock();
        loop {
            let now = text(&shown.parser);
            if !shown.drawing && wanted(&now) {
                return Ok(now);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || shown.ended {
                return Err(now);
            }
            self.screen.changed.wait_for(&mut shown, left);
        }
    }

    /// Waits for the program's end: its exit code.
    pub(crate) fn end(&mut self, deadline: Duration) -> u32 {
        let until = Instant::now() + deadline;
        {
            let mut shown = self.screen.shown.lock();
            while !shown.ended {
                let left = until.saturating_duration_since(Instant::now());
                assert!(!left.is_zero(), "the program did not end within {deadline:?}:\n{}", text(&shown.parser));
                self.screen.changed.wait_for(&mut shown, left);
            }
        }
        self.child.wait().expect("an exit code").exit_code()
    }
}

/// Answers as a terminal does. Without, the program would wait a moment, and read keys as answers meanwhile.
fn answer(output: &[u8], to: &Keys) {
    for (question, answer) in QUESTIONS {
        if output.windows(question.len()).any(|part| part == question) {
            let mut to = to.lock();
            // A program that ended meanwhile needs no answer.
            drop(to.write_all(answer).and_then(|()| to.flush()));
        }
    }
}

/// Rows and columns of the emulated screen: the emulator panics where there is hardly any.
fn emulated((columns, rows): (u16, u16)) -> (u16, u16) {
    (rows.max(4), columns.max(8))
}

fn text(parser: &vt100::Parser) -> String {
    let (_, columns) = parser.screen().size();
    let rows: Vec<String> = parser.screen().rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
    rows.join("\n")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Already ended is fine: there is nothing left to stop.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
