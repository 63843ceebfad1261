//! Tables and lists as other programs and other machines write them, and paths that are no text.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use crate::setup::{Dir, QUICK, Said, photo, run};

const CLASSES: [(&str, u8); 2] = [("dark", 20), ("light", 200)];

/// The rows of a plain table of [`Dir::with_photos`], without its first line.
fn rows() -> Vec<String> {
    CLASSES
        .iter()
        .flat_map(|(class, _)| (0..5).map(move |number| format!("imgs/{class}/{number}.ppm,{class}")))
        .collect()
}

fn train(dir: &Dir, table: &[u8], options: &[&str]) -> Said {
    dir.file("t.csv", table);
    run(dir.command().args(["train", "--data", "t.csv", "--json"]).args(QUICK).args(options))
}

/// Each class with its images, and whether all went well.
fn counted(said: &Said) -> Vec<(String, u64)> {
    assert_eq!(said.code, Some(0), "{}", said.err);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let class = |class: &serde_json::Value| {
        let images = ["train", "validation", "test"].iter().map(|side| class[side].as_u64().unwrap()).sum();
        (class["name"].as_str().unwrap().to_owned(), images)
    };
    report["classes"].as_array().unwrap().iter().map(class).collect()
}

#[test]
fn tables_of_other_programs_train_what_the_plain_one_trains() {
    let dir = Dir::with_photos(5);
    let with = |head: &str, change: &dyn Fn(String) -> String| {
        std::iter::once(head.to_owned()).chain(rows().into_iter().map(change)).collect::<Vec<_>>().join("\n") + "\n"
    };
    let excel = with("sep=;\npath;label", &|row| row.replace(',', ";") + ";") + ";\n;;\n";
    let windows = with("File Name\tClass", &|row| {
        row.replace(',', "\t").replace('/', "\\").replace("imgs", r"C:\Users\ann\imgs")
    });
    let utf16: Vec<u8> =
        format!("\u{FEFF}{}", windows.replace('\n', "\r\n")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let two_people =
        with("path,label", &|row| if row.ends_with("dark") { format!(" {row}") } else { row.replace('/', "\\") });
    let one_hot = with("image,dark,light", &|row| row.replace(",dark", ",1,0").replace(",light", ",0,1"));
    let plain = counted(&train(&dir, with("path,label", &|row| row).as_bytes(), &[]));
    assert_eq!(plain, [("dark".to_owned(), 5), ("light".to_owned(), 5)]);
    for table in [excel.as_bytes(), &utf16, two_people.as_bytes(), one_hot.as_bytes(), rows().join("\n").as_bytes()] {
        let said = train(&dir, table, &[]);
        assert_eq!(counted(&said), plain, "{}", said.err);
    }
    let said = train(&dir, &utf16, &[]);
    assert!(said.err.contains(r"`C:\Users\ann\imgs\dark\0.ppm` at `imgs/dark/0.ppm`"), "{}", said.err);
}

#[test]
fn a_table_that_could_be_read_in_two_ways_trains_nothing_until_it_is_told_which() {
    let dir = Dir::with_photos(5);
    let table: Vec<String> = rows().iter().enumerate().map(|(number, row)| format!("{row},{}", number % 2)).collect();
    let table = format!("file,class,target\n{}\n", table.join("\n"));
    let said = train(&dir, table.as_bytes(), &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("hint: add `--label-column class` or `--label-column target`"), "{}", said.err);
    assert!(!dir.path("model.safetensors").exists());
    let said = train(&dir, table.as_bytes(), &["--label-column", "class", "--path-column", "1"]);
    assert_eq!(counted(&said), [("dark".to_owned(), 5), ("light".to_owned(), 5)]);
    for command in [&["evaluate", "--json"][..], &["extract", "--weights", "random:0", "--image-size", "32"]] {
        let asked = |options: &[&str]| run(dir.command().args(command).args(["--data", "t.csv"]).args(options));
        let said = asked(&[]);
        assert!(said.code == Some(1) && said.err.contains("several columns that could be the label"), "{}", said.err);
        // Whatever else is to say of photos that were trained on, the columns are known.
        let said = asked(&["--label-column", "class"]);
        assert!(!said.err.contains("--label-column"), "{}", said.err);
    }
}

#[test]
fn corrections_act_on_a_photo_under_all_its_names() {
    let dir = Dir::with_photos(6);
    dir.photo("imgs/dark/other.ppm", 60);
    std::fs::hard_link(dir.path("imgs/dark/0.ppm"), dir.path("imgs/dark/hard.ppm")).unwrap();
    std::os::unix::fs::symlink(dir.path("imgs/dark/0.ppm"), dir.path("imgs/dark/soft.ppm")).unwrap();
    std::os::unix::fs::symlink(dir.path("imgs/dark/0.ppm"), dir.path("imgs/light/wrong.ppm")).unwrap();
    dir.file("fixes.csv", b"\xEF\xBB\xBFpath;label\r\nimgs\\dark\\0.ppm;drop\r\n;\r\n");
    let said = run(dir.command().args(["train", "--data", "imgs", "--fixes", "fixes.csv", "--json"]).args(QUICK));
    assert_eq!(counted(&said), [("dark".to_owned(), 6), ("light".to_owned(), 7)]);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["fixes"], serde_json::json!({ "relabelled": 0, "dropped": 3, "already_so": 0, "copies": 2 }));
    assert!(said.err.contains("`imgs/light/wrong.ppm` is the same photo: it stays as `light`"), "{}", said.err);
}

