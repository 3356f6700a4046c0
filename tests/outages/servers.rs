//! Servers that are killed and come back, are full, or take no writes.

use crate::scene::Scene;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn redis_is_killed_and_comes_back() {
    let mut scene = Scene::set();
    scene.drop_files(4);
    scene.under_way();
    scene.servers.redis().kill();
    sleep(Duration::from_secs(2));
    scene.servers.redis().restart().unwrap();
    scene.drop_files(2);
    scene.ends_well();
}

#[test]
fn a_redis_that_is_gone_is_told_once_by_all_slots_together_and_so_is_its_return() {
    let mut scene = Scene::set();
    let told = |scene: &Scene, words: &str| scene.daemon.log().matches(words).count();
    scene.servers.redis().kill();
    scene.daemon.until("a word of it", || (told(&scene, "no task can be claimed") > 0).then_some(()));
    // All of them have tried meanwhile: they look every five seconds, and each second after that.
    sleep(Duration::from_secs(6));
    assert_eq!(told(&scene, "no task can be claimed"), 1, "{}", scene.daemon.log());
    scene.servers.redis().restart().unwrap();
    scene.daemon.until("a word of its end", || (told(&scene, "tasks are claimed again") > 0).then_some(()));
    scene.drop_files(1);
    scene.ends_well();
}

#[test]
fn mongodb_is_killed_and_comes_back() {
    let mut scene = Scene::set();
    scene.drop_files(4);
    scene.under_way();
    scene.servers.mongodb().kill();
    sleep(Duration::from_secs(2));
    scene.servers.mongodb().restart().unwrap();
    scene.drop_files(2);
    scene.ends_well();
}

/// They come back in the other order than they went.
#[test]
fn both_are_killed_and_come_back_one_after_the_other() {
    let mut scene = Scene::set();
    scene.drop_files(4);
    scene.under_way();
    scene.servers.redis().kill();
    scene.servers.mongodb().kill();
    sleep(Duration::from_secs(1));
    scene.servers.mongodb().restart().unwrap();
    sleep(Duration::from_secs(2));
    scene.servers.redis().restart().unwrap();
    scene.ends_well();
}

#[test]
fn the_memory_of_redis_is_full_for_a_while() {
    let mut scene = Scene::set();
    scene.drop_files(3);
    scene.under_way();
    tell_redis(&scene, "CONFIG SET maxmemory 1");
    scene.drop_files(3);
    sleep(Duration::from_secs(4));
    tell_redis(&scene, "CONFIG SET maxmemory 0");
    scene.ends_well();
}

/// As it is after a failover, until somebody has made it a primary.
#[test]
fn redis_takes_no_writes_for_a_while() {
    let mut scene = Scene::set();
    scene.drop_files(3);
    scene.under_way();
    tell_redis(&scene, "REPLICAOF 127.0.0.1 1");
    scene.drop_files(3);
    sleep(Duration::from_secs(4));
    tell_redis(&scene, "REPLICAOF NO ONE");
    scene.ends_well();
}

/// A host may be started before its servers.
#[test]
fn a_host_that_is_there_first_waits_for_its_servers() {
    let mut scene = Scene::set();
    scene.daemon.stop();
    scene.servers.redis().kill();
    scene.servers.mongodb().kill();
    scene.daemon.launch();
    sleep(Duration::from_secs(2));
    scene.servers.mongodb().restart().unwrap();
    scene.servers.redis().restart().unwrap();
    scene.daemon.until("an answer", || (scene.daemon.command(["status"]).code == 0).then_some(()));
    scene.drop_files(2);
    scene.ends_well();
}

fn tell_redis(scene: &Scene, command: &str) {
    let mut connection = TcpStream::connect(("127.0.0.1", scene.servers.redis().port())).unwrap();
    connection.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    let mut answer = [0; 3];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+OK", "{command}");
}
