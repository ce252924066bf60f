//! Crossplane packages, without Docker. In: the files of this repository that a package holds, and the program for one
//! architecture. Out: the bytes of a `.xpkg` file, which is an image as `docker save` writes it.
//!
//! The same input gives the same bytes: nothing here reads a clock, a file or the environment. Must not know what a
//! resource means; Crossplane's own format stands in `image`.

mod image;
pub mod elf;

use crate::api::schema::FILES;
use elf::Architecture;
use image::{Image, Layer};
use std::io;

/// The program's path in the image, and how it is started.
const PROGRAM: &str = "function-database";
const COMMAND: [&str; 2] = ["/function-database", "serve"];

const COMPOSITION: &str = include_str!("../../compositions/database.yaml");

/// One claim for each engine, and a production database with its approval.
const EXAMPLES: [&str; 8] = [
    include_str!("../../examples/postgresql/dev.yaml"),
    include_str!("../../examples/postgresql/prod.yaml"),
    include_str!("../../examples/mysql/dev.yaml"),
    include_str!("../../examples/mongodb/dev.yaml"),
    include_str!("../../examples/clickhouse/dev.yaml"),
    include_str!("../../examples/redis/dev.yaml"),
    include_str!("../../examples/elasticsearch/dev.yaml"),
    include_str!("../../examples/sqlite/dev.yaml"),
];

/// A package, and the name of its file.
pub struct Package {
    pub file: String,
    pub bytes: Vec<u8>,
}

/// The Function for one architecture: the program, then the CRDs of its inputs. `crossplane xpkg push` takes the packages
/// of all architectures at once.
pub fn function(architecture: Architecture, program: &[u8]) -> io::Result<Package> {
    let inputs = FILES.into_iter().filter(|(path, _)| path.starts_with("package/")).map(|(_, text)| text);
    let image = Image {
        title: "function-database",
        architecture,
        command: &COMMAND,
        layers: vec![
            Layer::program(PROGRAM, program)?,
            Layer::package(&stream([include_str!("../../package/crossplane.yaml")].into_iter().chain(inputs)))?,
            Layer::examples(COMPOSITION)?,
        ],
    };
    Ok(Package { file: format!("function-database-{architecture}.xpkg"), bytes: image.save()? })
}

/// Both Configurations, namespaced and claims edition. They hold no program, so one image serves every architecture.
pub fn configurations() -> io::Result<[Package; 2]> {
    let namespaced = [include_str!("../../crossplane.yaml"), text("apis/database.yaml"), COMPOSITION];
    let claims = [
        include_str!("../../editions/claims/crossplane.yaml"),
        text("editions/claims/apis/database.yaml"),
        text("editions/claims/compositions/database.yaml"),
    ];
    Ok([configuration("configuration-database", namespaced)?, configuration("configuration-database-claims", claims)?])
}

fn configuration(name: &'static str, documents: [&str; 3]) -> io::Result<Package> {
    let image = Image {
        title: name,
        architecture: Architecture::Amd64,
        command: &[],
        layers: vec![Layer::package(&stream(documents))?, Layer::examples(&stream(EXAMPLES))?],
    };
    Ok(Package { file: format!("{name}.xpkg"), bytes: image.save()? })
}

/// One of the generated files; a path that is not among them would be empty, which a test holds.
fn text(path: &str) -> &'static str {
    FILES.into_iter().find(|(name, _)| *name == path).map_or("", |(_, text)| text)
}

/// YAML documents in one stream, the metadata first.
fn stream<'a>(documents: impl IntoIterator<Item = &'a str>) -> String {
    documents.into_iter().map(|document| format!("---\n{}\n", document.trim_end())).collect()
}
