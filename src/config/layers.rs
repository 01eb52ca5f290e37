//! The layers that settings come from (file, environment, flags), each checked against the table of keys before they
//! are laid upon each other, so that a message can name the place of the mistake.

use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

use config::{File, FileFormat, Map, Source, Value, ValueKind};

use super::{
    Environment,
    error::ConfigError,
    keys::{self, KEYS, Key, Kind, PREFIX},
    values,
};

/// What a file holds at most: settings and secrets are small.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Variables that other programs read too: ours win over them in silence.
const SHARED_VARIABLES: [(&str, &str); 2] = [("OLLAMA_HOST", "ollama.host"), ("RUST_LOG", "log.level")];

/// What the tests are told, and hand on to the programs they start.
const TESTS_PREFIX: &str = "MUSONYM_TEST_";

/// Names the command line reads by itself.
const OWN_VARIABLES: [&str; 1] = ["MUSONYM_CONFIG"];

/// Values of one layer, checked, each with its origin.
#[derive(Clone, Default)]
pub(super) struct Layer {
    values: Vec<(&'static Key, Value)>,
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may be secrets.
        f.debug_list().entries(self.values.iter().map(|(key, _)| key.path)).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.values.iter().map(|(key, value)| (key.path.to_owned(), value.clone())).collect())
    }
}

impl Layer {
    /// Takes a value in, or says what is wrong with it.
    fn add(&mut self, key: &'static Key, value: ValueKind, from_text: bool, origin: &str, problems: &mut Vec<String>) {
        match values::checked(key, value, from_text) {
            Ok(value) => self.values.push((key, Value::new(Some(&origin.to_owned()), value))),
            Err(problem) => problems.push(format!("{} ({origin}) {problem}", key.path)),
        }
    }
}

/// The defaults.
pub(super) fn defaults() -> Layer {
    let values = KEYS.iter().map(|key| (key, Value::new(None, values::default(key)))).collect();
    Layer { values }
}

/// What a configuration file says.
pub(super) fn file(path: &Path, problems: &mut Vec<String>) -> Result<Layer, ConfigError> {
    let origin = path.display().to_string();
    let text = read_text(path).map_err(|problem| {
        ConfigError::new(format!("the configuration file {origin} {problem}; check its name and owner, or --config"))
    })?;
    let sections = File::from_str(&text, FileFormat::Toml)
        .collect()
        .map_err(|error| ConfigError::new(format!("{origin} is not TOML: {}", syntax_problem(&error))))?;
    let mut layer = Layer::default();
    add_table(&mut layer, "", sections, &origin, problems);
    Ok(layer)
}

/// The entries of a section (of the file itself where it is empty), those of the sections below it included.
fn add_table(layer: &mut Layer, section: &str, table: Map<String, Value>, origin: &str, problems: &mut Vec<String>) {
    let mut entries: Vec<(String, Value)> = table.into_iter().collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, value) in entries {
        let path = if section.is_empty() { name } else { format!("{section}.{name}") };
        let is_section = KEYS.iter().any(|key| key.path.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.')));
        match (value.kind, keys::find(&path)) {
            (ValueKind::Table(table), _) if is_section => add_table(layer, &path, table, origin, problems),
            (kind, Some(key)) => layer.add(key, kind, false, origin, problems),
            (ValueKind::Table(_), None) => problems.push(unknown_section(origin, &path)),
            (_, None) if is_section => problems
                .push(format!("{} ({origin}) is a section: write a line [{0}] and its settings below", shown(&path))),
            (_, None) => problems.push(unknown_key(origin, &path)),
        }
    }
}

