//! What the program meets before it has done anything: no current folder, no memory, too many threads.

use std::process::Command;

use crate::setup::{Dir, QUICK, Said, run};

#[test]
fn a_current_folder_that_is_gone_is_said_in_one_line() {
    let dir = Dir::new();
    dir.folder("gone");
    let program = env!("CARGO_BIN_EXE_resnet-binary");
    for arguments in ["--version", "predict x.jpg"] {
        let script = format!("mkdir -p gone && cd gone && rmdir ../gone && exec '{program}' {arguments}");
        let said = run(Command::new("sh").args(["-c", &script]).current_dir(dir.path("")));
        assert_eq!((said.code, said.err.lines().count()), (Some(1), 1), "{}", said.err);
        assert!(said.err.starts_with("error: the current folder is gone"), "{}", said.err);
    }
    let script = format!(
        "name=$(printf %0200d 0); for i in $(seq 25); do mkdir -p $name && cd $name || exit 9; done; exec '{program}' --version"
    );
    let said = run(Command::new("bash").args(["-c", &script]).current_dir(dir.path("")));
    assert_eq!((said.code, said.err.lines().count()), (Some(1), 1), "{}", said.err);
    assert!(said.err.contains("longer than 4096 bytes"), "{}", said.err);
}

#[test]
fn more_threads_than_the_process_may_use_are_not_started() {
    let dir = Dir::with_photos(5);
    let said = run(dir.command().args(["train", "--data", "imgs", "--threads", "5000"]).args(QUICK));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("`--threads 5000`: this process may use"), "{}", said.err);
}

/// A command with so many MiB of address space.
fn within(dir: &Dir, mebibytes: usize, arguments: &str) -> Said {
    let program = env!("CARGO_BIN_EXE_resnet-binary");
    let script = format!("ulimit -v {} && exec '{program}' {arguments}", mebibytes * 1024);
    run(dir.command_of("sh").args(["-c", &script]))
}

#[test]
fn too_little_memory_is_an_error_and_neither_a_flaw_nor_a_signal() {
    let dir = Dir::with_photos(5);
    let is_enough = |mebibytes: &usize| within(&dir, *mebibytes, "--version").code == Some(0);
    let Some(least) = (200..6000).step_by(50).find(is_enough) else {
        println!("skipped: the system has no such limit");
        return;
    };
    let mut refused = 0;
    for more in (20..400).step_by(40) {
        let train = "train --data imgs --weights random:0 --image-size 32 --threads 2 --cache off";
        let said = within(&dir, least + more, train);
        assert!(matches!(said.code, Some(0 | 1)), "{} MiB: {:?}\n{}", least + more, said.code, said.err);
        for words in ["panicked", "internal error"] {
            assert!(!said.err.contains(words), "{} MiB: {}", least + more, said.err);
        }
        assert!(said.code == Some(0) || said.err.contains("error: "), "{}", said.err);
        refused += usize::from(said.code == Some(1));
    }
    println!("from {least} MiB on, {refused} of 10 runs were refused memory");
}
