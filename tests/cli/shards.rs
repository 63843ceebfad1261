//! Features in shards: the unit of work of a cluster, the check of completeness, and the same model as from one machine.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::setup::{Dir, QUICK, Said, run};

/// Photos of two classes of different size, with copies, an unreadable file and a split of their own where that is wanted.
fn photos() -> Dir {
    let dir = Dir::with_photos(9);
    for number in 0..3 {
        dir.photo(&format!("imgs/light/more{number}.ppm"), 150 + 20 * number);
    }
    dir.photo("imgs/dark/copy.ppm", 22);
    dir.file("imgs/dark/torn.png", b"\x89PNG\r\n\x1a\n");
    dir
}

fn shard(dir: &Dir, data: &str, shard: &str, more: &[&str]) -> Said {
    let args = ["extract", "--data", data, "--shard", shard, "--output", "shards"];
    run(dir.command().args(args).args(QUICK).args(more))
}

/// All shards of a list; how each ended.
fn shards(dir: &Dir, data: &str, count: usize) -> Vec<Option<i32>> {
    (0..count).map(|index| shard(dir, data, &format!("{index}/{count}"), &[]).code).collect()
}

fn manifest(dir: &Dir, name: &str) -> Value {
    let bytes = fs::read(dir.path(name)).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    serde_json::from_str(&metadata.metadata().as_ref().unwrap()["resnet_binary"]).unwrap()
}

#[test]
fn shards_on_many_machines_give_the_bytes_and_the_model_of_one() {
    let dir = photos();
    assert_eq!(shards(&dir, "imgs", 5), [Some(3), Some(0), Some(0), Some(0), Some(0)]);
    let said = run(dir.command().args(["merge", "shards", "-o", "merged.safetensors"]));
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(
        said.out.contains("5 shards are complete and consistent: 23 photos, 22 with a row, 1 unreadable"),
        "{}",
        said.out
    );
    let args = ["extract", "imgs", "-o", "one.safetensors", "-q"];
    let said = run(dir.command().args(args).args(QUICK));
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
    assert_eq!(fs::read(dir.path("merged.safetensors")).unwrap(), fs::read(dir.path("one.safetensors")).unwrap());

    dir.file("fixes.csv", b"path,label\nimgs/light/3.ppm,drop\nimgs/light/4.ppm,dark\n");
    let options: [&[&str]; 5] = [
        &[],
        &["--group-by", "([0-9])[.]ppm", "--seed", "3"],
        &["--positive", "dark", "--threshold", "youden", "--refit"],
        &["--fixes", "fixes.csv", "--val-fraction", "0.4"],
        &["--solver", "sgd", "--epochs", "3"],
    ];
    for options in options {
        let train = |data: &[&str], quick: &[&str], name: &str| {
            let outputs = ["--json", "-o", name, "--save-split", "split.csv", "--label-errors", "labels.csv"];
            let said = run(dir.command().arg("train").args(data).args(quick).args(options).args(outputs));
            assert_eq!(said.code, Some(3), "{options:?} {}", said.err);
            let mut report: Value = serde_json::from_str(&said.out).unwrap();
            // What is measured, where it is, and what needs the photos.
            for name in ["feature_seconds", "images_per_second", "features_from_cache", "model", "shortcuts"] {
                report[name] = Value::Null;
            }
            let tables = ["split.csv", "labels.csv"].map(|name| fs::read(dir.path(name)).unwrap());
            (fs::read(dir.path(name)).unwrap(), report, tables)
        };
        let one = train(&["--data", "imgs"], &QUICK, "one-model");
        for features in ["shards/*.safetensors", "shards", "merged.safetensors"] {
            let many = train(&["--features", features], &[], "many-model");
            assert!(many.0 == one.0, "{options:?} {features}: another model");
            assert_eq!((many.1, many.2), (one.1.clone(), one.2.clone()), "{options:?} {features}");
        }
    }
}

