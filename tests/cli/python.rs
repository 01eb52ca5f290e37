//! The Python client and the example that uses it, against a real server that is started as a user starts it.

use std::path::PathBuf;

use serde_json::json;
use tokio::process::Command;

use super::support::{
    binary::{Home, WEBHOOK_SECRET},
    services::client_python,
};

const KEY: &str = "key-of-the-python-client";

/// Signs what the example is told.
const HOOK_SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs pytest in a folder beside a server; the tests find it by `MUSONYM_URL`.
async fn pytest(python: PathBuf, folder: &str) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let subscriber = json!([{ "url": format!("http://127.0.0.1:{port}/hooks/musonym"), "secret": HOOK_SECRET }]);
    let home = Home::without_ollama()
        .with("MUSONYM_API_KEY", KEY)
        .with("MUSONYM_WEBHOOKS__SUBSCRIBERS", &subscriber.to_string())
        .with("MUSONYM_WEBHOOKS__RETRY_BASE_MS", "10");
    let server = home.serve(&[]).await;
    let output = Command::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "."])
        .current_dir(root().join(folder))
        .env("PYTHONPATH", root().join("clients/python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("MUSONYM_URL", &server.url)
        .env("MUSONYM_API_KEY", KEY)
        .env("MUSONYM_WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("MUSONYM_HOOK_SECRET", HOOK_SECRET)
        .env("EXAMPLE_PORT", port.to_string())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let (said, problems) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains(" passed"), "{folder}: {said}\n{problems}");
}

#[tokio::test]
async fn the_python_client_talks_to_a_real_server() {
    let Some(python) = client_python() else { return };
    pytest(python, "clients/python/tests").await;
}

#[tokio::test]
async fn the_fastapi_example_in_python_answers_as_its_dictionary_did_and_follows_changes() {
    let Some(python) = client_python() else { return };
    pytest(python, "examples/fastapi").await;
}

/// `python3 tools/make_python_client.py` writes it anew.
#[tokio::test]
async fn the_python_client_is_that_of_the_committed_openapi_document_and_its_types_hold() {
    let Some(python) = client_python() else { return };
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command.args(arguments).current_dir(root()).env("MYPYPATH", "clients/python/src");
        let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().await.unwrap();
        let (said, problems) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}{problems}");
    };
    run(&["tools/make_python_client.py", "--check"]).await;
    // Tests are part of it: they use the types as an application does.
    run(&["-m", "mypy", "--strict", "--cache-dir=/dev/null", "clients/python/src", "clients/python/tests"]).await;
}