/// What `predict -` says of a list.
fn predict_list(dir: &Dir, list: &[u8], options: &[&str]) -> Said {
    let mut command = dir.command();
    command.args(["predict", "-"]).args(options);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(list).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn a_list_in_any_encoding_loses_no_path() {
    let dir = Dir::with_photos(4);
    dir.model();
    dir.photo("imgs/Käfer.ppm", 90);
    let list = "imgs/Käfer.ppm\r\nimgs/dark/1.ppm\r\n";
    let utf16 =
        |order: fn(u16) -> [u8; 2]| format!("\u{FEFF}{list}").encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let plain = predict_list(&dir, list.as_bytes(), &[]);
    assert_eq!((plain.code, plain.out.lines().count()), (Some(0), 2), "{}", plain.err);
    for list in [
        format!("\u{FEFF}{list}").into_bytes(),
        format!("\u{FEFF}\u{FEFF}{list}").into_bytes(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
    ] {
        let said = predict_list(&dir, &list, &[]);
        assert_eq!((said.code, said.out), (Some(0), plain.out.clone()), "{}", said.err);
    }
}

#[test]
fn paths_that_are_no_text_are_told_apart_in_every_output() {
    let dir = Dir::with_photos(5);
    let names = [b"\xE4.ppm".as_slice(), b"\xF6.ppm", br"\xE4.ppm"].map(std::ffi::OsStr::from_bytes);
    for name in names {
        dir.file_at(&Path::new("imgs/dark").join(name), &photo(30));
    }
    dir.model();
    let output = dir.command().args(["predict", "imgs/dark", "--format", "csv"]).output().unwrap();
    let mut reader = csv::ReaderBuilder::new().from_reader(output.stdout.as_slice());
    let paths: Vec<Vec<u8>> = reader.byte_records().map(|record| record.unwrap()[0].to_vec()).collect();
    for name in names {
        assert!(paths.contains(&[b"imgs/dark/", name.as_bytes()].concat()), "{name:?}");
    }
    let escaped = [r"imgs/dark/\xE4.ppm", r"imgs/dark/\xF6.ppm", r"imgs/dark/\\xE4.ppm"];
    let said = run(dir.command().args(["predict", "imgs/dark"]));
    assert!(escaped.iter().all(|path| said.out.contains(&format!("  {path}"))), "{}", said.out);
    let said = run(dir.command().args(["predict", "imgs/dark", "--json"]));
    let rows = said.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let paths: Vec<String> = rows.map(|row| row["path"].as_str().unwrap().to_owned()).collect();
    assert!(escaped.iter().all(|&path| paths.iter().any(|found| found == path)), "{paths:?}");
    // The report and the model hold such paths too: copies of each other.
    let said = run(dir.command().args(["train", "--data", "imgs", "--json", "--report", "r.html"]).args(QUICK));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains(r"imgs/dark/\\xF6.ppm"), "{}", said.out);
}
