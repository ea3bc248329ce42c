//! The generated Rust of the two protobuf files is what their text gives.
//!
//! Run with `HEADROOM_BLESS=1` to write it anew. The compiler for protobuf is a Rust crate, so neither this test nor a
//! build needs `protoc`.

use std::fs;
use std::path::Path;

#[track_caller]
fn check(proto: &str, generated: &str, server: bool) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let files = protox::compile([root.join("proto").join(proto)], [root.join("proto")]).unwrap();
    tonic_prost_build::configure()
        .build_server(server)
        .build_client(true)
        .build_transport(false)
        .out_dir(out.path())
        .compile_fds(files)
        .unwrap();
    let fresh = fs::read_to_string(out.path().join(generated)).unwrap();
    let committed = root.join("src/generated").join(generated);
    if std::env::var_os("HEADROOM_BLESS").is_some() {
        fs::write(&committed, &fresh).unwrap();
    }
    let committed = fs::read_to_string(&committed).unwrap_or_default();
    assert!(
        committed == fresh,
        "{generated} is stale: run `HEADROOM_BLESS=1 cargo test -p headroom-csi generated`"
    );
}

#[test]
fn csi_is_generated_from_its_proto() {
    check("csi.proto", "csi.v1.rs", true);
}

#[test]
fn plugin_registration_is_generated_from_its_proto() {
    check("pluginregistration.proto", "pluginregistration.rs", true);
}
