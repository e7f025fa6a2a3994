//! The shipped units keep what the program and its documentation rely on.

const DAEMON: &str = include_str!("../../systemd/mapiq-sync.service");
const TENANT: &str = include_str!("../../systemd/mapiq-sync@.service");
const ONCE: &str = include_str!("../../systemd/mapiq-sync-once.service");
const TIMER: &str = include_str!("../../systemd/mapiq-sync-once.timer");

const SERVICES: [&str; 3] = [DAEMON, TENANT, ONCE];
const DAEMONS: [&str; 2] = [DAEMON, TENANT];

/// The line from which on a unit's section is that of all.
const SANDBOX: &str = "# The sandbox: the same in all three services, which a test sees to.";

/// All values that the unit gives to `key`.
fn values<'u>(unit: &'u str, key: &str) -> Vec<&'u str> {
    let assignments = unit.lines().filter_map(|line| line.split_once('='));
    assignments.filter(|(name, _)| *name == key).map(|(_, value)| value).collect()
}

/// The lines of the sandbox: from its comment to the end of its section.
fn sandbox(unit: &str) -> Vec<&str> {
    let lines = unit.lines().skip_while(|line| *line != SANDBOX);
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_services_have_one_sandbox() {
    let sandbox_of_daemon = sandbox(DAEMON);
    assert!(sandbox_of_daemon.len() > 25, "{sandbox_of_daemon:?}");
    assert_eq!(sandbox(TENANT), sandbox_of_daemon);
    assert_eq!(sandbox(ONCE), sandbox_of_daemon);
}

#[test]
fn nothing_outside_of_the_sandbox_takes_anything_of_it_back() {
    let keys: Vec<&str> = sandbox(DAEMON)
        .into_iter()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('=').map(|(key, _)| key))
        .collect();
    for service in SERVICES {
        let before = service.lines().take_while(|line| *line != SANDBOX);
        let taken: Vec<&str> = before
            .filter(|line| line.split_once('=').is_some_and(|(key, _)| keys.contains(&key)))
            .collect();
        assert_eq!(taken, [""; 0]);
    }
}

#[test]
fn a_daemon_does_not_restart_what_a_restart_does_not_mend_and_else_gives_up_late() {
    for unit in DAEMONS {
        assert_eq!(values(unit, "Restart"), ["on-failure"]);
        assert_eq!(values(unit, "RestartPreventExitStatus"), ["2 77 78"]);
        // A hundred starts, half a minute apart, fit into the hour: else it would never give up.
        assert_eq!(values(unit, "RestartSec"), ["30s"]);
        assert_eq!(values(unit, "StartLimitIntervalSec"), ["1h"]);
        assert_eq!(values(unit, "StartLimitBurst"), ["100"]);
    }
}

#[test]
fn a_daemon_waits_for_the_notification_of_the_main_process() {
    for unit in DAEMONS {
        assert_eq!(values(unit, "Type"), ["notify"]);
        assert_eq!(values(unit, "NotifyAccess"), ["main"]);
    }
}

#[test]
fn a_daemon_is_reloaded_by_the_signal_that_it_listens_to_and_watched() {
    for unit in DAEMONS {
        assert_eq!(values(unit, "ExecReload"), ["/bin/kill -HUP $MAINPID"]);
        assert_eq!(values(unit, "WatchdogSec"), ["5min"]);
    }
}

#[test]
fn a_single_run_that_is_unfinished_is_no_failure_and_one_that_wants_a_person_is() {
    assert_eq!(values(ONCE, "Type"), ["oneshot"]);
    assert_eq!(values(ONCE, "SuccessExitStatus"), ["75"]);
    assert_eq!(values(ONCE, "Restart"), [""; 0]);
    assert_eq!(values(ONCE, "WantedBy"), [""; 0], "the timer starts it, not the machine");
}

#[test]
fn the_timer_makes_up_what_was_due_while_the_machine_was_off() {
    assert_eq!(values(TIMER, "Persistent"), ["true"]);
    assert_eq!(values(TIMER, "OnCalendar"), ["*:0/15"]);
    assert_eq!(values(TIMER, "Unit"), [""; 0], "it is the service of its name");
}

#[test]
fn the_services_hand_over_credentials_by_the_names_that_the_program_looks_for() {
    for (unit, folder) in [
        (DAEMON, "/etc/mapiq-sync/"),
        (TENANT, "/etc/mapiq-sync/tenants/%i/"),
        (ONCE, "/etc/mapiq-sync/"),
    ] {
        let names = ["client_id", "client_secret", "hash_key", "alert_webhook"];
        let files = names.map(|name| format!("{name}:{folder}{name}"));
        assert_eq!(values(unit, "LoadCredential"), files);
        // Without a file it is the program that says what is missing.
        assert_eq!(values(unit, "SetCredential"), names.map(|name| format!("{name}:\\n")));
        let [command] = values(unit, "ExecStart")[..] else { panic!("one command") };
        let config = format!("--config {folder}config.toml");
        assert!(command.starts_with(&format!("/usr/bin/mapiq-sync {config}")), "{command}");
        let configuration = folder.trim_start_matches("/etc/").trim_end_matches('/');
        assert_eq!(values(unit, "ConfigurationDirectory"), [configuration]);
    }
}

#[test]
fn a_tenant_shares_neither_user_nor_state_with_another() {
    for (unit, user, state) in [
        (DAEMON, "mapiq-sync", "mapiq-sync"),
        (ONCE, "mapiq-sync", "mapiq-sync"),
        (TENANT, "mapiq-sync-%i", "mapiq-sync-tenants/%i"),
    ] {
        assert_eq!(values(unit, "User"), [user]);
        assert_eq!(values(unit, "Group"), [user]);
        assert_eq!(values(unit, "StateDirectory"), [state]);
        assert_eq!(values(unit, "StateDirectoryMode"), ["0750"]);
    }
}

#[test]
fn the_services_let_the_program_read_the_id_of_the_boot() {
    for unit in SERVICES {
        assert_eq!(values(unit, "ProcSubset"), [""; 0]);
    }
}

#[test]
fn the_services_let_no_core_file_be_written() {
    for unit in SERVICES {
        assert_eq!(values(unit, "LimitCORE"), ["0"]);
    }
}
