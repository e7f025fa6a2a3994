//! The simulator through its own binary and raw sockets: its answers are those that its definition promises, what it is
//! told to let go wrong goes wrong, and its time passes when it is told to.

mod churn;
mod definition;
mod faults;
mod time;

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use crate::support::{PATIENCE, Running, Sandbox, wait_until};

/// A simulator that runs until the test ends.
pub(crate) struct Simulator {
    pub(crate) address: String,
    process: Running,
}

/// A response, or as much of it as came.
pub(crate) struct Received {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// What ended it, if not its end.
    error: Option<io::ErrorKind>,
}

impl Simulator {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let process = sandbox.start(&[&["simulate", "--limit", "0"], arguments].concat());
        wait_until("it listens", || process.stdout().contains("MAPIQ_CLIENT_SECRET"));
        let printed = process.stdout();
        let address =
            printed.lines().next().and_then(|line| line.strip_prefix("listening on http://"));
        Self { address: address.expect("the first line is the ready line").to_owned(), process }
    }

    /// Its URL, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request, and receives until the connection ends. Of HTTP/1.0, so that no body comes in chunks.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Received {
        let mut stream = self.connect();
        let (address, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        )
        .expect("the simulator reads");
        receive(stream)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the simulator listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        stream
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Received {
        self.ask("GET", path, &format!("authorization: Bearer {token}\r\n"), "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let received = self.ask("POST", path, "", &body.to_string());
        assert_eq!(received.status, 200, "{}", received.text());
        received.json()
    }

    fn ask_for_token(&self, secret: &str) -> Received {
        let form = format!(
            "grant_type=client_credentials&scope=https%3A%2F%2Fapi.mapiq.com%2Fpublic%2F.default\
             &client_id=demo&client_secret={secret}"
        );
        let content_type = "content-type: application/x-www-form-urlencoded\r\n";
        self.ask("POST", "/oauth2/token", content_type, &form)
    }

    fn token(&self) -> String {
        self.ask_for_token("demo").json()["access_token"].as_str().expect("a token").to_owned()
    }

    fn fault(&self, fault: &str) {
        self.post("/_simulator/faults", &Value::from(fault));
    }
}

fn receive(mut stream: TcpStream) -> Received {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).err().map(|error| error.kind());
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let body = end.map(|end| bytes.split_off(end + 4)).unwrap_or_default();
    let head = String::from_utf8(bytes).expect("a head is text").to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Received { status, head, body, error }
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.head, self.text()))
    }

    fn items(&self) -> Vec<Value> {
        let body = self.json();
        body["items"].as_array().expect("items").clone()
    }
}

#[test]
fn it_ends_at_once_whatever_its_connections_do() {
    let simulator = Simulator::start(&["--fault", "/v2/users=endless,every-ms=1"]);
    let idle = simulator.connect();
    let token = simulator.token();
    let mut busy = simulator.connect();
    write!(busy, "GET /v2/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n")
        .expect("the simulator reads");
    busy.read_exact(&mut [0; 200]).expect("a body without an end begins");

    let Simulator { process, .. } = simulator;
    let asked = crate::support::now();
    process.signal(rustix::process::Signal::TERM);
    process.wait().expect_status(0);
    assert!(asked.elapsed() < Duration::from_secs(5));
    drop((idle, busy));
}
