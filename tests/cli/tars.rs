//! Photos in tar archives: labels beside them and by folders, the same rows and answers as of files, and archives that lie.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tar::{Builder, EntryType, Header};

use crate::setup::{Dir, QUICK, photo, run};

fn header(size: usize, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header
}

/// Sets a name that a builder refuses, and the checksum.
fn named(mut header: Header, name: &[u8]) -> Header {
    let field = &mut header.as_old_mut().name;
    field.fill(0);
    field[..name.len()].copy_from_slice(name);
    header.set_cksum();
    header
}

/// An archive of these members.
fn packed(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, content) in members {
        tar.append_data(&mut header(content.len(), EntryType::Regular), name, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// Two shards in WebDataset's layout, and the same photos as files.
fn shards(dir: &Dir) {
    let shade = |number: u8| if number.is_multiple_of(2) { 20 + number } else { 200 + number };
    for (shard, numbers) in [(0, 0..9), (1, 9..18)] {
        let mut members = Vec::new();
        for number in numbers {
            let class = ["dark", "light"][usize::from(number % 2)];
            members.push((format!("{number:06}.cls"), format!("{class}\n").into_bytes()));
            members.push((
                format!("{number:06}.json"),
                format!("{{\"kind\": {}, \"label\": 7}}", number % 2).into_bytes(),
            ));
            members.push((format!("{number:06}.ppm"), photo(shade(number))));
            dir.photo(&format!("imgs/{class}/{number:06}.ppm"), shade(number));
        }
        members.push((format!("{:06}.mask.png", 9 * shard), b"\x89PNG\r\n\x1a\n".to_vec()));
        let members: Vec<(&str, Vec<u8>)> =
            members.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
        dir.file(&format!("shards/set-{shard}.tar"), &packed(&members));
    }
}

/// The rows of a file of features by the names of their photos, with their labels.
fn rows(dir: &Dir, file: &str) -> Vec<(PathBuf, i64, Vec<u8>)> {
    let bytes = fs::read(dir.path(file)).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| -> Vec<i64> {
        file.tensor(name).unwrap().data().as_chunks().0.iter().map(|eight| i64::from_le_bytes(*eight)).collect()
    };
    let (offsets, labels) = (numbers("path_offsets"), numbers("labels"));
    let (paths, features) = (file.tensor("paths").unwrap(), file.tensor("features").unwrap());
    let rows = offsets.windows(2).zip(labels).zip(features.data().chunks(4 * 2048));
    rows.map(|((place, label), row)| {
        let path = &paths.data()[usize::try_from(place[0]).unwrap()..usize::try_from(place[1]).unwrap()];
        (PathBuf::from(String::from_utf8(path.to_vec()).unwrap()), label, row.to_vec())
    })
    .collect()
}

#[test]
fn archives_give_the_rows_of_the_files_in_them() {
    let dir = Dir::new();
    shards(&dir);
    let extract = |data: &str, more: &[&str]| {
        let args = ["extract", "--data", data, "--output", "f.safetensors"];
        let said = run(dir.command().args(args).args(QUICK).args(more));
        assert_eq!(said.code, Some(0), "{data}: {}", said.err);
        (rows(&dir, "f.safetensors"), said.err)
    };
    let by_name = |rows: Vec<(PathBuf, i64, Vec<u8>)>| {
        let mut rows: Vec<_> =
            rows.into_iter().map(|(path, label, row)| (path.file_name().unwrap().to_owned(), label, row)).collect();
        rows.sort();
        rows
    };
    let (of_files, _) = extract("imgs", &[]);
    for data in ["shards", "shards/*.tar"] {
        let (found, said) = extract(data, &[]);
        assert_eq!(found[0].0, PathBuf::from("shards/set-0.tar/000000.ppm"));
        assert!(said.contains("left out 2 images beside the photo of their sample"), "{said}");
        assert!(by_name(found) == by_name(of_files.clone()), "{data}");
    }
    assert_eq!(extract("shards/set-1.tar", &[]).0.len(), 9);
    // The value of a key of the JSON.
    let (found, said) = extract("shards", &["--label-column", "kind"]);
    assert!(said.contains("positive is `1`, negative is `0`") && found.len() == 18, "{said}");
    // Shards of the same list are one whole, and `train` takes either.
    for index in 0..3 {
        let shard = format!("{index}/3");
        let args = ["extract", "--data", "shards", "--shard", &shard, "-o", "parts"];
        assert_eq!(run(dir.command().args(args).args(QUICK)).code, Some(0));
    }
    assert_eq!(run(dir.command().args(["merge", "parts"])).code, Some(0));
    let said = run(dir.command().args(["train", "--features", "parts", "-o", "by-features"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let args = ["train", "--data", "shards", "-o", "by-tars", "--report", "page.html"];
    let said = run(dir.command().args(args).args(QUICK));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(fs::read(dir.path("by-features")).unwrap(), fs::read(dir.path("by-tars")).unwrap());
    assert!(fs::read_to_string(dir.path("page.html")).unwrap().contains("<img"), "the page has no pictures");
    // Corrections name the photos as everything else does.
    dir.file("fixes.csv", b"path,label\nshards/set-0.tar/000004.ppm,drop\nshards/set-1.tar/000010.ppm,light\n");
    let args = ["train", "--data", "shards", "--fixes", "fixes.csv", "--json", "-o", "fixed"];
    let said = run(dir.command().args(args).args(QUICK));
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((report["fixes"]["dropped"].as_u64(), report["fixes"]["relabelled"].as_u64()), (Some(1), Some(1)));
    assert_eq!(dir.names("shards"), ["set-0.tar", "set-1.tar"]);
}

#[test]
fn predict_answers_for_each_photo_of_an_archive_and_takes_the_names_that_it_gives() {
    let dir = Dir::with_photos(3);
    dir.model();
    let photos: Vec<(String, Vec<u8>)> =
        (0..5).map(|number| (format!("a/{number}.ppm"), photo(20 + 40 * number))).collect();
    let mut members: Vec<(&str, Vec<u8>)> =
        photos.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
    members.extend([("a/0.cls", b"3".to_vec()), ("__MACOSX/a/._0.ppm", b"x".to_vec())]);
    dir.file("set.tar", &packed(&members));
    for (name, content) in &photos {
        dir.file(name, content);
    }
    let predict = |arguments: &[&str]| {
        let said = run(dir.command().args(["predict", "--format", "json", "-q", "--cache", "off"]).args(arguments));
        assert_eq!(said.code, Some(0), "{}", said.err);
        let rows = said.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| (row["path"].as_str().unwrap().to_owned(), row["logit"].clone())).collect::<Vec<_>>()
    };
    let of_tar = predict(&["set.tar"]);
    assert_eq!(
        of_tar.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4].map(|number| format!("set.tar/a/{number}.ppm"))
    );
    assert!(of_tar.iter().map(|(_, logit)| logit).eq(predict(&["a"]).iter().map(|(_, logit)| logit)));
    assert_eq!(predict(&["set.tar/a/3.ppm"]), of_tar[3..4]);
    assert_eq!(predict(&["set.tar", "--shard", "1/2"]), [of_tar[1].clone(), of_tar[3].clone()]);
    // A table may name them too.
    dir.file("list.csv", b"path,label\nset.tar/a/0.ppm,dark\nset.tar/a/4.ppm,light\n");
    let said = run(dir.command().args(["extract", "list.csv"]).args(QUICK));
    assert!(said.code == Some(0) && said.out.contains("2 images, 0 unreadable"), "{} {}", said.out, said.err);
    let said = run(dir.command().args(["predict", "set.tar", "--sort", "links"]));
    assert!(said.code == Some(1) && said.err.contains("it is in an archive"), "{}", said.err);
    assert!(!dir.path("links").exists());
    let said = run(dir.command().args(["predict", "set.tar/a/9.ppm", "--format", "json"]));
    assert!(said.code == Some(3) && said.out.contains("the archive has no such member"), "{} {}", said.out, said.err);
}

#[test]
fn labels_are_beside_the_photos_or_folders_and_what_has_none_is_said() {
    let dir = Dir::new();
    let members = |names: &[&str]| -> Vec<u8> {
        let content = |name: &str| if name.contains(".cls") { b"1".to_vec() } else { photo(name.len() as u8) };
        packed(&names.iter().map(|name| (*name, content(name))).collect::<Vec<_>>())
    };
    let extract = |members: Vec<u8>, more: &[&str]| {
        dir.file("set.tar", &members);
        run(dir.command().args(["extract", "set.tar"]).args(QUICK).args(more))
    };
    let said = extract(members(&["train/cat/1.ppm", "train/dog/12.ppm", "val/cat/3.ppm", "val/dog/4.ppm"]), &[]);
    assert!(said.code == Some(0) && said.err.contains("positive is `dog`, negative is `cat`"), "{}", said.err);
    for (names, words) in [
        (&["1.ppm", "2.ppm"][..], "the photo `set.tar/1.ppm` has no label"),
        (&["1.ppm", "1.cls", "2.ppm"], "the photo `set.tar/2.ppm` has no label"),
        (&["1.cls"], "no images in `set.tar`"),
        (&["1.ppm", "1.cls", "2.ppm", "2.cls"], "expected two"),
    ] {
        let said = extract(members(names), &[]);
        assert!(said.code == Some(1) && said.err.contains(words), "{names:?} {}", said.err);
    }
    let said = extract(packed(&[("1.ppm", photo(3)), ("1.cls", b"\xff".to_vec())]), &[]);
    assert!(said.err.contains("`set.tar/1.cls` is no label"), "{}", said.err);
    let said = extract(packed(&[("1.ppm", photo(3)), ("1.json", b"{}".to_vec())]), &["--label-column", "kind"]);
    assert!(
        said.err.contains("`set.tar/1.json` is no label: it has no text or number under the key `kind`"),
        "{}",
        said.err
    );
    let said = extract(members(&["a/1.ppm", "b/2.ppm"]), &["--path-column", "x"]);
    assert!(said.code == Some(1) && said.err.contains("it has no columns"), "{}", said.err);
}

#[test]
fn archives_that_lie_are_read_safely_and_named() {
    let dir = Dir::with_photos(3);
    dir.model();
    let (good, secret) = (photo(30), dir.photo("secret.ppm", 77));
    let entry = |kind, name: &[u8], content: &[u8]| {
        let mut bytes = named(header(content.len(), kind), name).as_bytes().to_vec();
        bytes.extend(content);
        bytes.resize(bytes.len().div_ceil(512) * 512, 0);
        bytes
    };
    let end = vec![0; 1024];
    let predict = |name: &str, parts: &[Vec<u8>]| {
        dir.file(name, &parts.concat());
        let said = run(dir.command().args(["predict", name, "--format", "json", "-q", "--cache", "off"]));
        (said.code, said.out, said.err)
    };
    // Absolute names are meant from the top of the archive; what leads out of it, links and holes are rows with the reason.
    let regular = EntryType::Regular;
    let mut link = header(0, EntryType::Symlink);
    link.set_link_name(&secret).unwrap();
    let mut sparse = header(0, EntryType::GNUSparse);
    sparse.as_gnu_mut().unwrap().set_real_size(0);
    let (code, out, err) = predict(
        "odd.tar",
        &[
            entry(regular, b"/etc/1.ppm", &good),
            entry(regular, b"../secret.ppm", &good),
            entry(regular, b"./a/./2.ppm", &good),
            named(link, b"3.ppm").as_bytes().to_vec(),
            named(sparse, b"4.ppm").as_bytes().to_vec(),
            entry(EntryType::Fifo, b"5.ppm", b""),
            entry(regular, b"6.ppm", b"first"),
            entry(regular, b"6.ppm", &good),
            end.clone(),
        ],
    );
    assert_eq!(code, Some(3), "{err}");
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["path"].as_str().unwrap(), row["error"].as_str().unwrap_or("")))
        .map(|(path, error)| (path, error.split(':').next().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("odd.tar/../secret.ppm", "its name leads out of the archive"),
            ("odd.tar/3.ppm", "it is a link in the archive"),
            ("odd.tar/4.ppm", "it is stored with holes"),
            ("odd.tar/5.ppm", "it is not a regular file"),
            ("odd.tar/6.ppm", ""),
            ("odd.tar/a/2.ppm", ""),
            ("odd.tar/etc/1.ppm", ""),
        ]
    );
    // Long names of GNU and of pax.
    let long = format!("{}/7.ppm", "deep/".repeat(60));
    let mut builder = Builder::new(Vec::new());
    builder.append_data(&mut header(good.len(), regular), &long, good.as_slice()).unwrap();
    builder.append_pax_extensions([("path", "käfer/8.ppm".as_bytes())]).unwrap();
    builder.append_data(&mut header(good.len(), regular), "short.ppm", good.as_slice()).unwrap();
    let (code, out, err) = predict("long.tar", &[builder.into_inner().unwrap()]);
    assert!(code == Some(0) && out.contains("long.tar/deep/deep/") && out.contains("käfer/8.ppm"), "{out} {err}");
    // What is not whole is an error at once.
    let whole = packed(&[("1.ppm", good.clone()), ("2.ppm", good.clone())]);
    let huge = |kind, name: &[u8]| {
        let mut header = header(0, kind);
        header.set_size(1 << 50);
        named(header, name).as_bytes().to_vec()
    };
    let long_name = [huge(EntryType::GNULongName, b"././@LongLink"), vec![b'x'; 3 << 20]].concat();
    for (name, content, words) in [
        ("cut.tar", whole[..whole.len() - 4000].to_vec(), "it is cut off: its member `2.ppm` has 4813 bytes"),
        ("huge.tar", huge(regular, b"1.ppm"), "it is cut off: its member `1.ppm`"),
        ("name.tar", long_name, "the name of a member, or what else stands before it, is too long"),
        ("text.tar", b"this is no archive".repeat(99), "cannot read the archive `text.tar`"),
    ] {
        let (code, out, err) = predict(name, &[content]);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{name} {err}");
        assert!(err.contains(name) && err.contains(words), "{name} {err}");
    }
    // Limits hold, and nothing was written.
    dir.file("set.tar", &whole);
    let args = ["predict", "set.tar", "--max-file-size", "1KB", "--format", "json"];
    let said = run(dir.command().args(args));
    assert!(said.code == Some(3) && said.out.contains("larger than the limit"), "{} {}", said.out, said.err);
    let names = dir.names(".");
    assert!(!names.iter().any(|name| ["etc", "deep", "a", "1.ppm"].contains(&name.as_str())), "{names:?}");
}
