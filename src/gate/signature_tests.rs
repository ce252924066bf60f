//! Committed signatures, signatures by the real `ssh-keygen` and by stand-ins for security keys; and all that must fail.

use super::*;
use crate::api::approval::{Decision, OperationKind};
use base64::Engine;
use pretty_assertions::assert_eq;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// With every field, and with what JSON must escape and must not.
fn spec() -> ApprovalSpec {
    let signed: ApprovalSpec = serde_json::from_str(include_str!("../../tests/signed.json")).unwrap();
    ApprovalSpec { signature: Some("it does not matter".into()), ..signed }
}

/// Signed approvals are out in the world: this form never changes.
#[test]
fn what_is_signed_is_permanent() {
    let expected = r#"{"approver":"anna","database":"orders","decision":"Approved","digest":"5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f","expires":"2026-11-28T00:00:00Z","operation":"Change","reason":"Größer \"now\"\tplease\n","ticket":"CHG-7"}"#;
    assert_eq!(canonical(&spec()), expected);
    let least = ApprovalSpec { reason: None, ticket: None, ..spec() };
    let expected = r#"{"approver":"anna","database":"orders","decision":"Approved","digest":"5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f","expires":"2026-11-28T00:00:00Z","operation":"Change"}"#;
    assert_eq!(canonical(&least), expected, "what is left out is left out");
    assert_eq!(NAMESPACE, "db.platform.io/approval");
}

fn signer(approver: &str, key: &str) -> Signer {
    serde_json::from_value(json!({"approver": approver, "key": key})).unwrap()
}

/// By OpenSSH 9: ed25519, ECDSA on P-256, P-384 and P-521, RSA of 3072 bits.
fn committed() -> Vec<(String, String)> {
    let file: Vec<Value> = serde_json::from_str(include_str!("../../tests/signatures.json")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_string();
    file.iter().map(|entry| (text(&entry["key"]), text(&entry["signature"]))).collect()
}

/// It counts; and after any change of the spec, or of a byte of the signature itself, it does not.
fn holds_and_breaks(key: &str, signature: &str) {
    let signers = [signer("anna", key)];
    assert_eq!(check(&spec(), signature, &signers), Ok(()), "{key}");
    let changed = [
        ApprovalSpec { database: "bills".into(), ..spec() },
        ApprovalSpec { operation: OperationKind::Delete, ..spec() },
        ApprovalSpec { digest: "5e".repeat(32), ..spec() },
        ApprovalSpec { decision: Decision::Rejected, ..spec() },
        ApprovalSpec { reason: None, ..spec() },
        ApprovalSpec { reason: Some("another".into()), ..spec() },
        ApprovalSpec { ticket: None, ..spec() },
        ApprovalSpec { ticket: Some("CHG-8".into()), ..spec() },
        ApprovalSpec { expires: "2027-11-28T00:00:00Z".into(), ..spec() },
    ];
    for spec in changed {
        assert_eq!(check(&spec, signature, &signers), Err(Flaw::Wrong), "{key}: {spec:?}");
    }
    // Even if the platform gave the key to whom the approval was changed to.
    let ben = ApprovalSpec { approver: "ben".into(), ..spec() };
    assert_eq!(check(&ben, signature, &[signer("ben", key)]), Err(Flaw::Wrong));
    assert_eq!(check(&ben, signature, &signers), Err(Flaw::KeyOf("anna".into())));
    let (blob, mut loose) = (unarmoured(signature), 0);
    for at in 0..blob.len() {
        let mut broken = blob.clone();
        broken[at] ^= 0x10;
        // `ssh-key` reads past the lengths of two outer envelopes, so a broken one says the very same as the whole one.
        let same = SshSig::from_pem(armoured(&broken)) == SshSig::from_pem(signature.trim());
        assert!(same || check(&spec(), &armoured(&broken), &signers).is_err(), "{key}: byte {at}");
        loose += usize::from(same);
        assert!(check(&spec(), &armoured(&blob[..at]), &signers).is_err(), "{key}: cut at {at}");
    }
    assert!(loose <= 8, "{key}: no more than two lengths of four bytes");
    assert!(check(&spec(), &armoured(&[&blob[..], &[0]].concat()), &signers).is_err(), "{key}: something follows");
}

#[test]
fn committed_signatures() {
    let committed = committed();
    assert_eq!(committed.len(), 5);
    for (key, signature) in &committed {
        holds_and_breaks(key, signature);
    }
}

#[test]
fn each_flaw_in_a_sentence() {
    let committed = committed();
    let (key, signature) = &committed[0];
    let other = &committed[1].0;
    let blob = unarmoured(signature);
    let namespace = |name: &str| {
        let at = blob.windows(NAMESPACE.len()).position(|part| part == NAMESPACE.as_bytes()).unwrap();
        let mut changed = blob[..at - 4].to_vec();
        changed.extend((name.len() as u32).to_be_bytes());
        changed.extend(name.as_bytes());
        changed.extend(&blob[at + NAMESPACE.len()..]);
        armoured(&changed)
    };
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = blob.windows(from.len()).rposition(|part| part == from.as_bytes()).unwrap();
        let mut changed = blob.clone();
        changed[at..at + to.len()].copy_from_slice(to.as_bytes());
        armoured(&changed)
    };
    let fingerprint = signer("anna", key).key.data().fingerprint(HashAlg::Sha256).to_string();
    let cases = [
        (signature.clone(), vec![], format!("it is signed by a key that belongs to no approver ({fingerprint})")),
        (
            signature.clone(),
            vec![signer("anna", other)],
            format!("it is signed by a key that belongs to no approver ({fingerprint})"),
        ),
        (signature.clone(), vec![signer("ben", key)], "it is signed by the key of ben".into()),
        (
            namespace("git"),
            vec![signer("anna", key)],
            "it is signed for the namespace \"git\", not for \"db.platform.io/approval\"".into(),
        ),
        (
            committed[1].1.clone(),
            vec![signer("anna", key), signer("ben", other)],
            "it is signed by the key of ben".into(),
        ),
    ];
    for (signature, signers, expected) in cases {
        assert_eq!(check(&spec(), &signature, &signers).unwrap_err().to_string(), expected);
    }
    let unreadable =
        [String::new(), "anna".into(), "x".repeat(LONGEST + 1), replaced("sha512", "sha384"), namespace("")];
    for signature in unreadable {
        let flaw = check(&spec(), &signature, &[signer("anna", key)]).unwrap_err();
        assert!(matches!(flaw, Flaw::Unreadable(_)), "{flaw:?}");
    }
    // SHA-1: an RSA signature that says that it is `ssh-rsa`.
    let blob = unarmoured(&committed[4].1);
    let at = blob.windows(12).rposition(|part| part == b"rsa-sha2-512").unwrap();
    let length = blob.len() - at - 12 + 7 + 4;
    let mut sha1 = blob[..at - 8].to_vec();
    sha1.extend((length as u32).to_be_bytes());
    sha1.extend(7u32.to_be_bytes());
    sha1.extend(b"ssh-rsa");
    sha1.extend(&blob[at + 12..]);
    let flaw = check(&spec(), &armoured(&sha1), &[signer("anna", &committed[4].0)]).unwrap_err();
    assert!(matches!(flaw, Flaw::Unreadable(_)), "{flaw:?}");
}

