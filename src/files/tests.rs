use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use super::read::InTime;
use super::*;

#[test]
fn a_command_to_copy_survives_odd_names() {
    assert_eq!(shell_word("imgs/a.jpg"), "imgs/a.jpg");
    assert_eq!(shell_word("my dog's.jpg"), r"'my dog'\''s.jpg'");
}

#[test]
fn reading_stops_at_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    write(&path, |file| file.write_all(&[7; 11])).unwrap();
    assert!(read(&path, 10).unwrap_err().to_string().contains("limit of 10 bytes"));
    assert_eq!(read(&path, 11).unwrap().len(), 11);
}

#[test]
fn a_file_that_trickles_is_given_up() {
    struct Trickle;
    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_millis(2));
            buffer.fill(7);
            Ok(buffer.len().min(1))
        }
    }
    let error = InTime::new(Trickle, Duration::from_millis(20)).read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let error = FileError::new("read", Path::new("a.jpg"), error);
    assert_eq!(error.to_string(), "cannot read `a.jpg`: that took longer than the limit of 0.02 s");
    assert!(error.hint().unwrap().contains("--max-seconds"));
    let mut all = Vec::new();
    InTime::new(Trickle.take(9), Duration::MAX).read_to_end(&mut all).unwrap();
    assert_eq!(all, [7; 9]);
}

#[test]
fn the_hash_of_a_file_is_that_of_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let content = vec![3; 100_000];
    write(&path, |file| file.write_all(&content)).unwrap();
    assert_eq!(ContentHash::from_file(&path).unwrap(), ContentHash::new(&content));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(ContentHash::new(b"").to_string(), empty);
}
