//! The rules for one term by itself: printable, plain, short, in a script that the reader of the tag knows, and not a
//! piece of the prompt.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::{DropReason, MAX_GENERATED_CHARS, MAX_GENERATED_WORDS};
use crate::domain::{TagName, key, words};

/// What models hand back of the prompt instead of answering it.
const PROMPT_PHRASES: [&str; 24] = [
    "termes de recherche",
    "terme de recherche",
    "tags musicalement liés",
    "tags similaires",
    "tags associés",
    "termes associés",
    "contextes d'usage",
    "contexte d'usage",
    "contextes d'utilisation",
    "contexte d'utilisation",
    "traductions FR/EN",
    "FR/EN",
    "FR",
    "EN",
    "search_terms",
    "related_tags",
    "usage_context",
    "translations",
    "translation",
    "tag musical",
    "expert en musique",
    "variantes",
    "mots-clés",
    "aucun",
];

/// Words, as [`words`] writes them, that speak of the task and never of music.
const TASK_WORDS: [&str; 9] =
    ["json", "markdown", "traduction", "traductions", "synonyme", "synonymes", "synonym", "synonyms", "motscles"];

static PROMPT_KEYS: LazyLock<Vec<String>> = LazyLock::new(|| PROMPT_PHRASES.iter().map(|phrase| key(phrase)).collect());

/// The rules for the terms of one tag.
pub(super) struct Rules {
    scripts: Vec<Script>,
    own_words: Vec<String>,
    own_key: String,
}

impl Rules {
    pub(super) fn of(tag: &TagName) -> Self {
        Self::of_name(tag.as_str())
    }

    /// The same for a name that nobody has checked.
    pub(super) fn of_name(tag_name: &str) -> Self {
        let scripts = tag_name.chars().filter_map(script).collect();
        Self { scripts, own_words: words(tag_name), own_key: key(tag_name) }
    }

    /// The term that an entry stands for, without list marks, quotes and punctuation at its end.
    pub(super) fn clean(&self, written: &str) -> Result<String, DropReason> {
        if written.chars().any(is_unprintable) {
            return Err(DropReason::ControlCharacter);
        }
        if has_markup(written) {
            return Err(DropReason::Markup);
        }
        let composed: String = written.nfc().collect();
        let term = without_marks(&composed).split_whitespace().collect::<Vec<_>>().join(" ");
        if term.chars().count() > MAX_GENERATED_CHARS {
            return Err(DropReason::TooLong);
        }
        if term.split(' ').count() > MAX_GENERATED_WORDS {
            return Err(DropReason::TooManyWords);
        }
        if !term.chars().any(char::is_alphanumeric) {
            return Err(DropReason::Empty);
        }
        if term.chars().filter_map(script).any(|script| !self.scripts.contains(&script)) {
            return Err(DropReason::ForeignScript);
        }
        if self.echoes_prompt(&term) {
            return Err(DropReason::PromptEcho);
        }
        Ok(term)
    }

    fn echoes_prompt(&self, term: &str) -> bool {
        // The prompt says "termes de recherche (5-10)": a count in brackets comes back with the words.
        let plain = match term.split_once('(') {
            Some((before, _)) if term.ends_with(')') => before,
            _ => term,
        };
        let plain_key = key(plain);
        if plain_key == self.own_key {
            return false;
        }
        let says_task = |word: &String| TASK_WORDS.contains(&word.as_str()) && !self.own_words.contains(word);
        let words = words(plain);
        let pairs = words.windows(2).map(<[String]>::concat).any(|pair| TASK_WORDS.contains(&pair.as_str()));
        pairs || PROMPT_KEYS.contains(&plain_key) || words.iter().any(says_task)
    }
}

/// Control characters, and those that leave no mark on the page or turn its direction: two terms would look alike and
/// be different. U+FFFD is what is left of a character that was cut in two.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}')
}

fn has_markup(text: &str) -> bool {
    let lower = text.to_lowercase();
    text.contains(['<', '>', '{', '}', '`', '\\'])
        || ["**", "__", "](", "://", "www.", "javascript:", "mailto:"].iter().any(|mark| lower.contains(mark))
        || has_entity(text)
}

/// `&nbsp;`, `&#39;`: an ampersand with letters or digits up to a semicolon.
fn has_entity(text: &str) -> bool {
    text.split('&').skip(1).any(|rest| {
        rest.split_once(';')
            .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#'))
    })
}

/// Without the marks of a list before it, quotes around it and punctuation behind it, however they are stacked.
fn without_marks(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        let before = text;
        text = without_number(text);
        text = text.trim_start_matches(['-', '–', '—', '•', '·', '*', '#', '●', '▪']);
        text = text.trim_matches(['"', '“', '”', '„', '«', '»']);
        text = without_single_quotes(text);
        text = text.trim_start_matches([',', ';', ':']).trim_end_matches([',', ';', ':', '.', '…', '*', '-', '–', '—']);
        text = text.trim();
        if text.len() == before.len() {
            return text;
        }
    }
}

