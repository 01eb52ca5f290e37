//! How fast raw strings become tags, and tracks become words, over the starter vocabulary: `cargo bench --bench resolve`.
//!
//! The strings are those of `data/eval/resolve.jsonl`, over and over with something different in each round, on all processors.
//! `BENCH_STRINGS=FILE` takes the lines of a file instead.

use std::time::{Duration, Instant};

use musonym::{
    domain::Lang,
    enrich::{
        context::{ContextOptions, llm_context},
        on_all_processors,
        resolve::{ResolveOptions, Resolver},
        summary::{SummaryOptions, summarise},
        track::{Audio, Track},
        vocabulary::Vocabulary,
    },
};

/// Strings that are resolved.
const STRINGS: usize = 100_000;

/// Tracks of a batch, and how often it is measured.
const TRACKS: usize = 500;
const ROUNDS: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let vocabulary = Vocabulary::starter();
    println!("{:<34} {:>8.1} ms", "the vocabulary, put in order", milliseconds(started.elapsed()));

    let strings = strings()?;
    let options = ResolveOptions::default();
    let resolver = Resolver::new(&vocabulary, &options)?;
    // What is loaded at the first use.
    for raw in &strings {
        drop(resolver.resolve(raw));
    }
    let started = Instant::now();
    let (mut count, mut tags) = (0usize, 0usize);
    while count < STRINGS {
        tags += on_all_processors(&strings, |raw| resolver.resolve(raw).tags.len()).into_iter().sum::<usize>();
        count += strings.len();
    }
    let took = started.elapsed();
    println!(
        "{:<34} {:>8.0} a second   ({count} strings, {tags} tags, all processors)",
        "strings",
        number(count) / took.as_secs_f64()
    );

    let tracks: Vec<Track> = (0..TRACKS).map(|at| track(&strings, at)).collect();
    let mut both = vec![Duration::ZERO; ROUNDS];
    let summaries = || {
        let options = SummaryOptions { lang: Lang::Fr, ..Default::default() };
        let made = on_all_processors(&tracks, |track| summarise(track, &vocabulary, options));
        Ok(serde_json::to_vec(&made.into_iter().collect::<Result<Vec<_>, _>>()?)?.len())
    };
    measure("500 tracks summed up", &mut both, summaries)?;
    let contexts = || {
        let options = ContextOptions { lang: Lang::Fr, ..Default::default() };
        let made = on_all_processors(&tracks, |track| llm_context(track, &vocabulary, &options));
        Ok(serde_json::to_vec(&made.into_iter().collect::<Result<Vec<_>, _>>()?)?.len())
    };
    measure("500 contexts for language models", &mut both, contexts)?;
    print("both", &mut both);
    Ok(())
}

/// Carries something out in rounds, prints what they took and adds it to the times. What it answers is the size of its JSON, which
/// is part of what is measured.
fn measure(
    name: &str,
    times: &mut [Duration],
    carry_out: impl Fn() -> Result<usize, Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut own = Vec::new();
    for time in times {
        let started = Instant::now();
        std::hint::black_box(carry_out()?);
        own.push(started.elapsed());
        *time += started.elapsed();
    }
    print(name, &mut own);
    Ok(())
}

fn print(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{name:<34} {:>8.1} ms median, {:.1} ms most   (all processors)",
        milliseconds(median),
        milliseconds(most)
    );
}

fn strings() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    if let Ok(file) = std::env::var("BENCH_STRINGS") {
        return Ok(std::fs::read_to_string(file)?.split('\n').map(str::to_owned).collect());
    }
    let labelled = include_str!("../data/eval/resolve.jsonl").lines();
    let raw = labelled.map(|line| {
        let value: serde_json::Value = serde_json::from_str(line)?;
        Ok(value["raw"].as_str().unwrap_or_default().to_owned())
    });
    raw.collect()
}

fn track(strings: &[String], at: usize) -> Track {
    let take = |at: usize| strings[at % strings.len()].chars().take(200).collect::<String>();
    let audio = Audio {
        bpm: Some(60.0 + number(at % 120)),
        energy: Some(number(at % 100) / 100.0),
        moods: [("sad".to_owned(), 0.8)].into(),
        ..Audio::default()
    };
    Track { genres: vec![take(at), take(at * 7 + 1)], moods: vec!["melancholic".to_owned()], audio: Some(audio) }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
