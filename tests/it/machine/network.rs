//! A network that fails while the daemon runs: names that are not found, connections that are half open.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::process::Signal;

use super::{ALL_BEFORE, BEFORE, USERS, expect_whole, preload::finds_no_name_while, serve};
use crate::support::{Api, Running, Sandbox, wait_until};

/// The API by a name that must be looked up.
fn by_name(api: &Api) -> String {
    api.url().replace("127.0.0.1", "localhost")
}

#[test]
fn names_that_are_not_found_fail_runs_until_they_are() {
    let api = serve(BEFORE);
    let sandbox = Sandbox::with_api(&by_name(&api), USERS);
    let fault = sandbox.path().join("fault");
    fs::write(&fault, "").expect("the folder is writable");
    let mut command = sandbox.command(&[]);
    finds_no_name_while(&mut command, &fault);
    let daemon = Running::of(&mut command);
    let told = "its name cannot be looked up";
    wait_until("two runs have failed", || daemon.stderr().matches(told).count() > 2);
    assert_eq!(api.asked().len(), 0);
    fs::remove_file(&fault).expect("it was made before");
    let done = "SELECT count(*) FROM _sync_runs WHERE result = 'ok'";
    wait_until("a run is done", || sandbox.count(done) > 0);
    // It has a token and a connection by now; a name is looked up again only for another one.
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
    expect_whole(&sandbox, ALL_BEFORE);
}

/// What stands between the program and the API: it can stop to hand on what is sent over the connections there are.
struct Gateway {
    address: SocketAddr,
    /// The ways that are open: both ends, and whether it hands nothing on.
    ways: Arc<Mutex<Vec<Arc<AtomicBool>>>>,
}

impl Gateway {
    fn before(api: &Api) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let api: SocketAddr =
            api.url().trim_start_matches("http://").parse().expect("it is an address");
        let ways = Arc::new(Mutex::new(Vec::<Arc<AtomicBool>>::new()));
        let opened = Arc::clone(&ways);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(api) else { break };
                let dead = Arc::new(AtomicBool::new(false));
                opened.lock().expect("nobody panics while it holds this").push(Arc::clone(&dead));
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let clone = |stream: &TcpStream| stream.try_clone().expect("it can be cloned");
                    let (from, to, dead) = (clone(from), clone(to), Arc::clone(&dead));
                    thread::spawn(move || hand_on(from, to, &dead));
                }
            }
        });
        Self { address, ways }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets the connections there are go on in silence, as after a gateway has forgotten them.
    fn forget(&self) {
        for dead in &*self.ways.lock().expect("nobody panics while it holds this") {
            dead.store(true, Ordering::SeqCst);
        }
    }

    /// How many connections there were.
    fn connections(&self) -> usize {
        self.ways.lock().expect("nobody panics while it holds this").len()
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, dead: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let is_dead = dead.load(Ordering::SeqCst);
        if !is_dead && to.write_all(bytes.get(..length).unwrap_or_default()).is_err() {
            break;
        }
    }
    if !dead.load(Ordering::SeqCst) {
        // Either end may have closed it already.
        to.shutdown(Shutdown::Both).ok();
    }
}

#[test]
fn a_connection_that_is_half_open_is_replaced_and_the_run_goes_on() {
    let api = serve(BEFORE);
    let gateway = Gateway::before(&api);
    let mut sandbox = Sandbox::with_api(&gateway.url(), USERS);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "500ms");
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "20s");
    let daemon = sandbox.start(&[]);
    let done = |more: i64| {
        let sql = format!("SELECT count(*) >= {more} FROM _sync_runs WHERE result = 'ok'");
        sandbox.count(&sql) == 1
    };
    wait_until("a run has asked for all pages", || api.asked_for("/v2/users").len() >= 3);
    wait_until("a run is done", || done(1));
    let before = gateway.connections();
    gateway.forget();
    wait_until("the silence is told", || {
        daemon.stderr().contains("did not answer in full within 0.5 s")
    });
    let runs = sandbox.count("SELECT count(*) FROM _sync_runs WHERE result = 'ok'");
    wait_until("later runs are done", || done(runs + 2));
    assert!(gateway.connections() > before, "over another connection");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
    let failed = "SELECT count(*) FROM _sync_runs WHERE result = 'failed'";
    assert_eq!(sandbox.count(failed), 0, "the run itself went on");
    sandbox.run(&["--run-now"]).expect_status(0);
    expect_whole(&sandbox, ALL_BEFORE);
}