/// `1. calme`, `2) doux`, but not `80s` nor `8-bit`.
fn without_number(text: &str) -> &str {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    match rest.strip_prefix(['.', ')']) {
        Some(rest) if (1..=2).contains(&digits) && rest.starts_with(char::is_whitespace) => rest.trim_start(),
        _ => text,
    }
}

/// Only in pairs: `'80s` and `rockin'` keep theirs.
fn without_single_quotes(text: &str) -> &str {
    let inner = text.strip_prefix(['\'', '‘', '’']).and_then(|text| text.strip_suffix(['\'', '’']));
    inner.unwrap_or(text)
}

/// A script that is not Latin, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Hangul,
    /// Chinese characters and kana, which Japanese mixes.
    HanAndKana,
    /// Any other, by its block of 256 code points: letters of one word lie in one block or two.
    Other(u32),
}

/// The script of a letter; `None` for Latin letters and for what is no letter.
fn script(character: char) -> Option<Script> {
    if !character.is_alphabetic() {
        return None;
    }
    match character {
        'a'..='z'
        | 'A'..='Z'
        | '\u{aa}'
        | '\u{ba}'
        | '\u{c0}'..='\u{36f}'
        | '\u{1d00}'..='\u{1dbf}'
        | '\u{1e00}'..='\u{1eff}'
        | '\u{2071}'
        | '\u{207f}'
        | '\u{2c60}'..='\u{2c7f}'
        | '\u{a720}'..='\u{a7ff}'
        | '\u{ff21}'..='\u{ff5a}' => None,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(Script::Greek),
        '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{2de0}'..='\u{2dff}' => Some(Script::Cyrillic),
        '\u{590}'..='\u{5ff}' => Some(Script::Hebrew),
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' => Some(Script::Arabic),
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}' => Some(Script::Hangul),
        '\u{3005}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{3ffff}' => Some(Script::HanAndKana),
        other => Some(Script::Other(u32::from(other) >> 8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(tag: &str, text: &str) -> Result<String, DropReason> {
        Rules::of(&TagName::parse(tag).unwrap()).clean(text)
    }

    #[test]
    fn marks_around_a_term_are_cleaned_and_its_own_are_kept() {
        for (written, term) in [
            ("1. calme", "calme"),
            ("12) \"soft music\".", "soft music"),
            ("- doux,", "doux"),
            ("• «  bande   originale »", "bande originale"),
            ("'jazz'", "jazz"),
            ("#lofi", "lofi"),
            ("'80s", "'80s"),
            ("80s", "80s"),
            ("8-bit", "8-bit"),
            ("2 tone", "2 tone"),
            ("oi!", "oi!"),
            ("r'n'b", "r'n'b"),
            ("d&b", "d&b"),
            ("rock (années 70)", "rock (années 70)"),
            ("e\u{301}lectro", "électro"),
        ] {
            assert_eq!(clean("jazz", written).as_deref(), Ok(term), "{written:?}");
        }
    }

    #[test]
    fn what_is_no_term_is_dropped_with_its_reason() {
        use DropReason::{ControlCharacter, Empty, ForeignScript, Markup, PromptEcho, TooLong, TooManyWords};
        for (written, reason) in [
            ("musette\u{7}", ControlCharacter),
            ("a\nb", ControlCharacter),
            ("jazz\u{202e}", ControlCharacter),
            ("jaz\u{200b}z", ControlCharacter),
            ("<b>jazz</b>", Markup),
            ("concert<br>", Markup),
            ("**jazz**", Markup),
            ("`jazz`", Markup),
            ("www.example.org/jazz", Markup),
            ("https://example.com", Markup),
            ("black&nbsp;metal", Markup),
            ("{jazz}", Markup),
            (&"x".repeat(61), TooLong),
            ("a b c d e f g h i", TooManyWords),
            ("", Empty),
            ("...", Empty),
            ("🔥", Empty),
            ("джаз", ForeignScript),
            ("ジャズ", ForeignScript),
            ("𝐣𝐚𝐳𝐳", ForeignScript),
            ("termes de recherche (5-10)", PromptEcho),
            ("Tags musicalement liés", PromptEcho),
            ("contextes d’usage", PromptEcho),
            ("traductions FR/EN", PromptEcho),
            ("mots-clés en français", PromptEcho),
            ("réponds uniquement en JSON", PromptEcho),
        ] {
            assert_eq!(clean("jazz", written), Err(reason), "{written:?}");
        }
    }

    #[test]
    fn a_tag_in_another_script_may_have_terms_in_it() {
        assert_eq!(clean("シティ・ポップ", "日本のポップス").as_deref(), Ok("日本のポップス"));
        assert_eq!(clean("русский рок", "рок").as_deref(), Ok("рок"));
        assert_eq!(clean("русский рок", "ロック"), Err(DropReason::ForeignScript));
    }
}
