//! A network between host and servers that cuts, delays, swallows answers or falls silent.

use crate::scene::Scene;
use mysimbdp_servers::Weather;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn both_servers_unreachable_for_half_a_minute() {
    let mut scene = Scene::set();
    scene.drop_files(4);
    scene.under_way();
    scene.redis.set(Weather::Cut);
    scene.mongodb.set(Weather::Cut);
    sleep(Duration::from_secs(30));
    scene.mongodb.set(Weather::Fair);
    scene.redis.set(Weather::Fair);
    scene.drop_files(2);
    scene.ends_well();
}

#[test]
fn connections_on_which_nothing_arrives() {
    let mut scene = Scene::set();
    scene.drop_files(4);
    scene.under_way();
    scene.redis.set(Weather::Frozen);
    scene.mongodb.set(Weather::Frozen);
    sleep(Duration::from_secs(12));
    scene.redis.set(Weather::Fair);
    scene.mongodb.set(Weather::Fair);
    scene.ends_well();
}

#[test]
fn answers_that_are_lost_after_the_write_was_done() {
    let mut scene = Scene::set();
    scene.drop_files(6);
    for round in 0..30 {
        scene.redis.lose_answers(1 + round % 2);
        sleep(Duration::from_millis(60));
        scene.mongodb.lose_answers(1);
        sleep(Duration::from_millis(60));
        if round % 7 == 0 {
            scene.redis.cut_once();
            scene.mongodb.cut_once();
        }
    }
    scene.redis.set(Weather::Fair);
    scene.mongodb.set(Weather::Fair);
    scene.ends_well();
}

#[test]
fn a_slow_network() {
    let mut scene = Scene::set();
    scene.redis.delay(Duration::from_millis(40));
    scene.mongodb.delay(Duration::from_millis(40));
    scene.drop_files(3);
    scene.ends_well();
}
