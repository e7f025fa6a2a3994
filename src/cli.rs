//! The command line; the only place that prints.

mod arguments;
mod backfill;
mod backup;
mod check;
mod completions;
mod console;
mod demo;
mod exit_status;
mod look;
mod manual;
mod plan;
mod progress;
mod rejects;
mod run_now;
mod runs;
mod serve;
mod shell;
mod simulate;
mod status;
mod table;
mod upkeep;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio_util::sync::CancellationToken;

pub use self::exit_status::ExitStatus;
use crate::{
    app::AppError,
    config::{self, Config, Environment},
    daemon::Signals,
    telemetry::{self, LogFormat, Verbosity},
};

/// The program's name.
const NAME: &str = "mapiq-sync";

/// The package's version, with the commit that it is built from and its day, where the build knows them.
const VERSION: &str = env!("MAPIQ_SYNC_VERSION");

/// Syncs the Mapiq API into a SQLite database, within the API's rate limit.
///
/// Without a command or `--run-now` it runs as a daemon: the jobs of the configuration on their schedules, until SIGTERM or
/// SIGINT.
#[derive(Debug, Parser)]
#[command(name = NAME, version = VERSION, max_term_width = 80, after_help = EXIT_STATUS_HELP)]
pub struct Arguments {
    /// The configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "MAPIQ_SYNC_CONFIG",
        default_value = "config.toml",
        global = true
    )]
    config: PathBuf,

    /// The form of the log on stderr; by default text, or where that is
    /// systemd's journal, entries of the journal with their fields
    #[arg(long, value_name = "FORMAT", value_enum, global = true)]
    log_format: Option<LogFormat>,

    /// Run all jobs once, now, and exit
    #[arg(long)]
    run_now: bool,

    /// With --run-now: run this job only (may be repeated)
    #[arg(long = "job", value_name = "NAME", requires = "run_now")]
    jobs: Vec<String>,

    /// With --run-now: mark as deleted what the API no longer returns, however
    /// much that is
    #[arg(long, requires = "run_now")]
    confirm_deletions: bool,

    #[command(flatten)]
    dates: backfill::DatesArgs,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell how every job and endpoint is doing: last and next runs, age of the data, budget, what needs a person
    Status(status::StatusArgs),
    #[command(flatten)]
    Configured(Configured),
    /// Show a whole sync against a built-in simulator, without an account or a network
    Demo(demo::DemoArgs),
    /// Serve the simulator of the API alone, to try a configuration against it
    Simulate(Box<simulate::SimulateArgs>),
    /// Print the script by which a shell completes the arguments
    Completions(completions::CompletionsArgs),
    /// Write the manual pages, as a package brings them
    Manual(manual::ManualArgs),
}

/// Those that begin with the configuration, and need no credentials, or look for them themselves.
#[derive(Debug, Subcommand)]
enum Configured {
    /// Copy the database to a file, whole and checked, while others use it
    Backup(backup::BackupArgs),
    /// Tell whether all that a run needs is there, and with --online whether the API answers as the configuration says
    Check(check::CheckArgs),
    /// Tell what a run would ask for now, how long it takes, and whether it fits
    Plan(plan::PlanArgs),
    /// Put an endpoint's table aside, so that the next run makes it anew, such as after a changed key
    Rebuild(upkeep::RebuildArgs),
    /// List the records that could not be stored, or try them again
    Rejects(rejects::RejectsArgs),
    /// Clear the pause that the API has asked for, and have an endpoint asked again
    Resume(upkeep::ResumeArgs),
    /// List past runs: what they did, what they cost, and why they did not end well
    Runs(runs::RunsArgs),
}

const EXIT_STATUS_HELP: &str = "Exit status:
   0  all done
   1  an endpoint failed
   2  wrong usage
  65  all done, but something needs a person: rejected records, another total
      than the API stated, or deletions waiting for a yes
  69  the service could not be reached
  74  the database cannot be used
  75  unfinished for now, run again later: paused by a limit or a lock, or
      stopped by a signal
  77  the credentials were refused
  78  wrong configuration, or missing credentials";

/// Runs the program to its exit status.
pub fn run(arguments: Arguments) -> ExitCode {
    if arguments.run_now && arguments.command.is_some() {
        return usage("`--run-now` goes without a command").into();
    }
    // One thread for all that waits, and SQLite's beside it: what it waits for is the limit, and each hop costs.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(
                ExitStatus::Failed,
                &anyhow::Error::new(error).context("cannot start the runtime"),
            )
            .into();
        }
    };
    let status = runtime.block_on(dispatch(arguments));
    // Who has signalled twice does not wait for a name server either.
    runtime.shutdown_background();
    status.into()
}

/// Keeps what the process has in memory, the secret, the token and people's data, from core files and from other processes
/// of the same user. To be called before any of it is there.
pub fn keep_memory_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Where the unit's filter forbids the call, the unit has set the limit itself.
    setrlimit(Resource::Core, none).ok();
    // The limit does not bind a program that core files are piped to, such as systemd-coredump; this does. No kernel
    // refuses it, and there is nobody to tell yet.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).ok();
}

