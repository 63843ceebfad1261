//! Pictures of what speaks for an answer, and the numbers behind them.

use serde_json::Value;

use crate::setup::{Dir, TRAIN, photo, run};

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|cell| cell.as_f64().unwrap())
        .collect()
}

#[test]
fn bias_and_cells_make_the_logit_that_predict_gives_without_a_map_too() {
    for (head, combine) in [("gap", 4.0), ("flatten", 1.0)] {
        let dir = Dir::with_photos(6);
        let train = ["train", "--data", "imgs", "--weights", "random:0", "--image-size", "64", "--head", head];
        assert_eq!(run(dir.command().args(train)).code, Some(0));
        let plain = run(dir.command().args(["predict", "imgs/light/2.ppm", "--json"]));
        let plain: Value = serde_json::from_str(&plain.out).unwrap();
        let said = run(dir.command().args(["predict", "imgs/light/2.ppm", "--json", "--cam", "map.png"]));
        assert_eq!(said.code, Some(0), "{}", said.err);
        let row: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(row["logit"], plain["logit"], "{head}");
        let cells = numbers(&row["cam"]["cells"]);
        assert_eq!((cells.len(), row["cam"]["head"].as_str()), (4, Some(head)));
        let logit = row["cam"]["bias"].as_f64().unwrap() + cells.iter().sum::<f64>() / combine;
        assert!((logit - row["logit"].as_f64().unwrap()).abs() < 1e-4, "{head}: {logit} {}", row["logit"]);
        let picture = image::open(dir.path("map.png")).unwrap();
        assert_eq!((picture.width(), picture.height()), (2 * 448 + 12, 448 + 60));
    }
}

#[test]
fn one_photo_gets_a_file_and_several_a_folder_with_a_name_for_each() {
    let dir = Dir::with_photos(4);
    dir.model();
    let said = run(dir.command().args(["predict", "imgs/dark/0.ppm", "--cam", "map.png"]));
    assert!(said.out.contains("map.png: orange is evidence for light, blue for dark"), "{}", said.out);
    dir.file("torn.png", b"\x89PNG");
    let several = ["predict", "imgs", "torn.png", "--cam", "maps/"];
    assert_eq!(run(dir.command().args(several)).code, Some(3));
    let expected: Vec<_> = (0..4).flat_map(|n| [format!("{n}-2.cam.png"), format!("{n}.cam.png")]).collect();
    assert_eq!(dir.names("maps"), expected);
    // Again over its own maps: the same names and the same bytes.
    let before: Vec<_> = expected.iter().map(|name| std::fs::read(dir.path("maps").join(name)).unwrap()).collect();
    assert_eq!(run(dir.command().args(several)).code, Some(3));
    let after: Vec<_> = expected.iter().map(|name| std::fs::read(dir.path("maps").join(name)).unwrap()).collect();
    assert!(before == after && dir.names("maps") == expected);
}

#[test]
fn a_map_replaces_nothing_but_a_map() {
    let dir = Dir::with_photos(4);
    dir.model();
    let foreign = dir.file("mine.png", &photo(9));
    dir.file("own/a.cam.png", &photo(9));
    dir.photo("own/a.ppm", 30);
    assert_eq!(run(dir.command().args(["predict", "imgs/dark/0.ppm", "--cam", "earlier/"])).code, Some(0));
    let cases: [(&[&str], i32, &str); 8] = [
        // A map that is given as a photo is one.
        (&["imgs/dark/0.ppm", "earlier/0.cam.png", "--cam", "earlier/"], 1, "it is one of the photos"),
        (&["mine.png", "--cam", "mine.png"], 1, "it is one of the photos"),
        (&["imgs/dark/0.ppm", "--cam", "mine.png"], 1, "not a map of this program"),
        (&["own/a.ppm", "--cam", "own/"], 1, "not a map of this program"),
        (&["imgs", "--cam", "imgs/maps/"], 1, "folder of photos"),
        (&["imgs", "--cam", "map.png"], 2, "one file"),
        (&["imgs/dark/0.ppm", "imgs/dark/1.ppm", "--cam", "map.png"], 2, "one file"),
        (&["imgs/dark/0.ppm", "--cam", "map.jpg"], 2, ".png"),
    ];
    for (arguments, code, words) in cases {
        let said = run(dir.command().arg("predict").args(arguments));
        assert_eq!(said.code, Some(code), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(words) && said.err.contains("hint: "), "{arguments:?}: {}", said.err);
    }
    assert_eq!(std::fs::read(foreign).unwrap(), photo(9));
    assert_eq!(std::fs::read(dir.path("own/a.cam.png")).unwrap(), photo(9));
    assert_eq!((dir.names("imgs").len(), dir.path("map.png").exists()), (2, false));
}

#[test]
fn a_photo_that_came_from_the_cache_is_explained_all_the_same() {
    let dir = Dir::with_photos(4);
    assert_eq!(run(dir.command().args(TRAIN)).code, Some(0));
    let said = run(dir.command().args(["predict", "imgs/dark", "--cam", "maps.png"]));
    assert_eq!(said.code, Some(2), "one picture does not hold four maps: {}", said.err);
    let said = run(dir.command().args(["predict", "imgs/dark", "--cam", "maps"]));
    assert_eq!((said.code, dir.names("maps").len()), (Some(0), 4), "{}", said.err);
}
