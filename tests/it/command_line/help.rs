//! Help and usage.

use super::too_wide;
use crate::support::Sandbox;

#[test]
fn help_says_what_there_is_and_what_the_exit_status_means() {
    let help = Sandbox::new().run(&["--help"]).expect_status(0);
    assert_eq!(help.stderr, "");
    let lines: Vec<&str> = help.stdout.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    Syncs the Mapiq API into a SQLite database, within the API's rate limit.

    Without a command or `--run-now` it runs as a daemon: the jobs of the
    configuration on their schedules, until SIGTERM or SIGINT.

    Usage: mapiq-sync [OPTIONS] [COMMAND]

    Commands:
      status       Tell how every job and endpoint is doing: last and next runs, age
                   of the data, budget, what needs a person
      backup       Copy the database to a file, whole and checked, while others use
                   it
      check        Tell whether all that a run needs is there, and with --online
                   whether the API answers as the configuration says
      plan         Tell what a run would ask for now, how long it takes, and whether
                   it fits
      rebuild      Put an endpoint's table aside, so that the next run makes it
                   anew, such as after a changed key
      rejects      List the records that could not be stored, or try them again
      resume       Clear the pause that the API has asked for, and have an endpoint
                   asked again
      runs         List past runs: what they did, what they cost, and why they did
                   not end well
      demo         Show a whole sync against a built-in simulator, without an
                   account or a network
      simulate     Serve the simulator of the API alone, to try a configuration
                   against it
      completions  Print the script by which a shell completes the arguments
      manual       Write the manual pages, as a package brings them
      help         Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>
              The configuration file

              [env: MAPIQ_SYNC_CONFIG=]
              [default: config.toml]

          --log-format <FORMAT>
              The form of the log on stderr; by default text, or where that is
              systemd's journal, entries of the journal with their fields

              Possible values:
              - text: For people: one line an event, in colour on a terminal
              - json: For machines: one JSON object an event

          --run-now
              Run all jobs once, now, and exit

          --job <NAME>
              With --run-now: run this job only (may be repeated)

          --confirm-deletions
              With --run-now: mark as deleted what the API no longer returns,
              however much that is

          --from <DATE>
              With --run-now: ask for the dates from this one on instead of the
              windows

          --to <DATE>
              With --run-now: ask for the dates up to this one, included

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Exit status:
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
      78  wrong configuration, or missing credentials
    ");
}

#[test]
fn help_fits_a_plain_terminal() {
    let sandbox = Sandbox::new();
    let commands =
        ["backup", "check", "completions", "demo", "manual", "plan", "rejects", "simulate"];
    let commands = commands.map(|command| [command, "--help"]);
    for arguments in [&["--help"][..], &["-h"]].into_iter().chain(commands.iter().map(|c| &c[..])) {
        let help = sandbox.run(arguments).expect_status(0);
        assert_eq!(too_wide(&help.stdout), [""; 0], "{arguments:?}");
    }
}
