//! `evaluate-run`: a ranking is scored as trec_eval scores it.

use std::path::Path;

use serde_json::Value;

use crate::command::{run, run_in};

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/metrics/rankings").join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_run_is_scored_at_every_cut() {
    let (ranking, qrels) = (fixture("hard.run"), fixture("hard.tsv"));
    let expected: Value = serde_json::from_slice(&std::fs::read(fixture("hard.json")).unwrap()).unwrap();
    let ran = run(&["evaluate-run", &ranking, &qrels, "--json", "--k", "1,10"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found["queries"], expected["queries"]);
    for (scores, means) in [("scores", "judged"), ("answered_only", "answered_only")] {
        assert_eq!(found[scores].as_object().unwrap().len(), 6);
        for metric in ["ndcg", "mrr", "recall"] {
            let value = |found: &Value| found.as_f64().unwrap();
            let (value, wanted) = (value(&found[scores][format!("{metric}@10")]), value(&expected[means]["10"][metric]));
            assert!((value - wanted).abs() < 1e-12, "{metric}: {value}, expected {wanted}");
        }
    }
    let shown = run(&["evaluate-run", &ranking, &fixture("hard.qrels")]).out;
    let ndcg = format!("{:.4}", expected["judged"]["10"]["ndcg"].as_f64().unwrap());
    assert!(shown.lines().any(|line| line.starts_with(&format!("10   {ndcg}"))), "{shown}");
    assert!(shown.contains("7 of them are missing in the run"), "{shown}");
}

#[test]
fn a_wrong_line_or_cut_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.run"), "q Q0 d 1 0.5 t\n").unwrap();
    std::fs::write(directory.path().join("a.qrels"), "q 0 d 1\nq 0 d\n").unwrap();
    std::fs::write(directory.path().join("b.qrels"), "other 0 d 1\n").unwrap();
    let ran = run_in(directory.path(), &["evaluate-run", "a.run", "a.qrels"], &[]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.starts_with("error: a.qrels:2: found 3 fields, expected four"), "{}", ran.err);
    assert_eq!(run_in(directory.path(), &["evaluate-run", "a.run", "a.qrels", "--k", "0"], &[]).code, 2);
    let ran = run_in(directory.path(), &["evaluate-run", "a.run", "b.qrels"], &[]);
    assert_eq!(
        (ran.code, ran.err.trim()),
        (0, "warning: a.run has none of the 1 queries of b.qrels; check that their ids match")
    );
}
