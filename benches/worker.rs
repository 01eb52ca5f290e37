//! What the worker adds to the time that Ollama takes: `cargo bench --bench worker`.
//!
//! Over the fake Ollama, with answers that take `BENCH_ANSWER_MS` (200): `BENCH_TAGS` (100) tags with one, two and four
//! generations at once against n × G / P, where G is the mean time that the fake took, then a run with 15 % faults against one without.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark fails by panicking")]

use std::time::{Duration, Instant};

use musonym::{domain::JobState, jobs::RunnerSettings};

#[path = "../tests/support/mod.rs"]
mod support;

use support::{
    fake_ollama::{FakeOllama, Fault},
    worker::Worker,
};

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How long so many tags take until the last is generated and embedded, in how many calls they were embedded, and the fake that
/// answered.
async fn run(tags: usize, answer: Duration, parallel: usize, faults: Vec<Fault>) -> (Duration, usize, FakeOllama) {
    let ollama = FakeOllama::start().await;
    let settings = RunnerSettings { parallel, retry_base: Duration::from_millis(50), ..RunnerSettings::default() };
    let worker = Worker::new(&ollama, 1, answer * 3, settings).await;
    // The first tag warms up connections and statements, and fixes the space.
    worker.settle().await;
    worker.add_tags("benchmark genre", tags).await;
    ollama.set_delay(answer);
    ollama.mix_faults(if faults.is_empty() { 0 } else { 15 }, faults);
    let embedded_before = ollama.embed_calls();
    let began = Instant::now();
    worker.settle().await;
    let took = began.elapsed();
    assert_eq!(worker.jobs(JobState::Dead).await.len(), 0);
    (took, ollama.embed_calls() - embedded_before, ollama)
}

#[tokio::main]
async fn main() {
    let tags = number("BENCH_TAGS", 100);
    let answer = Duration::from_millis(number("BENCH_ANSWER_MS", 200).try_into().unwrap());
    for parallel in [1, 2, 4] {
        let (took, embed_calls, ollama) = run(tags, answer, parallel, Vec::new()).await;
        // As the server took them, timers and a busy machine included; the first generation was the warm-up.
        let answers = ollama.generations().split_off(1);
        let answered: Duration = answers.iter().map(|(came, went)| *went - *came).sum();
        let generating = answered.as_secs_f64() / f64::from(u32::try_from(parallel).unwrap());
        // Batches of embeddings take one answer's time each, and are no overhead.
        let embedding = answer.as_secs_f64() * f64::from(u32::try_from(embed_calls).unwrap());
        let ratio = (took.as_secs_f64() - embedding) / generating;
        println!(
            "{tags} tags, {parallel} at once: {:.2} s, of which {embedding:.2} s embedding; n × G / P {generating:.2} s (G {:.1} ms), ratio {ratio:.3}, {:.1} ms a tag",
            took.as_secs_f64(),
            answered.as_secs_f64() * 1000.0 / f64::from(u32::try_from(answers.len()).unwrap()),
            (took.as_secs_f64() - embedding - generating) * 1000.0 / f64::from(u32::try_from(tags).unwrap())
        );
        if parallel == 1 {
            let mut idle: Vec<Duration> = answers.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
            idle.sort_unstable();
            let (median, p90) = (idle[idle.len() / 2], idle[idle.len() * 9 / 10]);
            println!(
                "    from an answer to the next question {median:.1?} median, {p90:.1?} p90 (embedding lies between some)"
            );
        }
    }
    let kinds = vec![
        Fault::Status(500, "something else".to_owned()),
        Fault::Prose,
        Fault::Status(503, "server busy, please try again. maximum pending requests exceeded".to_owned()),
        Fault::HalfJson,
        Fault::Drop,
        Fault::EndlessWhitespace,
        Fault::AnotherModel,
        Fault::Hang,
    ];
    let hang_share = kinds.iter().filter(|fault| **fault == Fault::Hang).count();
    let kinds_count = kinds.len();
    let (whole, ..) = run(tags, answer, 1, Vec::new()).await;
    let (faulty, _, ollama) = run(tags, answer, 1, kinds).await;
    let hangs = ollama.mixed_faults() / kinds_count * hang_share;
    let hung = answer.as_secs_f64() * 3.0 * f64::from(u32::try_from(hangs).unwrap());
    println!(
        "{tags} tags with {} faults, {hangs} of them hangs of 3 × the answer: {:.2} s without the hangs, {:.2} s without faults, ratio {:.2} (breaker after 5 in a row)",
        ollama.mixed_faults(),
        faulty.as_secs_f64() - hung,
        whole.as_secs_f64(),
        (faulty.as_secs_f64() - hung) / whole.as_secs_f64()
    );
}