#[test]
fn the_real_ssh_keygen() {
    if let Err(error) = Command::new("ssh-keygen").arg("-?").output() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "ssh-keygen is needed where CI is true: {error}");
        let _ = writeln!(std::io::stderr(), "skipped: ssh-keygen does not run: {error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let kinds = [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "3072")];
    for (kind, bits) in kinds {
        let file = folder.path().join(format!("{kind}-{bits}"));
        let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-b", bits, "-N", "", "-f"]).arg(&file).output();
        assert!(made.unwrap().status.success());
        let key = std::fs::read_to_string(file.with_extension("pub")).unwrap();
        for hash in ["sha512", "sha256"] {
            let signature = keygen(&file, hash, NAMESPACE);
            assert_eq!(check(&spec(), &signature, &[signer("anna", &key)]), Ok(()), "{kind} {bits} {hash}");
            let indented = format!("\n{signature}\n");
            assert_eq!(check(&spec(), &indented, &[signer("anna", &key)]), Ok(()), "as YAML may hold it");
        }
        let flaw = check(&spec(), &keygen(&file, "sha512", "git"), &[signer("anna", &key)]);
        assert_eq!(flaw, Err(Flaw::Namespace("git".into())));
    }
}

fn keygen(key: &Path, hash: &str, namespace: &str) -> String {
    let hash = format!("hashalg={hash}");
    let mut process = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", namespace, "-O", &hash, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(canonical(&spec()).as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// No hardware here: the keys of OpenSSH's `PROTOCOL.u2f` (sections "SSH U2F Key formats" and "SSH U2F signatures") are
/// played by `ring`, in bytes put together by hand.
#[test]
fn security_keys() {
    let random = SystemRandom::new();
    let ed25519 = Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
    let public = [string(b"sk-ssh-ed25519@openssh.com"), string(ed25519.public_key().as_ref()), string(b"ssh:")];
    let sign = |text: &[u8]| string(ed25519.sign(text).as_ref());
    security_key_cases("sk-ssh-ed25519@openssh.com", &public.concat(), &sign);

    let rules = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(rules, &random).unwrap();
    let ecdsa = EcdsaKeyPair::from_pkcs8(rules, document.as_ref(), &random).unwrap();
    let kind = "sk-ecdsa-sha2-nistp256@openssh.com";
    let point = ecdsa.public_key().as_ref();
    let public = [string(kind.as_bytes()), string(b"nistp256"), string(point), string(b"ssh:")].concat();
    let number = |bytes: &[u8]| string(Mpint::from_positive_bytes(bytes).unwrap().as_bytes());
    let sign = |text: &[u8]| {
        let signature = ecdsa.sign(&random, text).unwrap();
        let (r, s) = signature.as_ref().split_at(32);
        string(&[number(r), number(s)].concat())
    };
    security_key_cases(kind, &public, &sign);
}

fn security_key_cases(kind: &str, public: &[u8], sign: &dyn Fn(&[u8]) -> Vec<u8>) {
    let key = format!("{kind} {}", base64::engine::general_purpose::STANDARD.encode(public));
    let signed = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, canonical(&spec()).as_bytes()).unwrap();
    let made = |application: &str, flags: u8| {
        let trailer = [&[flags][..], &7u32.to_be_bytes()].concat();
        let text = [&Sha256::digest(application)[..], &trailer, &Sha256::digest(&signed)[..]].concat();
        let signature = [string(kind.as_bytes()), sign(&text), trailer].concat();
        let parts = [string(public), string(NAMESPACE.as_bytes()), string(b""), string(b"sha512"), string(&signature)];
        armoured(&[&b"SSHSIG"[..], &1u32.to_be_bytes(), &parts.concat()].concat())
    };
    holds_and_breaks(&key, &made("ssh:", 1));
    let signers = [signer("anna", &key)];
    assert_eq!(check(&spec(), &made("ssh:", 5), &signers), Ok(()), "touched, and a PIN was given");
    assert_eq!(check(&spec(), &made("ssh:", 0), &signers), Err(Flaw::NobodyPresent));
    assert_eq!(check(&spec(), &made("https://example.org", 1), &signers), Err(Flaw::Wrong), "of another application");
}

