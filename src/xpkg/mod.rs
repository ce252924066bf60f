//! Crossplane packages, without Docker. In: the files of this repository that a package holds, and the program for one
//! architecture. Out: the bytes of a `.xpkg` file, which is an image as `docker save` writes it.
//!
//! The same input gives the same bytes: nothing here reads a clock, a file or the environment. Must not know what a
//! resource means; Crossplane's own format stands in `image`.

mod image;
pub mod elf;

use crate::api::schema::FILES;
use crate::carried;
use elf::Architecture;
use image::{Image, Layer};
use std::io;

/// The program's path in the image, and how it is started.
const PROGRAM: &str = "function-database";
const COMMAND: [&str; 2] = ["/function-database", "serve"];

const COMPOSITION: &str = "compositions/database.yaml";

/// One claim for each engine, and a production database with its approval.
const EXAMPLES: [&str; 8] = [
    "examples/postgresql/dev.yaml",
    "examples/postgresql/prod.yaml",
    "examples/mysql/dev.yaml",
    "examples/mongodb/dev.yaml",
    "examples/clickhouse/dev.yaml",
    "examples/redis/dev.yaml",
    "examples/elasticsearch/dev.yaml",
    "examples/sqlite/dev.yaml",
];

/// A package, and the name of its file.
pub struct Package {
    pub file: String,
    pub bytes: Vec<u8>,
}

/// The Function for one architecture: the program, then the CRDs of its inputs. `crossplane xpkg push` takes the packages
/// of all architectures at once.
pub fn function(architecture: Architecture, program: &[u8]) -> io::Result<Package> {
    let inputs = FILES.into_iter().filter(|path| path.starts_with("package/"));
    let image = Image {
        title: "function-database",
        architecture,
        command: &COMMAND,
        layers: vec![
            Layer::program(PROGRAM, program)?,
            Layer::package(&stream(["package/crossplane.yaml"].into_iter().chain(inputs)))?,
            Layer::examples(&carried::text(COMPOSITION))?,
        ],
    };
    Ok(Package { file: format!("function-database-{architecture}.xpkg"), bytes: image.save()? })
}

/// Both Configurations, namespaced and claims edition. They hold no program, so one image serves every architecture.
pub fn configurations() -> io::Result<[Package; 2]> {
    let namespaced = ["crossplane.yaml", "apis/database.yaml", COMPOSITION];
    let claims = [
        "editions/claims/crossplane.yaml",
        "editions/claims/apis/database.yaml",
        "editions/claims/compositions/database.yaml",
    ];
    Ok([configuration("configuration-database", namespaced)?, configuration("configuration-database-claims", claims)?])
}

fn configuration(name: &'static str, files: [&str; 3]) -> io::Result<Package> {
    let image = Image {
        title: name,
        architecture: Architecture::Amd64,
        command: &[],
        layers: vec![Layer::package(&stream(files))?, Layer::examples(&stream(EXAMPLES))?],
    };
    Ok(Package { file: format!("{name}.xpkg"), bytes: image.save()? })
}

/// YAML files in one stream, the metadata first.
fn stream<'a>(files: impl IntoIterator<Item = &'a str>) -> String {
    files.into_iter().map(|file| format!("---\n{}\n", carried::text(file).trim_end())).collect()
}
