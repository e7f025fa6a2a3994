//! The shipped unit keeps what the program relies on.

const UNIT: &str = include_str!("../../systemd/mapiq-sync.service");

/// All values that the unit gives to `key`.
fn values(key: &str) -> Vec<&'static str> {
    let assignments = UNIT.lines().filter_map(|line| line.split_once('='));
    assignments.filter(|(name, _)| *name == key).map(|(_, value)| value).collect()
}

#[test]
fn the_unit_does_not_restart_what_a_restart_does_not_mend() {
    assert_eq!(values("Restart"), ["on-failure"]);
    assert_eq!(values("RestartPreventExitStatus"), ["2 74 77 78"]);
}

#[test]
fn the_unit_waits_for_the_notification_of_the_main_process() {
    assert_eq!(values("Type"), ["notify"]);
    assert_eq!(values("NotifyAccess"), ["main"]);
}

#[test]
fn the_unit_hands_over_credentials_and_state_by_the_names_that_the_program_looks_for() {
    let credentials: Vec<_> = values("LoadCredential")
        .into_iter()
        .filter_map(|v| v.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(credentials, ["client_id", "client_secret"]);
    assert_eq!(values("StateDirectory"), ["mapiq-sync"]);
}

#[test]
fn the_unit_lets_the_program_read_the_id_of_the_boot() {
    assert_eq!(values("ProcSubset"), [""; 0]);
}

#[test]
fn the_unit_lets_no_core_file_be_written() {
    assert_eq!(values("LimitCORE"), ["0"]);
}
