//! Keeps the house in order: who may name whom, which files do no I/O, which words may not stand in the code.
//! A failure says which line to change.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder or file of the workspace, what may not stand in its code, and why.
struct Rule {
    within: &'static str,
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        within: "host/src",
        except: &["host/src/guest"],
        forbidden: &["mysimbdp_abi::", "mysimbdp_plugin_api::", "abi_stable::", "libloading::"],
        why: "only guest/ may touch a tenant's code: the host process never maps it",
    },
    Rule {
        within: "host/src/guest",
        except: &[],
        forbidden: &["tokio::", "crate::sink", "crate::batch", "crate::cli", "crate::app", "thread::spawn"],
        why: "a worker is synchronous, has one thread and knows no adapter",
    },
    Rule {
        within: "host/src/batch",
        except: &[],
        forbidden: &[
            "sink::embedded",
            "sink::mongodb",
            "sink::null",
            "queue::embedded",
            "queue::redis",
            "crate::cli",
            "crate::app::",
            "crate::guest",
        ],
        why: "managers name ports, never adapters or the command line",
    },
    Rule {
        within: "host/src/platform",
        except: &[],
        forbidden: &[
            "::embedded",
            "::mongodb",
            "::redis",
            "sink::null",
            "crate::cli",
            "crate::app::",
            "crate::api",
            "crate::guest",
        ],
        why: "the facade calls managers and ports; those who call it are not its business",
    },
    Rule {
        within: "host/src/api",
        except: &[],
        forbidden: &[
            "::embedded",
            "::mongodb",
            "sink::null",
            "crate::cli",
            "crate::app::",
            "crate::worker",
            "crate::guest",
        ],
        why: "HTTP reaches the managers through the facade alone",
    },
    Rule {
        within: "host/src/api/dashboard",
        except: &[],
        forbidden: &["crate::", "super::"],
        why: "the dashboard is files: it asks over HTTP for everything else, as anybody does",
    },
    Rule {
        within: "host/src/queue",
        except: &[],
        forbidden: &[
            "crate::batch",
            "crate::stream",
            "crate::cli",
            "crate::app",
            "crate::platform",
            "crate::sink::embedded",
        ],
        why: "a queue knows its port and what a task is, nothing above it",
    },
    Rule {
        within: "host/src/broker",
        except: &[],
        forbidden: &[
            "crate::stream",
            "crate::batch",
            "crate::cli",
            "crate::app",
            "crate::platform",
            "crate::guest",
            "crate::sink::embedded",
            "crate::sink::mongodb",
        ],
        why: "a broker knows its port and what a message is, nothing of whoever consumes it",
    },
    Rule {
        within: "host/src/broker/rabbitmq",
        except: &[],
        forbidden: &["broker::embedded", "crate::sqlite", "crate::queue"],
        why: "homes of a port do not know of each other",
    },
    Rule {
        within: "host/src",
        except: &["host/src/broker/rabbitmq"],
        forbidden: &["lapin::", "async_rs::"],
        why: "what speaks AMQP is behind the port of the broker",
    },
    Rule {
        within: "host/src/stream",
        except: &[],
        forbidden: &[
            "::embedded",
            "::mongodb",
            "::rabbitmq",
            "::redis",
            "sink::null",
            "crate::cli",
            "crate::app::",
            "crate::platform",
            "crate::api",
            "crate::guest",
        ],
        why: "streams name ports, never adapters or who calls them",
    },
    Rule {
        within: "host/src/stream/rehearsal",
        except: &[],
        forbidden: &["crate::apps", "crate::platform", "crate::cli", "crate::app::", "crate::journal", "crate::tenant"],
        why: "a rehearsal runs on a developer's machine, with no daemon behind it",
    },
    Rule {
        within: "host/src/apps",
        except: &[],
        forbidden: &["crate::cli", "crate::batch", "crate::platform", "crate::app::"],
        why: "the registry knows apps and workers, not who runs them",
    },
    Rule {
        within: "host/src/staging",
        except: &[],
        forbidden: &["crate::cli", "crate::batch", "crate::platform", "crate::app::", "crate::apps"],
        why: "staging hands on through its ports",
    },
    Rule {
        within: "host/src/cli",
        except: &[],
        forbidden: &["sink::embedded", "sink::mongodb", "sink::null"],
        why: "only app.rs names concrete adapters",
    },
    Rule {
        within: "host/src/sink",
        except: &[],
        forbidden: &["crate::batch", "crate::cli", "crate::app", "crate::guest", "crate::staging"],
        why: "an adapter knows its port and the shape of documents, nothing above it",
    },
    Rule {
        within: "plugin-api",
        except: &[],
        forbidden: &["use mysimbdp::", "tokio::"],
        why: "plugin-api is a leaf: a tenant compiles it",
    },
];

