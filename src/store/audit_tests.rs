use super::super::damage::{Damage, files, inflict};
use super::*;

fn event(target: usize) -> AuditEvent {
    AuditEvent {
        ts_ms: 1,
        actor: "key-1".into(),
        action: "policy.put".into(),
        target: format!("namespace-{target}"),
        before: Value::Null,
        after: serde_json::json!({"threshold": 0.95}),
    }
}

fn filled(records: usize) -> (tempfile::TempDir, Vec<AuditRecord>) {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(temp.path()).unwrap();
    let (log, broken) = AuditLog::with_segments(&folder, 1000).unwrap();
    assert!(broken.is_empty());
    for target in 0..records {
        log.append(&event(target)).unwrap();
    }
    let all = log.read(1, usize::MAX).unwrap();
    assert_eq!(all.len(), records);
    (temp, all)
}

#[test]
fn the_trail_goes_on_where_it_ended() {
    let (temp, _) = filled(10);
    let folder = DataFolder::open(temp.path()).unwrap();
    let (log, broken) = AuditLog::open(&folder).unwrap();
    assert_eq!(broken, []);
    assert_eq!(log.append(&event(10)).unwrap(), 11);
    let last = log.read(11, 5).unwrap();
    assert_eq!((last[0].seq, &last[0].event), (11, &event(10)));
    assert_eq!(log.verify().unwrap(), []);
}

#[test]
fn a_changed_record_is_reported_with_its_place_and_the_rest_stays() {
    let (temp, _) = filled(10);
    let path = temp.path().join("audit/0000000001.log");
    let text = fs::read_to_string(&path).unwrap();
    let second = text.find('\n').unwrap() + 1;
    fs::write(&path, text.replacen("namespace-1", "namespace-7", 1)).unwrap();
    let folder = DataFolder::open(temp.path()).unwrap();
    let (log, broken) = AuditLog::open(&folder).unwrap();
    assert_eq!(
        broken,
        [Broken {
            segment: 1,
            offset: second as u64,
            reason: "line does not verify"
        }]
    );
    let seqs: Vec<u64> = log
        .read(1, 99)
        .unwrap()
        .iter()
        .map(|record| record.seq)
        .collect();
    assert_eq!(seqs, [1, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn records_cut_off_at_the_end_are_missed() {
    let (temp, _) = filled(10);
    let last = files(&temp.path().join("audit"))
        .into_iter()
        .rfind(|path| path.extension().is_some())
        .unwrap();
    fs::write(&last, b"").unwrap();
    let folder = DataFolder::open(temp.path()).unwrap();
    let (log, broken) = AuditLog::open(&folder).unwrap();
    assert_eq!(broken.last().unwrap().reason, MISSING);
    assert_eq!(log.append(&event(0)).unwrap(), 11);
    assert_eq!(log.read(11, 1).unwrap().len(), 1);
}

fn lost_head() -> Broken {
    Broken {
        segment: 0,
        offset: 0,
        reason: NO_HEAD,
    }
}

#[test]
fn a_head_that_is_lost_is_reported_until_the_next_record_writes_it_anew() {
    let (temp, _) = filled(10);
    fs::remove_file(temp.path().join("audit/head")).unwrap();
    for _ in 0..2 {
        let folder = DataFolder::open(temp.path()).unwrap();
        let (log, broken) = AuditLog::open(&folder).unwrap();
        assert_eq!(broken, [lost_head()]);
        assert_eq!(log.verify().unwrap(), [lost_head()]);
    }
    let folder = DataFolder::open(temp.path()).unwrap();
    let (log, _) = AuditLog::open(&folder).unwrap();
    assert_eq!(log.append(&event(10)).unwrap(), 11);
    assert_eq!(log.verify().unwrap(), []);
    drop((log, folder));
    let folder = DataFolder::open(temp.path()).unwrap();
    assert_eq!(AuditLog::open(&folder).unwrap().1, []);
}

#[test]
fn a_head_may_lag_by_the_one_record_that_a_crash_leaves_and_by_no_more() {
    let (temp, _) = filled(10);
    for (number, reported) in [(9, None), (8, Some(OLD_HEAD)), (0, Some(OLD_HEAD))] {
        let folder = DataFolder::open(temp.path()).unwrap();
        write_head(&open_head(&folder.audit()).unwrap(), number).unwrap();
        let (_, broken) = AuditLog::open(&folder).unwrap();
        let reasons: Vec<_> = broken.iter().map(|broken| broken.reason).collect();
        assert_eq!(reasons, Vec::from_iter(reported), "{number}");
    }
}

#[test]
fn crashes_before_the_head_is_written_are_no_damage_however_many_there_are() {
    let (temp, _) = filled(2);
    let head = temp.path().join("audit/head");
    for number in 0..3 {
        let folder = DataFolder::open(temp.path()).unwrap();
        let (log, broken) = AuditLog::open(&folder).unwrap();
        assert_eq!(broken, [], "crash {number}");
        let before = fs::read(&head).unwrap();
        log.append(&event(number)).unwrap();
        fs::write(&head, before).unwrap();
    }
}

#[test]
fn a_trail_that_lost_its_only_record_is_told_by_its_head() {
    let (temp, _) = filled(1);
    fs::write(temp.path().join("audit/0000000001.log"), b"").unwrap();
    let folder = DataFolder::open(temp.path()).unwrap();
    let (log, broken) = AuditLog::open(&folder).unwrap();
    assert_eq!(broken[0].reason, MISSING);
    assert_eq!(log.append(&event(0)).unwrap(), 2);
}

#[test]
fn any_damage_is_reported_or_harmless_and_costs_at_most_what_it_hit() {
    let (original, all) = filled(12);
    for seed in 0..80 {
        let temp = super::super::damage::copy(original.path());
        let (path, damage) = inflict(&temp.path().join("audit"), seed);
        let folder = DataFolder::open(temp.path()).unwrap();
        let (log, broken) = AuditLog::with_segments(&folder, 1000).unwrap();
        let kept = log.read(1, usize::MAX).unwrap();
        assert!(
            kept.iter().all(|record| all.contains(record)),
            "seed {seed}: a record was made up"
        );
        let in_head = path.ends_with("head");
        if in_head {
            assert_eq!(kept, all, "seed {seed}");
            assert_eq!(broken, [lost_head()], "seed {seed}");
        } else if matches!(damage, Damage::Flip { .. }) {
            assert!(
                !broken.is_empty() && kept.len() + 1 >= all.len(),
                "seed {seed}: {broken:?} {}",
                kept.len()
            );
        } else {
            assert!(kept.len() == all.len() || !broken.is_empty(), "seed {seed}");
        }
        let seq = log.append(&event(99)).unwrap();
        assert_eq!(
            log.read(seq, 9).unwrap().len(),
            1,
            "seed {seed}: a new record is readable"
        );
        assert!(
            seq > all.len() as u64,
            "seed {seed}: numbers are not used twice"
        );
    }
}
