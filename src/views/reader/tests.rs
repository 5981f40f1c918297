use super::*;
use crate::model::text::Text;
use crate::views::theme::Role;
use crate::views::theme_named;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

fn texts(text: &str) -> Lines {
    Lines::Texts(text.lines().map(Text::new).collect())
}

fn numbered(count: usize) -> Lines {
    Lines::Logs((0..count).map(|n| Arc::from(format!("line {n}"))).collect())
}

const ROOM: Room = Room { columns: 20, rows: 4 };

fn shown(reader: &Reader, room: Room) -> Vec<usize> {
    reader.window(room).iter().map(|s| s.line).collect()
}

#[test]
fn the_cursor_takes_the_window_along() {
    let mut reader = Reader::document(Syntax::Plain);
    reader.set_lines(numbered(10), 0);
    for _ in 0..5 {
        reader.on(Action::DOWN, ROOM);
    }
    assert_eq!((reader.cursor(), shown(&reader, ROOM)), (Some(5), vec![2, 3, 4, 5]));
    reader.on(Action::BOTTOM, ROOM);
    assert_eq!((reader.cursor(), shown(&reader, ROOM)), (Some(9), vec![6, 7, 8, 9]));
    reader.on(Action::TOP, ROOM);
    assert_eq!((reader.cursor(), shown(&reader, ROOM)), (Some(0), vec![0, 1, 2, 3]));
    reader.on(Action::PAGE_DOWN, ROOM);
    assert_eq!((reader.cursor(), shown(&reader, ROOM)), (Some(3), vec![3, 4, 5, 6]));
}

#[test]
fn a_tail_follows_until_scrolled_and_then_stays_on_its_line() {
    let mut reader = Reader::tail(Syntax::Log);
    reader.set_lines(numbered(10), 0);
    assert_eq!(shown(&reader, ROOM), [6, 7, 8, 9]);
    reader.on(Action::UP, ROOM);
    assert!(!reader.is_following());
    assert_eq!(shown(&reader, ROOM), [5, 6, 7, 8]);
    let later = Lines::Logs((3..14).map(|n| Arc::from(format!("line {n}"))).collect());
    reader.set_lines(later, 3);
    assert_eq!(reader.lines().line(reader.window(ROOM)[0].line), "line 5");
    reader.on(keys::FOLLOW, ROOM);
    assert_eq!(shown(&reader, ROOM), [7, 8, 9, 10]);
}

#[test]
fn a_match_in_a_fold_opens_it() {
    let mut reader = Reader::document(Syntax::Yaml);
    reader.set_lines(texts("metadata:\n  managedFields:\n  - manager: kubectl\n  name: a\nspec: {}"), 0);
    assert_eq!(shown(&reader, ROOM), [0, 1, 3, 4]);
    reader.search("kubectl", ROOM);
    assert_eq!((reader.cursor(), reader.found()), (Some(2), Some(("kubectl", 1, 1))));
    assert_eq!(shown(&reader, Room { rows: 5, ..ROOM }), [0, 1, 2, 3, 4]);
}

#[test]
fn a_match_that_is_shown_comes_before_a_folded_one() {
    let mut reader = Reader::document(Syntax::Yaml);
    reader.set_lines(texts("metadata:\n  managedFields:\n  - name: x\n  - name: y\n  name: a\nspec:\n  name: b"), 0);
    reader.search("name", ROOM);
    assert_eq!(reader.cursor(), Some(4));
    reader.on(keys::NEXT_MATCH, ROOM);
    assert_eq!(reader.cursor(), Some(6));
    reader.on(keys::NEXT_MATCH, ROOM);
    assert_eq!(reader.cursor(), Some(4), "round the end, the fold stays closed");
    reader.on(keys::PREVIOUS_MATCH, ROOM);
    assert_eq!(reader.cursor(), Some(6));
}

#[test]
fn wrapped_lines_take_several_rows() {
    let mut reader = Reader::document(Syntax::Plain);
    reader.set_lines(texts("0123456789012345678901234567890\nb"), 0);
    reader.on(keys::WRAP, ROOM);
    assert_eq!(reader.window(ROOM), [(0, 0), (0, 1), (1, 0)].map(|(line, row)| Spot { line, row }));
    assert!(!reader.on(Action::RIGHT, ROOM), "there is nothing to the right of wrapped lines");
}

