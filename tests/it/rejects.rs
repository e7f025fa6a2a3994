//! Records that cannot be stored: how many are kept and how long, and the command that lists them.

mod bounds;
mod list;
mod retry;

use std::sync::{Arc, Mutex};

use crate::support::{Answer, Api, Finished, Sandbox};

/// Two endpoints whose records a test can change.
struct Desks {
    bodies: Arc<Mutex<[String; 2]>>,
    api: Api,
    url: String,
    sandbox: Sandbox,
}

const NAMES: [&str; 2] = ["desks", "rooms"];

impl Desks {
    /// Both send nothing yet; `settings` are lines of the endpoint `desks`.
    fn new(settings: &str) -> Self {
        let bodies = Arc::new(Mutex::new(["[]", "[]"].map(str::to_owned)));
        let served = Arc::clone(&bodies);
        let api = Api::serve(move |asked| {
            let bodies = served.lock().expect("nobody panics with it");
            Answer::json(bodies[usize::from(asked.path == "/rooms")].clone())
        });
        let desks = Self { bodies, url: api.url(), api, sandbox: Sandbox::new() };
        desks.configure(settings);
        desks
    }

    /// Sets the lines of the endpoint `desks`.
    fn configure(&self, settings: &str) {
        let key = if settings.contains("key =") { "" } else { "key = [\"id\"]\n" };
        self.sandbox.write(
            "config.toml",
            &format!(
                "[api]\nbase_url = \"{0}\"\ntoken_url = \"{0}/token\"\n[rate_limit]\nrequests = 0\n\
                 [[endpoint]]\nname = \"desks\"\npath = \"/desks\"\n{key}{settings}\n\
                 [[endpoint]]\nname = \"rooms\"\npath = \"/rooms\"\nkey = [\"id\"]\n\
                 [[job]]\nname = \"all\"\nschedule = \"* * * * * *\"\nendpoints = [\"desks\", \"rooms\"]\n",
                self.url
            ),
        );
    }

    /// Lets an endpoint send these records from now on.
    fn send(&self, name: &str, records: &[&str]) {
        let place = usize::from(name == NAMES[1]);
        self.bodies.lock().expect("nobody panics with it")[place] =
            format!("[{}]", records.join(","));
    }

    /// Runs both.
    #[track_caller]
    fn run(&self, status: i32) -> Finished {
        self.sandbox.run(&["--run-now"]).expect_status(status)
    }

    /// What is done to the database meanwhile.
    #[track_caller]
    fn execute(&self, sql: &str) {
        rusqlite::Connection::open(self.sandbox.database())
            .and_then(|connection| connection.execute_batch(sql))
            .expect("the test's SQL is valid");
    }
}
