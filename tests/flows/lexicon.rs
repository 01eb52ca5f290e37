//! The same way without Ollama: the lexicon writes, the built-in model embeds.

use serde_json::json;

use crate::support::binary::{Home, eventually};

#[tokio::test]
async fn a_webhook_ends_in_a_tag_found_by_words_and_by_meaning_without_any_server() {
    let home = Home::without_ollama();
    let server = home.serve(&[]).await;
    let event = json!({
        "type": "tag.created", "timestamp": "2026-11-22T10:00:00Z",
        "data": { "tag_type": "genre", "tag_name": "drum & bass" },
    });
    let (status, accepted) = server.webhook("msg_lexicon", &event).await;
    assert_eq!(status, 202);
    let row = eventually("the synonyms are there", async || {
        let (status, row) = server.get("/api/synonyms/genre/drum%20and%20bass").await;
        (status == 200).then_some(row)
    })
    .await;
    assert_eq!(row["source"], json!("lexicon"));
    let (_, job) = server.get(&format!("/api/jobs/{}", accepted["job_id"])).await;
    assert_eq!(job["result"]["outcome"], "saved");

    let answer = server.search("dnb").await;
    assert_eq!(answer["results"][0]["tag_name"], "drum & bass");
    assert_eq!(answer["results"][0]["match"]["kind"], "alias");
    assert_eq!(answer["degraded"], json!([]));

    server.settled().await;
    let (_, row) = server.get("/api/synonyms/genre/drum%20and%20bass").await;
    assert_eq!(row["embedding"]["dimensions"], 384, "{row}");
    let answer = server.search("frantic electronic dance music with chopped up percussion").await;
    assert_eq!(answer["results"][0]["tag_name"], "drum & bass", "{answer}");
    assert!(answer["results"][0]["vector_score"].as_f64().unwrap() > 0.5, "{answer}");
}
