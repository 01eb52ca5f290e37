//! Values of settings: their check against the table of keys, and their reading once the layers are one.

use config::{Value, ValueKind};
use secrecy::SecretString;

use super::{
    error::ConfigError,
    keys::{self, Default, Key, Kind},
    layers::shown,
    subscribers,
};
use crate::jobs::outbound::Subscriber;

/// The default of a key as a value.
pub(super) fn default(key: &Key) -> ValueKind {
    match key.default {
        Default::Text(text) => ValueKind::String(text.to_owned()),
        Default::Whole(number) => ValueKind::I64(number),
        Default::Real(number) => ValueKind::Float(number),
        Default::Truth(value) => ValueKind::Boolean(value),
        Default::EmptyList => ValueKind::Array(Vec::new()),
    }
}

/// The value in the key's type and within its bounds, or what is wrong with it, to be put behind the key's name.
/// `from_text` is set where every value is written as text (environment, flags).
pub(super) fn checked(key: &Key, value: ValueKind, from_text: bool) -> Result<ValueKind, String> {
    match key.kind {
        Kind::Text => match value {
            ValueKind::String(text) => Ok(ValueKind::String(text)),
            other => Err(format!("needs a text in quotes, not {}", described(&other))),
        },
        Kind::Secret => match value {
            ValueKind::String(text) => Ok(ValueKind::String(text)),
            _ => Err("needs a text in quotes".to_owned()),
        },
        Kind::Secrets | Kind::Words => words(value),
        Kind::Subscribers => subscribers::checked(value, from_text),
        Kind::Whole { min, max } => {
            let number = match &value {
                ValueKind::I64(number) => Some(*number),
                ValueKind::String(text) if from_text => text.trim().parse().ok(),
                _ => None,
            };
            number
                .filter(|number| (min..=max).contains(number))
                .map(ValueKind::I64)
                .ok_or_else(|| format!("needs a whole number from {min} to {max}, not {}", described(&value)))
        }
        Kind::Real { min, max } => {
            let number = match &value {
                ValueKind::Float(number) => Some(*number),
                #[expect(clippy::cast_precision_loss, reason = "far beyond every bound where it would lose any")]
                ValueKind::I64(number) => Some(*number as f64),
                ValueKind::String(text) if from_text => text.trim().parse().ok(),
                _ => None,
            };
            number
                .filter(|number| (min..=max).contains(number))
                .map(ValueKind::Float)
                .ok_or_else(|| format!("needs a number from {min} to {max}, not {}", described(&value)))
        }
        Kind::Truth => match value {
            ValueKind::Boolean(value) => Ok(ValueKind::Boolean(value)),
            ValueKind::String(text) if from_text && text.trim() == "true" => Ok(ValueKind::Boolean(true)),
            ValueKind::String(text) if from_text && text.trim() == "false" => Ok(ValueKind::Boolean(false)),
            other => Err(format!("is true or false, not {}", described(&other))),
        },
        Kind::Choice(words) => match value {
            ValueKind::String(text) if words.contains(&text.as_str()) => Ok(ValueKind::String(text)),
            other => Err(format!("is one of {}, not {}", words.join(", "), described(&other))),
        },
    }
}

fn words(value: ValueKind) -> Result<ValueKind, String> {
    let wrong = || "needs a list of texts, or one text with spaces between them".to_owned();
    let mut list: Vec<String> = Vec::new();
    let mut split = |text: &str| list.extend(text.split_whitespace().map(str::to_owned));
    match value {
        ValueKind::String(text) => split(&text),
        ValueKind::Array(items) => {
            for item in items {
                match item.kind {
                    ValueKind::String(text) => split(&text),
                    _ => return Err(wrong()),
                }
            }
        }
        _ => return Err(wrong()),
    }
    Ok(ValueKind::Array(list.into_iter().map(|word| Value::new(None, word)).collect()))
}

/// A wrong value, as a message names it.
fn described(value: &ValueKind) -> String {
    match value {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Boolean(value) => value.to_string(),
        ValueKind::I64(value) => value.to_string(),
        ValueKind::I128(value) => value.to_string(),
        ValueKind::U64(value) => value.to_string(),
        ValueKind::U128(value) => value.to_string(),
        ValueKind::Float(value) => value.to_string(),
        ValueKind::String(text) => format!("\"{}\"", shown(text)),
        ValueKind::Table(_) => "a section".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
    }
}

/// All settings after the layers were laid upon each other, read by the path of their key. Not `Debug`: some are
/// secrets.
pub(super) struct Values(pub(super) Value);

impl Values {
    fn value(&self, path: &str) -> Result<&Value, ConfigError> {
        let missing = || ConfigError::new(format!("{path} has no value; please report this"));
        path.split('.').try_fold(&self.0, |value, step| match &value.kind {
            ValueKind::Table(section) => section.get(step).ok_or_else(missing),
            _ => Err(missing()),
        })
    }

    fn typed<T>(
        &self,
        path: &str,
        read: impl FnOnce(Value) -> Result<T, config::ConfigError>,
    ) -> Result<T, ConfigError> {
        debug_assert!(keys::find(path).is_some(), "{path} is in the table of keys");
        // The layers were checked against the same table, so this is no place where a user's mistake shows.
        read(self.value(path)?.clone())
            .map_err(|error| ConfigError::new(format!("{path}: {}", shown(&error.to_string()))))
    }

    pub(super) fn text(&self, path: &str) -> Result<String, ConfigError> {
        self.typed(path, Value::into_string)
    }

    /// `None` for an empty text.
    pub(super) fn optional_text(&self, path: &str) -> Result<Option<String>, ConfigError> {
        Ok(Some(self.text(path)?).filter(|text| !text.trim().is_empty()))
    }

    pub(super) fn whole<T: TryFrom<i64>>(&self, path: &str) -> Result<T, ConfigError> {
        let number = self.typed(path, Value::into_int)?;
        T::try_from(number).map_err(|_| ConfigError::new(format!("{path} cannot be {number} here")))
    }

    pub(super) fn real(&self, path: &str) -> Result<f64, ConfigError> {
        self.typed(path, Value::into_float)
    }

    pub(super) fn truth(&self, path: &str) -> Result<bool, ConfigError> {
        self.typed(path, Value::into_bool)
    }

    pub(super) fn secrets(&self, path: &str) -> Result<Vec<SecretString>, ConfigError> {
        let list = self.typed(path, Value::into_array)?;
        Ok(list.into_iter().filter_map(|secret| secret.into_string().ok()).map(SecretString::from).collect())
    }

    pub(super) fn words(&self, path: &str) -> Result<Vec<String>, ConfigError> {
        let list = self.typed(path, Value::into_array)?;
        Ok(list.into_iter().filter_map(|word| word.into_string().ok()).collect())
    }

    pub(super) fn subscribers(&self, path: &str) -> Result<Vec<Subscriber>, ConfigError> {
        let list = self.typed(path, Value::into_array)?;
        subscribers::read(&list).map_err(|problem| ConfigError::new(format!("{path}: {problem}")))
    }

    /// Where the value was set, for messages; `None` for a default.
    pub(super) fn origin(&self, path: &str) -> Option<&str> {
        self.value(path).ok()?.origin()
    }
}
