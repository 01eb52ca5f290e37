//! The parts of a name put together as terms, in both languages. No French is written where it is not known.

use super::{
    Sure,
    entry::Entry,
    parts::{Modifier, Parts},
    words::{Affix, gender},
};
use crate::domain::{Lang, Section, TagType, Term, key, stem_groups};

/// Most related tags.
const RELATED: usize = 8;

/// Near tags of the genre that are taken over: those of a kind of it are partly others.
const NEAR_HEAD: usize = 3;

/// Occasions of the genre, and of each word beside it.
const HEAD_CONTEXTS: usize = 3;
const MODIFIER_CONTEXTS: usize = 2;

/// Other names of the genre and of a mood that are tried in the place of the usual ones.
const OTHER_NAMES: usize = 2;

/// What the parts of a name say of it.
pub(super) fn compose(parts: &Parts<'_>, tag_type: TagType) -> Vec<Term> {
    let mut terms = Vec::new();
    if let Some(head) = parts.head {
        if parts.unknown == 0 {
            names(parts, head, &mut terms);
        }
    } else if tag_type == TagType::Mood {
        moods(parts, &mut terms);
    }
    related(parts, &mut terms);
    contexts(parts, &mut terms);
    terms
}

fn french_name(entry: &Entry) -> Option<&str> {
    entry.translations.fr.first().map(String::as_str)
}

/// What the name is called in each language, and in other words.
fn names(parts: &Parts<'_>, head: &Entry, terms: &mut Vec<Term>) {
    let mut search = |lang, text: String| terms.push(Sure::Composed.term(Section::SearchTerms, Some(lang), &text));
    let english_head = head.name.as_str();
    let french_head = french_name(head);
    if let Some(affix) = parts.affix {
        // Around the genre alone: what stands before it would have to be put into both.
        if parts.modifiers.is_empty() {
            for pattern in affix.english_terms {
                search(Lang::En, pattern.replace("{}", english_head));
            }
            if let Some(french_head) = french_head {
                for pattern in affix.french_terms {
                    if let Some(text) = Affix::french_term(pattern, french_head) {
                        search(Lang::Fr, text);
                    }
                }
                if let Some(prefix) = affix.french.filter(|_| !french_head.contains(' ')) {
                    let name = format!("{prefix}{french_head}");
                    terms.push(Sure::Composed.term(Section::Translations, Some(Lang::Fr), &name));
                }
            }
        }
        return;
    }
    let Some(beside) = parts.english_modifiers() else { return };
    let english = |head: &str| if beside.is_empty() { head.to_owned() } else { format!("{beside} {head}") };
    // Aliases that are more than another form of the name ("rapping").
    let stems = stem_groups(english_head).concat();
    let other = |alias: &&String| !stem_groups(alias).iter().flatten().any(|stem| stems.contains(stem));
    for other in head.aliases.iter().filter(other).take(OTHER_NAMES) {
        search(Lang::En, english(other));
    }
    if parts.modifiers.is_empty() {
        search(Lang::En, english_head.to_owned());
    }
    if let [modifier] = &parts.modifiers[..] {
        in_other_words(modifier, english_head, french_head, &mut search);
    }
    if let Some(name) = parts.english_name() {
        terms.push(Sure::Composed.term(Section::Translations, Some(Lang::En), &name));
    }
    if let Some(french) = french_head.and_then(|head| parts.french(head)) {
        terms.push(Sure::Composed.term(Section::Translations, Some(Lang::Fr), &french));
    }
}

/// One word beside the genre, put otherwise: `jazz from Japan`, `soul from the 70s`, `sorrowful jazz`.
fn in_other_words(
    modifier: &Modifier<'_>,
    english_head: &str,
    french_head: Option<&str>,
    search: &mut impl FnMut(Lang, String),
) {
    if let Some((english, french)) = modifier.word.and_then(|word| word.place) {
        search(Lang::En, format!("{english_head} from {english}"));
        if let Some(head) = french_head {
            search(Lang::Fr, format!("{head} {french}"));
        }
    } else if let Some((english, _)) = modifier.decade() {
        search(Lang::En, format!("{english_head} from the {english}"));
    } else if let (Some(mood), Some(_)) =
        (modifier.entry.filter(|entry| entry.tag_type == TagType::Mood), modifier.word)
    {
        for other in mood.aliases.iter().filter(|alias| !alias.contains(' ')).take(OTHER_NAMES) {
            search(Lang::En, format!("{other} {english_head}"));
        }
    }
}

