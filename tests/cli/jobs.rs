//! The queue from the command line.

use super::Home;

#[test]
fn a_pause_is_told_by_the_list_and_by_the_doctor_until_work_goes_on() {
    let home = Home::new();
    assert!(!home.run(&["jobs", "list"]).succeeded().stderr.contains("paused"));
    let paused = home.run(&["jobs", "pause", "--for", "2h"]).succeeded();
    assert!(paused.stdout.contains("paused until 20"), "{paused:?}");
    assert!(home.run(&["jobs", "list"]).succeeded().stderr.contains("paused until 20"));
    let doctor = home.run(&["doctor"]).succeeded().stdout;
    assert!(doctor.contains("paused until 20") && doctor.contains("musonym jobs resume"), "{doctor}");
    let endless = home.run(&["jobs", "pause", "--json"]).succeeded().json();
    assert_eq!((&endless[0]["paused"], &endless[0]["paused_until"]), (&true.into(), &serde_json::Value::Null));
    assert!(home.run(&["jobs", "resume"]).succeeded().stdout.contains("goes on"));
    assert!(home.run(&["jobs", "resume"]).succeeded().stdout.contains("not paused"));
    assert!(!home.run(&["jobs", "list"]).succeeded().stderr.contains("paused"));
    home.run(&["jobs", "pause", "--for", "2 hours"]).refused(2, &["m, h, d, w"]);
}
