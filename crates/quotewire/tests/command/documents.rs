//! The command lines of the documents do what they say: every block marked `sh run` is run against the demo.

use std::process::Command;

use crate::support::Server;

/// Documents with such blocks, and the least number of them.
const DOCUMENTS: [(&str, &str, usize); 2] = [
    ("PROTOCOL.md", include_str!("../../../wire/PROTOCOL.md"), 6),
    ("README.md", include_str!("../../../../README.md"), 2),
];

#[test]
fn every_command_line_of_the_documents_runs() {
    let server = Server::start(&[]);
    server.until("bitcoin has a price and a trade", |s| {
        let quote = s.json("/v1/quotes?symbols=BINANCE:BTC-USDT")["quotes"][0].clone();
        (quote["bid"].is_string() && quote["last"].is_string()).then_some(())
    });
    for (name, text, least) in DOCUMENTS {
        let blocks: Vec<&str> =
            text.split("```sh run\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
        assert!(blocks.len() >= least, "{name} has {} such blocks", blocks.len());
        for block in blocks {
            let path = std::env::join_paths(
                std::iter::once(
                    std::path::Path::new(env!("CARGO_BIN_EXE_quotewire")).parent().unwrap().to_owned(),
                )
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
            );
            let output = Command::new("bash")
                .args(["-euo", "pipefail", "-c", &block.replace("http://127.0.0.1:8080", &server.url)])
                .env("PATH", path.unwrap())
                .env("QUOTEWIRE_URL", &server.url)
                .output()
                .unwrap();
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{name}: {block}{err}");
            assert!(!out.trim().is_empty(), "{name}: {block}said {out:?}");
        }
    }
}
