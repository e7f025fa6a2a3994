//! The daemon: what it tells the service manager, when it runs its jobs, what does not end it, and how it ends.

mod beside;
mod ends;
mod gone;
mod journal;
mod logs;
mod notices;
mod reloads;
mod requests;
mod resumes;
mod runs;
mod schedules;
mod survives;
mod watched;

use std::{
    os::unix::net::UnixDatagram,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
};

use crate::{
    listing::Gate,
    support::{Answer, Api, PATIENCE, Running, Sandbox, wait_until},
};

/// An endpoint whose body is the array of its records.
const USERS: &str = "[[endpoint]]\nname = \"users\"\npath = \"/v2/users\"\nkey = [\"id\"]\n";

/// One user.
fn one_user() -> Answer {
    Answer::json(r#"[{"id":1,"name":"Ada"}]"#)
}

/// An API that answers with one user once the gate is open, and a sandbox that waits for that.
fn held_back() -> (Arc<Gate>, Api, Sandbox) {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |_| {
        held.pass();
        one_user()
    });
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    (gate, api, sandbox)
}

/// The service manager's end of `$NOTIFY_SOCKET`.
struct ServiceManager(Receiver<String>);

impl ServiceManager {
    /// Listens, and tells the sandbox's later commands where.
    fn of(sandbox: &mut Sandbox) -> Self {
        let path = sandbox.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket can be made in the test's folder");
        sandbox.set("NOTIFY_SOCKET", path.to_str().expect("the test's folder has a plain name"));
        let (notices, received) = mpsc::channel();
        // The socket holds but a few notices, and then some are left out: they are taken whether the test looks or not.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length) = socket.recv(&mut bytes) {
                let notice = bytes.get(..length).unwrap_or_default();
                if notices.send(String::from_utf8_lossy(notice).trim_end().to_owned()).is_err() {
                    break;
                }
            }
        });
        Self(received)
    }

    /// The next notice.
    #[track_caller]
    fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).expect("a notice comes")
    }

    /// Waits for a notice; what comes before it is passed over.
    #[track_caller]
    fn wait_for(&self, notice: &str) {
        while self.next() != notice {}
    }

    /// Waits for a notice that begins so; what comes before it is passed over.
    #[track_caller]
    fn wait_for_one_with(&self, beginning: &str) -> String {
        loop {
            let notice = self.next();
            if notice.starts_with(beginning) {
                return notice;
            }
        }
    }
}

/// Starts the daemon and waits until it says that it is ready: its database is there then.
fn started(sandbox: &mut Sandbox) -> (Running, ServiceManager) {
    let manager = ServiceManager::of(sandbox);
    let daemon = sandbox.start(&[]);
    manager.wait_for("READY=1");
    (daemon, manager)
}

/// Starts the daemon once more.
fn restarted(sandbox: &mut Sandbox) -> (Running, ServiceManager) {
    std::fs::remove_file(sandbox.path().join("notify")).expect("the socket is there");
    started(sandbox)
}

/// Waits until so many runs, or more, have this result.
#[track_caller]
fn wait_for_runs(sandbox: &Sandbox, runs: i64, result: &str) {
    let sql = format!("SELECT count(*) FROM _sync_runs WHERE result = '{result}'");
    wait_until(&format!("{runs} runs are {result}"), || sandbox.count(&sql) >= runs);
}

/// Waits until the log has a text.
#[track_caller]
fn wait_for_log(daemon: &Running, text: &str) {
    wait_until(&format!("`{text}` is logged"), || daemon.stderr().contains(text));
}
