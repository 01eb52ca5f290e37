//! Signed webhook → job → fake Ollama → gates → synonyms → vector → search.

use serde_json::json;

use crate::support::{
    binary::{Home, eventually},
    fake_ollama::{FakeOllama, Fault},
};

#[tokio::test]
async fn a_webhook_ends_in_a_tag_found_by_words_and_by_meaning() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url());
    let server = home.serve(&[]).await;
    let event = json!({
        "type": "tag.created", "timestamp": "2026-11-22T10:00:00Z",
        "data": { "tag_type": "genre", "tag_name": "Trip-Hop" },
    });
    let (status, accepted) = server.webhook("msg_1", &event).await;
    assert_eq!((status, &accepted["status"]), (202, &json!("accepted")));
    assert_eq!(server.webhook("msg_1", &event).await, (202, accepted.clone()), "the same delivery, the same answer");
    server.settled().await;

    let (_, job) = server.get(&format!("/api/jobs/{}", accepted["job_id"])).await;
    assert_eq!((&job["state"], &job["attempts"]), (&json!("succeeded"), &json!(1)));
    let (status, row) = server.get("/api/synonyms/genre/trip%20hop").await;
    assert_eq!(status, 200);
    assert_eq!((&row["source"], &row["tag_name"], &row["version"]), (&json!("ollama"), &json!("Trip-Hop"), &json!(1)));
    assert_eq!(row["embedding"]["dimensions"], 768);
    assert!(row["synonyms"]["search_terms"].as_array().unwrap().len() >= 3, "{row}");

    let answer = server.search("trip hop").await;
    assert_eq!((&answer["degraded"], &answer["results"][0]["score"]), (&json!([]), &json!(1.0)));
    let alias = row["synonyms"]["search_terms"][0].as_str().unwrap();
    let answer = server.search(alias).await;
    assert_eq!(answer["results"][0]["tag_name"], "Trip-Hop");
    assert!(answer["results"][0]["vector_score"].is_number(), "{answer}");
    assert_eq!(ollama.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_outage_of_ollama_is_a_degraded_answer_and_jobs_that_wait_unspent() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url());
    let server = home.serve(&[]).await;
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "dub" }), 201).await;
    server.settled().await;

    ollama.set_down(true);
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "ska" }), 201).await;
    let waiting = eventually("the job waits with its reason", async || {
        let (_, jobs) = server.get("/api/jobs?state=queued&kind=generate").await;
        let job = jobs["items"][0].clone();
        job["last_error"].is_string().then_some(job)
    })
    .await;
    assert_eq!(waiting["attempts"], 0, "{waiting}");
    let answer = server.search("jamaican sound system").await;
    let degraded = &answer["degraded"][0];
    assert_eq!(
        (&degraded["branch"], &degraded["code"]),
        (&json!("vector"), &json!("embedder_unavailable")),
        "{answer}"
    );
    assert!(degraded["reason"].as_str().unwrap().contains("the built-in vectors stand in"), "{answer}");
    assert!(answer["results"][0]["vector_score"].is_number(), "{answer}");
    assert_eq!(server.best("dub").await, "dub", "words still find");

    ollama.set_down(false);
    server.settled().await;
    assert_eq!(server.best("ska").await, "ska");
    let answer = eventually("the vector branch is back", async || {
        let answer = server.search("jamaican sound system").await;
        (answer["degraded"] == json!([])).then_some(answer)
    })
    .await;
    assert!(answer["count"].is_number());
}

#[tokio::test]
async fn answers_that_cannot_be_used_end_as_a_dead_job_with_its_reason() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url()).with("MUSONYM_JOBS__MAX_ATTEMPTS", "2");
    let server = home.serve(&[]).await;
    // Two tries an attempt, two attempts.
    ollama.fail_next(4, Fault::HalfJson);
    server.post("/api/tags", json!({ "tag_type": "mood", "name": "wistful" }), 201).await;
    let dead = eventually("the job is dead", async || {
        let (_, jobs) = server.get("/api/jobs?state=dead").await;
        jobs["items"][0].is_object().then(|| jobs["items"][0].clone())
    })
    .await;
    assert_eq!(dead["attempts"], 2);
    assert!(dead["last_error"].as_str().unwrap().contains("answer"), "{dead}");
    assert_eq!(server.get("/api/synonyms/mood/wistful").await.0, 404, "nothing false is stored");

    server.post(&format!("/api/jobs/{}/retry", dead["id"]), json!(null), 200).await;
    server.settled().await;
    assert_eq!(server.get("/api/synonyms/mood/wistful").await.0, 200);
}

#[tokio::test]
async fn a_query_that_ollama_embeds_too_late_is_answered_by_the_built_in_vectors_and_says_so() {
    let ollama = FakeOllama::start().await;
    let home = Home::new(ollama.url()).with("MUSONYM_EMBED__QUERY_DEADLINE_MS", "50");
    let server = home.serve(&[]).await;
    server.post("/api/tags", json!({ "tag_type": "genre", "name": "dub" }), 201).await;
    server.settled().await;
    let (_, row) = server.get("/api/synonyms/genre/dub").await;
    assert_eq!(row["embedding"]["dimensions"], 768, "the active space is Ollama's: {row}");
    eventually("the built-in space is filled, too", async || {
        ollama.fail_next(1, Fault::Hang);
        let answer = server.search(&format!("jamaican bass {}", fastrand::u32(..))).await;
        assert_eq!(answer["degraded"][0]["code"], "embedder_timeout", "{answer}");
        answer["results"][0]["vector_score"].is_number().then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_occasion_that_no_row_names_is_met_by_the_lexicons_whatever_model_writes_and_embeds() {
    let ollama = FakeOllama::start().await;
    let server = Home::new(ollama.url()).serve(&[]).await;
    for name in ["autumn", "aggressive"] {
        server.post("/api/tags", json!({ "tag_type": "mood", "name": name }), 201).await;
    }
    server.settled().await;
    let (_, row) = server.get("/api/synonyms/mood/autumn").await;
    assert_eq!((&row["source"], &row["embedding"]["dimensions"]), (&json!("ollama"), &json!(768)), "{row}");
    let (_, answer) = server.get("/api/synonyms/search?q=gathering+fallen+leaves+on+the+lawn&explain=true").await;
    let first = &answer["results"][0];
    assert_eq!(first["tag_name"], "autumn", "{answer}");
    assert!(first["explain"]["reason"].as_str().unwrap().contains("played at `"), "{answer}");
    assert_eq!(answer["degraded"], json!([]), "{answer}");
}
