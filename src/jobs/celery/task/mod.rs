//! A message becomes a task to be taken in, or a refusal that its sender is told: nobody waits for an answer that never comes.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::wire;
use crate::{
    domain::{TagName, TagType, Timestamp, TraceId},
    store::{CeleryAnswer, CeleryFailure, CeleryRequest, CeleryWork, NewCeleryTask},
};

/// The task that writes the synonyms of one tag.
pub(super) const GENERATE: &str = "synonym.generate_synonyms_for_tag";
/// The task that has those of all tags of a type written that have none.
pub(super) const GENERATE_ALL: &str = "synonym.generate_all_synonyms";
/// All tasks that are done.
pub(super) const TASKS: [&str; 2] = [GENERATE_ALL, GENERATE];

/// Longest id of a task in bytes; Celery's own have 36.
const MAX_ID_BYTES: usize = 255;

/// Most later tasks that are told of a refusal.
const MAX_LATER_TASKS: usize = 1000;

/// Most names of related tags that are kept.
const MAX_RELATED_TAGS: usize = 10;

/// What a message turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    /// A task that can be done.
    Task(NewCeleryTask),
    /// One that is answered at once; `ids`: its own, and those of the tasks that would have followed.
    Answered {
        /// Who is told.
        ids: Vec<String>,
        /// What is told.
        answer: CeleryAnswer,
        /// Whether nobody wants to know.
        ignore_result: bool,
    },
    /// One without an id: there is nobody to tell.
    Unreadable(String),
}

/// Reads a message as it lay in the queue, at a moment.
pub(super) fn read(raw: &str, now: Timestamp) -> Reading {
    let message: Value = match serde_json::from_str(raw) {
        Ok(message) => message,
        Err(error) => return Reading::Unreadable(format!("the message is not JSON: {error}")),
    };
    let body = wire::body(&message);
    let headers = &message["headers"];
    // The first protocol has everything in its body.
    let first_protocol = headers["task"].is_null() && body.as_ref().is_ok_and(Value::is_object);
    let id = if first_protocol { body.as_ref().map_or(&Value::Null, |body| &body["id"]) } else { &headers["id"] };
    let Some(id) = id.as_str().filter(|id| is_id(id)).map(str::to_owned) else {
        return Reading::Unreadable("the message names no task id".to_owned());
    };
    let ignore_result = headers["ignore_result"].as_bool().unwrap_or_default();
    let mut ids = vec![id.clone()];
    let read = if first_protocol {
        Err(refusal("messages of protocol 1 are not taken: leave task_protocol at 2"))
    } else {
        understand(&message, body, &mut ids, &id, now)
    };
    match read {
        Ok(task) if task.expires_at.is_some_and(|expires| expires <= now) => {
            Reading::Answered { ids, answer: expired(), ignore_result }
        }
        Ok(task) => Reading::Task(task),
        Err(failure) => Reading::Answered { ids, answer: CeleryAnswer::Failure(failure), ignore_result },
    }
}

/// What a task is answered with that was to be begun earlier.
pub(super) fn expired() -> CeleryAnswer {
    revoked("expired")
}

/// What a task is answered with that was taken back.
pub(super) fn revoked(reason: &str) -> CeleryAnswer {
    CeleryAnswer::Revoked(CeleryFailure::new("celery.exceptions", "TaskRevokedError", reason))
}

fn refusal(reason: &str) -> CeleryFailure {
    CeleryFailure::new("builtins", "NotImplementedError", reason)
}

/// Ids go into keys of Redis and into the database.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID_BYTES && !id.chars().any(char::is_control)
}

