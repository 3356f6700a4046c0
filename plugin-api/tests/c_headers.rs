//! The headers for C apps do what their comments say: compiled as C and as C++, with sanitizers, and held against the
//! crates that do the same in Rust.

#![expect(clippy::unwrap_used, reason = "a test helper that fails fails its test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs made of one C source, in each way that matters.
struct Programs {
    folder: PathBuf,
    paths: Vec<PathBuf>,
}

impl Programs {
    /// Compiles `tests/c/<name>.c`: C99 with tiny reads and sanitizers, C99 as apps do it, C++17.
    fn compile(name: &str) -> Programs {
        let test = std::thread::current().name().unwrap().replace("::", "-");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        fs::create_dir_all(&folder).unwrap();
        let sanitized =
            ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DMYSIMBDP_CSV_CHUNK=5"];
        let paths =
            [("cc", "-std=c99", &sanitized[..]), ("cc", "-std=c99", &["-O2"]), ("c++", "-std=c++17", &["-xc++"])]
                .iter()
                .enumerate()
                .map(|(index, (compiler, standard, flags))| {
                    let path = folder.join(format!("{name}-{index}"));
                    compile(compiler, &[&[*standard], *flags].concat(), name, &path);
                    path
                })
                .collect();
        Programs { folder, paths }
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// What all of the programs print, and print alike.
    fn run(&self, args: &[&str]) -> String {
        let mut printed = self.paths.iter().map(|program| {
            let output = Command::new(program).args(args).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        });
        let first = printed.next().unwrap();
        assert!(printed.all(|other| other == first), "the compilers' programs print alike");
        first
    }
}

fn compile(compiler: &str, flags: &[&str], name: &str, to: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(compiler)
        .args(flags)
        .args(["-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"])
        .arg("-I")
        .arg(root.join("include"))
        .arg("-o")
        .arg(to)
        .arg(root.join(format!("tests/c/{name}.c")))
        .output()
        .unwrap_or_else(|error| panic!("`{compiler}` cannot be started ({error}): install gcc and g++"));
    assert!(output.status.success(), "{compiler} {flags:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_rows_of_a_file_are_told_with_their_places() {
    let programs = Programs::compile("rows");
    let file = programs.file("a.csv", b"\xEF\xBB\xBFid,name\r\n1,\"a,\"\"b\"\"\n\xC3\xA9\"\r\n\r\n2,\n3,c");
    let expected = format!(
        "open\nheader {id},{name}\nbegin 1 12 28 2\nrow 1 31,{quoted}\nend\nbegin 2 30 33 5\nrow 2 32,\nend\n\
         begin 3 33 36 6\nrow 3 33,63\nend\nstatus 0\n",
        id = hex(b"id"),
        name = hex(b"name"),
        quoted = hex("a,\"b\"\né".as_bytes()),
    );
    assert_eq!(programs.run(&[&file]), expected);
}

#[test]
fn rows_without_sense_are_rejected_with_their_reason() {
    let programs = Programs::compile("rows");
    let long = format!("a,b\n1,{}\n2,\"{}\"\n3,4\n", "x".repeat(200), "y\n,\"\"".repeat(60));
    let long = programs.file("long.csv", long.as_bytes());
    let ragged = programs.file("ragged.csv", b"a,b\n1\n1,2,3\n4,5\n6,\"x\n7,8\n");
    assert_eq!(
        programs.run(&["-m", "100", &long]),
        "open\nheader 61,62\nbegin 1 4 207 2\nreject row has 203 bytes where a row may have 100\nend\n\
         begin 2 207 512 3\nreject row has 305 bytes where a row may have 100\nend\nbegin 3 512 516 64\nrow 3 33,34\nend\nstatus 0\n"
    );
    assert_eq!(
        programs.run(&[&ragged]),
        "open\nheader 61,62\nbegin 1 4 6 2\nreject row has 1 field where the header has 2\nend\n\
         begin 2 6 12 3\nreject row has 3 fields where the header has 2\nend\nbegin 3 12 16 4\nrow 3 34,35\nend\n\
         begin 4 16 25 5\nreject a quote is opened but not closed before the end of the file\nend\nstatus 0\n"
    );
    assert!(programs.run(&["-r", &ragged]).contains("row 1 31\nend\nbegin 2 6 12 3\nrow 2 31,32,33\n"));
}

#[test]
fn a_field_that_is_not_utf_8_rejects_its_row() {
    let programs = Programs::compile("rows");
    let content =
        b"a,b\n1234567,\xC3\xA9\n12345678\xFF,2\n\xE0\x80\x80,\xED\xA0\x80\n\"\xC3\",\xA9\n\xF0\x9F\x98\x80,4\n";
    let file = programs.file("bytes.csv", content);
    let printed = programs.run(&[&file]);
    let rejected: Vec<&str> = printed.lines().filter(|line| line.starts_with("reject")).collect();
    assert_eq!(rejected, ["reject column `a`: is not UTF-8"; 3]);
    assert!(printed.contains("\nrow 1 ") && printed.contains("\nrow 5 "), "{printed}");
}

#[test]
fn an_empty_file_and_a_header_alone_have_no_rows() {
    let programs = Programs::compile("rows");
    for content in [&b""[..], b"\xEF\xBB\xBF", b"\n\r\n\n"] {
        let file = programs.file("empty.csv", content);
        assert_eq!(programs.run(&[&file]), "open\nstatus 0\n");
    }
    for content in [&b"a,b"[..], b"a,b\n", b"a,b\r\n\r\n"] {
        let file = programs.file("header.csv", content);
        assert_eq!(programs.run(&[&file]), "open\nheader 61,62\nstatus 0\n");
    }
    let file = programs.file("open.csv", b"a,\"b\n");
    assert_eq!(programs.run(&[&file]), "open\nfail the header has a quote that is not closed in 5 bytes\nstatus 1\n");
}

#[test]
fn the_host_may_jump_and_skip() {
    let programs = Programs::compile("rows");
    let file = programs.file("jump.csv", b"a;b\n1;x\n2;y\n3;z\n4;w\n");
    assert_eq!(
        programs.run(&["-d", ";", "-j", "4:16:5", "-j", "2:8:3", &file]),
        "open\nheader 61,62\nbegin 4 16 20 5\nrow 4 34,77\nend\nbegin 2 8 12 3\nrow 2 32,79\nend\nstatus 0\n"
    );
    assert_eq!(
        programs.run(&["-d", ";", "-s", "1", "-s", "3", &file]),
        "open\nheader 61,62\nskip 1\nbegin 2 8 12 3\nrow 2 32,79\nend\nskip 3\nbegin 4 16 20 5\nrow 4 34,77\nend\nstatus 0\n"
    );
    let without_header = programs.file("bare.csv", b"\xEF\xBB\xBF1;x\n2;y\n");
    assert_eq!(
        programs.run(&["-d", ";", "-n", "-j", "1:0:1", &without_header]),
        "open\nbegin 1 3 7 1\nrow 1 31,78\nend\nstatus 0\n"
    );
}

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

#[test]
fn rows_are_split_as_the_csv_crate_splits_them() {
    let programs = Programs::compile("rows");
    let mut random = Random(1);
    let pieces = ["a", "bc", ",", ",", "\"", "\"\"", "\n", "\r\n", "\r", "é", " ", "\0"];
    let (mut args, mut expected) = (vec!["-n".to_owned(), "-r".to_owned()], String::new());
    for index in 0..400 {
        let content: String = (0..random.below(40)).map(|_| pieces[random.below(pieces.len())]).collect();
        // A quote that is never closed is an error to us and none to the csv crate: see whether a closing one matters.
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(content.as_bytes());
        let records: Vec<csv::ByteRecord> = reader.byte_records().map(Result::unwrap).collect();
        args.push(programs.file(&format!("{index}.csv"), content.as_bytes()));
        expected.push_str("open\n");
        for (number, record) in (1..).zip(&records) {
            let fields: Vec<String> = record.iter().map(hex).collect();
            expected.push_str(&format!("row {number} {}\n", fields.join(",")));
        }
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let printed = programs.run(&args);
    let mut files = printed.split("open\n");
    for (index, wanted) in expected.split("open\n").enumerate() {
        let rows: Vec<&str> = files.next().unwrap().lines().filter(|line| line.starts_with("row ")).collect();
        let mut wanted: Vec<&str> = wanted.lines().collect();
        if rows.len() + 1 == wanted.len() {
            wanted.pop(); // The last one: its quote is never closed, and it was rejected.
        }
        assert_eq!(rows, wanted, "file {index}: {:?}", args.get(index + 1).map(fs::read_to_string));
    }
}

#[test]
fn numbers_are_read_as_rust_reads_them() {
    let programs = Programs::compile("rows");
    let texts = [
        "0",
        "-0",
        "1",
        "+1",
        "1.",
        ".5",
        "-.5",
        ".",
        "",
        "-",
        "1.5",
        "12.50",
        "0.1",
        "1e5",
        "1E-5",
        "1e",
        "e5",
        "1e+",
        "1_0",
        " 1",
        "1 ",
        "0x10",
        "inf",
        "nan",
        "1e22",
        "1e23",
        "123456789012345678",
        "0.30000000000000004",
        "9007199254740993",
        "1.7976931348623157e308",
        "1e309",
        "4.9e-324",
        "1e-400",
        "-73.978165",
        "40.757977",
        "3.72",
        "1,5",
        "--1",
        "1.2.3",
        "100000000000000000000000000000",
        "0.000000000000000000000000000001",
        "2.2250738585072011e-308",
    ];
    let args: Vec<&str> = texts.iter().flat_map(|text| ["-f", text]).collect();
    for (text, printed) in texts.iter().zip(programs.run(&args).lines()) {
        let expected = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let expected = expected.map_or("no".to_owned(), |number| format!("{:016x}", number.to_bits()));
        assert_eq!(printed, expected, "{text}");
    }
    let texts = [
        "0",
        "-0",
        "+7",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "",
        "-",
        "1x",
        "99999999999999999999",
    ];
    let args: Vec<&str> = texts.iter().flat_map(|text| ["-i", text]).collect();
    for (text, printed) in texts.iter().zip(programs.run(&args).lines()) {
        assert_eq!(printed, text.parse::<i64>().map_or("no".to_owned(), |number| number.to_string()), "{text}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn documents_are_what_the_bson_crate_reads() {
    let printed = Programs::compile("documents").run(&[]);
    let mut lines = printed.lines();
    let mut next = || bson::Document::from_reader(unhex(lines.next().unwrap()).as_slice()).unwrap();
    let expected = bson::doc! {
        "_id": bson::oid::ObjectId::from_bytes([0; 12]),
        "int32": -5_i32,
        "int64": i64::MIN,
        "double": -73.978165,
        "yes": true,
        "no": false,
        "null": null,
        "date": bson::DateTime::from_millis(-1),
        "string": "with\0nul",
        "absent": "",
        "bytes": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0, 255] },
        "oid": bson::oid::ObjectId::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        "nested": { "array": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] },
        "last": "é",
    };
    assert_eq!(next(), expected);
    assert_eq!(next(), bson::doc! { "_id": "mine" });
    let mistakes: Vec<&str> = lines.collect();
    assert_eq!(
        mistakes,
        [
            "a document is nested deeper than 100 levels",
            "a document's begin and end calls do not match",
            "a document's begin and end calls do not match",
            "an element outside of an array has no key",
            "an element outside of an array has no key",
            "a document's begin and end calls do not match",
            "a document is larger than 16 MiB",
            "0 16777185",
        ]
    );
}

#[test]
fn times_are_read_as_rfc_3339_has_them() {
    let programs = Programs::compile("rows");
    let times: &[(&str, Option<&str>)] = &[
        ("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00Z")),
        ("2013-01-01T00:11:25Z", Some("2013-01-01T00:11:25Z")),
        ("2000-02-29 23:59:59.999", Some("2000-02-29T23:59:59.999Z")),
        ("2024-05-01T08:30:00.2509+02:00", Some("2024-05-01T06:30:00.250Z")),
        ("2024-05-01T08:30-0130", Some("2024-05-01T10:00:00Z")),
        ("2024-05-01T08:30+02", Some("2024-05-01T06:30:00Z")),
        ("2024-05-01", Some("2024-05-01T00:00:00Z")),
        ("0001-03-01T00:00:00z", Some("0001-03-01T00:00:00Z")),
        ("1969-12-31T23:59:60Z", Some("1970-01-01T00:00:00Z")),
        ("1900-02-29", None),
        ("2024-13-01", None),
        ("2024-05-32", None),
        ("2024-05-01T24:00:00Z", None),
        ("2024-05-01T08:30:00.Z", None),
        ("2024-05-01T08:30:00Zz", None),
        ("2024-05-01T08:30:00+2:00", None),
        ("2024-05-01T08:30:00+02:", None),
        ("2024-05-01T", None),
        ("the day before yesterday", None),
        ("", None),
    ];
    let args: Vec<&str> = times.iter().flat_map(|(text, _)| ["-t", text]).collect();
    for ((text, expected), printed) in times.iter().zip(programs.run(&args).lines()) {
        let expected = expected.map_or("no".to_owned(), |time| {
            bson::DateTime::parse_rfc3339_str(time).unwrap().timestamp_millis().to_string()
        });
        assert_eq!(printed, expected, "{text}");
    }
}
