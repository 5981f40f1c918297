use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Duration, timeout};

/// How many pieces arrived, and what they say together.
async fn pieces(mut far: DuplexStream, room: usize) -> (usize, Vec<u8>) {
    let (mut count, mut all, mut buf) = (0, Vec::new(), vec![0; room]);
    while let Ok(read) = far.read(&mut buf).await {
        if read == 0 {
            break;
        }
        count += 1;
        all.extend_from_slice(&buf[..read]);
    }
    (count, all)
}

fn spawned<W>(
    near: DuplexStream,
    work: impl FnOnce(CoalescingWriter<DuplexStream>) -> W,
) -> FlushingTask<W, DuplexStream>
where
    W: Future,
{
    let (io, outlet) = gather(near);
    FlushingTask::new(work(io), outlet)
}

#[tokio::test]
async fn what_one_turn_writes_goes_out_together_and_whole() {
    let (near, far) = duplex(1024 * 1024);
    let turns = spawned(near, |mut io| async move {
        for _ in 0..100 {
            io.write_all(b"0123456789").await.unwrap();
            io.flush().await.unwrap();
        }
        tokio::task::yield_now().await;
        io.write_all(b"end").await.unwrap();
        io.shutdown().await.unwrap();
    });
    let task = tokio::spawn(turns);
    let (count, all) = pieces(far, 64 * 1024).await;
    task.await.unwrap();
    assert_eq!((count, all.len()), (2, 1003));
    assert!(all.ends_with(b"789end"));
}

#[tokio::test]
async fn a_slow_reader_and_large_pieces_lose_nothing() {
    let (near, far) = duplex(1000);
    let turns = spawned(near, |mut io| async move {
        for round in 0..20_u8 {
            for size in [1, 300, ROOM - 1, ROOM, ROOM + 1, 50_000] {
                io.write_all(&vec![round; size]).await.unwrap();
            }
            io.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        io.shutdown().await.unwrap();
    });
    let task = tokio::spawn(turns);
    let (_, all) = timeout(Duration::from_secs(20), pieces(far, 777)).await.unwrap();
    task.await.unwrap();
    assert_eq!(all.len(), 20 * (1 + 300 + 3 * ROOM + 50_000));
    assert!(all.is_sorted(), "in the order it was written");
}

#[tokio::test]
async fn a_reader_that_went_is_told_to_the_connection() {
    let (near, far) = duplex(1024);
    drop(far);
    let turns = spawned(near, |mut io| async move {
        loop {
            if let Err(error) = io.write_all(b"0123456789").await {
                return error.kind();
            }
            if let Err(error) = io.flush().await {
                return error.kind();
            }
            tokio::task::yield_now().await;
        }
    });
    let told = timeout(Duration::from_secs(20), tokio::spawn(turns)).await.unwrap().unwrap();
    assert_eq!(told, io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn the_others_that_are_ready_come_first() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |name: &'static str| {
        let order = Arc::clone(&order);
        async move { order.lock().push(name) }
    };
    let late = tokio::spawn(spawned(duplex(1).0, |_io| note("connection")));
    let others = [tokio::spawn(note("one")), tokio::spawn(note("two"))];
    late.await.unwrap();
    for other in others {
        other.await.unwrap();
    }
    assert_eq!(*order.lock(), ["one", "two", "connection"]);
}
