//! Lets programs find RocksDB where they are linked with a library of it that no loader knows.

fn main() {
    println!("cargo::rerun-if-env-changed=ROCKSDB_LIB_DIR");
    if let Ok(directory) = std::env::var("ROCKSDB_LIB_DIR") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{directory}");
    }
}
