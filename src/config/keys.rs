//! The table of all settings: one row per key, with its type, range and default. Reading, checking, the hints for
//! typing errors and the test of `config.example.toml` all go by it.

/// What stands in front of every environment variable of this program.
pub(super) const PREFIX: &str = "MUSONYM_";

/// What may stand as the value of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A text that is never shown.
    Secret,
    /// Texts that are never shown: a list, or one text split at white space.
    Secrets,
    /// Texts: a list, or one text split at white space.
    Words,
    /// Who is told by webhooks: tables of url, secret and events, or JSON. Never shown.
    Subscribers,
    /// A whole number within these bounds.
    Whole { min: i64, max: i64 },
    /// A number within these bounds.
    Real { min: f64, max: f64 },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Truth,
}

/// A default. An empty text or list stands for "not set".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Default {
    Text(&'static str),
    Whole(i64),
    Real(f64),
    Truth(bool),
    EmptyList,
}

/// One setting.
#[derive(Debug)]
pub(super) struct Key {
    /// Its section and name: `server.bind`.
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Default,
    /// A variable that sets it beside `MUSONYM_SECTION__KEY`.
    pub(super) short: Option<&'static str>,
}

impl Key {
    pub(super) fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// Its environment variable: `MUSONYM_SERVER__BIND`.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path.replace('.', "__").to_uppercase())
    }
}

const fn key(path: &'static str, kind: Kind, default: Default) -> Key {
    Key { path, kind, default, short: None }
}

impl Key {
    const fn with_short(self, short: &'static str) -> Self {
        Self { short: Some(short), ..self }
    }
}

const fn whole(path: &'static str, default: i64, min: i64, max: i64) -> Key {
    key(path, Kind::Whole { min, max }, Default::Whole(default))
}

const fn text(path: &'static str, default: &'static str) -> Key {
    key(path, Kind::Text, Default::Text(default))
}

