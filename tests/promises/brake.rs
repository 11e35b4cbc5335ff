//! The operator's brake as it is typed: freeze, unfreeze, revoke and account, by the real binary.

use crate::command_line::{Place, refused, succeeded, text};

#[tokio::test]
async fn the_brake_works_with_and_without_a_server() {
    let place = Place::new();
    for run in 0..2 {
        let _serving = if run == 0 { None } else { Some(place.serve().await) };
        let frozen = place.run(&["freeze", "--app", "content-writer", "--reason", "a leak"]);
        let said = succeeded(&frozen);
        assert!(
            said.contains("is frozen: app content-writer.") && said.contains("(0 live connections)"),
            "{said}"
        );
        let id = said.split(' ').next().expect("an id").to_owned();
        let list = place.run(&["freeze", "--list"]);
        assert!(succeeded(&list).starts_with(&id) && succeeded(&list).contains("operator"), "{list:?}");
        succeeded(&place.run(&["unfreeze", &id]));
        assert!(refused(&place.run(&["unfreeze", &id])).contains("--list"));
        assert!(succeeded(&place.run(&["freeze", "--list"])).contains("Nothing is frozen."));
        let dry = place.run(&["freeze", "--all", "--issued-before", "2026-04-01T12:00:00Z", "--dry-run"]);
        assert!(succeeded(&dry).contains("everything, agreed to before 2026-04-01T12:00:00Z"), "{dry:?}");
        assert!(
            succeeded(&place.run(&["revoke", "--issuer", "down", "--dry-run"]))
                .contains("live connections  0")
        );
        // It is followed until it has ended, and carried out here where no server does.
        let revoked = place.run(&["revoke", "--all", "--reason", "a leak", "--per-second", "100"]);
        let said = succeeded(&revoked);
        assert!(said.contains("has begun: everything") && said.contains("\tended at "), "{said}");
        let id = said.split(' ').next().expect("an id");
        assert!(succeeded(&place.run(&["revoke", "--status", id])).contains("\tended at "));
        assert!(succeeded(&place.run(&["revoke", "--follow", id])).contains("\tended at "));
        assert!(succeeded(&place.run(&["revoke", "--status"])).lines().count() == run + 1);
        assert!(refused(&place.run(&["account", "delete", "ac_1", "--reason", "r"])).contains("ac_1"));
    }
    for wrong in [
        ["freeze", "--all"].as_slice(),
        &["revoke", "--app", "content-writer"],
        &["account", "delete", "ac_1"],
    ] {
        let output = place.run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(text(&output.stderr).contains("--reason"), "{}", text(&output.stderr));
    }
    assert!(
        refused(&place.run(&["freeze", "--all", "--app", "x", "--reason", "r"])).contains("one of --app")
    );
    assert!(refused(&place.run(&["freeze", "--reason", "r"])).contains("Say what"));
}
