//! A CSV of photos: labelled samples of at least two classes, or an error.
#![no_main]

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, Write};

use libfuzzer_sys::fuzz_target;
use readers::progress::Silent;
use readers::dataset::ReadOptions;
use readers::{dataset, pixels};
use tempfile::NamedTempFile;

thread_local! {
    /// One file for all inputs; best in memory, where TMPDIR says.
    static TABLE: RefCell<NamedTempFile> = RefCell::new(NamedTempFile::new().expect("a temporary file"));
}

fuzz_target!(|bytes: &[u8]| {
    TABLE.with_borrow_mut(|table| {
        rewrite(table.as_file_mut(), bytes).expect("a disk that is not full");
        if let Ok(found) = dataset::open(table.path(), &ReadOptions::default(), None, &pixels::looks_like_image, &Silent) {
            assert_eq!(found.classes.names().len(), 2);
            assert!(found.samples.iter().all(|sample| sample.class < 2));
            assert!(found.samples.is_sorted_by_key(|sample| sample.path.as_os_str().as_encoded_bytes()));
        }
    });
});

fn rewrite(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(bytes)
}
