//! Guards that a grep can hold (ARCHITECTURE.md, "Guards"). Each names the mistake it prevents.

use super::{
    Breach,
    sources::{Source, Sources},
};

/// Words that may not stand in the product code of some places.
struct Guard {
    /// Path prefixes it holds for.
    within: &'static [&'static str],
    /// Path prefixes that are exempt.
    except: &'static [&'static str],
    /// Words that may not occur.
    words: &'static [&'static str],
    /// What to do instead.
    instead: &'static str,
}

const GUARDS: &[Guard] = &[
    Guard {
        within: &["crates/headroom-core/src", "crates/headroom-engine/src"],
        except: &[],
        words: &[
            "SystemTime",
            "Instant::now",
            "HashMap",
            "HashSet",
            "std::env",
            "std::fs",
            "std::net",
            "std::thread",
        ],
        instead: "the decision is pure: time and facts are handed in, maps are BTreeMap",
    },
    Guard {
        within: &["crates/headroom-scenario/src", "crates/headroom-sim/src"],
        // The façade serves the real client and loop, which need an executor; it promises no determinism.
        except: &["crates/headroom-sim/src/http.rs", "crates/headroom-sim/src/http/"],
        words: &["SystemTime", "HashMap", "HashSet", "thread_rng", "rand::rng()", "from_os_rng", "tokio::"],
        instead: "the simulator is deterministic: seeded streams, virtual time, BTreeMap, no executor",
    },
    Guard {
        within: &["crates/headroom-core/src"],
        except: &[],
        words: &["unwrap_or_default", "impl Default for", "f32", "f64"],
        instead: "unknown is a value, never a default; shares are whole permille",
    },
    Guard {
        within: &[
            "crates/headroom-core/src",
            "crates/headroom-engine/src",
            "crates/headroom-kube/src",
            "crates/headroom-operator/src",
        ],
        except: &[],
        words: &["cfg(feature", "cfg!(feature"],
        instead: "faults and simulation live in worlds and tests, never in the product",
    },
    Guard {
        within: &["crates/headroom-core/src", "crates/headroom-api/src", "crates/headroom-operator/src"],
        except: &[],
        words: &["engine::Response", "Response::Applied", "Response::Unknown", "Response::Refused"],
        instead: "progress is derived from what is observed; only session, execute and the simulator know a response",
    },
    Guard {
        within: &["crates/headroom-core/src/lint"],
        except: &[],
        words: &["crate::decide::", "crate::operation::", "decide::", "operation::"],
        instead: "the second opinion shares types only, never helpers",
    },
    Guard {
        within: &["crates/headroom-sim/src/model"],
        except: &[],
        words: &[
            "headroom_engine",
            "headroom_core::decide",
            "headroom_core::lint",
            "headroom_core::operation",
        ],
        instead: "a model that uses product rules agrees with our misunderstandings",
    },
    Guard {
        within: &["crates/headroom-scenario/src/catalogue"],
        except: &[],
        words: &[
            "headroom_core::decide",
            "headroom_core::usage",
            "headroom_core::operation",
            "scaled_up",
            "rounded_up_to",
        ],
        instead: "expected sizes are literals, never computed by the code under test",
    },
    Guard {
        within: &["crates/headroom-kube/src/execute"],
        except: &[],
        words: &["backoff", "retry(", "sleep("],
        instead: "one request is one wire call; the engine decides about a second one",
    },
    Guard {
        within: &["crates/"],
        except: &["crates/headroom-lab/src", "crates/headroom-csi/src"],
        words: &["Api::replace", ".replace_status(", ".force()"],
        instead: "narrow patches with preconditions",
    },
    Guard {
        within: &["crates/headroom-e2e/src"],
        except: &["crates/headroom-e2e/src/cluster/wait.rs"],
        words: &["time::sleep", "thread::sleep"],
        instead: "await a condition (cluster/wait.rs)",
    },
];

