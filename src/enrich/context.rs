//! What a language model should know of a track before it talks about it: the most telling facts first, within a budget of tokens;
//! and prompts for playlists.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    characteristics::Characteristics,
    phrases::{filled, phrase},
    summary::{Occasion, TrackTags, occasions, sound},
    track::{Track, TrackError},
    vocabulary::{Place, Vocabulary},
};
use crate::domain::{Lang, Section, TagType};

/// Bounds of the budget in tokens, and the budget where nobody says.
pub const MIN_TOKENS: usize = 50;
/// The most tokens that may be asked for.
pub const MAX_TOKENS: usize = 8_000;
/// The budget where the caller names none.
pub const DEFAULT_TOKENS: usize = 600;

/// UTF-8 bytes that make a token at least: English takes 4 to 4.5 of a byte-pair tokenizer's, French 3.5, other scripts 3. The least
/// of them, so that the estimate errs on the high side.
const BYTES_OF_TOKEN: usize = 3;

/// Tracks of the playlist that a prompt asks for, where the caller does not say.
pub const DEFAULT_PLAYLIST: usize = 20;

/// What a list may take of the budget at most, so that the ones behind it have room.
const LIST_SHARE: f64 = 0.3;

/// How many tokens a text takes at most with the usual tokenizers, an estimate: its UTF-8 bytes by three, rounded up.
pub const fn estimated_tokens(text: &str) -> usize {
    text.len().div_ceil(BYTES_OF_TOKEN)
}

/// For whom and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextOptions {
    /// The language of the text and the prompts.
    pub lang: Lang,
    /// The budget of the text in tokens, [`MIN_TOKENS`] to [`MAX_TOKENS`].
    pub max_tokens: usize,
    /// How many tracks a playlist should have, 1 to 500.
    pub playlist: usize,
    /// The occasion that a playlist should be for; `None` for the first that the tags name.
    pub occasion: Option<String>,
}

impl Default for ContextOptions {
    fn default() -> Self {
        Self { lang: Lang::En, max_tokens: DEFAULT_TOKENS, playlist: DEFAULT_PLAYLIST, occasion: None }
    }
}

/// The facts in a compact form; empty lists are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Facts {
    /// Names of genres, the surest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub genres: Vec<String>,
    /// Names of moods, the surest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moods: Vec<String>,
    /// What it sounds like, a phrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
    /// A sentence on each tag that the lexicon describes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// The genres that its genres are kinds of, nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broader: Vec<String>,
    /// What it is played for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub occasions: Vec<String>,
    /// Near tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
    /// Other names of its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_called: Vec<String>,
    /// Words that people look for it with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search_words: Vec<String>,
}

/// What the text took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenUse {
    /// Of the text, an estimate on the high side: its UTF-8 bytes by three.
    pub estimated: usize,
    /// As asked for.
    pub budget: usize,
    /// How many facts had no room.
    pub left_out: usize,
}

/// Prompts to have a playlist made; each stands for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlaylistPrompts {
    /// Tracks like this one.
    pub like_this: String,
    /// Tracks of its mood.
    pub by_mood: String,
    /// Tracks for an occasion.
    pub by_use: String,
}

/// What a language model should know of a track.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LlmContext {
    /// The language.
    pub lang: Lang,
    /// What the text holds, in a compact form.
    pub facts: Facts,
    /// The text for a system prompt, within the budget.
    pub text: String,
    /// What the text took of the budget.
    pub tokens: TokenUse,
    /// Prompts for playlists; they are no part of the budget.
    pub prompts: PlaylistPrompts,
    /// What of the given tags was not understood, as given.
    pub not_understood: Vec<String>,
}

/// The text as it grows, within its budget.
struct Budgeted {
    text: String,
    budget: usize,
    left_out: usize,
    /// Set by the first fact that had no room: what matters less does not overtake it.
    is_full: bool,
}

impl Budgeted {
    fn room(&self, more: &str, most: usize) -> bool {
        estimated_tokens(&self.text) + more.len().div_ceil(BYTES_OF_TOKEN) <= most.min(self.budget)
    }

    /// Adds a line of items that have room, and gives back those. `share` is what it may take of the whole budget.
    fn list(&mut self, heading: &str, separator: &str, items: Vec<String>, share: f64) -> Vec<String> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "some thousand tokens"
        )]
        let most = estimated_tokens(&self.text) + (self.budget as f64 * share) as usize;
        let mut kept = Vec::new();
        for item in items {
            let lead = if kept.is_empty() { format!("\n{heading}: ") } else { separator.to_owned() };
            let more = format!("{lead}{item}");
            if self.is_full || !self.room(&more, most) {
                self.left_out += 1;
                // Only a list that has taken all of its share leaves room for others.
                self.is_full |= kept.is_empty() || !self.room(&more, self.budget);
                continue;
            }
            self.text.push_str(&more);
            kept.push(item);
        }
        kept
    }
}