/// A mood made of moods: `dark and dreamy` is `sombre et rêveur`.
fn moods(parts: &Parts<'_>, terms: &mut Vec<Term>) {
    if let [one, other] = &parts.modifiers[..] {
        let [one, other] = [one, other].map(|modifier| modifier.word.and_then(|word| word.french).map(|[m, _]| m));
        if let (Some(one), Some(other)) = (one, other) {
            let name = format!("{one} et {other}");
            terms.push(Sure::Composed.term(Section::Translations, Some(Lang::Fr), &name));
        }
    }
}

/// The genre, what it is a kind of, what is near it, and what the words beside it are themselves.
fn related(parts: &Parts<'_>, terms: &mut Vec<Term>) {
    let head = parts.head.into_iter();
    let mut names: Vec<&str> = head.clone().map(|head| head.name.as_str()).collect();
    names.extend(parts.modifiers.iter().filter_map(|modifier| modifier.entry).map(|entry| entry.name.as_str()));
    names.extend(parts.affix.into_iter().flat_map(|affix| affix.related).copied());
    names.extend(head.clone().flat_map(|head| &head.broader).map(String::as_str));
    if parts.unknown == 0 {
        names.extend(head.flat_map(|head| head.related_tags.iter().take(NEAR_HEAD)).map(String::as_str));
    }
    let mut seen = Vec::new();
    names.retain(|name| {
        let key = key(name);
        let new = !seen.contains(&key);
        seen.push(key);
        new
    });
    let sure = if parts.unknown == 0 { Sure::Loosely } else { Sure::Partly };
    terms.extend(names.into_iter().take(RELATED).map(|name| sure.term(Section::RelatedTags, None, name)));
}

/// Occasions of the genre, and those of the moods beside it.
fn contexts(parts: &Parts<'_>, terms: &mut Vec<Term>) {
    let sure = if parts.unknown == 0 { Sure::Loosely } else { Sure::Partly };
    let of_head = if parts.unknown == 0 { HEAD_CONTEXTS } else { MODIFIER_CONTEXTS };
    if let Some(head) = parts.head
        && parts.affix.is_none_or(|affix| affix.keeps_contexts)
    {
        terms.extend(head.contexts(of_head, sure));
    }
    // A genre's own occasions are its own, not those of another that it colours.
    let moods = parts.modifiers.iter().filter_map(|modifier| modifier.entry);
    for mood in moods.filter(|entry| entry.tag_type == TagType::Mood) {
        terms.extend(mood.contexts(MODIFIER_CONTEXTS, sure));
    }
}