fn understand(
    message: &Value,
    body: Result<Value, String>,
    ids: &mut Vec<String>,
    id: &str,
    now: Timestamp,
) -> Result<NewCeleryTask, CeleryFailure> {
    let headers = &message["headers"];
    if !headers["compression"].is_null() {
        return Err(refusal("compressed messages are not taken: send without compression"));
    }
    if message["content-type"] != "application/json" {
        let kind = message["content-type"].as_str().unwrap_or("without a content type");
        return Err(refusal(&format!("only JSON is taken, this is {kind}: send with serializer='json'")));
    }
    let body = body.map_err(|problem| CeleryFailure::new("builtins", "ValueError", problem))?;
    let (Some(args), Some(kwargs)) = (body[0].as_array(), body[1].as_object()) else {
        return Err(CeleryFailure::new("builtins", "ValueError", "the body is not [args, kwargs, embed]"));
    };
    refuse_followers(&body[2], ids)?;
    let name = headers["task"].as_str().unwrap_or_default();
    let work = match name {
        GENERATE => generate(args, kwargs)?,
        GENERATE_ALL => generate_all(args, kwargs)?,
        other => return Err(CeleryFailure::new("celery.exceptions", "NotRegistered", other)),
    };
    let (hard_limit, soft_limit) = (&headers["timelimit"][0], &headers["timelimit"][1]);
    let request = CeleryRequest {
        work,
        priority: priority(&message["properties"]["priority"]),
        ignore_result: headers["ignore_result"].as_bool().unwrap_or_default(),
        soft_limit: soft_limit.as_f64().filter(|seconds| *seconds > 0.0),
        hard_limit: hard_limit.as_f64().filter(|seconds| *seconds > 0.0),
        trace_id: headers["traceparent"].as_str().and_then(TraceId::of_traceparent),
    };
    let expires_at = moment(&headers["expires"], "expires")?.or_else(|| expiration(message, now));
    Ok(NewCeleryTask { id: id.to_owned(), request, run_at: moment(&headers["eta"], "eta")?, expires_at })
}

/// Tasks that others depend on: what would follow is told that it will not come.
fn refuse_followers(embed: &Value, ids: &mut Vec<String>) -> Result<(), CeleryFailure> {
    let is_there = |name: &str| match &embed[name] {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        _ => true,
    };
    let found = ["chain", "chord", "callbacks", "errbacks"].into_iter().find(|name| is_there(name));
    let Some(found) = found else { return Ok(()) };
    collect_ids(embed, ids);
    let what = match found {
        "chain" => "chains are",
        "chord" => "chords are",
        _ => "linked tasks (link, link_error) are",
    };
    Err(refusal(&format!("{what} not taken: send each task by itself, and the next when its result is there")))
}

/// The ids of the tasks described anywhere within.
fn collect_ids(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(id) = value["options"]["task_id"].as_str()
                && is_id(id)
                && ids.len() < MAX_LATER_TASKS
                && !ids.iter().any(|known| known == id)
            {
                ids.push(id.to_owned());
            }
            map.values().for_each(|value| collect_ids(value, ids));
        }
        Value::Array(list) => list.iter().for_each(|value| collect_ids(value, ids)),
        _ => {}
    }
}

/// Celery on Redis takes 0 for the most urgent, and writes 0 where none was given: that counts as low here, and 1 as the most
/// urgent.
fn priority(value: &Value) -> u8 {
    match value.as_i64() {
        Some(urgent @ 1..=9) => u8::try_from(10 - urgent).unwrap_or(1),
        _ => 1,
    }
}

/// An argument by its place or its name.
struct Arguments<'a> {
    args: &'a [Value],
    kwargs: &'a Map<String, Value>,
    names: &'static [&'static str],
}

