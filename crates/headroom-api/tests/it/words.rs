//! Words that other crates write without this one: the engine knows no API.

use headroom_api::names::ReasonName;

#[test]
fn the_engines_refusals_are_known_as_refusals() {
    for word in ["ClusterNotFound", "ObjectUnreadable", "InternalError"] {
        assert!(ReasonName::from_word(word).is_some_and(ReasonName::is_refusal), "{word}");
    }
}
