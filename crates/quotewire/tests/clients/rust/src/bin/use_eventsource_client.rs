//! `eventsource-client` of LaunchDarkly: reconnects by itself while its stream is polled.

use std::time::Duration;

use eventsource_client::{Client, ClientBuilder, ReconnectOptions, SSE};
use futures_util::StreamExt;
use launchdarkly_sdk_transport::HyperTransport;
use quotewire_client_tests::{ended, event, trouble, url};

#[tokio::main]
async fn main() {
    let transport = HyperTransport::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(25))
        .build_http()
        .expect("a transport without TLS can be built");
    let client = ClientBuilder::for_url(&url())
        .expect("the address is one")
        .reconnect(ReconnectOptions::reconnect(true).retry_initial(true).build())
        .build_with_transport(transport);
    let mut stream = client.stream();
    while let Some(told) = stream.next().await {
        match told {
            Ok(SSE::Event(e)) => event(&e.event_type, e.id.as_deref(), &e.data),
            Ok(SSE::Connected(_) | SSE::Comment(_)) => {}
            Err(error) => trouble(&format!("{error:?}")),
        }
    }
    ended("the stream is over");
}
