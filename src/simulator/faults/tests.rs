use std::time::Duration;

use serde_json::json;

use super::*;

fn fault(text: &str) -> Fault {
    text.parse().expect("a good fault")
}

fn refused(text: &str) -> String {
    text.parse::<Fault>().expect_err("a wrong fault")
}

#[test]
fn a_fault_befalls_as_many_requests_as_it_is_asked_to_after_those_that_pass() {
    let mut faults = Faults::new(vec![fault("/v2/users=500,skip=1,times=2")]);
    let mut befalls = |path| faults.befall(path, "").is_some();

    assert!(!befalls("/v2/buildings"));
    assert_eq!(["/v2/users"; 5].map(&mut befalls), [false, true, true, false, false]);
}

#[test]
fn faults_of_one_path_follow_one_another_and_0_times_means_all_that_follow() {
    let mut faults = Faults::default();
    faults.add(fault("/v2/users=500"));
    faults.add(fault("/v2/users=hang,times=0"));
    let mut kinds = || faults.befall("/v2/users", "").expect("a fault");

    assert!(matches!(kinds(), FaultKind::Status { status: 500, .. }));
    for _ in 0..3 {
        assert_eq!(kinds(), FaultKind::Hang);
    }
    assert_eq!(faults.spelled(), ["/v2/users=hang,times=0"]);
    faults.clear();
    assert_eq!(faults.befall("/v2/users", ""), None);
}

#[test]
fn a_query_chooses_the_requests_by_whole_parameters() {
    let mut faults = Faults::new(vec![fault("/v2/users=html,query=page=3")]);
    let mut befalls = |query| faults.befall("/v2/users", query).is_some();

    assert!(!befalls(""));
    assert!(!befalls("page=30"));
    assert!(befalls("pageSize=10&page=3"));
}

#[test]
fn json_and_the_command_line_say_the_same() {
    let object =
        json!({ "path": "/v2/users", "kind": "429", "told": "date", "times": 3, "wait": "7" });
    let object = object.as_object().expect("an object");
    let read = Fault::from_json(object).expect("a good fault");
    let kind = FaultKind::Status { status: 429, told: Told::Date, wait: 7 };

    assert_eq!((&read.kind, read.times), (&kind, 3));
    assert_eq!(read, fault(&read.spelled));
}

#[test]
fn a_429_tells_the_wait_as_documented_and_a_503_nothing_unless_asked_to() {
    let told = |text: &str| match fault(text).kind {
        FaultKind::Status { told, wait, .. } => (told, wait),
        other => panic!("{other:?}"),
    };

    assert_eq!(told("/p=429,wait=5"), (Told::Both, 5));
    assert_eq!(told("/p=503"), (Told::Silent, 1));
    for (name, form) in Told::ALL {
        assert_eq!(told(&format!("/p=503,told={name}")), (form, 1));
    }
}

#[test]
fn a_drip_is_as_slow_as_it_is_asked_to_be() {
    let every = Duration::from_millis(20);
    assert_eq!(fault("/p=slow,bytes=3,every-ms=20").kind, FaultKind::Slow { bytes: 3, every });
    assert_eq!(
        fault("/p=endless,bytes=0,every-ms=20").kind,
        FaultKind::Endless { bytes: 1, every }
    );
}

#[test]
fn what_is_not_understood_is_told() {
    assert_eq!(refused("500"), "a fault is spelled PATH=KIND[,OPTION=VALUE]…");
    assert_eq!(refused("users=500"), "`users` is not a path: it must begin with /");
    assert!(refused("/v2/users=200").contains("a status from 400 to 599, quota, forbidden"));
    assert!(refused("/v2/users=500,twice").starts_with("`twice` is not an option"));
    assert_eq!(refused("/v2/users=500,times=many"), "`times` must be a whole number, not `many`");
    assert!(refused("/v2/users=429,told=loud").contains("both, header, date"));
    assert_eq!(refused("/v2/users=redirect"), "a redirect needs `to`, a URL");
    let object = json!({ "kind": "500" });
    let missing = Fault::from_json(object.as_object().expect("an object"));
    assert_eq!(missing, Err("`path` is missing".into()));
}
