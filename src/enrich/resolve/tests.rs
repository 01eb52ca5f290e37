//! Resolving over the starter vocabulary.

use std::sync::LazyLock;

use super::*;

/// Raw strings with the tags that a person wants of them: labelled before there was anything to label by.
const LABELLED: &str = include_str!("../../../data/eval/resolve.jsonl");

static STARTER: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::starter);

/// Long enough for whatever grows with the square of it to show, also unoptimised.
const HOSTILE_CHARS: usize = 5_000;

fn resolve_with(raw: &str, options: &ResolveOptions) -> ResolvedString {
    Resolver::new(&STARTER, options).unwrap().resolve(raw)
}

fn names(resolved: &ResolvedString) -> Vec<&str> {
    resolved.tags.iter().map(|tag| tag.tag_name.as_str()).collect()
}

#[test]
fn a_tag_is_rolled_up_to_its_nearest_parent_on_the_whitelist() {
    let name = |name: &str| crate::domain::TagName::parse(name).unwrap();
    let whitelist = vec![name("metal"), name("Electronic")];
    let options = ResolveOptions { roll_up: true, whitelist: whitelist.clone(), ..ResolveOptions::default() };
    let resolved = resolve_with("technical death metal; deep house; ska", &options);
    assert_eq!(names(&resolved), ["metal", "electronic"], "{resolved:?}");
    assert_eq!(resolved.parts[0].rolled_up_from.as_deref(), Some("technical death metal"));
    assert!(resolved.parts[2].why.ends_with("is not on the whitelist."), "{resolved:?}");
    let strict = ResolveOptions { whitelist, ..ResolveOptions::default() };
    assert_eq!(names(&resolve_with("technical death metal; metal", &strict)), ["metal"]);
}

#[test]
fn a_word_that_nothing_is_known_of_makes_no_kind_of_a_genre() {
    let resolved = resolve_with("Daft Punk", &ResolveOptions::default());
    assert_eq!(names(&resolved), [""; 0], "{resolved:?}");
    assert_eq!(resolved.parts[0].alternatives[0].tag_name, "punk");
    assert_eq!(names(&resolve_with("puerto rican ska", &ResolveOptions::default())), ["ska"]);
}

#[test]
fn hostile_strings_are_answered_in_no_time() {
    let started = std::time::Instant::now();
    for unit in
        ["(", "(a)", "(17)", "#", "1%", " 1%", "a & ", "a/", "[", "é", "Ã", "80s ", "a, b de", "\u{200b}", "-", " - "]
    {
        let raw = unit.repeat(HOSTILE_CHARS / unit.chars().count());
        let resolved = resolve_with(&raw, &ResolveOptions::default());
        assert!(resolved.parts.len() <= MAX_PARTS + 50, "{unit}: {}", resolved.parts.len());
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}

#[derive(serde::Deserialize)]
struct Labelled {
    raw: String,
    want: Vec<String>,
    kind: String,
}

/// `MUSONYM_SHOW=dev cargo test --lib labelled -- --nocapture` shows what is wrong in the even lines; nobody looks at the odd ones
/// while rules are written.
#[test]
fn labelled_strings_are_resolved_as_a_person_would() {
    let shown = std::env::var("MUSONYM_SHOW").unwrap_or_default();
    let mut kinds: std::collections::BTreeMap<String, [usize; 4]> = std::collections::BTreeMap::new();
    let options = ResolveOptions::default();
    for (at, line) in LABELLED.lines().enumerate() {
        let Labelled { raw, want, kind } = serde_json::from_str(line).unwrap();
        let resolved = resolve_with(&raw, &options);
        let (mut got, mut wanted) = (names(&resolved), want.iter().map(String::as_str).collect::<Vec<_>>());
        got.sort_unstable();
        wanted.sort_unstable();
        let is_right = got == wanted;
        for kind in [kind.as_str(), "all"] {
            let counts = kinds.entry(kind.to_owned()).or_default();
            counts[2 * (at % 2)] += 1;
            counts[2 * (at % 2) + 1] += usize::from(is_right);
        }
        if !is_right && (shown == "all" || shown == "dev" && at % 2 == 0) {
            println!("{raw:?}: {got:?}, wanted {wanted:?}");
            for part in &resolved.parts {
                println!("    {} {:?} {}", part.kind, part.score, part.why);
            }
        }
    }
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let percent = |right: usize, of: usize| 100.0 * number(right) / number(of);
    for (kind, [dev, dev_right, held, held_right]) in &kinds {
        println!(
            "{kind:<9} {:>4} strings {:>5.1} %   developed on {:>5.1} %   held back {:>5.1} %",
            dev + held,
            percent(dev_right + held_right, dev + held),
            percent(*dev_right, *dev),
            percent(*held_right, *held),
        );
    }
    let [dev, dev_right, held, held_right] = kinds["all"];
    assert!(dev + held >= 300);
    assert!(percent(dev_right + held_right, dev + held) >= 95.0, "see the table above");
}
