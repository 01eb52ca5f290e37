//! Webhooks to subscribers from the command line, and from a server that is killed.

use serde_json::json;

use super::{Home, Ran};
use crate::support::{
    binary::{self, eventually, kill_9},
    receiver::{RECEIVER_SECRET, Receiver, Reply},
};

/// The setting that names this receiver.
fn subscribers(receiver: &Receiver) -> String {
    json!([{ "url": format!("{}?token=hunter2", receiver.url), "secret": RECEIVER_SECRET }]).to_string()
}

/// Runs the program beside the receiver, which needs this runtime meanwhile.
async fn run(home: &Home, subscribers: &str, args: &[&str]) -> Ran {
    let mut command = home.command(args);
    command.env("MUSONYM_WEBHOOKS__SUBSCRIBERS", subscribers);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let ran = Ran::of(output);
    for secret in ["hunter2", RECEIVER_SECRET] {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{ran:?}");
    }
    ran
}

#[test]
fn without_subscribers_it_says_where_they_are_named() {
    let home = Home::new();
    home.run(&["webhooks", "test"]).refused(1, &["[[webhooks.subscribers]]"]);
    assert!(home.run(&["webhooks", "list"]).succeeded().stderr.contains("nobody is told"));
    home.run(&["webhooks", "retry", "7"]).refused(1, &["delivery 7"]);
}

#[tokio::test]
async fn a_test_is_signed_and_says_what_came_of_it() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let named = subscribers(&receiver);
    let ran = run(&home, &named, &["webhooks", "test"]).await.succeeded();
    assert!(ran.stdout.starts_with(&format!("{}: taken in ", receiver.url)), "{ran:?}");
    assert_eq!(receiver.received()[0].verified(RECEIVER_SECRET)["type"], "webhooks.test");
    receiver.reply([Reply::Status(403)]);
    let ran = run(&home, &named, &["webhooks", "test", "127.0.0.1", "--json"]).await;
    assert_eq!((ran.code, &ran.json()[0]["attempt"]["status"]), (1, &json!(403)), "{ran:?}");
    run(&home, &named, &["webhooks", "test", "elsewhere"]).await.refused(1, &["elsewhere"]);
}

#[tokio::test]
async fn a_server_that_is_killed_after_sending_sends_again_and_the_list_tells() {
    let receiver = Receiver::start().await;
    let home = binary::Home::without_ollama()
        .with("MUSONYM_WEBHOOKS__SUBSCRIBERS", &subscribers(&receiver))
        .with("MUSONYM_WEBHOOKS__TIMEOUT_SECONDS", "1");
    let mut server = home.serve(&[]).await;
    receiver.reply([Reply::Hang]);
    let synonyms = json!({ "search_terms": ["riddim"] });
    server.post("/api/synonyms", json!({ "tag_type": "genre", "tag_name": "dub", "synonyms": synonyms }), 201).await;
    receiver.wait_for(1).await;
    kill_9(&mut server.child).await;
    let server = home.serve(&[]).await;
    let told = receiver.wait_for(2).await;
    assert_eq!(told[0].id(), told[1].id());
    let delivered = eventually("it is delivered", async || {
        let (_, page) = server.get("/api/webhooks/deliveries?state=delivered").await;
        page["items"].as_array()?.first().cloned()
    })
    .await;
    let list = home.run(&["webhooks", "list", "--state", "delivered"]).await;
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains("synonyms.updated") && list.contains("dub") && !list.contains("hunter2"), "{list}");
    let doctor = String::from_utf8(home.run(&["doctor"]).await.stdout).unwrap();
    assert!(doctor.contains("1 subscriber\n"), "{doctor}");
    home.run(&["webhooks", "retry", &delivered["id"].to_string()]).await;
    let told = receiver.wait_for(3).await;
    assert_eq!(told[2].id(), told[0].id(), "sent again by the server that runs");
}
