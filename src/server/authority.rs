//! Certificates for tests, here and of the program itself. Out: authorities, what they certify, and the folder that Crossplane
//! mounts.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use std::{fs, path::Path, time::SystemTime};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// An authority, and what it certified.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn certify(&self) -> (String, String) {
        self.sign(CertificateParams::new(["localhost".to_owned()]).unwrap())
    }

    /// What ended long ago.
    pub fn certify_expired(&self) -> (String, String) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// Writes what Crossplane mounts, as of that time.
    pub fn mount(&self, folder: &Path, changed: SystemTime) {
        let (certificate, key) = self.certify();
        for (file, content) in [("tls.crt", certificate), ("tls.key", key), ("ca.crt", self.pem())] {
            write(&folder.join(file), &content, changed);
        }
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn trusted(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.pem())).domain_name("localhost")
    }

    pub fn client(&self) -> ClientTlsConfig {
        let (certificate, key) = self.certify();
        self.trusted().identity(Identity::from_pem(certificate, key))
    }
}

/// Writes a file as of that time.
pub fn write(path: &Path, content: &str, changed: SystemTime) {
    fs::write(path, content).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(changed).unwrap();
}
