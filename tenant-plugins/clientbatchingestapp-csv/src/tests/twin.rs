//! The app in C makes the same documents, byte for byte, and rejects the same rows.

use super::{App, HEADER};
use mysimbdp_plugin_api::testing::{bson, run};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Fields that are good, odd or bad, each in place of those of an ordinary row.
const VARIANTS: &[(usize, &[&str])] = &[
    (0, &["+7", "-0", "9223372036854775807", "9223372036854775808", "1.0", "", " 1", "0x1"]),
    (1, &["", "\"a,\"\"b\"\"\nc\"", "Zürich", "\0"]),
    (
        2,
        &[
            "2013-01-01T01:00:00.5+01:00",
            "2013-01-01 00:00",
            "2012-02-29",
            "2013-02-29",
            "2013-01-01T00:10:07.999Z",
            "now",
        ],
    ),
    (
        3,
        &[
            "2013-01-01T00:00:07.250Z",
            "2013-01-01T00:00:06Z",
            "2013-01-01T00:00:07.999Z",
            "2013-01-01T00:00:60Z",
            "",
            "2013",
        ],
    ),
    (4, &["0", "-1", "2147483647", "2147483648", "-2147483649", "1e0"]),
    (
        5,
        &[
            "0",
            "-0",
            "1e3",
            "1.",
            ".5",
            "1e-400",
            "1e400",
            "inf",
            "-inf",
            "NaN",
            "1,5",
            "0.1234567890123456789",
            "9007199254740993",
        ],
    ),
    (6, &["73.978165", "-73.9781650000000000001", "", "--1"]),
    (10, &["7", "x"]),
    (11, &["Y", "N", "y", "yes", ""]),
    (12, &["\"\"", "CSH"]),
    (13, &["0", "-0", "-0.01", "-1e-400", "free of charge", "2.5e1"]),
    (16, &["17.50", "17.500000000000000000000000000000000001"]),
    (17, &["fine", "\"\"", "\"said \"\"keep the rest\"\", twice\"", " ", "é"]),
];

fn file() -> Vec<u8> {
    let ordinary = [
        "1",
        "CMT",
        "2013-01-01T00:00:07Z",
        "2013-01-01T00:10:07Z",
        "2",
        "5.5",
        "-73.978165",
        "40.757977",
        "-73.989838",
        "40.751171",
        "1",
        "N",
        "CRD",
        "12.50",
        "2.50",
        "0.00",
        "15.00",
        "",
    ];
    let mut text = format!("\u{feff}{HEADER}{}\r\n\r\n", ordinary.join(","));
    for (at, values) in VARIANTS {
        for value in *values {
            let mut fields = ordinary;
            fields[*at] = value;
            text.push_str(&fields.join(","));
            text.push('\n');
        }
    }
    text.push_str("1,CMT\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"1,\xFF,2013-01-01,2013-01-01,1,1,1,1,1,1,1,Y,CRD,1,1,1,1,\n");
    bytes.extend_from_slice(ordinary.join(",").as_bytes());
    bytes
}

/// What the app in C prints under its test host.
fn run_c(content: &[u8]) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let (program, data) = (folder.path().join("twin"), folder.path().join("trips.csv"));
    let compiled = Command::new("cc")
        .args(["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg("-I")
        .arg(here.join("../../plugin-api/include"))
        .arg(here.join("../clientbatchingestapp-csv-c/app.c"))
        .arg(here.join("src/tests/c_host.c"))
        .output()
        .expect("`cc` can be started: install gcc");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    fs::write(&data, content).unwrap();
    let output = Command::new(&program).arg(&data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

fn hex(document: &bson::Document) -> String {
    document.to_vec().unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_app_in_c_makes_the_same_documents_and_rejects_the_same_rows() {
    let content = file();
    let report = run::<App>("trips.csv", &content);
    assert!(report.outcome.is_ok(), "{:?}", report.outcome);
    let mut documents = report.documents.clone();
    for document in &mut documents {
        document.insert("_id", bson::oid::ObjectId::from_bytes([0; 12]));
    }
    let printed = run_c(&content);
    let of_kind = |kind: &'static str| printed.lines().filter_map(move |line| line.strip_prefix(kind));
    let rejected: Vec<u64> = report.rejects.iter().map(|reject| reject.row).collect();
    let rejected_by_c: Vec<u64> =
        of_kind("rejected ").map(|rest| rest.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(rejected_by_c, rejected, "{:#?}\n{printed}", report.rejects);
    assert!(of_kind("document ").eq(documents.iter().map(hex)), "{documents:#?}\n{printed}");
    assert!(documents.len() > 25 && rejected.len() > 25, "{} and {}", documents.len(), rejected.len());
    let reason = |row: u64| report.rejects.iter().find(|reject| reject.row == row).map(|reject| reject.reason.clone());
    for rest in
        of_kind("rejected ").filter(|rest| rest.contains(" is before ") || rest.contains(" where the header has "))
    {
        let (row, words) = rest.split_once(' ').unwrap();
        assert_eq!(reason(row.parse().unwrap()).as_deref(), Some(words));
    }
}
