//! From a training through its page to predictions: advice that can be typed, and warnings where answers say less than they seem.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::setup::{Dir, QUICK, TRAIN, run};

fn scenes() -> Dir {
    let dir = Dir::new();
    for number in 0..24_u8 {
        dir.file(&format!("my imgs/dark/{number}.ppm"), &noise(20, u32::from(number)));
        dir.file(&format!("my imgs/light/{number}.ppm"), &noise(120, 100 + u32::from(number)));
    }
    dir
}

/// A photo of its own: no two are copies.
fn noise(shade: u8, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut pixels = b"P6 40 40 255\n".to_vec();
    pixels.extend((0..40 * 40 * 3).map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        shade + (state % 100) as u8
    }));
    pixels
}

fn train(dir: &Dir, more: &[&str]) -> crate::setup::Said {
    let said = run(dir.command().args(["train", "--data", "my imgs", "-o", "a model"]).args(QUICK).args(more));
    assert_eq!(said.code, Some(0), "{}", said.err);
    said
}

#[test]
fn a_model_answers_in_the_arithmetic_of_its_training_unless_told_otherwise() {
    let dir = Dir::with_photos(5);
    assert_eq!(run(dir.command().args(TRAIN).args(["--precision", "fp32"])).code, Some(0));
    let predict = |more: &[&str]| run(dir.command().args(["predict", "imgs", "--cache", "off", "--json"]).args(more));
    let (by_default, fp32) = (predict(&[]), predict(&["--precision", "fp32"]));
    assert_eq!(by_default.out, fp32.out);
    assert!(!by_default.err.contains("was trained in"), "{}", by_default.err);
    let bf16 = predict(&["--precision", "bf16"]);
    if bf16.code == Some(1) {
        println!("skipped: this processor has no bf16");
        return;
    }
    let line = "the model was trained in fp32, and these photos are computed in bf16";
    assert!(bf16.err.contains(line) && bf16.out != fp32.out, "{}", bf16.err);
    assert!(predict(&["--precision", "auto"]).err.contains(line));
    let evaluate = run(dir.command().args(["evaluate", "--data", "imgs", "--precision", "bf16"]));
    assert!(evaluate.err.contains(line), "{}", evaluate.err);
}

#[test]
fn int8_proves_itself_on_the_users_photos_and_predict_follows_it() {
    let dir = Dir::with_photos(5);
    let trained = run(dir.command().args(TRAIN).args(["--precision", "int8"]));
    if trained.code == Some(1) {
        assert!(trained.err.contains("int8 is for CPUs with VNNI, and this processor has none"), "{}", trained.err);
        println!("skipped: this processor has no VNNI");
        return;
    }
    assert_eq!(trained.code, Some(0), "{}", trained.err);
    assert!(
        trained.out.contains("\nint8        10 photos beside fp32: cosine of the features 0.99"),
        "{}",
        trained.out
    );
    assert!(trained.out.contains("frozen, on cpu in int8"), "{}", trained.out);
    let predict = |more: &[&str]| run(dir.command().args(["predict", "imgs", "--cache", "off", "--json"]).args(more));
    let (by_default, int8, fp32) = (predict(&[]), predict(&["--precision", "int8"]), predict(&["--precision", "fp32"]));
    assert_eq!(by_default.out, int8.out);
    assert!(by_default.out != fp32.out && !by_default.err.contains("was trained in"), "{}", by_default.err);
    let line = "the model was trained in int8, and these photos are computed in fp32";
    assert!(fp32.err.contains(line), "{}", fp32.err);
    // A processor that is held down has no VNNI either.
    let mut held = dir.command();
    let held = run(held.args(["predict", "imgs", "--precision", "int8"]).env("ONEDNN_MAX_CPU_ISA", "AVX2"));
    assert!(held.code == Some(1) && held.err.contains("int8 is for CPUs with VNNI"), "{}", held.err);
}

#[test]
fn photos_that_were_trained_on_are_counted_under_their_answers() {
    let dir = Dir::with_photos(5);
    dir.model();
    dir.photo("new.ppm", 99);
    let said = |inputs: &[&str]| run(dir.command().arg("predict").args(inputs));
    let all = said(&["imgs", "new.ppm"]).err;
    let words = "warning: 8 of these 11 photos were used for training: their answers say nothing about new photos";
    assert!(all.contains(words), "{all}");
    assert!(!said(&["new.ppm"]).err.contains("used for training"));
    let rows = said(&["imgs", "new.ppm", "--json"]).out;
    assert_eq!(rows.lines().filter(|row| row.contains("\"trained_on\":true")).count(), 8, "{rows}");
}

#[cfg(unix)]
#[test]
fn a_folder_of_links_is_whole_whoever_reads_the_rows() {
    let dir = Dir::with_photos(40);
    dir.model();
    let sort = ["predict", "imgs", "--sort", "sorted"];
    let mut child = dir.command().args(sort).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let links: usize = dir.names("sorted").iter().map(|answer| dir.names(&format!("sorted/{answer}")).len()).sum();
    assert_eq!(links, 80);
    // What cannot be written is an error, and then there is no folder.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = dir.command().args(["predict", "imgs", "--sort", "again"]).stdout(full).output().unwrap();
    assert_eq!((output.status.code(), dir.path("again").exists()), (Some(1), false));
}

