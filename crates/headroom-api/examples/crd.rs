//! Prints the CustomResourceDefinition of DynamicStorage: `cargo run --package headroom-api --example crd`.

use std::io::{self, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    io::stdout().write_all(headroom_api::schema::crd_yaml()?.as_bytes())?;
    Ok(())
}
