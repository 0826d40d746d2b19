//! Our structs against the real header, where `CORNU_PJRT_HEADER` says it is and there is a C compiler.
#![allow(clippy::unwrap_used, missing_docs)]
use cornu_xla::pjrt::api;
use std::fmt::Write;
use std::process::Command;

/// `loaded_executable_execute` as `PJRT_LoadedExecutable_Execute`; our names leave out underscores in names of types.
fn same(ours: &str, theirs: &str) -> bool {
    let plain = |s: &str| s.replace('_', "").to_lowercase();
    plain(theirs).strip_prefix("pjrt") == Some(&plain(ours))
}

#[test]
fn layouts() {
    let Some(header) = std::env::var_os("CORNU_PJRT_HEADER") else {
        println!("skipped: `CORNU_PJRT_HEADER` is not set");
        return;
    };
    let text = std::fs::read_to_string(&header).unwrap();
    let name = |line: &str, before: &str, after: char| -> Option<String> {
        Some(line.trim().strip_prefix(before)?.split(after).next()?.trim().to_string())
    };
    let structs: Vec<String> = text.lines().filter_map(|l| name(l, "struct PJRT_", '{')).collect();
    let functions: Vec<String> =
        text.lines().filter_map(|l| name(l, "_PJRT_API_STRUCT_FIELD(", ')')).collect();

    let mut program = format!(
        "#include <stdio.h>\n#include {:?}\n#define P(x) printf(\"%zu\\n\", (size_t)(x));\nint main() {{\n",
        header.display().to_string()
    );
    let mut expected = vec![];
    let renamed = |field: &'static str| match field {
        "kind" => "type",
        "value" => "string_value",
        other => other,
    };
    for (ours, size, fields) in api::layouts() {
        let theirs = match ours {
            "Layout" => "Buffer_MemoryLayout".to_string(),
            "Tiled" => "Buffer_MemoryLayout_Tiled".to_string(),
            _ => structs
                .iter()
                .find(|s| same(ours, &format!("PJRT_{s}")))
                .unwrap_or_else(|| panic!("{ours}"))
                .clone(),
        };
        writeln!(program, "P(PJRT_{theirs}_STRUCT_SIZE)").unwrap();
        expected.push((ours.to_string(), size));
        for (field, offset) in fields {
            writeln!(program, "P(offsetof(PJRT_{theirs}, {}))", renamed(field)).unwrap();
            expected.push((format!("{ours}.{field}"), offset));
        }
    }
    for ((ours, offset), theirs) in api::table().into_iter().zip(&functions) {
        assert!(same(ours, theirs), "{ours} stands where {theirs} is");
        writeln!(program, "P(offsetof(PJRT_Api, {theirs}))").unwrap();
        expected.push((ours.to_string(), offset));
    }
    program.push_str("P(PJRT_Buffer_Type_BF16)\nP(PJRT_API_MINOR)\n}\n");
    expected.push(("bfloat16".into(), api::buffer_type(cornu_graph::DType::BF16) as usize));
    expected.push(("the minor version".into(), api::MINOR as usize));

    let dir = std::env::temp_dir().join(format!("cornu-pjrt-header-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("a.c"), program).unwrap();
    let made = Command::new("cc").args(["a.c", "-o", "a.out"]).current_dir(&dir).status().unwrap();
    assert!(made.success());
    let output = Command::new(dir.join("a.out")).output().unwrap();
    let numbers: Vec<usize> =
        String::from_utf8(output.stdout).unwrap().lines().map(|l| l.parse().unwrap()).collect();
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(numbers.len(), expected.len());
    for ((what, ours), theirs) in expected.iter().zip(numbers) {
        assert_eq!(*ours, theirs, "{what}");
    }
    println!("{} sizes and offsets are as in the header", expected.len());
}
