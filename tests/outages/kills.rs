//! Host, worker, Redis and MongoDB, each killed at random moments.

use crate::scene::Scene;
use mysimbdp_tests::leftovers;
use std::hash::{BuildHasher, RandomState};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// `cargo xtask soak` asks for more.
const ROUNDS: u64 = 20;
const FILES: u64 = 24;

#[test]
fn no_kill_of_anything_changes_the_final_documents() {
    let rounds =
        std::env::var("MYSIMBDP_TEST_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut scene = Scene::set();
    let random = RandomState::new();
    let mut dropped = 0;
    let mut history = Vec::new();
    for round in 0..rounds {
        // So many that there is always something to kill amid.
        while dropped < (FILES * (round + 1)).div_ceil(rounds) {
            scene.drop_files(1);
            dropped += 1;
        }
        let dice = random.hash_one(round);
        sleep(Duration::from_millis(dice % 700));
        let victim = (dice >> 32) % 4;
        history.push(["host", "worker", "Redis", "MongoDB"][victim as usize]);
        match victim {
            0 => {
                scene.daemon.kill();
                scene.daemon.serve();
            }
            1 => {
                for worker in leftovers::workers_of(scene.daemon.pid()) {
                    // It may have ended by itself.
                    let _ = Command::new("kill").args(["-KILL", &worker.to_string()]).status();
                }
            }
            2 => scene.servers.redis().restart().unwrap(),
            _ => scene.servers.mongodb().restart().unwrap(),
        }
    }
    println!("killed: {}", history.join(", "));
    scene.ends_well();
}