/// What a language model should know of a track.
///
/// # Errors
/// [`TrackError`] names the field that is out of range.
pub fn llm_context(track: &Track, vocabulary: &Vocabulary, options: &ContextOptions) -> Result<LlmContext, TrackError> {
    track.validate()?;
    let lang = options.lang;
    let tags = TrackTags::of(track, vocabulary);
    let occasions = occasions(&tags, vocabulary, lang);
    let characteristics =
        track.audio.as_ref().map_or_else(Characteristics::default, |audio| Characteristics::of(audio, lang));
    let sound = sound(track.audio.as_ref(), &characteristics, lang);
    let all = all_facts(&tags, vocabulary, sound.clone(), &occasions, lang);
    let prompts = prompts(&all, sound.as_deref(), options);
    let head = phrase("context.head", lang).unwrap_or_default();
    let mut text = Budgeted { text: head.to_owned(), budget: options.max_tokens, left_out: 0, is_full: false };
    let heading = |name: &str| phrase(&format!("context.{name}"), lang).unwrap_or_default();
    let facts = Facts {
        genres: text.list(heading("genres"), ", ", all.genres, 1.0),
        moods: text.list(heading("moods"), ", ", all.moods, 1.0),
        sound: text.list(heading("sound"), "", all.sound.into_iter().collect(), 1.0).pop(),
        about: text.list(heading("about"), " ", all.about, 1.0),
        broader: text.list(heading("broader"), ", ", all.broader, LIST_SHARE),
        occasions: text.list(heading("occasions"), ", ", all.occasions, LIST_SHARE),
        related: text.list(heading("related"), ", ", all.related, LIST_SHARE),
        also_called: text.list(heading("also"), ", ", all.also_called, LIST_SHARE),
        search_words: text.list(heading("words"), ", ", all.search_words, 1.0),
    };
    let tokens =
        TokenUse { estimated: estimated_tokens(&text.text), budget: options.max_tokens, left_out: text.left_out };
    Ok(LlmContext { lang, facts, text: text.text, tokens, prompts, not_understood: tags.not_understood })
}

/// Everything that is known, each thing once, the surest first.
fn all_facts(
    tags: &TrackTags,
    vocabulary: &Vocabulary,
    sound: Option<String>,
    occasions: &[Occasion],
    lang: Lang,
) -> Facts {
    let mut seen: Vec<String> = tags.known.iter().map(|(place, _)| vocabulary.at(*place).key.clone()).collect();
    let labels = |tag_type: TagType| -> Vec<String> {
        let of_type = tags.known.iter().filter(|(place, _)| vocabulary.at(*place).tag_type == tag_type);
        of_type.map(|(place, _)| plain(vocabulary.name_in(*place, lang))).collect()
    };
    let description = |(place, _): &(Place, f64)| {
        let texts = vocabulary.at(*place).description?;
        Some(texts[usize::from(lang == Lang::Fr)].to_owned())
    };
    let mut broader = Vec::new();
    for (place, _) in &tags.known {
        for ancestor in vocabulary.ancestors(*place) {
            let name = vocabulary.name_in(ancestor, lang).to_owned();
            let key = vocabulary.at(ancestor).key.clone();
            if !seen.contains(&key) {
                seen.push(key);
                broader.push(plain(&name));
            }
        }
    }
    let mut of_section = |section: Section| -> Vec<String> {
        let mut lists: Vec<Vec<&str>> = Vec::new();
        for (place, _) in &tags.known {
            let terms = vocabulary.at(*place).terms.iter().filter(|term| term.section == section);
            let spoken = terms.filter(|term| term.lang.is_none_or(|known| known == lang));
            let mut list = Vec::new();
            for term in spoken {
                if !seen.contains(&term.key) {
                    seen.push(term.key.clone());
                    list.push(term.term.as_str());
                }
            }
            lists.push(list);
        }
        in_turn(&lists)
    };
    Facts {
        genres: labels(TagType::Genre),
        moods: labels(TagType::Mood),
        sound,
        about: tags.known.iter().filter_map(description).collect(),
        broader,
        occasions: occasions.iter().map(|occasion| plain(&occasion.text)).collect(),
        also_called: of_section(Section::Translations),
        related: of_section(Section::RelatedTags),
        search_words: of_section(Section::SearchTerms),
    }
}

