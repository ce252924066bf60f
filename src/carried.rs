//! What the program carries of its own repository. In: the name of a file. Out: its content. It lies in the program compressed
//! to a fifth, and is unpacked when somebody asks. Must not read a disk.

use std::io::Read;

/// Name and packed content, as `build.rs` writes them.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/carried.rs"));

/// What `build.rs` lists under that name, empty for any other, which is a mistake of ours.
pub fn bytes(name: &str) -> Vec<u8> {
    let mut bytes = vec![];
    let packed = FILES.iter().find(|(file, _)| *file == name).map_or(&[][..], |(_, packed)| packed);
    // What was packed when the program was built can be unpacked; a test holds it.
    let _ = flate2::read::DeflateDecoder::new(packed).read_to_end(&mut bytes);
    bytes
}

/// The same of a text.
pub fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_there_as_it_is_committed() {
        for (file, _) in FILES.iter().filter(|(file, _)| *file != "time-zones") {
            let carried = text(file);
            assert!(!carried.is_empty(), "{file}");
            if !file.ends_with(".json") {
                assert_eq!(carried, std::fs::read_to_string(file).unwrap(), "{file}");
            }
        }
        assert_eq!(text("no such file"), "");
        assert!(crate::api::schema::FILES.iter().all(|file| !text(file).is_empty()));
    }
}
