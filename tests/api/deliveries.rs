//! Webhooks to subscribers: the lane that sends them, before a real receiver, and the API that shows what has become of them.

use std::{sync::Arc, time::Duration};

use musonym::{
    domain::OutboundKind,
    jobs::outbound::{Outbound, OutboundSettings, Subscriber},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    support::{
        binary::eventually,
        receiver::{RECEIVER_SECRET, Received, Receiver, Reply},
        server::TestServer,
    },
    write_genre,
};

const PATH: &str = "/api/webhooks/deliveries";
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A lane that runs until it is dropped, as a process that is killed.
struct Lane {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Lane {
    /// Delays of a thousandth of the usual, and three attempts.
    fn settings(receivers: &[&Receiver]) -> OutboundSettings {
        let subscribers = receivers.iter().map(|receiver| subscriber(&receiver.url, RECEIVER_SECRET, &[])).collect();
        OutboundSettings {
            subscribers,
            allowed_hosts: Vec::new(),
            timeout: Duration::from_secs(60),
            retry_base: Duration::from_millis(5),
            max_attempts: 3,
            lease: Duration::from_secs(65),
        }
    }

    /// Starts one, and waits until its subscribers are known.
    async fn start(server: &TestServer, settings: OutboundSettings) -> Self {
        let known = settings.subscribers.len();
        let stop = CancellationToken::new();
        let outbound = Arc::new(Outbound::new(server.store.clone(), settings).unwrap());
        let running = tokio::spawn(outbound.run(stop.clone()));
        eventually("the subscribers are known", async || {
            (server.store.outbound_subscribers().await.unwrap().len() == known).then_some(())
        })
        .await;
        Self { stop, running }
    }

