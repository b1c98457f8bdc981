//! What every program here prints: one line of JSON for each thing that its library told it.

use serde_json::json;

/// An event, as the library gave it.
pub fn event(name: &str, id: Option<&str>, data: &str) {
    println!("{}", json!({"event": name, "id": id, "data": data}));
}

/// The library said that the connection is lost and that it will come back by itself.
pub fn trouble(text: &str) {
    println!("{}", json!({"trouble": text}));
}

/// The library gave up; what comes now is the program's own doing.
pub fn ended(text: &str) {
    println!("{}", json!({"ended": text}));
}

/// The address to read, from the command line.
pub fn url() -> String {
    std::env::args().nth(1).expect("the address of a stream is the only argument")
}
