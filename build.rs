//! Generates Crossplane's protocol from `proto/`, and what the program reads of its own YAML. In: the `.proto` file and those
//! files. Out, in `OUT_DIR`: the Rust types and, for gRPC reflection, the file descriptors; the YAML as JSON. Needs no `protoc`.

use prost::Message as _;
use prost_types::{FileDescriptorProto, field_descriptor_proto::Type};
use std::{env, error::Error, fs, path::PathBuf};

const PROTOCOL: &str = "proto/fn/v1/run_function.proto";

/// What commands read at each start, of which YAML would be more than half of a `render`; and the names in `OUT_DIR`.
const OWN: [(&str, &str); 3] = [
    ("compositions/database.yaml", "composition.json"),
    ("apis/database.yaml", "claim.json"),
    ("deploy/crds/databaseapprovals.yaml", "approval.json"),
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

    for (file, name) in OWN {
        println!("cargo:rerun-if-changed={file}");
        let value: serde_json::Value = serde_saphyr::from_str(&fs::read_to_string(file)?)?;
        fs::write(out.join(name), value.to_string())?;
    }

    let mut lazy = descriptors.clone();
    lazy.file.iter_mut().for_each(leave_structs_undecoded);
    tonic_prost_build::configure().build_transport(false).btree_map(".").bytes(".").compile_fds(lazy)?;

    // For the benchmark only: the same protocol as everybody else has it, everything decoded.
    let plain = out.join("plain");
    fs::create_dir_all(&plain)?;
    tonic_prost_build::configure().btree_map(".").out_dir(plain).compile_fds(descriptors)?;
    Ok(())
}

/// A message and bytes look the same on the wire, but bytes are neither decoded nor copied.
fn leave_structs_undecoded(file: &mut FileDescriptorProto) {
    for field in file.message_type.iter_mut().flat_map(|message| &mut message.field) {
        if field.type_name() == ".google.protobuf.Struct" {
            field.set_type(Type::Bytes);
            field.type_name = None;
            field.proto3_optional = Some(true); // an empty message is not an absent one
        }
    }
}
