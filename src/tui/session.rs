//! Files of the console: the user's themes and keys, the last session, saved screens.

use super::{Options, utc_offset_s};
use crate::engine::clock;
use crate::views::app::Setup;
use crate::views::keymap::Keymap;
use crate::views::session::SessionState;
use crate::views::theme::Depth;
use crate::views::theme::file::Themes;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Maximum size of a session file; a larger file is ignored.
const SESSION_BYTES_MAX: u64 = 1 << 20;

/// Reads the initial state of the console; returns it with the problems of files, which are left out.
pub(super) fn setup(options: &Options) -> (Setup, Vec<String>) {
    let mut problems = Vec::new();
    let now = clock::now();
    let session = options.state_dir.as_deref().filter(|_| !options.fresh).map(session_file).map_or_else(
        SessionState::default,
        |path| {
            load(&path).unwrap_or_else(|why| {
                problems.push(format!("the last session is not restored: {why}"));
                SessionState::default()
            })
        },
    );
    let (themes, keymap) = from_config(options, &mut problems);
    let setup = Setup {
        themes,
        theme: options.theme.clone(),
        depth: depth(options),
        keymap,
        session,
        command: options.command.clone(),
        utc_offset_s: utc_offset_s(now),
        now,
        size: (80, 24),
    };
    (setup, problems)
}

fn depth(options: &Options) -> Depth {
    let no_color = options.no_color.then_some("1");
    Depth::of_terminal(no_color, options.colorterm.as_deref(), options.term.as_deref())
}

/// Returns the built-in themes and those of the user's folder, and the problems of the latter.
pub(super) fn themes(config_dir: Option<&Path>) -> (Themes, Vec<String>) {
    let mut problems = Vec::new();
    let mut files: Vec<(String, String)> = Vec::new();
    let entries = config_dir.map(|d| d.join("themes")).and_then(|d| fs::read_dir(d).ok());
    let mut paths: Vec<PathBuf> = entries.into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "yaml" || e == "yml")) {
        match fs::read_to_string(path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(why) => problems.push(format!("theme {}: {why}", path.display())),
        }
    }
    let (themes, wrong) = Themes::with_files(files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    problems.extend(wrong.iter().map(ToString::to_string));
    (themes, problems)
}

fn from_config(options: &Options, problems: &mut Vec<String>) -> (Themes, Keymap) {
    let dir = options.config_dir.as_deref();
    let (themes, wrong) = themes(dir);
    problems.extend(wrong);
    let usual = || dir.map(|d| d.join("keys.yaml")).filter(|p| p.exists());
    let keymap = options.keymap.clone().or_else(usual);
    let keymap = keymap.map_or_else(Keymap::default, |path| match fs::read_to_string(&path) {
        Ok(text) => {
            let (keymap, wrong) = Keymap::with_file(&text, &path.display().to_string());
            problems.extend(wrong.iter().map(ToString::to_string));
            keymap
        }
        Err(why) => {
            problems.push(format!("keys {}: {why}", path.display()));
            Keymap::default()
        }
    });
    (themes, keymap)
}

fn session_file(dir: &Path) -> PathBuf {
    dir.join("session.json")
}

fn load(path: &Path) -> Result<SessionState, String> {
    match fs::metadata(path) {
        Err(_) => return Ok(SessionState::default()),
        Ok(meta) if meta.len() > SESSION_BYTES_MAX => return Err(format!("{} is too large", path.display())),
        Ok(_) => {}
    }
    let text = fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    serde_json::from_str(&text).map_err(|why| format!("{}: {why}", path.display()))
}

/// Saves the session for the next start. A full disk costs the session, not the exit.
pub(super) fn save(dir: Option<&Path>, session: &SessionState) {
    let Some(dir) = dir else { return };
    if let Ok(text) = serde_json::to_string_pretty(session)
        && let Err(why) = replace(&session_file(dir), &text)
    {
        tracing::warn!(%why, "the session is not saved");
    }
}

/// Writes a temporary file, then renames it: a crash leaves the old file or the new one, never a part of one. Fails if
/// the file cannot be written.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}

/// Saves a screen under a new name; returns its path. Fails if there is no state folder, if a file of that name exists,
/// or if it cannot be written.
pub(super) fn save_file(dir: Option<&Path>, name: &str, text: &str) -> Result<String, String> {
    let dir = dir.ok_or("there is no state folder")?.join("screens");
    fs::create_dir_all(&dir).map_err(|why| format!("{}: {why}", dir.display()))?;
    let path = dir.join(name);
    let saved = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    saved
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map(|()| path.display().to_string())
        .map_err(|why| format!("{}: {why}", path.display()))
}
