//! `train`'s choices from the command line, the environment, a project's file and the user's file, in this order.

use crate::setup::{Dir, QUICK, Said, run};

/// A file of the project beside `imgs`, and one of the user.
fn with_files(project: &str, user: &str) -> Dir {
    let dir = Dir::with_photos(4);
    dir.file("resnet-binary.toml", project.as_bytes());
    dir.file("config/resnet-binary/resnet-binary.toml", user.as_bytes());
    dir
}

fn said(dir: &Dir, variables: &[(&str, &str)], words: &[&str]) -> Said {
    let mut command = dir.command();
    command.env("XDG_CONFIG_HOME", dir.path("config")).envs(variables.iter().copied());
    run(command.args(["train", "--data", "imgs"]).args(words))
}

#[test]
fn the_command_line_wins_over_the_environment_the_projects_file_and_the_users_file() {
    let dir = with_files("seed = 3\ncv = 4\nl2 = 0.5\n", "seed = 2\ncv = 3\nl2 = 0.1\nrefit = true\n");
    let said = said(
        &dir,
        &[("RESNET_BINARY_TRAIN_SEED", "5"), ("RESNET_BINARY_TRAIN_CV", "6")],
        &["--seed=7", "--print-config"],
    );
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for line in [
        "seed = 7  # the command line",
        "cv = 6  # RESNET_BINARY_TRAIN_CV",
        "l2 = 0.5  # resnet-binary.toml",
        "refit = true  # ",
        "image-size = 224  # the program",
        "# positive is not set",
    ] {
        assert!(said.out.lines().any(|found| found.starts_with(line)), "no `{line}` in: {}", said.out);
    }
}

#[test]
fn what_print_config_prints_is_a_file_that_prints_the_same() {
    let dir = with_files("threshold = 'recall>=0.9'\nfixes = ['a.csv', 'sub/b.csv']\n", "max-seconds = 5\n");
    let without_origins = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  # ").next().unwrap_or(line).to_owned()).collect()
    };
    let first = said(&dir, &[], &["--print-config"]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    assert!(first.out.contains("fixes = [\"a.csv\", \"sub/b.csv\"]"), "{}", first.out);
    dir.file("resnet-binary.toml", first.out.as_bytes());
    let second = said(&dir, &[], &["--print-config"]);
    assert_eq!(second.code, Some(0), "{}", second.err);
    assert_eq!(without_origins(&first.out), without_origins(&second.out));
}

#[test]
fn a_training_takes_its_settings_and_says_where_they_are_from() {
    let dir = with_files("image-size = 32\nweights = 'random:0'\noutput = 'made/mine.safetensors'\n", "");
    dir.folder("made");
    let said = said(&dir, &[("RESNET_BINARY_TRAIN_CACHE", "off")], &["--report", "report.html"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(dir.path("made/mine.safetensors").is_file());
    assert!(said.err.contains("settings: image-size, output, weights from resnet-binary.toml"), "{}", said.err);
    assert!(said.err.contains("settings: cache from RESNET_BINARY_TRAIN_CACHE"), "{}", said.err);
    // The command on the page does the same without the files.
    let page = std::fs::read_to_string(dir.path("report.html")).unwrap();
    assert!(page.contains("--image-size=32"), "no settings in the command of the page");
}

#[test]
fn paths_in_a_file_are_meant_from_its_folder() {
    let dir = Dir::new();
    dir.photo("project/imgs/dark/1.ppm", 20);
    dir.file("project/resnet-binary.toml", b"output = 'm.safetensors'\ncache = 'off'\nweights = 'w.pth'\n");
    let printed = run(dir.command().args(["train", "--data", "project/imgs", "--print-config"]));
    assert_eq!(printed.code, Some(0), "{}", printed.err);
    for line in ["project/m.safetensors\"", "cache = \"off\"", "project/w.pth\""] {
        assert!(printed.out.contains(line), "no `{line}` in: {}", printed.out);
    }
}

#[test]
fn an_unknown_key_is_an_error_with_the_nearest_name() {
    for (key, near) in [("image_size", "`image-size`"), ("thresold", "`threshold`"), ("data", "--help")] {
        let said = said(&with_files(&format!("{key} = 1\n"), ""), &[], &QUICK);
        assert_eq!(said.code, Some(2), "{key}");
        for word in ["resnet-binary.toml", key, near] {
            assert!(said.err.contains(word), "no `{word}` in: {}", said.err);
        }
    }
    let said = said(&with_files("", ""), &[("RESNET_BINARY_TRAIN_SEEED", "1")], &QUICK);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("RESNET_BINARY_TRAIN_SEED"), "{}", said.err);
}

#[test]
fn a_value_that_does_not_fit_names_its_place() {
    for text in ["image-size = 3", "solver = 'best'", "seed = 1979-05-27", "seed = ", "refit = 2"] {
        let said = said(&with_files(text, ""), &[], &QUICK[..2]);
        assert_eq!(said.code, Some(2), "{text}: {}", said.err);
        assert!(said.err.contains("resnet-binary.toml"), "{text}: {}", said.err);
    }
}

#[test]
fn a_setting_that_the_command_line_makes_void_is_left_out() {
    let dir = with_files("image-size = 64\nseed = 3\n", "");
    let said = said(&dir, &[], &["--print-config"]);
    assert!(said.out.contains("image-size = 64"), "{}", said.out);
    let printed = run(dir.command().args(["train", "--features", "shards", "--print-config"]));
    assert_eq!(printed.code, Some(0), "{}", printed.err);
    assert!(printed.out.contains("image-size = 224"), "{}", printed.out);
    assert!(printed.out.contains("seed = 3"), "{}", printed.out);
}
