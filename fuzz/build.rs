//! Generates Crossplane's protocol with everything decoded, where the checks look for it.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let plain = Path::new(&env::var("OUT_DIR")?).join("plain");
    fs::create_dir_all(&plain)?;
    let descriptors = protox::compile(["../proto/fn/v1/run_function.proto"], ["../proto"])?;
    let messages = tonic_prost_build::configure().build_client(false).build_server(false);
    messages.btree_map(".").out_dir(plain).compile_fds(descriptors)?;
    Ok(())
}
