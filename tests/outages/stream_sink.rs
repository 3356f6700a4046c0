//! A sink that is slow while messages flow: they wait in the broker, not in the host's memory.

use crate::streams::{CONFIG, is_stored, obeying};
use mysimbdp_servers::Proxy;
use mysimbdp_tests::client::Client;
use mysimbdp_tests::memory;
use mysimbdp_tests::servers::Servers;
use std::time::Duration;

#[test]
fn a_slow_sink_has_messages_wait_in_the_broker_and_not_in_memory() {
    const MESSAGES: i64 = 2_500;
    const BODY: u64 = 60_000;
    let servers = Servers::start().with_broker();
    let (redis, sink) = (servers.redis().port(), Proxy::start(servers.mongodb().port()).unwrap());
    let servers = servers.behind(redis, sink.port());
    let daemon = obeying(&format!("{CONFIG}consumers_max = 1\n"), &servers);
    let client = Client::of_tenant(&daemon, &servers, "acme", "obey");
    let watch = memory::Watch::start(daemon.pid());
    sink.delay(Duration::from_secs(1));
    let script = format!(
        "for n in range(1, {MESSAGES} + 1): publish((b'n %d ' % n).ljust({BODY}, b'x'), message_id='m-%d' % n)"
    );
    client.run(&script);
    let operator = Client::of_operator(&servers, "acme", "obey");
    let waiting = operator.run("print(channel.queue_declare(queue, passive=True).method.message_count)");
    assert!(waiting.trim().parse::<i64>().unwrap() > 0, "everything was taken in spite of the slow sink");
    sink.delay(Duration::ZERO);
    is_stored(&servers, &daemon, 1..=MESSAGES);
    let (before, most) = watch.stop();
    // A hundred and fifty megabytes went through it.
    assert!(most - before < 80 << 20, "{before} bytes became {most}");
}
