//! How layers become settings, and that `config.example.toml` says what the table of keys does.

use std::fs;

use secrecy::ExposeSecret;

use super::*;

const HOME: (&str, &str) = ("HOME", "/home/ada");

fn load_with(file: &str, variables: &[(&str, &str)], flags: &Flags) -> Result<Settings, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        fs::write(folder.path().join(FILE_NAME), file).unwrap();
    }
    let mut variables = variables.to_vec();
    variables.push(HOME);
    let environment = Environment { working_folder: folder.path().to_owned(), ..Environment::of(&variables) };
    load(flags, &environment)
}

fn problem(file: &str, variables: &[(&str, &str)]) -> String {
    let text = load_with(file, variables, &Flags::default()).unwrap_err().to_string();
    assert!(text.lines().count() <= 5, "{text}");
    text
}

#[test]
fn without_anything_set_the_database_lies_in_the_data_folder() {
    let settings = load_with("", &[], &Flags::default()).unwrap();
    let Database::Sqlite(path) = settings.database else { panic!("no file") };
    assert_eq!(path, Path::new("/home/ada/.local/share/musonym/musonym.db"));
    assert_eq!(settings.server.bind, "127.0.0.1:8177".parse().unwrap());
    assert!(settings.server.api_key.is_none() && settings.webhook_secrets.is_empty() && settings.file.is_none());
    assert_eq!(settings.generate.options, GenerateOptions::default());
    assert_eq!(settings.log.level, None);
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let file = "[server]\nbind = \"127.0.0.1:1\"\nmax_body_bytes = 2048\n[jobs]\nmax_attempts = 7\n";
    let variables = [("MUSONYM_SERVER__BIND", "127.0.0.1:2"), ("MUSONYM_JOBS__MAX_ATTEMPTS", "9")];
    let flags = Flags { bind: Some("127.0.0.1:3".into()), ..Flags::default() };
    let settings = load_with(file, &variables, &flags).unwrap();
    assert_eq!(settings.server.bind.port(), 3);
    assert_eq!(settings.jobs.max_attempts, 9);
    assert_eq!(settings.server.max_body_bytes, 2048);
}

#[test]
fn a_typing_error_names_the_place_and_the_nearest_key() {
    let text = problem("[server]\nbnd = \"127.0.0.1:1\"\n", &[]);
    assert!(text.contains("server.bnd") && text.contains(FILE_NAME) && text.contains("server.bind?"), "{text}");
    let text = problem("", &[("MUSONYM_SERVER__BND", "x")]);
    assert!(text.contains("MUSONYM_SERVER__BND") && text.contains("MUSONYM_SERVER__BIND?"), "{text}");
    let text = problem("bind = \"127.0.0.1:1\"\n", &[]);
    assert!(text.contains("did you mean server.bind?"), "{text}");
    let text = problem("[sever]\nbind = \"x\"\n", &[]);
    assert!(text.contains("[sever]") && text.contains("did you mean server?"), "{text}");
}

#[test]
fn wrong_types_and_ranges_name_the_bounds() {
    let text = problem("[jobs]\nmax_attempts = \"many\"\n", &[]);
    assert!(text.contains("jobs.max_attempts") && text.contains("from 1 to 100, not \"many\""), "{text}");
    let text = problem("", &[("MUSONYM_JOBS__MAX_ATTEMPTS", "0")]);
    assert!(text.contains("MUSONYM_JOBS__MAX_ATTEMPTS") && text.contains("from 1 to 100"), "{text}");
    let text = problem("[generate]\nprovider = \"llama\"\n", &[]);
    assert!(text.contains("auto, ollama, lexicon"), "{text}");
    let text = problem("[generate]\nmeaning_gate = \"yes\"\n", &[]);
    assert!(text.contains("generate.meaning_gate") && text.contains("is true or false, not \"yes\""), "{text}");
    let settings = load_with("", &[("MUSONYM_GENERATE__MEANING_GATE", "false")], &Flags::default()).unwrap();
    assert!(!settings.generate.meaning_gate);
    let text = problem("server = 3\n", &[]);
    assert!(text.contains("is a section"), "{text}");
    let text = problem("[generate]\nnum_predict = 4096\n", &[]);
    assert!(text.contains("num_ctx"), "{text}");
}

