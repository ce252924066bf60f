//! Generates Crossplane's protocol from `proto/`. In: the `.proto` file. Out, in `OUT_DIR`: the Rust types and, for
//! gRPC reflection, the file descriptors. Needs no `protoc`.

use prost::Message as _;
use std::{env, error::Error, fs, path::PathBuf};

const PROTOCOL: &str = "proto/fn/v1/run_function.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTOCOL}");
    let descriptors = protox::compile([PROTOCOL], ["proto"])?;

    let mut reflected = descriptors.clone();
    for file in &mut reflected.file {
        file.source_code_info = None; // comments and positions, of no use to a caller
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), reflected.encode_to_vec())?;

    tonic_prost_build::configure()
        .build_transport(false)
        .btree_map(".")
        .bytes(".")
        .extern_path(".google.protobuf.Struct", "crate::wire::Object") // stays undecoded until someone looks
        .compile_fds(descriptors.clone())?;

    // For the benchmark only: the same protocol as everybody else has it, everything decoded.
    let plain = out.join("plain");
    fs::create_dir_all(&plain)?;
    tonic_prost_build::configure().btree_map(".").out_dir(plain).compile_fds(descriptors)?;
    Ok(())
}
