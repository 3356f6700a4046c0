//! A stream app that does next to nothing, so that what is measured is the way to it and back.

use mysimbdp_bench::touch::touch;
use mysimbdp_plugin_api::prelude::*;

/// Keeps what it has seen, so that looking at it cannot be left out.
#[derive(Default)]
struct Touch {
    seen: u64,
}

impl StreamIngest for Touch {
    fn on_message(
        &mut self,
        _channel: &Channel<'_>,
        _method: &Delivery<'_>,
        _properties: &Properties<'_>,
        body: &[u8],
        _sink: &mut Sink,
    ) -> Result<(), Reject> {
        self.seen ^= std::hint::black_box(touch(body));
        Ok(())
    }
}

export_app! { name: "touch", stream: Touch }
