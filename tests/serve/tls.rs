//! The program behind mutual TLS: who may call, by which versions, and that certificates rotate while it is called.

use super::{Client, Server, free_address, requests};
use crate::authority::Authority;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tonic::transport::{ClientTlsConfig, Endpoint, Identity};

/// As the kubelet does it: files are links through a folder that is replaced in one moment.
fn mount(folder: &Path, authority: &Authority, time: u64) {
    let version = folder.join(format!("..{time}"));
    std::fs::create_dir(&version).unwrap();
    authority.mount(&version, SystemTime::UNIX_EPOCH + Duration::from_secs(time));
    symlink(&version, folder.join("..next")).unwrap();
    std::fs::rename(folder.join("..next"), folder.join("..data")).unwrap();
    for file in ["tls.crt", "tls.key", "ca.crt"] {
        _ = symlink(Path::new("..data").join(file), folder.join(file)); // there from the first time on
    }
}

fn start(folder: &Path) -> Server {
    Server::with(free_address(), &["--tls-certs-dir", folder.to_str().unwrap()], Stdio::null())
}

async fn client(server: &Server, tls: &ClientTlsConfig) -> Result<Client, String> {
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address)).unwrap();
    let channel = endpoint.tls_config(tls.clone()).unwrap().connect().await.map_err(|error| format!("{error:?}"))?;
    let mut client = Client::new(channel);
    // A refusal may come only after the handshake.
    client.run_function(requests().remove(0)).await.map_err(|error| format!("{error:?}"))?;
    Ok(client)
}

async fn is_up(server: &Server) {
    while !server.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_rotate_under_load_without_a_dropped_call() {
    let (old, new, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    mount(folder.path(), &old, 1);
    let server = start(folder.path());
    is_up(&server).await;
    let (address, over) = (server.address, Arc::new(AtomicBool::new(false)));
    let caller = |number: u32| {
        let (tls, over, requests) = (old.client(), Arc::clone(&over), requests());
        tokio::spawn(async move {
            let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
            let mut client = Client::new(endpoint.connect().await.unwrap());
            let mut answered = 0;
            while !over.load(Ordering::Relaxed) {
                // Half of them by a new connection each time.
                if number.is_multiple_of(2) {
                    client = Client::new(endpoint.connect().await.unwrap());
                }
                client.run_function(requests[answered % 5].clone()).await.unwrap();
                answered += 1;
            }
            answered
        })
    };
    let callers: Vec<_> = (0..4).map(caller).collect();
    for time in 2..12 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        mount(folder.path(), &old, time);
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        assert!(caller.await.unwrap() > 10);
    }
    // And by another authority: who is connected stays, who comes needs the new one.
    let mut connected = client(&server, &old.client()).await.unwrap();
    mount(folder.path(), &new, 100);
    client(&server, &new.client()).await.unwrap();
    client(&server, &old.client()).await.unwrap_err();
    connected.run_function(requests().remove(0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    mount(folder.path(), &authority, 1);
    let server = start(folder.path());
    is_up(&server).await;
    let with =
        |(certificate, key): (String, String)| authority.trusted().identity(Identity::from_pem(certificate, key));
    client(&server, &authority.client()).await.unwrap();
    for (who, tls) in [
        ("of another authority", with(Authority::new().certify())),
        ("expired", with(authority.certify_expired())),
        ("without a certificate", authority.trusted()),
    ] {
        assert!(client(&server, &tls).await.is_err(), "{who}");
    }
    client(&server, &authority.client()).await.unwrap();
}

/// By a client that speaks the old versions, too.
#[tokio::test(flavor = "multi_thread")]
async fn only_tls_1_2_and_1_3_are_spoken() {
    if let Err(error) = Command::new("openssl").arg("version").output() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "openssl does not run: {error}");
        return crate::documents::say(&format!("skipped: TLS 1.1 is not tried, openssl does not run: {error}"));
    }
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    mount(folder.path(), &authority, 1);
    let server = start(folder.path());
    is_up(&server).await;
    let path = |file: &str| folder.path().join(file);
    let (certificate, key) = authority.certify();
    std::fs::write(path("client.crt"), certificate).unwrap();
    std::fs::write(path("client.key"), key).unwrap();
    let shake_hands = |version: &str| {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &server.address.to_string(), version, "-servername", "localhost"]);
        command.args(["-cipher", "DEFAULT@SECLEVEL=0", "-alpn", "h2"]);
        command.arg("-cert").arg(path("client.crt")).arg("-key").arg(path("client.key"));
        let ended = command.stdin(Stdio::null()).output().unwrap();
        (
            ended.status.success(),
            format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr)),
        )
    };
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (worked, said) = shake_hands(version);
        assert!(worked && said.contains(&format!("New, {name}")), "{said}");
    }
    for version in ["-tls1", "-tls1_1"] {
        let (worked, said) = shake_hands(version);
        // By version, or because none of its ciphers is one of ours.
        assert!(!worked && said.contains("SSL alert number"), "{said}");
    }
}