/// What the environment says. A variable that is set but empty counts as not set.
pub(super) fn environment(environment: &Environment, problems: &mut Vec<String>) -> Layer {
    let mut shared = Layer::default();
    let mut own = Layer::default();
    let mut set_by: Vec<(&'static str, String)> = Vec::new();
    for (name, value) in environment.variables() {
        let Some(name) = name.to_str() else {
            continue;
        };
        let Some((key, from_file)) = variable(name) else {
            let of_others = name.starts_with(TESTS_PREFIX) || is_from_kubernetes(name, value.to_str());
            if name.starts_with(PREFIX) && !OWN_VARIABLES.contains(&name) && !of_others {
                problems.push(unknown_variable(name));
            }
            continue;
        };
        if value.is_empty() {
            continue;
        }
        let Some(value) = value.to_str() else {
            problems.push(format!("{} (the variable {name}) is not UTF-8 text", key.path));
            continue;
        };
        let (value, origin) = if from_file {
            match read_text(Path::new(value)) {
                // Editors and `echo` end a file with a line break that is no part of the value.
                Ok(text) => (text.trim().to_owned(), format!("{name}, the file {}", shown(value))),
                Err(problem) => {
                    let file = shown(value);
                    problems
                        .push(format!("{} ({name}): the file {file} {problem}; mount it, or unset {name}", key.path));
                    continue;
                }
            }
        } else {
            (value.to_owned(), format!("the variable {name}"))
        };
        if SHARED_VARIABLES.iter().any(|(shared, _)| *shared == name) {
            shared.add(key, ValueKind::String(value), true, &origin, problems);
            continue;
        }
        if let Some((_, other)) = set_by.iter().find(|(path, _)| *path == key.path) {
            problems.push(format!("{} is set by both {other} and {name}: keep one of them", key.path));
            continue;
        }
        set_by.push((key.path, name.to_owned()));
        own.add(key, ValueKind::String(value), true, &origin, problems);
    }
    // The last value of a key wins.
    shared.values.append(&mut own.values);
    shared
}

/// What the command line's flags say: path of the key, flag, value.
pub(super) fn flags(flags: &[(&'static str, &'static str, String)], problems: &mut Vec<String>) -> Layer {
    let mut layer = Layer::default();
    for (path, flag, value) in flags {
        if let Some(key) = keys::find(path) {
            layer.add(key, ValueKind::String(value.clone()), true, flag, problems);
        }
    }
    layer
}

/// The key that a variable sets, and whether by the name of a file that holds the value.
fn variable(name: &str) -> Option<(&'static Key, bool)> {
    let named = |name: &str| {
        if let Some((_, path)) = SHARED_VARIABLES.iter().find(|(shared, _)| *shared == name) {
            return keys::find(path);
        }
        KEYS.iter().find(|key| key.short == Some(name) || key.variable() == name)
    };
    if let Some(key) = named(name) {
        return Some((key, false));
    }
    // `RUST_LOG` is not ours to extend.
    let stem = name.strip_suffix("_FILE").filter(|stem| *stem != "RUST_LOG")?;
    named(stem).map(|key| (key, true))
}

/// Kubernetes tells a pod of every service; one that is called `musonym` looks like a setting of ours.
fn is_from_kubernetes(name: &str, value: Option<&str>) -> bool {
    let is_url = value.is_some_and(|value| value.starts_with("tcp://") || value.starts_with("udp://"));
    let service = ["MUSONYM_SERVICE_HOST", "MUSONYM_SERVICE_PORT"];
    service.iter().any(|prefix| name.starts_with(prefix))
        || name.starts_with("MUSONYM_PORT_")
        || (name == "MUSONYM_PORT" && is_url)
}

fn unknown_key(origin: &str, path: &str) -> String {
    let near = keys::nearest(path, KEYS.iter().map(|key| key.path)).or_else(|| {
        // A known key under the wrong section, or under none.
        let name = path.rsplit('.').next().unwrap_or(path);
        KEYS.iter().find(|key| key.name() == name).map(|key| key.path)
    });
    format!("{} ({origin}) is not a setting: {}", shown(path), hint(near))
}

fn unknown_section(origin: &str, section: &str) -> String {
    let near = keys::nearest(section, KEYS.iter().map(Key::section));
    format!("[{}] ({origin}) is not a section: {}", shown(section), hint(near))
}

fn unknown_variable(name: &str) -> String {
    let mut known: Vec<String> = Vec::with_capacity(KEYS.len() * 2);
    for key in KEYS {
        known.extend(key.short.map(str::to_owned));
        known.push(key.variable());
        if matches!(key.kind, Kind::Secret | Kind::Secrets | Kind::Subscribers) {
            known.extend(known.last().map(|variable| format!("{variable}_FILE")));
        }
    }
    let near = keys::nearest(name, known.iter().map(String::as_str));
    format!("the variable {} is not a setting: {}", shown(name), hint(near))
}

fn hint(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("did you mean {near}?"),
        None => "remove it; config.example.toml lists every setting".to_owned(),
    }
}

/// A text from outside, fit for one line of a message.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect::<String>().escape_debug().to_string();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

/// A small text file, or what is wrong with it.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| format!("cannot be read ({error})"))?;
    if metadata.is_dir() {
        return Err("is a folder".to_owned());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read ({error})"))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(format!("has more than {MAX_FILE_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

/// What the TOML parser says, without the line it quotes: that line may hold a secret.
fn syntax_problem(error: &config::ConfigError) -> String {
    let text = match error {
        config::ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    let place = text.lines().next().unwrap_or_default().trim_start_matches("TOML parse error ");
    match text.lines().rfind(|line| !line.trim().is_empty()) {
        Some(last) if last.trim() != place && text.lines().count() > 1 => format!("{place}: {}", shown(last.trim())),
        _ => shown(place),
    }
}

/// The file to read: the one asked for, else the first of the usual ones that is there.
pub(super) fn find_file(asked: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    if let Some(path) = asked {
        return Some(path.to_owned());
    }
    let in_config_folder = super::folders::config(environment).map(|folder| folder.join(super::FILE_NAME));
    [Some(environment.working_folder().join(super::FILE_NAME)), in_config_folder]
        .into_iter()
        .flatten()
        .find(|path| path.symlink_metadata().is_ok())
}