/// Files that take time, paths and limits as arguments.
const PURE: &[&str] = &[
    "host/src/worker/protocol.rs",
    "host/src/worker/codec.rs",
    "host/src/worker/recorder.rs",
    "host/src/worker/supervisor.rs",
    "host/src/batch/intake.rs",
    "host/src/batch/ledger.rs",
    "host/src/batch/verdict.rs",
    "host/src/broker/embedded/chunk.rs",
    "host/src/broker/embedded/runs.rs",
    "host/src/broker/embedded/state.rs",
    "host/src/broker/envelope.rs",
    "host/src/broker/rabbitmq/guard.rs",
    "host/src/broker/rabbitmq/headers.rs",
    "host/src/broker/rabbitmq/names.rs",
    "host/src/broker/rabbitmq/properties.rs",
    "host/src/document",
    "host/src/quota/bucket.rs",
    "host/src/quota/check.rs",
    "host/src/queue/scheduler.rs",
    "host/src/staging/candidate",
    "host/src/staging/lanes.rs",
    "host/src/staging/layout.rs",
    "host/src/stream/decide.rs",
    "host/src/stream/monitor.rs",
    "host/src/stream/others.rs",
    "host/src/stream/scaling.rs",
    "host/src/stream/scaling",
    "host/src/stream/share.rs",
    "host/src/stream/window.rs",
    "host/src/task",
    "host/src/tenant/said.rs",
];

const IMPURE: &[&str] =
    &["std::fs", "std::net", "std::process", "tokio::", "Instant::now", "SystemTime::now", "std::env", "rustix::"];

/// Nowhere in what is shipped.
const NOWHERE: &[&str] = &["#![allow(", "todo!(", "unimplemented!(", "dbg!("];

/// A file with more lines than this (its tests not counted) has grown a second job.
const LONGEST: usize = 450;

#[test]
fn everybody_names_only_whom_they_may() {
    let mut broken = Vec::new();
    for rule in RULES {
        for (path, code) in sources(rule.within) {
            if rule.except.iter().any(|folder| path.starts_with(workspace().join(folder))) {
                continue;
            }
            complain(&path, &code, rule.forbidden, rule.why, &mut broken);
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn pure_files_do_no_io() {
    let mut broken = Vec::new();
    for within in PURE {
        let found = sources(within);
        assert!(!found.is_empty(), "{within} is listed as pure but does not exist: mend the list in this test");
        for (path, code) in found {
            complain(&path, &code, IMPURE, "a pure file is handed time, paths and bytes", &mut broken);
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn nothing_unfinished_is_shipped() {
    let mut broken = Vec::new();
    for within in ["host/src", "plugin-api", "xtask/src", "tests/src"] {
        for (path, code) in sources(within) {
            complain(&path, &code, NOWHERE, "nothing half-done on main", &mut broken);
            // Where a lint fires on one architecture only, `expect` cannot stand; then `allow` must give its reason.
            let unexplained: String =
                code.lines().map(|line| if line.contains("reason = ") { "" } else { line }.to_owned() + "\n").collect();
            complain(&path, &unexplained, &["#[allow("], "expect(…, reason = …) instead of allow", &mut broken);
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn no_file_has_grown_a_second_job() {
    let long: Vec<String> = ["host/src", "plugin-api/src", "xtask/src", "tests/src"]
        .into_iter()
        .flat_map(sources)
        .filter(|(_, code)| code.lines().count() > LONGEST)
        .map(|(path, code)| format!("{}: {} lines, split it", path.display(), code.lines().count()))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Rust files below `within` (or that file), without what follows `#[cfg(test)]` at their end, and without test folders.
fn sources(within: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(&workspace().join(within), &mut found);
    found
}

fn collect(path: &Path, found: &mut Vec<(PathBuf, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !["target", "tests", "tests.rs", "frozen", "examples"].contains(&name.as_str()) {
                collect(&path, found);
            }
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        let text = fs::read_to_string(path).expect("a readable source file");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        found.push((path.to_path_buf(), code));
    }
}

fn complain(path: &Path, code: &str, words: &[&str], why: &str, broken: &mut Vec<String>) {
    for (number, line) in code.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        for word in words.iter().filter(|word| line.contains(**word)) {
            broken.push(format!("{}:{}: {word:?} may not stand here: {why}", path.display(), number + 1));
        }
    }
}
