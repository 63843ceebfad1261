//! What the program meets before it has done anything: no current folder, too many threads.

use std::process::Command;

use crate::setup::{Dir, QUICK, run};

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
