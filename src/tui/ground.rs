//! Asks the terminal whether it is dark or light, beside the first frame, never before it.

use super::Options;
use std::time::Duration;
use terminal_colorsaurus::{QueryOptions, ThemeMode, theme_mode};
use tokio::sync::oneshot;

/// A terminal that has not answered by then does not.
const PATIENCE: Duration = Duration::from_millis(300);

/// The answer, if there is one: `true` for a light background. A chosen theme asks nothing.
pub(super) fn ask(options: &Options) -> oneshot::Receiver<bool> {
    let (answer, receiver) = oneshot::channel();
    if options.theme.is_none() && !options.no_color {
        let mut query = QueryOptions::default();
        query.timeout = PATIENCE;
        std::thread::spawn(move || {
            if let Ok(mode) = theme_mode(query) {
                // Nobody waits any more when the console has ended.
                let _sent = answer.send(mode == ThemeMode::Light);
            }
        });
    }
    receiver
}