    /// Lets it end as it should.
    async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.running).await.unwrap();
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn subscriber(url: &str, secret: &str, events: &[OutboundKind]) -> Subscriber {
    Subscriber::parse(url, &secret.into(), events.to_vec()).unwrap()
}

/// The deliveries in this state, once they are so many.
async fn deliveries(server: &TestServer, state: &str, count: usize) -> Vec<Value> {
    eventually("the deliveries stand so", async || {
        let page = server.get(&format!("{PATH}?state={state}")).await.json(200);
        Some(page["items"].as_array().unwrap().clone()).filter(|items| items.len() == count)
    })
    .await
}

fn ids(told: &[Received]) -> Vec<&str> {
    told.iter().map(Received::id).collect()
}

#[tokio::test]
async fn changes_arrive_signed_by_every_secret_and_are_told_once() {
    let (server, receiver) = (TestServer::start().await, Receiver::start().await);
    let both = format!("{RECEIVER_SECRET} {OTHER_SECRET}");
    let mut settings = Lane::settings(&[]);
    let events = [OutboundKind::SynonymsUpdated, OutboundKind::SynonymsDeactivated];
    settings.subscribers = vec![subscriber(&receiver.url, &both, &events)];
    let lane = Lane::start(&server, settings).await;
    let row = write_genre(&server, "dub").await;
    let first = receiver.wait_for(1).await.remove(0);
    let said = first.verified(RECEIVER_SECRET);
    assert_eq!(first.verified(OTHER_SECRET), said);
    assert_eq!(first.headers["content-type"], "application/json");
    assert!(first.headers["user-agent"].to_str().unwrap().starts_with("musonym/"));
    assert_eq!(said["type"], "synonyms.updated");
    assert!(said["timestamp"].as_str().unwrap().ends_with('Z'), "{said}");
    let data = json!({
        "synonym_id": row["id"], "tag_type": "genre", "tag_id": row["tag_id"], "tag_name": "dub", "version": 1, "source": "manual",
    });
    assert_eq!(said["data"], data);
    server.delete(&format!("/api/synonyms/{}", row["id"])).await.empty(204);
    let second = receiver.wait_for(2).await.remove(1).verified(RECEIVER_SECRET);
    assert_eq!((&second["type"], &second["data"]["reason"]), (&json!("synonyms.deactivated"), &json!("deactivated")));
    let done = deliveries(&server, "delivered", 2).await;
    assert_eq!(done[1]["webhook_id"], first.id());
    assert_eq!(
        (&done[1]["last_status"], &done[1]["attempts"], &done[1]["next_at"]),
        (&json!(204), &json!(1), &Value::Null)
    );
    lane.stop().await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_under_its_id_until_it_is() {
    let (server, receiver) = (TestServer::start().await, Receiver::start().await);
    receiver.reply([Reply::Status(500), Reply::Status(404)]);
    let _lane = Lane::start(&server, Lane::settings(&[&receiver])).await;
    write_genre(&server, "dub").await;
    let told = receiver.wait_for(3).await;
    assert_eq!(ids(&told), [told[0].id(); 3]);
    assert!(told.iter().all(|one| one.body == told[0].body), "what is told stays the same");
    let done = deliveries(&server, "delivered", 1).await.remove(0);
    let log: Vec<&Value> = done["log"].as_array().unwrap().iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(log, [500, 404, 204]);
    assert_eq!(done["last_error"], Value::Null);
    assert!(done["log"][0]["error"].as_str().unwrap().contains("500"), "{done}");
}

#[tokio::test]
async fn who_hangs_holds_up_no_other() {
    let (server, hangs, takes) = (TestServer::start().await, Receiver::start().await, Receiver::start().await);
    hangs.reply([Reply::Hang]);
    let _lane = Lane::start(&server, Lane::settings(&[&hangs, &takes])).await;
    write_genre(&server, "dub").await;
    hangs.wait_for(1).await;
    deliveries(&server, "delivered", 1).await;
    let pending = deliveries(&server, "pending", 1).await.remove(0);
    assert_eq!(
        (&pending["url"], &pending["log"]),
        (&json!(hangs.url), &json!([])),
        "it was still being sent: {pending}"
    );
}

#[tokio::test]
async fn who_never_answers_is_given_up() {
    let (server, receiver) = (TestServer::start().await, Receiver::start().await);
    receiver.reply([Reply::Hang, Reply::Hang, Reply::Hang]);
    let settings = OutboundSettings { timeout: Duration::from_millis(200), ..Lane::settings(&[&receiver]) };
    let _lane = Lane::start(&server, settings).await;
    write_genre(&server, "dub").await;
    let dead = deliveries(&server, "dead", 1).await.remove(0);
    assert_eq!((&dead["attempts"], &dead["last_status"]), (&json!(3), &Value::Null));
    assert!(dead["last_error"].as_str().unwrap().contains("no answer in time"), "{dead}");
}

#[tokio::test]
async fn a_dead_letter_is_sent_again_when_a_person_asks() {
    let (server, receiver) = (TestServer::start().await, Receiver::start().await);
    receiver.reply([Reply::Status(500), Reply::Status(500), Reply::Status(500)]);
    let _lane = Lane::start(&server, Lane::settings(&[&receiver])).await;
    write_genre(&server, "dub").await;
    let dead = deliveries(&server, "dead", 1).await.remove(0);
    assert_eq!(receiver.received().len(), 3);
    let again = server.post(&format!("{PATH}/{}/retry", dead["id"]), json!({})).await.json(200);
    assert_eq!((&again["attempts"], &again["webhook_id"]), (&json!(0), &dead["webhook_id"]));
    let told = receiver.wait_for(4).await;
    assert_eq!(ids(&told), [dead["webhook_id"].as_str().unwrap(); 4]);
    deliveries(&server, "delivered", 1).await;
    server.post(&format!("{PATH}/999/retry"), json!({})).await.problem(404, "not_found");
    server.post(&format!("{PATH}/x/retry"), json!({})).await.problem(400, "invalid_id");
    server.get(&format!("{PATH}?state=asleep")).await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn who_answers_410_is_disabled_and_told_nothing_more() {
    let (server, receiver) = (TestServer::start().await, Receiver::start().await);
    receiver.reply([Reply::Status(410)]);
    let _lane = Lane::start(&server, Lane::settings(&[&receiver])).await;
    write_genre(&server, "dub").await;
    let dead = deliveries(&server, "dead", 1).await.remove(0);
    write_genre(&server, "ska").await;
    let page = server.get(PATH).await.json(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "nothing is written down for it: {page}");
    assert!(page["subscribers"][0]["disabled_at"].is_string(), "{page}");
    let refused = server.post(&format!("{PATH}/{}/retry", dead["id"]), json!({})).await;
    assert!(refused.problem(409, "conflict").contains("musonym webhooks test"));
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (server, receiver, elsewhere) = (TestServer::start().await, Receiver::start().await, Receiver::start().await);
    receiver.reply([0; 3].map(|_| Reply::Redirect(elsewhere.url.clone())));
    let _lane = Lane::start(&server, Lane::settings(&[&receiver])).await;
    write_genre(&server, "dub").await;
    let dead = deliveries(&server, "dead", 1).await.remove(0);
    assert!(dead["last_error"].as_str().unwrap().contains("redirects are not followed"), "{dead}");
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn an_answer_that_asks_for_time_gets_it() {
    let (server, receiver) = (TestServer::start().await, Receiver::start().await);
    receiver.reply([Reply::RetryAfter(3600)]);
    let _lane = Lane::start(&server, Lane::settings(&[&receiver])).await;
    write_genre(&server, "dub").await;
    eventually("the attempt is written down", async || {
        let page = server.get(&format!("{PATH}?state=pending")).await.json(200);
        let waiting = &page["items"][0];
        let next: chrono::DateTime<chrono::Utc> = waiting["next_at"].as_str()?.parse().unwrap();
        let is_late = next > chrono::Utc::now() + chrono::Duration::minutes(55);
        (waiting["last_status"] == 503 && is_late).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_process_was_sending_is_sent_again_under_its_id() {
    let (server, receiver) = (TestServer::start().await, Receiver::start().await);
    receiver.reply([Reply::Hang]);
    let settings = OutboundSettings { lease: Duration::from_millis(200), ..Lane::settings(&[&receiver]) };
    let killed = Lane::start(&server, settings.clone()).await;
    write_genre(&server, "dub").await;
    receiver.wait_for(1).await;
    drop(killed);
    let _lane = Lane::start(&server, settings).await;
    let told = receiver.wait_for(2).await;
    assert_eq!(told[0].id(), told[1].id());
    let done = deliveries(&server, "delivered", 1).await.remove(0);
    assert!(done["attempts"].as_i64().unwrap() >= 2, "{done}");
}

#[tokio::test]
async fn what_happens_while_nobody_sends_is_sent_later() {
    let (server, receiver) = (TestServer::start().await, Receiver::start().await);
    Lane::start(&server, Lane::settings(&[&receiver])).await.stop().await;
    for number in 0..9 {
        write_genre(&server, &format!("genre {number}")).await;
    }
    deliveries(&server, "pending", 9).await;
    let _lane = Lane::start(&server, Lane::settings(&[&receiver])).await;
    let told = receiver.wait_for(9).await;
    let mut names: Vec<String> =
        told.iter().map(|one| one.verified(RECEIVER_SECRET)["data"]["tag_name"].to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 9);
    deliveries(&server, "delivered", 9).await;
}
