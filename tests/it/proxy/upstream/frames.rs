//! Servers that answer in frames of a few bytes each.

use super::*;
use crate::proxy::script::PATIENCE;
use tokio::time::timeout;

/// A log of short lines: as many as fit into the window of one stream.
const LINE: usize = 10;
const LINES: usize = 1024 * 1024 / LINE;

/// In frames of one byte, what nobody has to keep.
const FLOOD: usize = 270_000;

async fn small(frames: (usize, usize)) -> Script {
    Script::with("small", |knobs| knobs.small_frames = Some(frames)).await
}

/// An answer of which only the head was read.
async fn unread(member: &Upstream) -> Sent {
    member.send(post("/log", "{}"), &write()).await.expect("an answer")
}

/// What comes until there is so much of it, or it breaks off.
async fn take(sent: &mut Sent, most: usize) -> (usize, bool) {
    let mut length = 0;
    while length < most {
        let frame = timeout(PATIENCE, sent.response.body_mut().frame()).await.expect("in time");
        match frame {
            Some(Ok(frame)) => length += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => return (length, false),
            None => break,
        }
    }
    (length, true)
}

#[tokio::test]
async fn logs_of_short_lines_that_nobody_reads_cost_no_other_its_stream() {
    let script = small((LINES, LINE)).await;
    let (_keep, member) = alone(&script);
    let mut logs = [unread(&member).await, unread(&member).await];
    // What comes after all the lines on the same connection.
    assert_eq!(fetch(&member, "/api").await.expect("an answer"), (200, "ok".to_owned()));
    assert_eq!(script.open(), 1);
    for log in &mut logs {
        assert_eq!(take(log, LINES * LINE).await, (LINES * LINE, true), "they are there for who reads on");
    }
}

#[tokio::test]
async fn a_flood_of_tiny_frames_is_not_kept_and_costs_its_connection() {
    let script = small((FLOOD, 1)).await;
    let (_keep, member) = alone(&script);
    let mut flood = unread(&member).await;
    script.until("the connection is given up", |s| s.open() == 0).await;
    let (length, whole) = take(&mut flood, FLOOD).await;
    assert!(length < FLOOD && !whole, "{length}");
    assert_eq!(fetch(&member, "/api").await.expect("an answer"), (200, "ok".to_owned()));
    assert_eq!(script.open(), 1, "over a new one");
}
