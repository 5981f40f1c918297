//! Which theme is shown, and what is said where there is no such one.

use super::{App, Msg, SessionState, Setup, at_pods, message, press, setup, type_line};

fn theme(app: &App) -> &str {
    &app.appearance.theme().name
}

/// B9: `auto` is a theme that can be asked for: the one that suits the terminal, now and later.
#[test]
fn auto_follows_the_terminal_again() {
    let mut app = at_pods();
    app.update(Msg::Background { light: true });
    press(&mut app, ":");
    type_line(&mut app, "theme high-contrast");
    assert_eq!((theme(&app), app.session().theme.as_deref()), ("high-contrast", Some("high-contrast")));
    app.update(Msg::Background { light: true });
    assert_eq!(theme(&app), "high-contrast", "a late answer of the terminal changes nothing");
    press(&mut app, ":");
    type_line(&mut app, "theme auto");
    assert_eq!((theme(&app), app.session().theme), ("quarterdeck-light", None));
    assert_eq!(message(&app), "the theme is quarterdeck-light, as suits the terminal");
    app.update(Msg::Background { light: false });
    assert_eq!(theme(&app), "quarterdeck-dark");
}

/// B9: completion offers `auto`, and so does the list of names.
#[test]
fn auto_is_offered() {
    let mut app = at_pods();
    press(&mut app, ":");
    press(&mut app, "t h e m e space a u tab");
    assert_eq!(app.prompt.as_ref().unwrap().text(), "theme auto");
    press(&mut app, "esc :");
    type_line(&mut app, "theme");
    assert!(message(&app).starts_with("themes: auto, quarterdeck-dark, "), "{}", message(&app));
}

/// B9: a theme of the last session that is gone is said; so is a typing error.
#[test]
fn a_theme_that_there_is_not_is_said() {
    let session = SessionState { theme: Some("mine".into()), ..SessionState::default() };
    let app = App::new(Setup { session, ..setup((120, 20), None) });
    assert!(message(&app).starts_with("there is no theme mine; known are auto, "), "{}", message(&app));
    let mut app = at_pods();
    press(&mut app, ":");
    type_line(&mut app, "theme sixten");
    assert_eq!(message(&app), "there is no theme sixten; did you mean sixteen?");
}
