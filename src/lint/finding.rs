//! What the linter says of a tag: the kind of finding, what it is about, why, and what mends it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Lang, Section, TagType};

/// Most tags that one finding lists.
pub const MAX_LISTED_TAGS: usize = 20;

crate::domain::word_enum! {
    /// What a finding says. In the order in which findings are listed.
    FindingKind, "kind" {
        /// Two tags of one type are spellings of one name.
        DuplicateTag => "duplicate_tag",
        /// Two tags of one type mean nearly the same, by their vectors.
        SameMeaning => "same_meaning",
        /// An alias of a tag is the name of another.
        AliasIsName => "alias_is_name",
        /// Several tags claim one alias.
        SharedAlias => "shared_alias",
        /// Nothing was ever written for a tag, and nothing is on its way.
        NoSynonyms => "no_synonyms",
        /// A row has no vector, and none is on its way.
        NoVector => "no_vector",
        /// A term looks like the name of an artist.
        ArtistLike => "artist_like",
        /// A term has HTML, markdown or a URL in it.
        Markup => "markup",
        /// A term is a sentence.
        TooLong => "too_long",
        /// A term has characters that cannot be seen, or none that can be read.
        Unreadable => "unreadable",
        /// A term is in a script that is neither Latin nor one of the tag's name.
        ForeignScript => "foreign_script",
        /// A translation is in the other language.
        WrongLanguage => "wrong_language",
        /// A term repeats the prompt of a generator.
        PromptEcho => "prompt_echo",
        /// The gates of the generators would drop a term for another reason.
        Dropped => "dropped",
        /// A term stands in so many rows that it says nothing of any.
        FrequentTerm => "frequent_term",
        /// A term repeats the name of its tag.
        OwnName => "own_name",
    }
}

/// Something in the vocabulary that a person may want to mend.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Finding {
    /// What it says.
    pub kind: FindingKind,
    /// The tags that it is about, all of one type, the one that is to be changed first; up to 20 of them.
    pub tags: Vec<FoundTag>,
    /// How many tags it is about.
    pub tag_count: usize,
    /// Where the term stands; `null` where it is about whole tags.
    pub section: Option<Section>,
    /// The language that the term is listed under.
    pub lang: Option<Lang>,
    /// The term as written.
    pub term: Option<String>,
    /// Further terms of which the same is said; with `shared_alias` only.
    pub other_terms: Vec<String>,
    /// Why it was found, a sentence.
    pub why: String,
    /// What would mend it. Nothing is done unasked.
    pub mend: Mend,
}

/// A tag that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct FoundTag {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its number within its type.
    pub tag_id: i64,
    /// Its name.
    pub tag_name: String,
    /// Its active row, where it has one.
    pub synonym_id: Option<i64>,
}

/// What would mend a finding.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Mend {
    /// A sentence.
    pub text: String,
    /// The command line that does it, quoted for a shell; `null` where there is none.
    pub command: Option<String>,
    /// The request that does it; `null` where there is none.
    pub request: Option<MendRequest>,
}

/// A request to this API.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MendRequest {
    /// Its method.
    #[schema(example = "POST")]
    pub method: &'static str,
    /// Its path.
    #[schema(example = "/api/tags/merge")]
    pub path: String,
    /// Its body; `null` where there is none.
    #[schema(value_type = Option<Object>)]
    pub body: Option<serde_json::Value>,
}

/// Where a finding stands in the order of all.
pub(super) type Place = (FindingKind, TagType, i64);

impl Finding {
    /// Where it stands: by kind, then by the type and number of its first tag. Findings of one place are told apart by
    /// [`Finding::fingerprint`].
    pub(super) fn place(&self) -> Place {
        self.tags.first().map_or((self.kind, TagType::Genre, 0), |tag| (self.kind, tag.tag_type, tag.tag_id))
    }

    /// What orders findings of one place: the other tags, then where the term stands, then the term.
    fn rest(&self) -> (Option<i64>, Option<Section>, Option<Lang>, Option<&str>) {
        (self.tags.get(1).map(|tag| tag.tag_id), self.section, self.lang, self.term.as_deref())
    }

    /// A number that tells findings of one place apart, the same in every report: FNV-1a
    /// (<http://www.isthe.com/chongo/tech/comp/fnv/>) over what orders them.
    pub(super) fn fingerprint(&self) -> u64 {
        let (tag, section, lang, term) = self.rest();
        let text = format!("{tag:?}{section:?}{lang:?}{term:?}");
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// Puts findings in their order, which depends on what they say alone.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| a.place().cmp(&b.place()).then_with(|| a.rest().cmp(&b.rest())));
}