#[test]
fn the_page_names_the_files_in_what_it_advises_to_type() {
    let dir = scenes();
    let said = train(&dir, &["--report", "page.html"]);
    let page = fs::read_to_string(dir.path("page.html")).unwrap();
    let command = "<span>--model</span> <span>&#39;a</span> <span>model&#39;</span></code>";
    assert!(page.contains(command), "{page:.4000}");
    for placeholder in ["DIR", "MODEL", "FILE.csv"] {
        let (header, _) = page.split_once("<nav").unwrap();
        assert!(!header.contains(placeholder) && !said.out.contains(placeholder), "{placeholder}");
    }
    // The technical lines come last.
    let place = |word: &str| said.out.lines().position(|line| line.starts_with(word)).unwrap();
    assert!(place("validation ") < place("details") && place("details") < place("shapes "), "{}", said.out);
    assert!(place("labels ") < place("details") && place("details") < place("calibration "), "{}", said.out);
}

#[test]
fn train_and_evaluate_judge_a_rule_by_ranking_and_report_its_errors() {
    let dir = scenes();
    dir.file("my imgs/dark/odd.ppm", &noise(120, 999));
    let said = train(&dir, &["--threshold", "recall>=0.98", "--report", "train.html", "--val-fraction", "0.4"]);
    let price = "At the threshold of ";
    assert!(said.out.contains(price) && said.out.contains(" at 0.5"), "{}", said.out);
    for number in 0..12 {
        dir.file(&format!("new/dark/{number}.ppm"), &noise(20, 5000 + number));
        dir.file(&format!("new/light/{number}.ppm"), &noise(120, 6000 + number));
    }
    let evaluate = ["evaluate", "--data", "new", "-m", "a model"];
    let measured = run(dir.command().args(evaluate).args(["--report", "evaluate.html"]));
    assert!(measured.out.contains(price), "{}{}", measured.out, measured.err);
    for page in ["train.html", "evaluate.html"] {
        let page = fs::read_to_string(dir.path(page)).unwrap();
        assert!(page.contains("clearly better than guessing") && !page.contains("not clearly better"), "{page:.4000}");
        assert!(page.contains(" at 0.5"), "{page:.4000}");
    }
    // A threshold that was given has no rule.
    let given = run(dir.command().args(evaluate).args(["--threshold", "0.3"]));
    assert!(!given.out.contains(price), "{}", given.out);
}

#[test]
fn what_is_missing_is_said_with_a_line_to_type() {
    let dir = Dir::with_photos(2);
    let usage = |arguments: &[&str]| {
        let said = run(dir.command().args(arguments));
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        said.err
    };
    let sort = usage(&["predict", "--sort", "sorted"]);
    assert!(sort.contains("`--sort sorted` is the new folder of links"), "{sort}");
    assert!(sort.contains("`resnet-binary predict photos/ --sort sorted`"), "{sort}");
    let photos = usage(&["predict", "--sort", "imgs/"]);
    assert!(photos.contains("`resnet-binary predict imgs/ --sort imgs-sorted`"), "{photos}");
    assert!(usage(&["predict"]).contains("no photos were given"));
    let train = usage(&["train"]);
    assert!(train.contains("Usage: resnet-binary train [OPTIONS] --data <DIR|CSV|TAR>"), "{train}");
    assert!(!train.contains("<--data") && train.contains("  --data <DIR|CSV|TAR>"), "{train}");
    assert!(train.contains("tip: ") && train.contains("./imgs/cats/*.jpg"), "{train}");
    let misspelt = run(dir.command().args(["train", "--data", "imgz/dark"]));
    assert!(misspelt.err.contains("did you mean `imgs/dark`?"), "{}", misspelt.err);
    dir.model();
    let misspelt = run(dir.command().args(["predict", "imgs/drak/0.ppm"]));
    assert_eq!(misspelt.code, Some(3));
    assert!(misspelt.err.contains("hint: did you mean `imgs/dark/0.ppm`?"), "{}", misspelt.err);
    usage(&["train", "imgs", "--data", "imgs"]);
    for given in [&["inspect", "--data", "imgs"][..], &["inspect", "imgs"]] {
        let inspect = usage(given);
        assert!(inspect.contains("shows the network") && inspect.contains("train --data imgs --report"), "{inspect}");
    }
    assert!(run(dir.command().arg("inspect")).out.starts_with("The network, not your photos: "));
}

#[test]
fn examples_in_the_short_help_use_options_that_it_shows() {
    let dir = Dir::new();
    for command in ["train", "evaluate", "predict", "extract", "inspect", "doctor"] {
        let help = run(dir.command().args([command, "-h"])).out;
        assert!(!help.contains("<--"), "{help}");
        let Some((options, examples)) = help.split_once("Examples:") else { continue };
        let of_program = examples.lines().filter_map(|line| line.split_once("resnet-binary ")).map(|(_, line)| line);
        for word in of_program.flat_map(str::split_whitespace).filter(|word| word.starts_with("--")) {
            assert!(options.lines().any(|line| line.contains(&format!(" {word}"))), "{command}: {word}");
        }
    }
}