impl<'a> Arguments<'a> {
    /// # Errors
    /// A `TypeError`, as Python's own, for arguments that the function does not have.
    fn new(
        args: &'a [Value],
        kwargs: &'a Map<String, Value>,
        names: &'static [&'static str],
    ) -> Result<Self, CeleryFailure> {
        let type_error = |message: String| CeleryFailure::new("builtins", "TypeError", message);
        if args.len() > names.len() {
            return Err(type_error(format!("takes at most {} arguments, {} were given", names.len(), args.len())));
        }
        if let Some(unknown) = kwargs.keys().find(|key| !names.contains(&key.as_str())) {
            let known = names.join(", ");
            return Err(type_error(format!("got an unexpected keyword argument '{unknown}'; there are {known}")));
        }
        Ok(Self { args, kwargs, names })
    }

    fn get(&self, name: &str) -> &'a Value {
        let by_place = self.names.iter().position(|known| *known == name).and_then(|place| self.args.get(place));
        by_place.or_else(|| self.kwargs.get(name)).unwrap_or(&Value::Null)
    }

    fn text(&self, name: &str) -> Result<&'a str, CeleryFailure> {
        match self.get(name) {
            Value::String(text) => Ok(text),
            Value::Null => Err(CeleryFailure::new("builtins", "TypeError", format!("{name} is missing"))),
            _ => Err(CeleryFailure::new("builtins", "TypeError", format!("{name} is no text"))),
        }
    }

    fn tag_type(&self) -> Result<TagType, CeleryFailure> {
        self.text("tag_type")?.parse().map_err(|problem: String| CeleryFailure::new("builtins", "ValueError", problem))
    }

    fn truth(&self, name: &str) -> Result<bool, CeleryFailure> {
        match self.get(name) {
            Value::Null => Ok(false),
            Value::Bool(truth) => Ok(*truth),
            _ => Err(CeleryFailure::new("builtins", "TypeError", format!("{name} is True or False"))),
        }
    }
}

fn generate(args: &[Value], kwargs: &Map<String, Value>) -> Result<CeleryWork, CeleryFailure> {
    let arguments = Arguments::new(args, kwargs, &["tag_type", "tag_name", "force", "related_tags"])?;
    let value_error = |problem: String| CeleryFailure::new("builtins", "ValueError", problem);
    let name = TagName::parse(arguments.text("tag_name")?).map_err(|error| value_error(error.to_string()))?;
    let related_tags = match arguments.get("related_tags") {
        Value::Null => Vec::new(),
        Value::Array(names) => names
            .iter()
            // A name that is none only helps less.
            .filter_map(|name| Some(TagName::parse(name.as_str()?).ok()?.as_str().to_owned()))
            .take(MAX_RELATED_TAGS)
            .collect(),
        _ => return Err(CeleryFailure::new("builtins", "TypeError", "related_tags is a list of names")),
    };
    Ok(CeleryWork::Generate {
        tag_type: arguments.tag_type()?,
        tag_name: name.as_str().to_owned(),
        force: arguments.truth("force")?,
        related_tags,
    })
}

fn generate_all(args: &[Value], kwargs: &Map<String, Value>) -> Result<CeleryWork, CeleryFailure> {
    let arguments = Arguments::new(args, kwargs, &["tag_type", "force"])?;
    Ok(CeleryWork::GenerateAll { tag_type: arguments.tag_type()?, force: arguments.truth("force")? })
}

/// A moment as Celery writes it (ISO 8601); one without a zone is UTC.
fn moment(value: &Value, name: &str) -> Result<Option<Timestamp>, CeleryFailure> {
    let wrong = || CeleryFailure::new("builtins", "ValueError", format!("{name} is no moment"));
    match value {
        Value::Null => Ok(None),
        Value::String(text) => {
            let with_zone = DateTime::parse_from_rfc3339(text).map(|moment| moment.with_timezone(&Utc));
            with_zone
                .or_else(|_| text.parse::<NaiveDateTime>().map(|moment| moment.and_utc()))
                .map(Some)
                .map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

/// The milliseconds that a message is good for.
fn expiration(message: &Value, now: Timestamp) -> Option<Timestamp> {
    let millis: i64 = match &message["properties"]["expiration"] {
        Value::String(text) => text.parse().ok()?,
        Value::Number(number) => number.as_i64()?,
        _ => return None,
    };
    now.checked_add_signed(TimeDelta::try_milliseconds(millis)?)
}

#[cfg(test)]
mod tests;
