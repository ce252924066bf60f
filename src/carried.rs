//! What the program carries of its own repository. In: the name of a file. Out: its text. It lies in the program compressed
//! to a fifth, and is unpacked when somebody asks. Must not read a disk.

use std::io::Read;

/// Name and packed text, as `build.rs` writes them.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/carried.rs"));

/// The text of a file that `build.rs` lists, empty for any other, which is a mistake of ours.
pub fn text(name: &str) -> String {
    let mut text = String::new();
    let packed = FILES.iter().find(|(file, _)| *file == name).map_or(&[][..], |(_, packed)| packed);
    // What was packed when the program was built can be unpacked; a test holds it.
    let _ = flate2::read::DeflateDecoder::new(packed).read_to_string(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_there_as_it_is_committed() {
        for (file, _) in FILES {
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