#[test]
fn a_match_far_to_the_right_is_scrolled_to() {
    let mut reader = Reader::document(Syntax::Plain);
    reader.set_lines(texts(&format!("{}needle", "x".repeat(200))), 0);
    reader.search("needle", ROOM);
    let theme = theme_named("mono");
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 1));
    reader.draw(buffer.area, &mut buffer, &theme, Role::Text);
    assert!(format!("{buffer:?}").contains("needle"));
}

#[test]
fn a_line_longer_than_the_screen_can_be_paged_through() {
    let mut reader = Reader::document(Syntax::Plain);
    reader.set_lines(texts(&format!("{}\nend", "x".repeat(200))), 0);
    reader.on(keys::WRAP, ROOM);
    reader.on(Action::PAGE_DOWN, ROOM);
    assert_eq!(reader.window(ROOM).first(), Some(&Spot { line: 0, row: 3 }));
    reader.on(Action::BOTTOM, ROOM);
    assert_eq!((reader.cursor(), shown(&reader, ROOM).last()), (Some(1), Some(&1)));
}

#[test]
fn lines_that_unfold_do_not_push_the_cursor_out_of_sight() {
    let room = Room::new(20, 5);
    let mut reader = Reader::document(Syntax::Describe);
    reader.set_lines(texts("a\nb\n  c\n  d\n  e\n  f\ng"), 0);
    reader.on(keys::FOLD_ALL, room);
    reader.on(Action::BOTTOM, room);
    reader.set_lines(texts("1\n2\n3\n4\n5\n6\n7"), 0);
    let cursor = reader.cursor().unwrap();
    assert!(shown(&reader, room).contains(&cursor), "{cursor} of {:?}", shown(&reader, room));
}

fn any_action() -> impl Strategy<Value = Action> {
    proptest::sample::select(vec![
        Action::UP,
        Action::DOWN,
        Action::PAGE_UP,
        Action::PAGE_DOWN,
        Action::TOP,
        Action::BOTTOM,
        Action::LEFT,
        Action::RIGHT,
        keys::WRAP,
        keys::FOLLOW,
        keys::FOLD,
        keys::FOLD_ALL,
        keys::NEXT_MATCH,
        keys::PREVIOUS_MATCH,
    ])
}

proptest! {
    #[test]
    fn no_text_no_key_and_no_size_makes_it_draw_outside(
        lines in proptest::collection::vec(".{0,40}", 0..30), more in proptest::collection::vec("( |-|a|:){0,12}", 0..30),
        actions in proptest::collection::vec(any_action(), 0..30), search in ".{0,4}",
        width in 0_u16..30, height in 0_u16..12, yaml in any::<bool>(), gone in 0_usize..5,
    ) {
        let mut reader = Reader::document(if yaml { Syntax::Yaml } else { Syntax::Describe });
        reader.set_lines(Lines::Texts(lines.iter().map(|l| Text::new(l)).collect()), 0);
        let room = Room::new(width, height);
        reader.search(&search, room);
        for (i, action) in actions.iter().enumerate() {
            reader.on(*action, room);
            if i == 10 {
                reader.set_lines(Lines::Texts(more.iter().map(|l| Text::new(l)).collect()), gone);
            }
            prop_assert!(reader.window(room).len() <= room.rows);
            if let Some(cursor) = reader.cursor().filter(|_| height > 0 && !reader.lines().is_empty()) {
                prop_assert!(shown(&reader, room).contains(&cursor), "cursor {cursor} after {action:?}: {:?}", shown(&reader, room));
            }
        }
        let theme = theme_named("quarterdeck-dark");
        let mut buffer = Buffer::empty(Rect::new(0, 0, width + 4, height + 4));
        let area = Rect::new(2, 2, width, height);
        reader.draw(area, &mut buffer, &theme, Role::Text);
        for (i, cell) in buffer.content.iter().enumerate() {
            let (x, y) = buffer.pos_of(i);
            if !area.contains((x, y).into()) {
                prop_assert_eq!(cell.symbol(), " ");
            }
            prop_assert!(!cell.symbol().chars().any(char::is_control));
        }
    }
}