#[test]
fn evaluate_gives_the_numbers_that_the_photos_give() {
    let dir = photos();
    let said = run(dir.command().args(["train", "imgs", "-o", "m"]).args(QUICK));
    assert_eq!(said.code, Some(3), "{}", said.err);
    shards(&dir, "imgs", 3);
    let numbers = |data: &[&str]| {
        let said = run(dir.command().args(["evaluate", "--model", "m", "--json", "--report", "page.html"]).args(data));
        assert_eq!(said.code, Some(3), "{}", said.err);
        let report: Value = serde_json::from_str(&said.out).unwrap();
        ["metrics", "trained_on", "unfamiliar", "unreadable", "noticed"].map(|name| report[name].clone())
    };
    assert_eq!(numbers(&["--features", "shards"]), numbers(&["--data", "imgs"]));
    // Of other weights.
    let args = ["extract", "imgs", "--weights", "random:1", "--image-size", "32", "-o", "other.safetensors"];
    run(dir.command().args(args));
    let said = run(dir.command().args(["evaluate", "--features", "other.safetensors", "--model", "m"]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("the weights file is `random:0`"), "{}", said.err);
}

#[test]
fn a_shard_has_the_classes_of_the_whole_list_and_may_be_empty() {
    let dir = Dir::with_photos(2);
    dir.photo("imgs/mid/0.ppm", 120);
    // Shard 4 of 5 has one photo of one class, and the eighth of ten has none at all.
    for index in 0..10 {
        let said = shard(&dir, "imgs", &format!("{index}/10"), &["--positive", "light"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let manifest = manifest(&dir, &format!("shards/part-{index}-of-10.safetensors"));
        assert_eq!(manifest["setup"]["list"]["classes"], serde_json::json!(["dark", "light", "mid"]));
        assert_eq!(manifest["setup"]["list"]["positive"], "light");
        assert_eq!(manifest["rows"], u64::from(index < 5));
    }
    let said = run(dir.command().args(["merge", "shards"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn missing_shards_are_printed_for_the_scheduler_and_nothing_else_is() {
    let dir = photos();
    shards(&dir, "imgs", 9);
    for index in [3, 5, 6, 7] {
        fs::remove_file(dir.path(&format!("shards/part-{index}-of-9.safetensors"))).unwrap();
    }
    let said = run(dir.command().args(["merge", "-q", "shards", "-o", "merged.safetensors"]));
    assert_eq!((said.code, said.out.as_str()), (Some(1), "3,5-7\n"), "{}", said.err);
    assert!(!dir.path("merged.safetensors").exists());
    let said = run(dir.command().args(["train", "--features", "shards"]));
    assert!(said.code == Some(1) && said.err.contains("4 of 9 shards are missing: 3,5-7"), "{}", said.err);
    for index in [3, 5, 6, 7] {
        shard(&dir, "imgs", &format!("{index}/9"), &[]);
    }
    let said = run(dir.command().args(["merge", "-q", "shards"]));
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{}", said.err);
}

#[test]
fn a_shard_that_is_there_is_done_at_once_and_never_written_over() {
    let dir = photos();
    let part = dir.path("shards/part-1-of-4.safetensors");
    shard(&dir, "imgs", "1/4", &[]);
    let (bytes, made) = (fs::read(&part).unwrap(), part.metadata().unwrap().modified().unwrap());
    let said = shard(&dir, "imgs", "1/4", &[]);
    assert!(said.code == Some(0) && said.out.contains("made by an earlier run"), "{} {}", said.out, said.err);
    for (other, what) in [
        (&["--rows", "f16"][..], "the type of the rows is f32 there and f16 here"),
        (&["--positive", "dark"], "the positive class is `light` there and `dark` here"),
    ] {
        let said = shard(&dir, "imgs", "1/4", other);
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains(what), "{}", said.err);
    }
    // The list has grown since: every shard after the new photo is another one.
    dir.photo("imgs/dark/00.ppm", 40);
    let said = shard(&dir, "imgs", "1/4", &[]);
    assert!(said.code == Some(2) && said.err.contains("the list is 23 photos of `imgs`"), "{}", said.err);
    assert_eq!((fs::read(&part).unwrap(), part.metadata().unwrap().modified().unwrap()), (bytes, made));
    // A file of another kind is never written over.
    dir.file("shards/part-2-of-4.safetensors", b"somebody's");
    assert_eq!(shard(&dir, "imgs", "2/4", &[]).code, Some(1));
    assert_eq!(fs::read(dir.path("shards/part-2-of-4.safetensors")).unwrap(), b"somebody's");
    assert_eq!(shard(&dir, "imgs", "0/4", &["--levels", "auto"]).code, Some(2));
}

#[test]
fn a_shard_of_a_long_table_touches_no_photos_but_its_own_and_a_sample() {
    let dir = Dir::new();
    let name = |number: usize| format!("imgs/{number:04}.ppm");
    for number in 0..1000 {
        dir.photo(&name(number), if number % 2 == 0 { 20 } else { 200 });
    }
    let row = |number| format!("{},{number},{}\n", name(number), ["dark", "light"][number % 2]);
    dir.file("list.csv", format!("path,id,label\n{}", (0..1000).map(row).collect::<String>()).as_bytes());
    let part = |folder: &str| {
        let args = ["extract", "--data", "list.csv", "--shard", "1/50", "--output", folder];
        let said = run(dir.command().args(args).args(QUICK));
        assert_eq!(said.code, Some(0), "{}", said.err);
        fs::read(dir.path(folder).join("part-1-of-50.safetensors")).unwrap()
    };
    let whole = part("with-all");
    // The sample is every fifth row.
    for number in (0..1000).filter(|number| number % 5 != 0 && number % 50 != 1) {
        fs::remove_file(dir.path(&name(number))).unwrap();
    }
    assert!(part("with-its-own") == whole);
    // A photo of its own that is missing is one that cannot be read.
    fs::remove_file(dir.path(&name(51))).unwrap();
    let said = shard(&dir, "list.csv", "1/50", &[]);
    assert_eq!(said.code, Some(3), "{}", said.err);
    let [one, other] =
        ["with-all", "shards"].map(|folder| manifest(&dir, &format!("{folder}/part-1-of-50.safetensors")));
    assert_eq!((&other["setup"], &other["unreadable"]), (&one["setup"], &Value::from(1)));
}

#[test]
fn a_shard_that_is_killed_goes_on_from_what_the_cache_has() {
    let dir = Dir::new();
    for number in 0..240 {
        dir.photo(&format!("imgs/{}/{number}.ppm", ["dark", "light"][usize::from(number / 120)]), number);
    }
    let command = |folder: &str, more: &[&str]| {
        let mut command = dir.command();
        command.args(["extract", "imgs", "--shard", "1/4", "--weights", "random:0", "--threads", "1", "-o", folder]);
        command.args(more);
        command
    };
    let rows = || {
        let info = run(dir.command().args(["cache", "info", "--json"])).out;
        serde_json::from_str::<Value>(&info).map_or(0, |info| info["features"].as_u64().unwrap())
    };
    let mut killed = command("shards", &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while rows() < 8 {
        assert!(killed.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    assert_eq!(killed.wait().unwrap().code(), None, "it ended before it was killed");
    assert!(dir.names("shards").iter().all(|name| !name.starts_with("part-")));
    let kept = rows();
    let said = run(&mut command("shards", &[]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(kept < 60 && said.out.contains(&format!(", {kept} from the cache\n")), "{kept} {}", said.out);
    run(&mut command("fresh", &["--cache", "off"]));
    let [again, fresh] =
        ["shards", "fresh"].map(|folder| fs::read(dir.path(folder).join("part-1-of-4.safetensors")).unwrap());
    assert!(again == fresh);
}

#[test]
fn a_drive_that_is_gone_is_a_failure_and_not_a_file_full_of_reasons() {
    let dir = photos();
    let list: Vec<String> =
        (0..20).map(|number| format!("gone/{number}.ppm,{}\n", ["dark", "light"][number % 2])).collect();
    let readable = "imgs/dark/0.ppm,dark\nimgs/light/0.ppm,light\n";
    dir.file("list.csv", format!("path,label\n{readable}{}", list.concat()).as_bytes());
    let said = shard(&dir, "list.csv", "0/2", &["--max-unreadable", "5%"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(
        said.err.contains("10 of 11 images could not be read, more than `--max-unreadable` allows"),
        "{}",
        said.err
    );
    assert!(dir.names("shards").is_empty());
    assert_eq!(shard(&dir, "list.csv", "0/2", &["--max-unreadable", "10"]).code, Some(3));
    // What is there already is held to the limit too.
    assert_eq!(shard(&dir, "list.csv", "0/2", &["--max-unreadable", "9"]).code, Some(1));
    assert_eq!(shard(&dir, "list.csv", "0/2", &["--max-unreadable", "some"]).code, Some(2));
}

#[test]
fn what_was_settled_with_the_features_is_not_said_again() {
    let dir = photos();
    shards(&dir, "imgs", 1);
    for more in [&["--weights", "random:0"][..], &["--image-size", "64"], &["--data", "imgs"], &["--head", "flatten"]] {
        let said = run(dir.command().args(["train", "--features", "shards"]).args(more));
        assert_eq!(said.code, Some(2), "{more:?} {}", said.err);
    }
    // A page has everything but pictures.
    let said = run(dir.command().args(["train", "--features", "shards", "--report", "page.html"]));
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.err.contains("the photos themselves are not opened"), "{}", said.err);
    assert!(!fs::read_to_string(dir.path("page.html")).unwrap().contains("<img"));
    let said = run(dir.command().args(["train", "--features", "nothing/*.safetensors"]));
    assert_eq!(said.code, Some(1));
}

#[test]
fn a_plan_is_measured_and_writes_nothing_but_what_it_found() {
    let dir = photos();
    let said = run(dir.command().args(["extract", "imgs", "--plan", "1000000", "--rows", "f16"]).args(QUICK));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("measured    23 photos: "), "{}", said.out);
    for line in ["\nshards ", "\ntime ", "\ndisk ", "\nSlurm ", "\nRay ", "\nSpark ", "\nKubernetes "] {
        assert!(said.out.contains(line), "{}", said.out);
    }
    // What makes the same rows is in the commands.
    assert!(said.out.contains("OPTIONS='--weights random:0 --image-size 32 --rows f16' sbatch"), "{}", said.out);
    assert_eq!(dir.names("."), ["imgs"]);
}

#[test]
fn a_scheduler_bounds_the_threads_and_the_user_has_the_last_word() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return;
    }
    let dir = photos();
    let said = |variable: &str, more: &[&str]| {
        let args = ["extract", "imgs", "-o", "f.safetensors"];
        let said = run(dir.command().env(variable, "1").args(args).args(QUICK).args(more));
        assert_eq!(said.code, Some(3), "{}", said.err);
        said.err
    };
    for variable in ["SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"] {
        assert!(said(variable, &[]).contains(&format!("by {variable}")));
        assert!(!said(variable, &["--threads", "2"]).contains(variable));
    }
}
