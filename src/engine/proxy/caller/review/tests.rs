use super::*;
use crate::model::text::Text;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;

const KNOWN: Duration = Duration::from_secs(10);

/// A home cluster that knows every token beginning with `good`, fails on `down`, and counts.
struct Home {
    asked: Arc<AtomicU32>,
    /// Answers wait for it, where there is one.
    gate: Option<Arc<Notify>>,
}

impl Home {
    fn new(gate: Option<Arc<Notify>>) -> (Self, Reviews) {
        let home = Self { asked: Arc::default(), gate };
        let (asked, gate) = (Arc::clone(&home.asked), home.gate.clone());
        let reviews = Reviews::new(
            Box::new(move |token| {
                asked.fetch_add(1, Ordering::Relaxed);
                let gate = gate.clone();
                async move {
                    if let Some(gate) = gate {
                        gate.notified().await;
                    }
                    match token.0.split('.').next() {
                        Some(user) if user.starts_with("good") => Ok(Reviewed::Known {
                            user: user.to_owned(),
                            uid: String::new(),
                            groups: vec!["g".to_owned()],
                            extra: BTreeMap::new(),
                        }),
                        Some("down") => Err(ClusterError::Unreachable(Text::const_new("refused"))),
                        _ => Ok(Reviewed::Unknown),
                    }
                }
                .boxed()
            }),
            KNOWN,
        );
        (home, reviews)
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn user(reviews: &Reviews, token: &str) -> Result<String, u16> {
    let caller = reviews.caller(token, Digest::of(token)).await;
    caller.map(|caller| caller.user.to_string()).map_err(|refusal| refusal.code)
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_for_moments() {
    let (home, reviews) = Home::new(None);
    for _ in 0..3 {
        assert_eq!(user(&reviews, "good.a.b").await, Ok("good".into()));
        assert_eq!(user(&reviews, "bad.a.b").await, Err(401));
        assert_eq!(user(&reviews, "down.a.b").await, Err(503));
    }
    assert_eq!(home.asked(), 3);
    tokio::time::advance(FAILED).await;
    assert_eq!(user(&reviews, "down.a.b").await, Err(503));
    assert_eq!(home.asked(), 4);
    tokio::time::advance(UNKNOWN).await;
    assert_eq!(user(&reviews, "bad.a.b").await, Err(401));
    assert_eq!(user(&reviews, "good.a.b").await, Ok("good".into()));
    assert_eq!(home.asked(), 5);
    tokio::time::advance(KNOWN).await;
    assert_eq!(user(&reviews, "good.a.b").await, Ok("good".into()));
    assert_eq!(home.asked(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_token_is_never_asked_about() {
    let (home, reviews) = Home::new(None);
    let long = format!("a.b.{}", "c".repeat(TOKEN_MAX));
    for token in ["", "a", "a.b", "a..b", "a.b.c.d", "a.b.c/d", "a.b.c\n", &long] {
        assert_eq!(user(&reviews, token).await, Err(401), "{token}");
    }
    assert_eq!(home.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_question_is_under_way_for_a_token() {
    let gate = Arc::new(Notify::new());
    let (home, reviews) = Home::new(Some(Arc::clone(&gate)));
    let waiting = futures::future::join_all((0..5).map(|_| user(&reviews, "good.a.b")));
    let open = async {
        tokio::task::yield_now().await;
        gate.notify_waiters();
        gate.notify_one();
    };
    let (users, ()) = tokio::join!(waiting, open);
    assert!(users.iter().all(|user| user.as_deref() == Ok("good")));
    assert_eq!(home.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_outlives_who_asked_it() {
    let gate = Arc::new(Notify::new());
    let (home, reviews) = Home::new(Some(Arc::clone(&gate)));
    {
        let gone = user(&reviews, "good.a.b");
        tokio::pin!(gone);
        assert!(futures::poll!(&mut gone).is_pending());
    }
    gate.notify_one();
    assert_eq!(user(&reviews, "good.a.b").await, Ok("good".into()));
    assert_eq!(home.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn made_up_tokens_are_bounded() {
    let gate = Arc::new(Notify::new());
    let (home, reviews) = Home::new(Some(Arc::clone(&gate)));
    let tokens: Vec<String> = (0..=ASKING_MAX).map(|n| format!("bad{n}.a.b")).collect();
    let mut waiting: Vec<_> = tokens.iter().map(|token| Box::pin(user(&reviews, token))).collect();
    let mut answers = Vec::new();
    for one in &mut waiting {
        answers.push(futures::poll!(one));
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ready()).count(), 1);
    assert_eq!(answers.last(), Some(&std::task::Poll::Ready(Err(429))));
    assert_eq!(usize::try_from(home.asked()), Ok(ASKING_MAX));
    drop(waiting);
    for _ in 0..ASKING_MAX {
        gate.notify_one();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    gate.notify_one();
    assert_eq!(user(&reviews, "good.a.b").await, Ok("good".into()));
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded() {
    let (_, reviews) = Home::new(None);
    for n in 0..REMEMBERED_MAX + 10 {
        assert_eq!(user(&reviews, &format!("bad{n}.a.b")).await, Err(401));
    }
    assert!(reviews.remembered.lock().len() <= REMEMBERED_MAX);
}