async fn dispatch(arguments: Arguments) -> ExitStatus {
    // Progress lines tell an interactive run's story; the daemon has only its log.
    let interactive = arguments.run_now || arguments.command.is_some();
    let verbosity = if interactive { Verbosity::Troubles } else { Verbosity::Doings };
    if let Err(error) = telemetry::init(arguments.log_format, verbosity, || console::Log) {
        return fail(ExitStatus::Failed, &anyhow::Error::new(error));
    }
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail(ExitStatus::Failed, &anyhow::Error::new(error)),
    };
    let finish = CancellationToken::new();
    let stopped = signals.shutdown_requested(finish.clone());
    tokio::select! {
        biased;
        () = stopped => if interactive { ExitStatus::Unfinished } else { ExitStatus::Done },
        status = command(arguments, finish) => status,
    }
}

async fn command(arguments: Arguments, stop: CancellationToken) -> ExitStatus {
    match arguments.command {
        Some(Command::Completions(args)) => completions::run(&args),
        Some(Command::Manual(args)) => manual::run(&args),
        Some(Command::Demo(args)) => demo::run(args, &stop).await,
        Some(Command::Simulate(args)) => match simulate::run(*args, stop).await {
            Ok(()) => ExitStatus::Done,
            Err(error) => fail(ExitStatus::Failed, &error),
        },
        Some(Command::Status(args)) => status::run(&arguments.config, &args).await,
        Some(Command::Configured(command)) => match load_without_secrets(&arguments.config) {
            Ok(config) => configured(command, config, &arguments.config, &stop).await,
            Err(status) => status,
        },
        None => {
            let dates = match arguments.dates.dates() {
                Ok(dates) => dates,
                Err(message) => return usage(&message),
            };
            let mut config = match load(&arguments.config) {
                Ok(config) => config,
                Err(status) => return status,
            };
            if arguments.confirm_deletions {
                let endpoints = config.sync.endpoints.iter_mut();
                endpoints.for_each(|endpoint| endpoint.on_missing.confirm());
            }
            if arguments.run_now {
                run_now::run(config, &arguments.jobs, dates, &stop).await
            } else {
                serve::run(config, arguments.config, &stop).await
            }
        }
    }
}

async fn configured(
    command: Configured,
    config: Config,
    file: &Path,
    stop: &CancellationToken,
) -> ExitStatus {
    match command {
        Configured::Backup(args) => backup::run(&config, &args, stop).await,
        Configured::Check(args) => check::run(config, file, &args, stop).await,
        Configured::Plan(args) => plan::run(&config, &args).await,
        Configured::Rebuild(args) => upkeep::rebuild(&config, &args).await,
        Configured::Rejects(args) => rejects::run(config, &args, stop).await,
        Configured::Resume(args) => upkeep::resume(&config, &args).await,
        Configured::Runs(args) => runs::run(&config, &args).await,
    }
}

/// Loads the configuration, and makes sure that there are credentials, and the key that hashes need, before anything else
/// is touched.
fn load(path: &Path) -> Result<Config, ExitStatus> {
    let mut config = load_without_secrets(path)?;
    match config
        .read_credentials()
        .and_then(|_| config.read_hash_key())
        .and_then(|()| config.read_webhook())
    {
        Ok(()) => Ok(config),
        Err(error) => Err(fail(ExitStatus::Config, &anyhow::Error::new(error))),
    }
}

/// The same for who asks the API nothing.
fn load_without_secrets(path: &Path) -> Result<Config, ExitStatus> {
    config::load(path, &Environment::from_process()).map_err(|errors| {
        print_error(&errors.to_string());
        ExitStatus::Config
    })
}

/// What to say of an endpoint that the configuration does not have.
fn unknown_endpoint(config: &Config, endpoint: Option<&str>) -> Option<String> {
    let known: Vec<&str> =
        config.sync.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    let unknown = endpoint.filter(|name| !known.contains(name))?;
    Some(format!("there is no endpoint `{unknown}`: the configuration has {}", known.join(", ")))
}

/// Prints an error with its causes, and hands the status on.
fn fail(status: ExitStatus, error: &anyhow::Error) -> ExitStatus {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        text.push_str("\n  caused by: ");
        text.push_str(&cause.to_string());
    }
    print_error(&text);
    status
}

fn fail_app(error: AppError) -> ExitStatus {
    let status = match &error {
        AppError::Clock(_) | AppError::Monitor(_) => ExitStatus::Failed,
        AppError::Client(_) => ExitStatus::Config,
        AppError::Store(_) => ExitStatus::Database,
        AppError::Credentials(_) => ExitStatus::Credentials,
    };
    fail(status, &anyhow::Error::new(error))
}

fn usage(message: &str) -> ExitStatus {
    print_error(&format!("{message}\n\nFor more, try `mapiq-sync --help`"));
    ExitStatus::Usage
}

fn print_error(text: &str) {
    console::print_error(&format!("error: {text}"));
}

/// Prints to stdout. A reader who has gone (`| head`) has read enough: that is no error.
fn print_result(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to stdout"))
        }
        _ => Ok(()),
    }
}
