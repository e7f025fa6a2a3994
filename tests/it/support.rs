//! What the tests share: a folder with a configuration, the real binary, and an API that answers by a script.

mod api;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rusqlite::types::Value;
use tempfile::{NamedTempFile, TempDir};

pub(crate) use api::{Answer, Api, Asked, token};

/// How long a test waits for something that must happen, before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of its own with a configuration and a database, and the binary to run in it.
pub(crate) struct Sandbox {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

impl Sandbox {
    /// An empty folder, with credentials in the environment.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let environment =
            [("MAPIQ_CLIENT_ID", "client"), ("MAPIQ_CLIENT_SECRET", "hunter2-secret")];
        let environment = environment
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { folder, environment }
    }

    /// A folder with a configuration for an API: short retries, no limit unless `endpoints` set one, one job `all`.
    pub(crate) fn with_api(url: &str, endpoints: &str) -> Self {
        let sandbox = Self::new();
        let names: Vec<String> = endpoints
            .lines()
            .filter_map(|line| {
                line.trim()
                    .strip_prefix("name")?
                    .split('"')
                    .nth(1)
                    .map(|name| format!("\"{name}\""))
            })
            .collect();
        sandbox.write(
            "config.toml",
            &format!(
                "[api]\nbase_url = \"{url}\"\ntoken_url = \"{url}/token\"\ntimeout = \"5s\"\n\
                 [rate_limit]\nrequests = 0\n[retry]\nmax_elapsed = \"1s\"\n{endpoints}\n\
                 [[job]]\nname = \"all\"\nschedule = \"* * * * * *\"\nendpoints = [{}]\n",
                names.join(", ")
            ),
        );
        sandbox
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The database's path.
    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("mapiq.db")
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text)
            .expect("a file can be written into the test's folder");
    }

    /// Sets a variable for every later command.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a variable away from every later command.
    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// The binary, in this folder, with this environment and no other but `PATH`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mapiq-sync"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        let output = self.command(arguments).output().expect("the binary starts");
        Finished::from(output)
    }

    /// Starts the binary and leaves it running; what it prints goes to files, which never fill up as pipes do.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::of(&mut self.command(arguments))
    }

    /// Reads the database: every row of a query, each value as SQLite has it.
    pub(crate) fn query(&self, sql: &str) -> Vec<Vec<Value>> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = rusqlite::Connection::open_with_flags(self.database(), flags)
            .expect("the database can be read");
        let mut statement = connection.prepare(sql).expect("the test's SQL is valid");
        let columns = statement.column_count();
        let rows =
            statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
        rows.and_then(Iterator::collect).expect("the query can be answered")
    }

    /// Changes the database as a user does.
    pub(crate) fn execute(&self, sql: &str) {
        let connection =
            rusqlite::Connection::open(self.database()).expect("the database can be opened");
        connection.execute_batch(sql).expect("the test's SQL is valid");
    }

    /// The first value of a query that is a number, such as a count.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        match self.query(sql).first().and_then(|row| row.first()) {
            Some(Value::Integer(count)) => *count,
            other => panic!("{sql} answers {other:?}"),
        }
    }

    /// The rows of a query as text, values joined by `|`, NULL as nothing: as `sqlite3` prints them.
    pub(crate) fn lines(&self, sql: &str) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::Blob(bytes) => format!("{bytes:02x?}"),
        };
        self.query(sql)
            .iter()
            .map(|row| row.iter().map(text).collect::<Vec<_>>().join("|"))
            .collect()
    }
}

/// A process that has ended.
pub(crate) struct Finished {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Finished {
    /// Fails the test, with everything that was printed, where the exit status is another one.
    #[track_caller]
    pub(crate) fn expect_status(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test where stderr does not hold a text.
    #[track_caller]
    pub(crate) fn expect_stderr(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is not in stderr:\n{}", self.stderr);
        self
    }
}

/// A process that runs; it is killed with the test.
pub(crate) struct Running {
    child: Child,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
}

impl Running {
    /// Starts a command that a test has made itself.
    pub(crate) fn of(command: &mut Command) -> Self {
        let file = || NamedTempFile::new().expect("a temporary file can be made");
        let (stdout, stderr) = (file(), file());
        let handle = |file: &NamedTempFile| file.reopen().expect("a file can be opened twice");
        let child = command.stdout(handle(&stdout)).stderr(handle(&stderr)).spawn();
        Self { child: child.expect("the binary starts"), stdout, stderr }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a child has a process id");
        rustix::process::kill_process(pid, signal).expect("a child can be signalled");
    }

    /// What it has printed to stdout so far.
    pub(crate) fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// What it has printed to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Finished {
        let status = self.child.wait().expect("a child can be waited for");
        Finished { status: status.code(), stdout: read(&self.stdout), stderr: read(&self.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing where the process has ended and was waited for.
        self.child.kill().and_then(|()| self.child.wait()).expect("a child can be killed");
    }
}

fn read(file: &NamedTempFile) -> String {
    let bytes = fs::read(file.path()).expect("what a process prints can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until something holds; fails the test where it does not come true.
#[track_caller]
pub(crate) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let started = now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        // Between two looks, not instead of them.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The test's own watch.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at the program from outside, so it has no Clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
