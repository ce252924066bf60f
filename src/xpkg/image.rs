//! An OCI image in the form of `docker save`: layers, the config that names them, and a manifest. In: files. Out: a tar
//! archive. Must not depend on when or where it is made: times are zero, everything belongs to root, the order is given.
//!
//! Crossplane finds the layer with `package.yaml` by a label of the config, `io.crossplane.xpkg:<digest>`, which it makes an
//! annotation of that layer on pushing: this form of an archive holds no annotations.

use super::elf::Architecture;
use crate::map::entries;
use flate2::{Compression, GzBuilder};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use tar::{Builder, EntryType, Header};

/// Nobody in particular: a user without a name, a home or rights. Crossplane runs functions as its own, 2000.
const USER: &str = "65532:65532";
/// Where Crossplane calls a function.
const PORT: &str = "9443/tcp";
/// The level that gzip has by default: more takes several times as long and saves one hundredth.
const LEVEL: Compression = Compression::new(6);
const SOURCE: &str = "https://github.com/function-database/function-database";

pub(super) struct Image<'a> {
    pub title: &'a str,
    pub architecture: Architecture,
    /// What starts the program; without one there is nothing to run in the image.
    pub command: &'a [&'a str],
    /// From the lowest.
    pub layers: Vec<Layer>,
}

/// One file, in an archive of its own.
pub(super) struct Layer {
    /// What Crossplane calls it, if it reads it.
    annotation: Option<&'static str>,
    /// Of the archive before it is compressed.
    difference: String,
    digest: String,
    compressed: Vec<u8>,
}

impl Layer {
    /// A file that may be run.
    pub fn program(path: &str, bytes: &[u8]) -> io::Result<Layer> {
        Layer::new(None, path, 0o755, bytes)
    }

    /// The package's metadata and objects, a stream of YAML.
    pub fn package(stream: &str) -> io::Result<Layer> {
        Layer::new(Some("base"), "package.yaml", 0o644, stream.as_bytes())
    }

    /// Examples, for people and registries; Crossplane does not look at them.
    pub fn examples(stream: &str) -> io::Result<Layer> {
        Layer::new(Some("upbound"), ".up/examples.yaml", 0o644, stream.as_bytes())
    }

    fn new(annotation: Option<&'static str>, path: &str, mode: u32, bytes: &[u8]) -> io::Result<Layer> {
        let archive = archive([(path, mode, bytes)])?;
        let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), LEVEL);
        gzip.write_all(&archive)?;
        let compressed = gzip.finish()?;
        Ok(Layer { annotation, difference: digest(&archive), digest: digest(&compressed), compressed })
    }
}

impl Image<'_> {
    /// The archive that `crossplane xpkg push` and `docker load` read.
    pub fn save(&self) -> io::Result<Vec<u8>> {
        let config = self.config().to_string();
        let name = digest(config.as_bytes());
        let names: Vec<String> = self.layers.iter().map(|layer| file(&layer.digest)).collect();
        let manifest = json!([{"Config": name, "RepoTags": [], "Layers": names}]).to_string();
        let layers = self.layers.iter().zip(&names).map(|(layer, name)| (name.as_str(), 0o644, &*layer.compressed));
        archive([(name.as_str(), 0o644, config.as_bytes())].into_iter().chain(layers).chain([(
            "manifest.json",
            0o644,
            manifest.as_bytes(),
        )]))
    }

    fn config(&self) -> Value {
        let mut config = json!({"Labels": self.labels()});
        if !self.command.is_empty() {
            config["Entrypoint"] = json!(self.command);
            config["ExposedPorts"] = json!({PORT: {}});
            config["User"] = USER.into();
            config["WorkingDir"] = "/".into();
        }
        json!({
            "architecture": self.architecture.to_string(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": self.layers.iter().map(|layer| &layer.difference).collect::<Vec<_>>()},
            "history": self.layers.iter().map(|_| json!({"created_by": "function-database xpkg"})).collect::<Vec<_>>(),
        })
    }

    fn labels(&self) -> Map<String, Value> {
        let general = [
            ("licenses", env!("CARGO_PKG_LICENSE")),
            ("source", SOURCE),
            ("title", self.title),
            ("version", env!("CARGO_PKG_VERSION")),
        ];
        let general = general.map(|(name, value)| (format!("org.opencontainers.image.{name}"), value.into()));
        let annotated = self.layers.iter().filter_map(|layer| {
            layer.annotation.map(|annotation| (format!("io.crossplane.xpkg:{}", layer.digest), annotation.into()))
        });
        entries(annotated.chain(general))
    }
}

/// `sha256:` and 64 hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// A layer's file in the archive.
fn file(digest: &str) -> String {
    format!("{}.tar.gz", digest.trim_start_matches("sha256:"))
}

/// Path, mode and content of each file, as a tar archive of the form that every reader knows.
fn archive<'a>(files: impl IntoIterator<Item = (&'a str, u32, &'a [u8])>) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (path, mode, bytes) in files {
        let mut header = Header::new_ustar();
        header.set_path(path)?;
        header.set_entry_type(EntryType::Regular);
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        archive.append(&header, bytes)?;
    }
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    /// If this changes, so do all packages, with nothing in them changed: a new compressor, say. Then it is no mistake, but
    /// nobody can make the packages of an older release again with this one.
    #[test]
    fn a_layer_is_the_same_bytes_for_ever() {
        let layer = Layer::package("hello\n").unwrap();
        assert_eq!(layer.difference, "sha256:535011b8fba2cfb3c232322dc4e4a77db5360c44eaba186af0360cf7eb451fbf");
        assert_eq!(layer.digest, "sha256:d8460d5ec900d6a232cf03bee8286518ae67c93a6c6e4d315b69f2e3b9c60db8");
    }
}
