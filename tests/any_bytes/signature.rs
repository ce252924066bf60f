//! The signature of an approval. In: any bytes, as a signature with or without its armour. Out: nothing, or a panic.

use function_database::api::approval::ApprovalSpec;
use function_database::api::input::Signer;
use function_database::gate::signature;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// What the committed signatures were made for.
static SPEC: LazyLock<ApprovalSpec> =
    LazyLock::new(|| serde_json::from_str(include_str!("../signed.json")).expect("it is committed"));

/// The keys of the committed signatures, all of one person.
static SIGNERS: LazyLock<Vec<Signer>> = LazyLock::new(|| {
    let committed: Vec<Value> = serde_json::from_str(include_str!("../signatures.json")).expect("it is committed");
    let signer = |entry: &Value| serde_json::from_value(json!({"approver": "anna", "key": entry["key"]}));
    committed.iter().map(|entry| signer(entry).expect("a good key")).collect()
});

/// A signature counts or gets a sentence; and one that counts does so for exactly this approval, by exactly these keys.
pub fn check(bytes: &[u8]) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with("-----") => text.to_owned(),
        _ => armoured(bytes),
    };
    let Err(flaw) = signature::check(&SPEC, &text, &SIGNERS) else {
        let other = ApprovalSpec { digest: "5e".repeat(32), ..SPEC.clone() };
        assert_eq!(signature::check(&other, &text, &SIGNERS), Err(signature::Flaw::Wrong));
        let by_ben = ApprovalSpec { approver: "ben".into(), ..SPEC.clone() };
        assert!(signature::check(&by_ben, &text, &SIGNERS).is_err());
        return assert!(signature::check(&SPEC, &text, &[]).is_err());
    };
    assert!(!flaw.to_string().is_empty());
}

/// As `ssh-keygen` writes it: lines of 70 letters.
fn armoured(bytes: &[u8]) -> String {
    use base64::Engine;
    let letters = base64::engine::general_purpose::STANDARD.encode(bytes).into_bytes();
    let lines: Vec<_> = letters.chunks(70).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}
