//! Rebuilds the host when a file appears in what `mysimbdp new` embeds: the compiler itself only sees files that change.

fn main() {
    for folder in [
        "plugin-api/src",
        "plugin-api/include",
        "plugin-api/abi/src",
        "tenant-plugins/template",
        "tenant-plugins/template-c",
    ] {
        println!("cargo:rerun-if-changed=../{folder}");
    }
}