const fn choice(path: &'static str, words: &'static [&'static str]) -> Key {
    key(path, Kind::Choice(words), Default::Text(words[0]))
}

const DAY: i64 = 86_400;
const MIB: i64 = 1024 * 1024;

/// Every setting, in the order of `config.example.toml`. The first word of a choice is its default.
pub(super) static KEYS: &[Key] = &[
    // A secret because a URL may hold a password.
    key("database.url", Kind::Secret, Default::Text("")).with_short("MUSONYM_DATABASE_URL"),
    whole("database.max_connections", 10, 2, 1000),
    whole("database.acquire_timeout_ms", 5000, 50, 60_000),
    whole("database.statement_timeout_ms", 30_000, 100, 3_600_000),
    choice("database.vector_index", &["ivfflat", "hnsw", "none"]),
    whole("database.vector_index_min_rows", 5_000, 100, 1_000_000_000),
    text("tags.genre.schema", "public"),
    text("tags.genre.table", ""),
    text("tags.genre.id_column", "id"),
    text("tags.genre.name_column", "name"),
    text("tags.mood.schema", "public"),
    text("tags.mood.table", ""),
    text("tags.mood.id_column", "id"),
    text("tags.mood.name_column", "name"),
    text("server.bind", "127.0.0.1:8177"),
    key("server.api_key", Kind::Secret, Default::Text("")).with_short("MUSONYM_API_KEY"),
    whole("server.request_timeout_seconds", 30, 1, 3600),
    whole("server.max_body_bytes", 2 * MIB, 1024, 64 * MIB),
    key("webhooks.secrets", Kind::Secrets, Default::EmptyList).with_short("MUSONYM_WEBHOOK_SECRET"),
    key("webhooks.subscribers", Kind::Subscribers, Default::EmptyList),
    key("webhooks.allowed_hosts", Kind::Words, Default::EmptyList),
    whole("webhooks.timeout_seconds", 15, 1, 300),
    whole("webhooks.retry_base_ms", 5000, 1, 3_600_000),
    whole("webhooks.max_attempts", 10, 1, 100),
    // A secret because a URL may hold a password.
    key("ollama.host", Kind::Secret, Default::Text("http://127.0.0.1:11434")).with_short("OLLAMA_HOST"),
    whole("ollama.connect_timeout_ms", 2000, 50, 60_000),
    whole("ollama.breaker_failures", 5, 1, 1000),
    key("ollama.pull", Kind::Truth, Default::Truth(false)),
    choice("generate.provider", &["auto", "ollama", "lexicon", "celery"]),
    text("generate.model", "llama3.2:1b"),
    text("generate.prompt_file", ""),
    key("generate.temperature", Kind::Real { min: 0.0, max: 2.0 }, Default::Real(0.2)),
    whole("generate.seed", 42, 0, i32::MAX as i64),
    whole("generate.num_predict", 512, 64, 8192),
    whole("generate.num_ctx", 2048, 512, 131_072),
    whole("generate.timeout_seconds", 300, 5, 7200),
    whole("generate.keep_alive_seconds", 900, -1, 7 * DAY),
    key("generate.meaning_gate", Kind::Truth, Default::Truth(true)),
    whole("generate.parallel", 1, 1, 64),
    key("generate.duty", Kind::Real { min: 0.01, max: 1.0 }, Default::Real(1.0)),
    text("generate.hours", ""),
    key("generate.max_load", Kind::Real { min: 0.0, max: 1000.0 }, Default::Real(0.0)),
    key("generate.max_temperature", Kind::Real { min: 0.0, max: 150.0 }, Default::Real(0.0)),
    choice("embed.provider", &["auto", "ollama", "builtin"]),
    text("embed.model", "nomic-embed-text"),
    whole("embed.query_deadline_ms", 1000, 10, 60_000),
    whole("embed.batch", 32, 1, 256),
    whole("embed.timeout_seconds", 30, 1, 3600),
    whole("embed.keep_alive_seconds", 900, -1, 7 * DAY),
    // A secret because a URL may hold a password.
    key("cache.url", Kind::Secret, Default::Text("memory")).with_short("MUSONYM_CACHE_URL"),
    whole("cache.ttl_seconds", DAY, 1, 30 * DAY),
    whole("cache.max_bytes", 32 * MIB, 64 * 1024, 16 * 1024 * MIB),
    whole("cache.redis_budget_ms", 50, 1, 10_000),
    // A secret because a URL may hold a password.
    key("celery.broker_url", Kind::Secret, Default::Text("")).with_short("MUSONYM_CELERY_BROKER_URL"),
    key("celery.result_url", Kind::Secret, Default::Text("")),
    text("celery.queue", "synonym"),
    text("celery.hostname", ""),
    whole("celery.prefetch", 1000, 1, 10_000),
    whole("celery.visibility_timeout_seconds", 3600, 1, 30 * DAY),
    whole("jobs.max_attempts", 5, 1, 100),
    whole("jobs.retry_base_ms", 2000, 1, 3_600_000),
    whole("jobs.lease_seconds", 60, 1, 3600),
    whole("retention.jobs_days", 14, 1, 3650),
    // A sender of Standard Webhooks retries for up to some five days.
    whole("retention.deliveries_days", 14, 7, 3650),
    whole("retention.revisions_days", 365, 1, 36_500),
    text("log.level", "info"),
    choice("log.format", &["text", "json"]),
];

/// The key of this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The one of `known` that `typed` was most likely meant to be, if any is near.
pub(super) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(typed, word), word))
        .filter(|(distance, word)| *distance <= 3 && *distance * 3 <= word.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_key() {
        let paths = || KEYS.iter().map(|key| key.path);
        assert_eq!(nearest("server.bnd", paths()), Some("server.bind"));
        assert_eq!(nearest("generate.modle", paths()), Some("generate.model"));
        assert_eq!(nearest("colour", paths()), None);
    }

    #[test]
    fn a_variable_is_section_and_key() {
        assert_eq!(find("generate.prompt_file").unwrap().variable(), "MUSONYM_GENERATE__PROMPT_FILE");
    }
}
