//! `musonym mcp`, as an agent's host starts it.

use std::process::Command;

use serde_json::{Value, json};

use super::Home;
use crate::support::services::required;

/// A library of two tags.
fn library() -> Home {
    let row = |tag_type: &str, name: &str, term: &str| {
        let term = json!({
            "section": "search_terms", "lang": null, "term": term, "source": "manual", "confidence": 1.0, "status": "active",
        });
        json!({ "tag_type": tag_type, "name": name, "synonyms": {
            "source": "manual", "confidence": 1.0, "is_active": true, "terms": [term] } })
        .to_string()
    };
    Home::importing(&[row("genre", "drum and bass", "dnb"), row("mood", "calm", "quiet")].join("\n"))
}

/// One message a line, as the protocol has it on stdio.
#[test]
fn an_agent_lists_and_calls_tools_over_stdin_and_stdout() {
    let home = library();
    let messages = [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }),
    ];
    let input: String = messages.iter().map(|message| format!("{message}\n")).collect();
    let ran = home.run_with_input(&["mcp"], input.as_bytes()).succeeded();
    let answers = ran.json();
    let answer = |id: i64| answers.iter().find(|answer| answer["id"] == id).unwrap_or_else(|| panic!("{ran:?}"));
    assert_eq!(answer(1)["result"]["serverInfo"]["name"], "musonym");
    let tools = answer(2)["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["search_tags", "get_synonyms", "resolve_tags", "summarize_track"]);
    assert!(tools.iter().all(|tool| tool["inputSchema"]["type"] == "object"), "{tools:?}");
}

#[test]
fn an_agent_that_says_nothing_is_no_failure() {
    let ran = library().run_with_input(&["mcp"], b"").succeeded();
    assert_eq!(ran.stdout, "");
}

#[test]
fn the_reference_client_calls_every_tool() {
    let Some(python) = required("MUSONYM_TEST_MCP_PYTHON") else { return };
    let home = library();
    // Where `Home` keeps its database.
    let database = format!("sqlite:{}", home.path().join("mcp.db").display());
    home.run(&["import", "rows.jsonl", "--database", &database]).succeeded();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/mcp_client.py");
    let output = Command::new(python)
        .args([script, env!("CARGO_BIN_EXE_musonym"), &database])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("OLLAMA_HOST", "127.0.0.1:9")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let told: Value = serde_json::from_str(said.trim())
        .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
    let called = |name: &str| -> Value {
        let call = &told["calls"][name];
        assert_eq!(call["is_error"], false, "{told}");
        serde_json::from_str(call["text"].as_str().unwrap()).unwrap()
    };
    assert_eq!(told["tools"].as_array().unwrap().len(), 4);
    assert_eq!(called("search_tags")["results"][0]["tag_name"], "drum and bass");
    assert_eq!(called("get_synonyms")["synonyms"]["search_terms"], json!(["dnb"]));
    let resolved = called("resolve_tags");
    let names: Vec<&Value> =
        resolved["results"][0]["tags"].as_array().unwrap().iter().map(|tag| &tag["tag_name"]).collect();
    assert_eq!(names, ["drum and bass", "calm"], "{resolved}");
    assert_eq!(resolved["results"][1]["not_resolved"][0]["kind"], "unknown", "{resolved}");
    let summary = called("summarize_track");
    assert!(summary["text"].as_str().unwrap().contains("Ambiance : calm."), "{summary}");
    assert_eq!(told["missing"]["is_error"], true, "{told}");
    assert!(told["missing"]["text"].as_str().unwrap().contains("search_tags"), "{told}");
    assert_eq!(told["wrong"]["is_error"], true, "{told}");
}
