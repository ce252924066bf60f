//! Why the program does not start: one sentence that says what would be right, and an exit code.

use crate::authority::Authority;
use crate::free_address;
use rcgen::KeyPair;
use std::net::TcpListener;
use std::process::Command;
use std::time::SystemTime;

/// What it says, and how it ends.
fn refused(arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function-database"));
    let ended = command.arg("serve").args(arguments).env_remove("TLS_SERVER_CERTS_DIR").output().unwrap();
    assert!(ended.stdout.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stdout));
    let said = String::from_utf8(ended.stderr).unwrap();
    // Of arguments, what follows is how the command is used.
    (said.lines().next().unwrap_or_default().into(), ended.status.code())
}

#[test]
fn a_start_without_usable_certificates_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = |file: &str| folder.path().join(file);
    let authority = Authority::new();
    let check = |file: &str, wrong: &str| {
        let address = free_address().to_string();
        let (said, code) = refused(&["--tls-certs-dir", folder.path().to_str().unwrap(), "--address", &address]);
        let right = "give the folder that Crossplane mounts, or --insecure for development";
        assert_eq!(said, format!("error: {}: {wrong}; {right}", path(file).display()));
        assert_eq!(code, Some(1), "{said}");
    };
    check("tls.crt", "No such file or directory (os error 2)");
    authority.mount(folder.path(), SystemTime::now());
    std::fs::write(path("tls.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    check("tls.crt", "does not belong to tls.key");
    authority.mount(folder.path(), SystemTime::now());
    std::fs::write(path("ca.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    check("ca.crt", "invalid peer certificate: BadEncoding");
    // What root could read is no file at all.
    std::fs::remove_file(path("ca.crt")).unwrap();
    std::fs::create_dir(path("ca.crt")).unwrap();
    check("ca.crt", "Is a directory (os error 21)");
    let gone = path("nowhere");
    let (said, code) = refused(&["--tls-certs-dir", gone.to_str().unwrap(), "--address", &free_address().to_string()]);
    assert!(said.contains("nowhere/tls.crt: No such file or directory") && code == Some(1), "{said}");
}

#[test]
fn a_start_with_wrong_arguments_says_why() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (taken, free) = (listener.local_addr().unwrap().to_string(), free_address().to_string());
    let taken_already = format!(
        "error: cannot listen on {taken}: Address already in use (os error 98); give another one with --address or \
         --metrics-address"
    );
    for (arguments, expected) in [
        (&["--insecure", "--address", &taken][..], &taken_already[..]),
        (&["--insecure", "--address", &free, "--metrics-address", &taken], &taken_already),
        (
            &["--insecure", "--address", "9443"],
            "error: invalid value '9443' for '--address <ADDRESS>': invalid socket address syntax",
        ),
        (&["--insecure", "--log-level", "loud"], "error: invalid value 'loud' for '--log-level <LEVEL>'"),
        (&[], "error: the following required arguments were not provided:"),
    ] {
        assert_eq!(refused(arguments), (expected.into(), Some(2)), "{arguments:?}");
    }
}
