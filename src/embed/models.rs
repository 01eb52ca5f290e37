//! Which embedder makes the vectors of which space.
//!
//! The name of a space begins with provider and model, so the active space itself says which embedder makes it: in every
//! process, whatever that process was configured with (docs/adr/0010). The settings choose for a database that has none yet.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Embedder, builtin, ollama};

/// An embedding model as people name it: `builtin`, or `ollama:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbedModel {
    /// The model in this process.
    Builtin,
    /// A model of Ollama, by its name there.
    Ollama(String),
}

impl EmbedModel {
    /// The model that makes this space; `None` for a name that no version of this program has given.
    pub fn of_space(space: &str) -> Option<Self> {
        if space.starts_with(builtin::FAMILY) {
            return Some(Self::Builtin);
        }
        // Model, prefixes, dimensions, fingerprint: the model's own name may have colons.
        let mut parts = space.strip_prefix(ollama::FAMILY)?.rsplitn(4, ':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(_), Some(_), Some(model)) if !model.is_empty() => Some(Self::Ollama(model.to_owned())),
            _ => None,
        }
    }

    /// Whether both are one model: Ollama takes a name without a tag for `:latest`.
    pub fn is_same(&self, other: &Self) -> bool {
        let bare = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
        match (self, other) {
            (Self::Ollama(one), Self::Ollama(two)) => bare(one) == bare(two),
            (one, two) => one == two,
        }
    }
}

impl fmt::Display for EmbedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
            Self::Ollama(name) => write!(f, "{}{name}", ollama::FAMILY),
        }
    }
}

impl FromStr for EmbedModel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control());
        match (text, text.strip_prefix(ollama::FAMILY)) {
            ("builtin", _) => Ok(Self::Builtin),
            (_, Some(name)) if is_name(name) => Ok(Self::Ollama(name.to_owned())),
            _ => Err("write ollama:NAME, for example ollama:embeddinggemma, or builtin".to_owned()),
        }
    }
}

/// Makes the embedder of a model. Nothing is sent before it is asked something.
pub type MakeEmbedder = Arc<dyn Fn(&EmbedModel) -> Arc<dyn Embedder> + Send + Sync>;

/// Which embedders there are.
#[derive(Clone, Default)]
pub struct Embedders {
    /// Those that the settings allow, the preferred one first: the choice for a database that has no vectors yet.
    pub allowed: Vec<Arc<dyn Embedder>>,
    /// Fills and serves a space of its own beside the active one.
    pub standby: Option<Arc<dyn Embedder>>,
    /// Makes the others, for a database that was embedded with one of them.
    pub others: Option<MakeEmbedder>,
}

impl Embedders {
    /// One embedder and no other.
    pub fn only(embedder: Arc<dyn Embedder>) -> Self {
        Self { allowed: vec![embedder], ..Self::default() }
    }
}

/// The embedders with those that were made on demand: each model has one, which knows what it has asked.
pub(super) struct Known {
    pub(super) embedders: Embedders,
    made: Mutex<Vec<Arc<dyn Embedder>>>,
}

impl Known {
    pub(super) fn new(embedders: Embedders) -> Self {
        Self { embedders, made: Mutex::default() }
    }

    /// The embedder of a model; `None` where it cannot be made.
    pub(super) fn of_model(&self, model: &EmbedModel) -> Option<Arc<dyn Embedder>> {
        let is_it = |embedder: &&Arc<dyn Embedder>| embedder.model().as_ref() == Some(model);
        if let Some(given) = self.embedders.allowed.iter().chain(&self.embedders.standby).find(is_it) {
            return Some(Arc::clone(given));
        }
        let of_others = self.embedders.others.as_ref()?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.iter().find(is_it) {
            return Some(Arc::clone(known));
        }
        let embedder = of_others(model);
        made.push(Arc::clone(&embedder));
        Some(embedder)
    }

    /// The embedder that makes this space, as far as its name tells.
    pub(super) fn of_space(&self, space: &str) -> Option<Arc<dyn Embedder>> {
        if let Some(embedder) = EmbedModel::of_space(space).and_then(|model| self.of_model(&model)) {
            return Some(embedder);
        }
        // An embedder that has no model of a name: those of tests.
        let nameless =
            |embedder: &&Arc<dyn Embedder>| embedder.model().is_none() && space.starts_with(embedder.family());
        self.embedders.allowed.iter().find(nameless).cloned()
    }

    /// The preferred embedder of the settings, where it is another than this one and so is every other that they allow.
    pub(super) fn configured_instead(&self, in_force: &Arc<dyn Embedder>) -> Option<&Arc<dyn Embedder>> {
        let model = in_force.model()?;
        let is_allowed = |embedder: &Arc<dyn Embedder>| embedder.model().is_none_or(|other| other.is_same(&model));
        if self.embedders.allowed.iter().any(is_allowed) { None } else { self.embedders.allowed.first() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_as_it_is_written() {
        for text in ["builtin", "ollama:embeddinggemma", "ollama:qwen3-embedding:0.6b", "ollama:host:5000/team/m:q4"] {
            assert_eq!(text.parse::<EmbedModel>().unwrap().to_string(), text);
        }
        for text in ["", "ollama:", "embeddinggemma", "ollama:two words", "openai:x", "Builtin", "builtin:x"] {
            assert!(text.parse::<EmbedModel>().unwrap_err().contains("ollama:NAME"), "{text}");
        }
    }

    #[test]
    fn a_space_tells_its_model() {
        let model = |space| EmbedModel::of_space(space).map(|model| model.to_string());
        assert_eq!(model("ollama:nomic-embed-text:nomic:768:1f2e3d4c").as_deref(), Some("ollama:nomic-embed-text"));
        assert_eq!(model("ollama:h:5000/t/m:q4:none:384:1f2e3d4c").as_deref(), Some("ollama:h:5000/t/m:q4"));
        assert_eq!(model("builtin:minilm-l6-v2-q8:384:x").as_deref(), Some("builtin"));
        for unknown in ["test:hash:64", "ollama:a:b", "ollama::nomic:768:1", "next", ""] {
            assert_eq!(model(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn latest_is_the_tag_of_a_name_without_one() {
        let model = |name: &str| EmbedModel::Ollama(name.to_owned());
        assert!(model("m").is_same(&model("m:latest")) && !model("m").is_same(&model("m:q4")));
        assert!(EmbedModel::Builtin.is_same(&EmbedModel::Builtin) && !EmbedModel::Builtin.is_same(&model("builtin")));
    }
}