/// As the protocol writes a string: its length, then its bytes.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn armoured(blob: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(blob);
    let lines: Vec<&str> = text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

fn unarmoured(signature: &str) -> Vec<u8> {
    let text: String = signature.lines().filter(|line| !line.starts_with("--")).collect();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn keys_of_the_input() {
    let parsed = |signers: Value| {
        let gate: Result<crate::api::input::ApprovalGate, _> = serde_json::from_value(json!({"signers": signers}));
        gate.map(|gate| gate.signers.len()).map_err(|error| error.to_string())
    };
    let key = committed()[0].0.clone();
    let one = |key: &str| json!([{"approver": "anna", "key": key}]);
    assert_eq!(parsed(one(&format!("{key} anna@example.org\n"))), Ok(1));
    assert_eq!(parsed(json!([{"approver": "anna", "key": key}, {"approver": "anna", "key": committed()[1].0}])), Ok(2));
    let twice = parsed(json!([{"approver": "anna", "key": key}, {"approver": "ben", "key": format!("{key} ben")}]));
    assert_eq!(twice.unwrap_err(), "the key of anna is also that of ben; one key belongs to one approver");
    assert!(parsed(one("anna")).unwrap_err().contains("is no key"));
    let rsa = |bytes: usize| {
        let mut n = vec![0xff; bytes];
        n.insert(0, 0);
        let blob = [string(b"ssh-rsa"), string(&[1, 0, 1]), string(&n)].concat();
        format!("ssh-rsa {}", base64::engine::general_purpose::STANDARD.encode(blob))
    };
    assert_eq!(parsed(one(&rsa(256))), Ok(1));
    let refused = "is an RSA key of 1024 bits; use one of 2048 to 8192, or ed25519";
    assert_eq!(parsed(one(&rsa(128))).unwrap_err(), refused);
    assert!(parsed(one(&rsa(1025))).unwrap_err().contains("8200 bits"));
}