/// The first of each list, then the second of each…
fn in_turn(lists: &[Vec<&str>]) -> Vec<String> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or_default();
    (0..longest).flat_map(|at| lists.iter().filter_map(move |list| list.get(at))).map(|text| plain(text)).collect()
}

/// A text of the vocabulary on one line: plain SQL may have written anything, and a prompt is made of lines.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn prompts(all: &Facts, sound: Option<&str>, options: &ContextOptions) -> PlaylistPrompts {
    let lang = options.lang;
    let open = phrase("prompt.open", lang).unwrap_or_default();
    let few = |items: &[String]| -> String {
        let few: Vec<&str> = items.iter().take(5).map(String::as_str).collect();
        if few.is_empty() { open.to_owned() } else { few.join(", ") }
    };
    let (genres, moods, sound) = (few(&all.genres), few(&all.moods), sound.unwrap_or(open));
    let near: Vec<String> = all.genres.iter().chain(&all.related).cloned().collect();
    let asked = options.occasion.as_deref().map(plain);
    let occasion = asked.or_else(|| all.occasions.first().cloned()).unwrap_or_else(|| open.to_owned());
    let number = options.playlist.to_string();
    PlaylistPrompts {
        like_this: filled("prompt.like", lang, &[&number, &genres, &moods, sound]),
        by_mood: filled("prompt.mood", lang, &[&number, &moods, &few(&near)]),
        by_use: filled("prompt.use", lang, &[&number, &occasion, sound, &genres]),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::enrich::track::Audio;

    static STARTER: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::starter);

    fn context(max_tokens: usize, lang: Lang) -> LlmContext {
        let audio = Audio { bpm: Some(122.0), energy: Some(0.8), ..Audio::default() };
        let track = Track {
            genres: vec!["Deep House".to_owned(), "disco".to_owned()],
            moods: vec!["melancholic".to_owned()],
            audio: Some(audio),
        };
        llm_context(&track, &STARTER, &ContextOptions { lang, max_tokens, ..ContextOptions::default() }).unwrap()
    }

    #[test]
    fn the_text_keeps_to_its_budget_and_grows_with_it() {
        let mut before = 0;
        for budget in [50, 100, 200, 400, 800, 1_600, 8_000] {
            for lang in [Lang::En, Lang::Fr] {
                let context = context(budget, lang);
                assert!(context.tokens.estimated <= budget, "{budget}: {:?}", context.tokens);
                assert_eq!(context.tokens.estimated, estimated_tokens(&context.text));
            }
            let context = context(budget, Lang::En);
            assert!(context.text.len() >= before, "{budget}");
            before = context.text.len();
        }
        assert_eq!(context(8_000, Lang::En).tokens.left_out, 0);
        assert!(context(100, Lang::En).tokens.left_out > 10);
    }

    #[test]
    fn what_tells_most_comes_first() {
        let context = context(600, Lang::En);
        let lines: Vec<&str> = context.text.lines().collect();
        assert!(lines[1].starts_with("Genres: deep house, disco"), "{lines:?}");
        assert!(lines[2].starts_with("Moods: melancholic"), "{lines:?}");
        assert!(lines[3].starts_with("Sound: Lively tempo (122 BPM), high energy"), "{lines:?}");
        assert!(lines[4].starts_with("About: "), "{lines:?}");
        assert!(context.facts.broader.contains(&"house".to_owned()), "{:?}", context.facts);
        assert!(context.facts.genres.iter().all(|name| context.text.contains(name.as_str())));
    }

    #[test]
    fn prompts_say_what_the_playlist_should_be() {
        let context = context(600, Lang::Fr);
        assert!(context.prompts.like_this.contains("20 morceaux") && context.prompts.like_this.contains("deep house"));
        assert!(context.prompts.by_mood.contains("mélancolique"), "{:?}", context.prompts);
        assert!(context.prompts.by_use.contains(&context.facts.occasions[0]), "{:?}", context.prompts);
        for text in [&context.prompts.like_this, &context.prompts.by_mood, &context.prompts.by_use] {
            assert!(!text.contains("{}"), "{text}");
        }
    }

    #[test]
    fn an_occasion_that_was_asked_for_stays_on_its_line() {
        let options = ContextOptions { occasion: Some("a\nb".to_owned()), ..ContextOptions::default() };
        let context = llm_context(&Track::default(), &STARTER, &options).unwrap();
        assert!(context.prompts.by_use.contains("a b"), "{:?}", context.prompts);
        assert!(context.prompts.like_this.contains("as you see fit"), "{:?}", context.prompts);
    }
}
