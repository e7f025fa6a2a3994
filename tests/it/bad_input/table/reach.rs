//! Services that are not what they should be, or not there.

use std::{io::Write, net::TcpListener, thread};

use rcgen::date_time_ymd;

use super::{AT_FIRST, Case, Sent, World};
use crate::bad_input::tls::TlsApi;

/// Sends the requests to another address.
fn lead_to(world: &mut World, url: &str) {
    world.set("API__BASE_URL", url);
}

fn lead_back(world: &mut World) {
    world.unset("API__BASE_URL");
}

/// Trusts a certificate, whatever the machine trusts, and sends the requests to whoever shows it.
fn trust(world: &mut World, tls: TlsApi) {
    world.sandbox.write("authority.pem", tls.certificate());
    world.set("API__CA_FILE", "authority.pem");
    lead_to(world, &tls.url());
    world.servers.push(Box::new(tls));
}

/// Answers every connection with these bytes.
fn answer_bytes(world: &mut World, bytes: &'static [u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Whether the other side still listens is its own matter.
            stream.write_all(bytes).ok();
        }
    });
    lead_to(world, &format!("http://{address}"));
}

/// The service cannot be reached at all.
const UNREACHABLE: Case = Case { mend: lead_back, status: 69, sent: Sent::Whatever, ..AT_FIRST };

/// Nothing of a request reaches a server whose certificate is not in order, and it is not tried again.
const CERTIFICATE: Case =
    Case { check: |world| assert!(world.api.asked_for("/v2/users").is_empty()), ..UNREACHABLE };

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a name that does not exist",
        spoil: |world| {
            // RFC 6761, section 6.4: `.invalid` never resolves. Without a network the resolver would wait for long.
            lead_to(world, "https://mapiq.invalid");
            let tls = TlsApi::before(&world.api);
            world.sandbox.write("authority.pem", tls.certificate());
            world.set("API__CA_FILE", "authority.pem");
            world.sandbox.set("RES_OPTIONS", "timeout:1 attempts:1");
        },
        told: &[
            "\nerror: users failed: cannot read page 1: cannot reach mapiq.invalid: its name cannot be looked up, is it spelled right?",
        ],
        ..UNREACHABLE
    },
    Case {
        name: "a certificate for another name",
        spoil: |world| {
            let tls = TlsApi::with_certificate(&world.api, "elsewhere.example", |_| {});
            trust(world, tls);
        },
        told: &[
            "\nerror: users failed: cannot read page 1: the certificate of localhost:",
            "is for another name: is the host in the URL right?",
            "elsewhere.example",
        ],
        ..CERTIFICATE
    },
    Case {
        name: "a certificate that has expired, or a clock that is ahead",
        spoil: |world| {
            let tls = TlsApi::with_certificate(&world.api, "localhost", |params| {
                params.not_after = date_time_ymd(2020, 1, 1);
            });
            trust(world, tls);
        },
        told: &[
            "page 1: the certificate of localhost:",
            "does not hold at this time: has it expired, or is this machine's clock wrong?",
        ],
        ..CERTIFICATE
    },
    Case {
        name: "a certificate that is not valid yet, or a clock that is behind",
        spoil: |world| {
            let tls = TlsApi::with_certificate(&world.api, "localhost", |params| {
                params.not_before = date_time_ymd(3000, 1, 1);
            });
            trust(world, tls);
        },
        told: &["does not hold at this time: has it expired, or is this machine's clock wrong?"],
        ..CERTIFICATE
    },
    Case {
        name: "a service that speaks no HTTP",
        spoil: |world| answer_bytes(world, b"SSH-2.0-OpenSSH_9.2\r\n"),
        status: 1,
        told: &["cannot read page 1: the exchange with 127.0.0.1:", "broke off"],
        ..UNREACHABLE
    },
    Case {
        name: "a service that speaks no TLS",
        spoil: |world| {
            answer_bytes(world, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let plain = world.sandbox.command(&[]);
            let url = plain.get_envs().find(|(name, _)| *name == "MAPIQ_SYNC__API__BASE_URL");
            let url = url.and_then(|(_, url)| url?.to_str()).expect("it was set just now");
            let tls = TlsApi::before(&world.api);
            trust(world, tls);
            lead_to(world, &url.replace("http://", "https://"));
        },
        told: &["cannot read page 1: cannot reach 127.0.0.1:", "no secure connection"],
        ..CERTIFICATE
    },
];