#[test]
fn however_many_problems_there_are_five_lines_tell_of_them() {
    let file = (0..20).map(|n| format!("nonsense_{n} = 1")).collect::<Vec<_>>().join("\n");
    let text = problem(&file, &[]);
    assert_eq!(text.lines().count(), 5);
    assert!(text.ends_with("and 16 more"), "{text}");
}

#[test]
fn broken_toml_names_the_line_and_keeps_the_secret() {
    let text = problem("[server]\napi_key = \"hunter2\nbind = 3\n", &[]);
    assert!(text.contains("line 2") && !text.contains("hunter2"), "{text}");
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "hunter2\n").unwrap();
    let variables = [("MUSONYM_API_KEY_FILE", path.to_str().unwrap()), ("MUSONYM_WEBHOOK_SECRET", "whsec_a  whsec_b")];
    let settings = load_with("", &variables, &Flags::default()).unwrap();
    assert_eq!(settings.server.api_key.as_ref().unwrap().expose_secret(), "hunter2");
    assert_eq!(settings.webhook_secrets.len(), 2);
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("whsec_a"), "{shown}");

    let text = problem("", &[("MUSONYM_API_KEY_FILE", "/nowhere/key")]);
    assert!(text.contains("MUSONYM_API_KEY_FILE") && text.contains("/nowhere/key"), "{text}");
    let text = problem("[server]\napi_key = \"två ord\"\n", &[]);
    assert!(text.contains("server.api_key") && !text.contains("ord"), "{text}");
}

#[test]
fn the_variable_of_a_key_that_ends_in_file_is_that_key() {
    let settings = load_with("", &[("MUSONYM_GENERATE__PROMPT_FILE", "/etc/prompt.txt")], &Flags::default()).unwrap();
    assert_eq!(settings.generate.prompt_file, Some("/etc/prompt.txt".into()));
}

#[test]
fn one_key_set_by_two_variables_is_refused_but_shared_variables_give_way() {
    let text = problem("", &[("MUSONYM_API_KEY", "a"), ("MUSONYM_SERVER__API_KEY", "b")]);
    assert!(text.contains("keep one"), "{text}");
    let variables = [("OLLAMA_HOST", "0.0.0.0"), ("MUSONYM_OLLAMA__HOST", "http://pi:11434")];
    let settings = load_with("", &variables, &Flags::default()).unwrap();
    assert_eq!(settings.ollama.host.expose_secret(), "http://pi:11434");
}

#[test]
fn empty_variables_and_those_of_kubernetes_are_no_settings() {
    let variables =
        [("MUSONYM_API_KEY", ""), ("MUSONYM_PORT", "tcp://10.0.0.1:80"), ("MUSONYM_SERVICE_HOST", "10.0.0.1")];
    assert!(load_with("", &variables, &Flags::default()).unwrap().server.api_key.is_none());
    assert!(problem("", &[("MUSONYM_PORT", "80")]).contains("MUSONYM_PORT"));
}

#[test]
fn database_urls_are_understood_or_explained() {
    let database = |url: &str| load_with("", &[("MUSONYM_DATABASE_URL", url)], &Flags::default()).map(|s| s.database);
    let is_file =
        |url: &str, file: &str| matches!(database(url).unwrap(), Database::Sqlite(path) if path == Path::new(file));
    assert!(is_file("sqlite:a/b.db", "a/b.db") && is_file("sqlite:///srv/b.db", "/srv/b.db"));
    let Database::Postgres(options) = database("postgres://u:hunter2@h/d").unwrap() else { panic!("no server") };
    assert_eq!(options.url.expose_secret(), "postgres://u:hunter2@h/d");
    assert!(!format!("{options:?}").contains("hunter2"));
    let refused = |url: &str| database(url).unwrap_err().to_string();
    assert!(
        refused("postgres:hunter2").contains("postgres://USER") && !refused("postgres:hunter2").contains("hunter2")
    );
    assert!(refused("music.db").contains("sqlite:music.db"));
    assert!(refused("sqlite::memory:").contains("needs a file"));
    assert!(refused("sqlite:").contains("names no file"));
    assert!(refused("mysql://x").contains("mysql"));
}

