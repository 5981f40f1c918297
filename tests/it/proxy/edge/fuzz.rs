//! The fuzzer's targets on bytes from a seed: bounded, the same in every run, without its toolchain.
//! `QD_SEED` runs another seed; a failure names the input.

#[path = "../../../../fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};

const ROUNDS: u32 = 20_000;

/// Half of the bytes name a word, so that most inputs get past the first check.
fn input(random: &mut fastrand::Rng) -> Vec<u8> {
    let words = u8::try_from(targets::WORDS.len()).expect("the words fit a byte");
    (0..random.usize(0..120)).map(|_| if random.bool() { random.u8(..words) } else { random.u8(..) }).collect()
}

fn run(name: &str, target: fn(&[u8])) {
    let seed = std::env::var_os("QD_SEED").and_then(|seed| seed.to_str()?.parse().ok()).unwrap_or(6443);
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..ROUNDS {
        let bytes = input(&mut random);
        let held = catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_ok();
        assert!(held, "{name}: seed {seed}, round {round}, input {bytes:?}");
    }
}

#[test]
fn header_policy_holds_for_any_bytes() {
    run("header_policy", targets::header_policy);
}

#[test]
fn upgrade_handshake_holds_for_any_bytes() {
    run("upgrade_handshake", targets::upgrade_handshake);
}

#[test]
fn request_info_holds_for_any_bytes() {
    run("request_info", targets::request_info);
}

#[test]
fn config_holds_for_any_bytes() {
    run("config", targets::config);
}