/// Words that no text file may hold. Spelled in halves, so that this file passes its own rule.
const NOWHERE: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "leave nothing half done"),
    (concat!("FIX", "ME"), "leave nothing half done"),
    (concat!("todo", "!("), "leave nothing half done"),
    (concat!("unimplemented", "!("), "leave nothing half done"),
    (concat!("#[", "ignore"), "assert what holds today instead"),
];

pub(super) fn check(sources: &Sources) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for guard in GUARDS {
        for prefix in guard.within {
            for file in sources.rust(prefix) {
                if !guard.except.iter().any(|except| file.path.starts_with(except)) && !file.is_generated() {
                    breaches.extend(forbidden(file, guard));
                }
            }
        }
    }
    for file in sources.files.iter().filter(|file| !file.has_extension("lock")) {
        breaches.extend(nowhere(file));
    }
    for file in ["crates/headroom-core/src/record.rs", "crates/headroom-core/src/observation.rs"] {
        breaches.extend(sources.rust(file).flat_map(loss_is_documented));
    }
    breaches
}

fn forbidden(file: &Source, guard: &Guard) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (at, line) in file.product_lines() {
        for word in guard.words.iter().filter(|word| line.contains(**word)) {
            breaches.push(Breach::new(format!("{}:{at}", file.path), format!("`{word}`: {}", guard.instead)));
        }
    }
    breaches
}

fn nowhere(file: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        for (word, instead) in NOWHERE.iter().filter(|(word, _)| line.contains(word)) {
            breaches.push(Breach::new(format!("{}:{}", file.path, at + 1), format!("`{word}`: {instead}")));
        }
    }
    breaches
}

/// Each field of the record and of the evidence says what happens if it is lost and what if it is old.
fn loss_is_documented(file: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut inside = false;
    let mut doc = String::new();
    for (at, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if ["pub struct Record {", "pub struct VolumeRecord {", "pub struct Evidence {"].contains(&line) {
            inside = true;
            doc.clear();
        } else if line == "}" {
            inside = false;
        } else if let Some(text) = line.strip_prefix("///") {
            doc.push_str(text);
        } else if inside && line.starts_with("pub ") {
            if !doc.contains("Lost:") || !doc.contains("Old:") {
                breaches.push(Breach::new(
                    format!("{}:{}", file.path, at + 1),
                    "the doc comment must say what happens when it is lost (`Lost: …`) and when it is old (`Old: …`)",
                ));
            }
            doc.clear();
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    fn places(breaches: Vec<Breach>) -> Vec<String> {
        breaches.into_iter().map(|breach| breach.place).collect()
    }

    #[test]
    fn a_clock_in_the_core_is_found_and_one_in_a_test_or_comment_is_not() {
        let text =
            "// Instant::now\nfn f() { Instant::now(); }\n#[cfg(test)]\nmod tests {\n use std::env;\n}\n";
        let sources = Sources { files: vec![file("crates/headroom-core/src/x.rs", text)] };
        assert_eq!(places(check(&sources)), ["crates/headroom-core/src/x.rs:2"]);
    }

    #[test]
    fn a_second_opinion_that_uses_a_helper_of_the_first_is_found() {
        let sources =
            Sources { files: vec![file("crates/headroom-core/src/lint/x.rs", "use crate::decide::y;\n")] };
        assert!(!check(&sources).is_empty());
    }

    #[test]
    fn a_field_of_the_record_without_its_two_answers_is_found() {
        let good = "pub struct Record {\n/// A. Lost: x. Old: y.\npub a: u8,\n}\n";
        let bad = "pub struct Record {\n/// A. Lost: x.\npub a: u8,\n}\n";
        assert_eq!(places(loss_is_documented(&file("r.rs", good))), Vec::<String>::new());
        assert_eq!(places(loss_is_documented(&file("r.rs", bad))), ["r.rs:3"]);
    }

    #[test]
    fn half_done_work_is_found_in_any_file() {
        let text = format!("a\n{} later\n", concat!("TO", "DO"));
        assert_eq!(places(nowhere(&file("docs/x.md", &text))), ["docs/x.md:2"]);
    }
}
