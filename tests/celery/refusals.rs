//! What is not done, and what cannot be read: its sender is told, and the queue goes on.

use super::{Stage, error};

#[tokio::test]
async fn what_is_not_done_is_refused_aloud_and_poison_neither_stops_nor_loops() {
    let Some(stage) = Stage::set().await else { return };
    let _server = stage.serve().await;
    let said = stage.client(&["refused"]).await;
    for later in ["chain_first", "chain_middle", "chain_last"] {
        assert!(error(&said[later], "NotImplementedError").contains("chains are not taken"), "{later}: {said}");
    }
    assert!(error(&said["chord"], "NotImplementedError").contains("chords are not taken"));
    assert!(error(&said["link"], "NotImplementedError").contains("linked tasks"));
    assert!(error(&said["zlib"], "NotImplementedError").contains("without compression"));
    assert!(error(&said["pickle"], "NotImplementedError").contains("x-python-serialize"));
    assert!(error(&said["protocol_1"], "NotImplementedError").contains("protocol 1"));
    assert_eq!(said["good"]["value"]["tag_name"], "good", "{said}");
    assert_eq!((&said["left"], &said["unacked"]), (&0.into(), &0.into()), "{said}");
    assert_eq!(said["aside"], 9, "kept for people: {said}");
    let warned = stage.log().matches("cannot be read").count();
    assert_eq!(warned, 9, "once each");
}