impl Parts<'_> {
    /// The whole name in English, where the name itself is not: `marseille rap`. `None` too where a word is known as the name
    /// of a mood or genre alone, which need not be an adjective (`children opera`).
    pub(super) fn english_name(&self) -> Option<String> {
        let renamed = self.modifiers.iter().any(|modifier| modifier.is_renamed);
        // A genre with nothing beside it is spelt otherwise: `(96)Big Band`.
        let foreign = self.head_first || self.modifiers.is_empty() || renamed;
        let named = |modifier: &Modifier<'_>| modifier.word.is_some() || modifier.decade().is_some();
        let known = self.unknown == 0 && self.affix.is_none() && self.modifiers.iter().all(named);
        let head = self.head.filter(|_| known && foreign)?.name.as_str();
        let beside = self.english_modifiers()?;
        Some(if beside.is_empty() { head.to_owned() } else { format!("{beside} {head}") })
    }

    /// The words beside the genre in the order of English; `None` where one has no English.
    fn english_modifiers(&self) -> Option<String> {
        let mut words: Vec<&str> = self.modifiers.iter().map(Modifier::english).collect::<Option<_>>()?;
        if self.head_first {
            words.reverse();
        }
        Some(words.join(" "))
    }

    /// The name in French: the genre first, then what stands nearest to it. `None` where a word's French is not sure.
    fn french(&self, head: &str) -> Option<String> {
        let gender = gender(head);
        let in_french = |modifier: &Modifier<'_>| match modifier.decade() {
            Some((_, decade)) => Some(format!("des {decade}")),
            None => modifier.word.and_then(|word| word.french(gender)).map(str::to_owned),
        };
        let mut words: Vec<String> = self.modifiers.iter().map(in_french).collect::<Option<_>>()?;
        if !self.head_first {
            words.reverse();
        }
        words.insert(0, head.to_owned());
        Some(words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::lookup::Lexicon, *};

    fn composed(tag_type: TagType, name: &str) -> Vec<Term> {
        compose(&Parts::of(Lexicon::get(), name), tag_type)
    }

    fn texts(terms: &[Term], section: Section, lang: Option<Lang>) -> Vec<&str> {
        let of_list = |term: &&Term| term.section == section && term.lang == lang;
        terms.iter().filter(of_list).map(|term| term.term.as_str()).collect()
    }

    #[test]
    fn a_name_is_translated_in_the_word_order_of_each_language() {
        for (name, english, french) in [
            ("techno minimale sombre", "dark minimal techno", Some("techno minimale sombre")),
            ("rap marseillais", "marseille rap", Some("rap marseillais")),
            ("r&b italiano", "italian r&b", Some("R&B italien")),
            ("cumbia années 70", "70s cumbia", Some("cumbia des années 70")),
            ("deutscher techno", "german techno", Some("techno allemande")),
        ] {
            let terms = composed(TagType::Genre, name);
            let of = |lang| texts(&terms, Section::Translations, Some(lang));
            assert_eq!(of(Lang::En), [english], "{name}");
            assert_eq!(of(Lang::Fr), french.into_iter().collect::<Vec<_>>(), "{name}");
        }
        for (name, french) in [
            ("dark minimal techno", Some("techno minimale sombre")),
            ("turkish salsa", Some("salsa turque")),
            ("chilean folk", Some("folk du Chili")),
            ("brutal folk", None),
            ("boozy techno", None),
            ("Opéra pour enfants", None),
        ] {
            let terms = composed(TagType::Genre, name);
            let of = |lang| texts(&terms, Section::Translations, Some(lang));
            assert_eq!(of(Lang::En), [""; 0], "{name} is English, or nobody knows its English");
            assert_eq!(of(Lang::Fr), french.into_iter().collect::<Vec<_>>(), "{name}");
        }
        let terms = composed(TagType::Mood, "dark and dreamy");
        assert_eq!(texts(&terms, Section::Translations, Some(Lang::Fr)), ["sombre et rêveur"]);
    }

    #[test]
    fn the_genre_is_related_and_never_another_name() {
        let terms = composed(TagType::Genre, "turkish salsa");
        assert!(texts(&terms, Section::RelatedTags, None).starts_with(&["salsa", "turkish"]));
        let searched = [Some(Lang::En), Some(Lang::Fr)].map(|lang| texts(&terms, Section::SearchTerms, lang)).concat();
        assert!(searched.contains(&"salsa from Turkey") && searched.contains(&"salsa de Turquie"), "{searched:?}");
        assert!(!searched.contains(&"salsa"), "{searched:?}");
    }

    #[test]
    fn a_suffix_that_makes_another_thing_of_a_genre_takes_over_no_occasions() {
        let terms = composed(TagType::Genre, "tangocore");
        assert!(texts(&terms, Section::UsageContext, Some(Lang::En)).is_empty());
        assert_eq!(texts(&terms, Section::RelatedTags, None)[0], "tango");
        let terms = composed(TagType::Genre, "tango revival");
        assert_eq!(texts(&terms, Section::UsageContext, Some(Lang::En)).len(), HEAD_CONTEXTS);
        assert_eq!(texts(&terms, Section::SearchTerms, Some(Lang::Fr)), ["renouveau du tango"]);
    }

    #[test]
    fn an_unknown_word_leaves_what_the_genre_is_near_to_and_no_name() {
        let terms = composed(TagType::Genre, "oulu rock");
        assert!(terms.iter().all(|term| matches!(term.section, Section::RelatedTags | Section::UsageContext)));
        assert_eq!(texts(&terms, Section::RelatedTags, None)[0], "rock");
    }
}
