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
fn a_saved_print_config_means_the_same_paths_and_texts() {
    let dir = Dir::new();
    dir.photo("project/imgs/dark/1.ppm", 20);
    let typed = ["--output=a.safetensors", "--cache=5", "--fixes=1", "--positive=-0", "--seed=9223372036854775808"];
    let command = ["train", "--data", "project/imgs", "--print-config"];
    let first = run(dir.command().args(command).args(typed));
    assert_eq!(first.code, Some(0), "{}", first.err);
    dir.file("project/resnet-binary.toml", first.out.as_bytes());
    let second = run(dir.command().args(command));
    assert_eq!(second.code, Some(0), "{}", second.err);
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  # ").next().unwrap_or(line).to_owned()).collect()
    };
    assert_eq!(values(&first.out), values(&second.out));
    let here = dir.path("").canonicalize().unwrap();
    let output = format!("output = {}", toml::Value::from(here.join("a.safetensors").to_str().unwrap()));
    assert!(values(&second.out).contains(&output), "no `{output}` in: {}", second.out);
}

#[cfg(unix)]
#[test]
fn data_behind_a_link_has_its_settings_beside_the_link() {
    let dir = Dir::new();
    dir.photo("far/imgs/dark/1.ppm", 20);
    dir.file("far/resnet-binary.toml", b"seed = 1\n");
    dir.file("resnet-binary.toml", b"seed = 2\noutput = '~/m.safetensors'\n");
    std::os::unix::fs::symlink(dir.path("far/imgs"), dir.path("imgs")).unwrap();
    let printed = said(&dir, &[], &["--print-config"]);
    assert!(printed.out.contains("seed = 2  # resnet-binary.toml"), "{}{}", printed.out, printed.err);
    // The user's folder is this one.
    let output = format!("output = \"{}\"", dir.path("m.safetensors").display());
    assert!(printed.out.contains(&output), "no `{output}` in: {}", printed.out);
    std::fs::remove_file(dir.path("resnet-binary.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path("resnet-binary.toml")).unwrap();
    let said = said(&dir, &[], &["--print-config"]);
    assert!(said.code == Some(2) && said.err.contains("resnet-binary.toml"), "{:?}: {}", said.code, said.err);
}

#[test]
fn an_option_of_a_file_that_does_nothing_is_told_with_its_place() {
    let dir = with_files("solver = 'sgd'\nepochs = 5\n", "");
    let said = said(&dir, &[], &["--solver", "exact"]);
    assert_eq!(said.code, Some(2));
    for words in ["`--epochs` has no effect here", "`--epochs` is from resnet-binary.toml: take it out there"] {
        assert!(said.err.contains(words), "no `{words}` in: {}", said.err);
    }
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
    let cases = [
        ("image_size", "`image-size`"),
        ("SEED", "`seed`"),
        ("thresold", "`threshold`"),
        ("colour", "--print-config"),
        ("data", "`--data` on the command line"),
        ("quiet", "`--quiet` on the command line"),
    ];
    for (key, near) in cases {
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
    let texts = [
        "image-size = 3",
        "solver = 'best'",
        "seed = 1979-05-27",
        "seed = [1, 2]",
        "fixes = [['a.csv']]",
        "seed = ",
        "seed = 1\nseed = 2",
        "refit = 2",
        "refit = 'no'",
        "threshold = ''",
        "[train]\nseed = 1",
    ];
    for text in texts {
        let said = said(&with_files(text, ""), &[], &QUICK[..2]);
        assert_eq!(said.code, Some(2), "{text}: {}", said.err);
        assert!(said.err.contains("resnet-binary.toml") && !said.err.contains("\\n"), "{text}: {}", said.err);
    }
    let variables = [("REFIT", "no"), ("SEED", "-1"), ("FIXES", ":a.csv"), ("IMAGE_SIZE", "big")];
    for (name, value) in variables {
        let name = format!("RESNET_BINARY_TRAIN_{name}");
        let said = said(&with_files("", ""), &[(&name, value)], &["--print-config"]);
        assert_eq!(said.code, Some(2), "{name}={value}");
        assert!(said.err.contains(&name), "{}", said.err);
    }
}

#[test]
fn a_file_that_is_none_is_an_error_and_not_passed_over() {
    let dir = Dir::with_photos(1);
    dir.folder("resnet-binary.toml");
    let said = said(&dir, &[], &["--print-config"]);
    assert!(said.code == Some(2) && said.err.contains("resnet-binary.toml"), "{:?}: {}", said.code, said.err);
}

#[test]
fn switches_numbers_and_lists_are_taken_from_both_places() {
    let dir = with_files("\u{feff}refit = true\r\nseed = 0x10\r\nfixes = 'a.csv'\r\n", "fixes = ['b.csv']\n");
    let said_with = |variables: &[(&str, &str)]| said(&dir, variables, &["--print-config"]).out;
    let from_file = said_with(&[]);
    for line in ["refit = true  # resnet", "seed = 16  # resnet", "fixes = [\"a.csv\"]  # resnet", "bundle = false  # "]
    {
        assert!(from_file.contains(line), "no `{line}` in: {from_file}");
    }
    for (value, expected) in [("0", "false"), ("false", "false"), ("1", "true"), ("true", "true"), ("", "true")] {
        let printed = said_with(&[("RESNET_BINARY_TRAIN_REFIT", value), ("RESNET_BINARY_TRAIN_FIXES", "c.csv:d.csv")]);
        assert!(printed.contains(&format!("refit = {expected}  # ")), "`{value}`: {printed}");
        assert!(printed.contains("fixes = [\"c.csv\", \"d.csv\"]  # RESNET_BINARY_TRAIN_FIXES"), "{printed}");
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