#[test]
fn tables_of_an_application_are_named_below_the_tag_type() {
    let file = "[database]\nurl = \"postgres://u@h/d\"\n[tags.genre]\nschema = \"app\"\ntable = \"genres\"\nname_column = \"label\"\n";
    let Database::Postgres(options) = load_with(file, &[], &Flags::default()).unwrap().database else { panic!() };
    assert_eq!(options.attached.iter().map(ToString::to_string).collect::<Vec<_>>(), ["app.genres (id, label)"]);
    let variables = [("MUSONYM_DATABASE_URL", "postgres://u@h/d"), ("MUSONYM_TAGS__MOOD__TABLE", "moods")];
    let Database::Postgres(options) = load_with("", &variables, &Flags::default()).unwrap().database else { panic!() };
    assert_eq!(options.attached.iter().map(ToString::to_string).collect::<Vec<_>>(), ["public.moods (id, name)"]);
    assert!(problem("[tags.genra]\ntable = \"x\"\n", &[]).contains("tags.genra"));
}

#[test]
fn cache_urls_are_understood_or_explained_and_never_shown() {
    let cache = |url: &str| load_with("", &[("MUSONYM_CACHE_URL", url)], &Flags::default()).map(|s| s.cache);
    assert!(cache("memory").unwrap().shared.is_none());
    let shared = cache("rediss://:hunter2@cache.example:6380/1").unwrap().shared.unwrap();
    assert_eq!(shared.url.expose_secret(), "rediss://:hunter2@cache.example:6380/1");
    assert_eq!(shared.budget, Duration::from_millis(50));
    assert!(!format!("{shared:?}").contains("hunter2"));
    for wrong in ["hunter2", "redis:hunter2", "redis://:hunter2@", "redis://h/hunter2"] {
        let problem = cache(wrong).unwrap_err().to_string();
        assert!(problem.contains("cache.url") && problem.contains("redis://"), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn a_misspelt_log_level_is_no_module() {
    let level = |level: &str| load_with("", &[("MUSONYM_LOG__LEVEL", level)], &Flags::default()).map(|s| s.log.level);
    assert_eq!(level("musonym=debug,warn").unwrap().as_deref(), Some("musonym=debug,warn"));
    assert!(level("inof").unwrap_err().to_string().contains("info"));
}

/// The example file with every setting in force: comment signs before keys and sections taken away.
fn example() -> String {
    let text = include_str!("../../config.example.toml");
    let is_setting = |line: &&str| line.starts_with('[') || (line.starts_with("# ") && is_assignment(&line[2..]));
    let settings: Vec<&str> = text.lines().filter(is_setting).map(|line| line.trim_start_matches("# ")).collect();
    settings.join(
        "
",
    )
}

fn is_assignment(line: &str) -> bool {
    line.split_once(" = ").is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

#[test]
fn the_example_file_has_every_key_with_its_default() {
    use config::{File, FileFormat, Source};
    let table = File::from_str(&example(), FileFormat::Toml).collect().unwrap();
    let mut found = Vec::new();
    let mut tables: Vec<(String, config::Value)> = table.into_iter().collect();
    while let Some((path, value)) = tables.pop() {
        match value.kind {
            config::ValueKind::Table(table) => {
                tables.extend(table.into_iter().map(|(name, value)| (format!("{path}.{name}"), value)));
            }
            kind => found.push((path, kind)),
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let mut expected: Vec<_> = keys::KEYS.iter().map(|key| (key.path.to_owned(), values::default(key))).collect();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, expected);
}

#[test]
fn the_example_file_as_it_stands_changes_nothing() {
    let settings = load_with(include_str!("../../config.example.toml"), &[], &Flags::default()).unwrap();
    assert_eq!(settings.log.level, None);
}

#[test]
fn celery_is_spoken_where_a_broker_is_named() {
    let load = |variables: &[(&str, &str)]| load_with("", variables, &Flags::default());
    assert!(load(&[]).unwrap().celery.is_none());
    let broker = ("MUSONYM_CELERY_BROKER_URL", "redis://:hunter2@broker.example/1");
    let settings = load(&[broker]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    let celery = settings.celery.unwrap();
    assert_eq!((celery.queue.as_str(), celery.prefetch, celery.visibility_timeout.as_secs()), ("synonym", 1000, 3600));
    assert_eq!(
        celery.result_url.expose_secret(),
        celery.broker_url.expose_secret(),
        "results go where tasks come from"
    );
    assert!(celery.hostname.starts_with("musonym@") && celery.hostname.len() > 8, "{}", celery.hostname);
    for (wrong, part) in [
        ([("MUSONYM_CELERY_BROKER_URL", "amqp://:hunter2@rabbit")].as_slice(), "celery.broker_url"),
        (&[broker, ("MUSONYM_CELERY__RESULT_URL", "db+sqlite:///hunter2")], "celery.result_url"),
        (&[broker, ("MUSONYM_CELERY__HOSTNAME", "no host")], "NAME@HOST"),
        (&[broker, ("MUSONYM_CELERY__QUEUE", "a\u{6}b")], "celery.queue"),
        (&[("MUSONYM_GENERATE__PROVIDER", "celery")], "MUSONYM_CELERY_BROKER_URL"),
    ] {
        let problem = load(wrong).unwrap_err().to_string();
        assert!(problem.contains(part) && !problem.contains("hunter2"), "{problem}");
    }
    assert_eq!(
        load(&[broker, ("MUSONYM_GENERATE__PROVIDER", "celery")]).unwrap().generate.provider,
        GenerateProvider::Celery
    );
}

#[test]
fn subscribers_are_tables_in_the_file_and_json_in_the_environment() {
    let file = "[[webhooks.subscribers]]\nurl = \"https://library.example/hook?token=hunter2\"\n\
                secret = \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"\nevents = [\"synonyms.updated\"]\n\
                [[webhooks.subscribers]]\nurl = \"http://app:8000/hook\"\nsecret = \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"\n";
    let settings = load_with(file, &[], &Flags::default()).unwrap();
    let subscribers = &settings.outbound.subscribers;
    assert_eq!(subscribers.iter().map(|it| it.events().len()).collect::<Vec<_>>(), [1, 3]);
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("C2FVsBQ"), "{shown}");
    let json = r#"[{"url": "http://app:8000/hook", "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}]"#;
    let variables =
        [("MUSONYM_WEBHOOKS__SUBSCRIBERS", json), ("MUSONYM_WEBHOOKS__ALLOWED_HOSTS", "a.example b.example")];
    let settings = load_with(file, &variables, &Flags::default()).unwrap();
    assert_eq!(settings.outbound.subscribers.len(), 1, "the environment wins");
    assert_eq!(settings.outbound.allowed_hosts, ["a.example", "b.example"]);
}

#[test]
fn a_wrong_subscriber_is_named_by_its_place_and_keeps_its_secrets() {
    let entry = |rest: &str| format!("[[webhooks.subscribers]]\nurl = \"https://hunter2.example/\"\n{rest}\n");
    let secret = "secret = \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"";
    let good = entry(secret);
    for (file, words) in [
        (entry(""), "secret is missing"),
        (entry("secret = 3"), "secret needs a text"),
        (entry("secret = \"hunter2\""), "base64"),
        (entry(&format!("{secret}\nevents = [\"synonyms.updatd\"]")), "synonyms.updated, synonyms.deactivated"),
        (entry(&format!("{secret}\nevents = \"synonyms.updated\"")), "list of texts"),
        (entry(&format!("{secret}\ntopics = []")), "`topics` is not a setting"),
        ("[webhooks]\nsubscribers = \"hunter2\"\n".to_owned(), "needs a list"),
    ] {
        let text = problem(&file, &[]);
        assert!(text.contains("webhooks.subscribers") && text.contains(words) && !text.contains("hunter2"), "{text}");
    }
    assert!(problem(&format!("{good}{good}"), &[]).contains("twice"));
    assert!(problem("", &[("MUSONYM_WEBHOOKS__SUBSCRIBERS", "[hunter2")]).contains("is no JSON (line 1"));
    assert!(problem("[webhooks]\nallowed_hosts = [\"https://a.example\"]\n", &[]).contains("without scheme"));
}
