use super::*;
use http::header::AUTHORIZATION;

fn with_token(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap())])
}

fn callers() -> Callers {
    let settings = CallerSettings { groups: vec!["local".to_owned()], ..CallerSettings::default() };
    let callers = Callers::new(&settings, (1000, "jane"), None);
    callers.accept(["right", "older"]);
    callers
}

async fn user(callers: &Callers, headers: &HeaderMap, shown: Shown<'_>) -> Result<String, u16> {
    let known = callers.authenticate(headers, shown).await;
    known.map(|caller| caller.user.to_string()).map_err(|refusal| refusal.code)
}

#[tokio::test]
async fn a_caller_is_known_by_any_of_its_means() {
    let callers = callers();
    let none = Shown::default();
    let uid = |uid: u32| Shown { uid: Some(uid), certificate: None };
    assert_eq!(user(&callers, &HeaderMap::new(), none).await, Err(401));
    assert_eq!(user(&callers, &with_token("right"), none).await, Ok("jane".into()));
    assert_eq!(user(&callers, &with_token("older"), none).await, Ok("jane".into()));
    let caller = callers.authenticate(&with_token("right"), none).await.unwrap();
    assert_eq!((caller.means, &*caller.groups), (Means::Token, &[Arc::<str>::from("local")][..]));
    assert_eq!(user(&callers, &with_token("wrong"), none).await, Err(401));
    assert_eq!(user(&callers, &with_token("righ"), none).await, Err(401));
    assert_eq!(user(&callers, &HeaderMap::new(), uid(1000)).await, Ok("jane".into()));
    assert_eq!(user(&callers, &HeaderMap::new(), uid(1001)).await, Err(401));
    assert_eq!(user(&callers, &with_token("right"), uid(1001)).await, Ok("jane".into()));
    let mut twice = with_token("right");
    twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer right"));
    assert_eq!(user(&callers, &twice, none).await, Err(401));
    let shown = Shown { certificate: Some(b"no certificate"), uid: None };
    assert_eq!(user(&callers, &HeaderMap::new(), shown).await, Err(401));
}

#[tokio::test]
async fn with_nothing_configured_nobody_is_known() {
    let callers = Callers::default();
    for headers in [HeaderMap::new(), with_token("a"), with_token("a.b.c")] {
        let shown = Shown { uid: Some(0), certificate: Some(b"") };
        assert_eq!(user(&callers, &headers, shown).await, Err(401));
    }
}

#[tokio::test]
async fn no_secret_is_shown() {
    let callers = callers();
    let text = format!("{callers:?}");
    assert!(!text.contains("right"), "{text}");
    let refusal = callers.authenticate(&with_token("wrong"), Shown::default()).await.unwrap_err();
    assert!(!refusal.status().contains("wrong"));
}
