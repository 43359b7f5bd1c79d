//! A breaker as its target lives through it.

use super::*;
use proptest::prelude::*;

const RULES: Rules = Rules {
    consecutive_failures: 3,
    error_rate: 0.5,
    min_requests: 10,
    window: Duration::from_secs(30),
    cool_down: Duration::from_secs(5),
    max_cool_down: Duration::from_secs(60),
    probe_timeout: Duration::from_secs(20),
};
const FAILED: Outcome = Outcome::Failed(None);

/// A breaker and a clock.
struct Life {
    breaker: Breaker,
    now: Instant,
}

impl Life {
    fn new() -> Self {
        let now = Instant::now();
        let breaker = Breaker::new(RULES, now);
        Self { breaker, now }
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    fn admit(&mut self) -> Permit {
        self.breaker.admit(self.now).unwrap()
    }

    fn report(&mut self, permit: Permit, outcome: Outcome) {
        self.breaker.report(permit, outcome, self.now);
    }

    fn call(&mut self, outcome: Outcome) -> &mut Self {
        let permit = self.admit();
        self.report(permit, outcome);
        self
    }

    fn opened() -> Self {
        let mut life = Self::new();
        life.call(FAILED).call(FAILED).call(FAILED);
        life
    }

    fn standing(&self) -> Standing {
        self.breaker.standing(self.now)
    }
}

fn open(seconds: u64) -> Standing {
    Standing::Open(Duration::from_secs(seconds))
}

#[test]
fn failures_in_a_row_open_it_and_an_answer_between_them_does_not_let_them_add_up() {
    let mut life = Life::new();
    life.call(FAILED).call(FAILED).call(Outcome::Answered);
    life.call(FAILED).call(FAILED);
    assert_eq!(life.standing(), Standing::Ready);
    life.call(FAILED);
    assert_eq!(life.standing(), open(5));
    assert_eq!(life.breaker.admit(life.now), Err(Duration::from_secs(5)));
}

#[test]
fn a_large_share_of_failures_opens_it_once_there_were_enough_calls() {
    let mut life = Life::new();
    for _ in 0..4 {
        life.call(Outcome::Answered).call(FAILED);
    }
    assert_eq!(life.standing(), Standing::Ready, "eight calls say nothing");
    life.call(Outcome::Answered).call(FAILED);
    assert_eq!(life.standing(), open(5));
}

#[test]
fn failures_that_are_long_past_do_not_count_towards_the_share() {
    let mut life = Life::new();
    for _ in 0..4 {
        life.call(Outcome::Answered).call(FAILED);
    }
    life.wait(40);
    for _ in 0..10 {
        life.call(Outcome::Answered);
    }
    life.call(FAILED);
    assert_eq!(life.standing(), Standing::Ready);
}

#[test]
fn after_the_cool_down_one_probe_goes_and_its_answer_closes() {
    let mut life = Life::opened();
    assert_eq!(life.breaker.phase(life.now), Phase::Open);
    life.wait(5);
    assert_eq!(life.standing(), Standing::Probe);
    assert_eq!(life.breaker.phase(life.now), Phase::Probing);
    let probe = life.admit();
    assert_eq!(life.breaker.admit(life.now), Err(RULES.cool_down));
    life.report(probe, Outcome::Answered);
    assert_eq!(life.standing(), Standing::Ready);
    assert_eq!(life.breaker.phase(life.now), Phase::Closed);
}

#[test]
fn each_failed_probe_doubles_the_cool_down_up_to_the_longest() {
    let mut life = Life::opened();
    for seconds in [5, 10, 20, 40, 60, 60] {
        assert_eq!(life.standing(), open(seconds));
        life.wait(seconds).call(FAILED);
    }
}

#[test]
fn one_that_opens_again_soon_rests_longer_and_one_that_was_well_for_long_does_not() {
    let mut life = Life::opened();
    life.wait(5).call(Outcome::Answered);
    life.call(FAILED).call(FAILED).call(FAILED);
    assert_eq!(life.standing(), open(10));
    life.wait(10).call(Outcome::Answered).wait(30);
    life.call(FAILED).call(FAILED).call(FAILED);
    assert_eq!(life.standing(), open(5));
}

#[test]
fn a_probe_that_never_reports_frees_itself_and_comes_too_late_then() {
    let mut life = Life::opened();
    let lost = life.wait(5).admit();
    life.wait(19);
    assert_eq!(life.standing(), open(1));
    life.wait(1);
    let second = life.admit();
    life.report(lost, FAILED);
    assert_eq!(life.breaker.phase(life.now), Phase::Probing);
    life.report(second, Outcome::Answered);
    assert_eq!(life.standing(), Standing::Ready);
}

#[test]
fn while_a_probe_is_under_way_nobody_is_sent_away_for_as_long_as_it_may_take() {
    let mut life = Life::opened();
    let _probe = life.wait(5).admit();
    assert_eq!(life.standing(), open(5), "not the 20 s of a lost one");
    life.wait(18);
    assert_eq!(life.standing(), open(2));
}

#[test]
fn answers_that_all_break_off_open_it_though_each_began_well() {
    let mut life = Life::new();
    for left in [2, 1, 0] {
        let permit = life.admit();
        life.report(permit, Outcome::Answered);
        assert_eq!(life.standing(), Standing::Ready, "{left} more");
        life.breaker.broke_off(permit, FAILED, life.now, life.now);
    }
    assert_eq!(life.standing(), open(5));
}

#[test]
fn an_answer_that_ends_well_ends_a_row_of_those_that_broke_off() {
    let mut life = Life::new();
    for breaks in [true, true, false, true, true] {
        let permit = life.admit();
        life.report(permit, Outcome::Answered);
        if breaks {
            life.breaker.broke_off(permit, FAILED, life.now, life.now);
        } else {
            life.breaker.ended(permit);
        }
    }
    assert_eq!(life.standing(), Standing::Ready);
}

#[test]
fn an_answer_that_broke_off_is_not_counted_as_a_good_one_too() {
    let now = Instant::now();
    let rules = Rules {
        consecutive_failures: 0,
        error_rate: 0.8,
        ..RULES
    };
    let mut breaker = Breaker::new(rules, now);
    for breaks in [false, true, true, true, true, true, true, true, true, true] {
        let permit = breaker.admit(now).unwrap();
        breaker.report(permit, Outcome::Answered, now);
        if breaks {
            breaker.broke_off(permit, FAILED, now, now);
        }
    }
    assert_eq!(breaker.standing(now), open(5), "nine of ten");
}

#[test]
fn a_target_that_nothing_is_known_of_is_blank_and_one_that_failed_or_answered_is_not() {
    let mut life = Life::new();
    life.call(Outcome::Unknown);
    assert!(life.breaker.is_blank(life.now));
    for outcome in [FAILED, Outcome::Answered, Outcome::Limited(None)] {
        let mut life = Life::new();
        life.call(outcome);
        assert!(!life.breaker.is_blank(life.now), "{outcome:?}");
    }
}

#[test]
fn a_probe_that_says_nothing_lets_the_next_one_go() {
    let mut life = Life::opened();
    life.wait(5).call(Outcome::Unknown);
    assert_eq!(life.standing(), Standing::Probe);
}

#[test]
fn what_was_under_way_when_it_opened_neither_closes_nor_prolongs_it() {
    let mut life = Life::new();
    let (early, late) = (life.admit(), life.admit());
    life.call(FAILED).call(FAILED).call(FAILED);
    life.wait(2);
    life.report(early, Outcome::Answered);
    life.report(late, FAILED);
    assert_eq!(life.standing(), open(3));
}

#[test]
fn a_limit_is_a_rest_and_no_failure() {
    let mut life = Life::new();
    for _ in 0..20 {
        life.call(Outcome::Limited(Some(Duration::from_secs(7))));
        assert_eq!(life.standing(), open(7));
        assert_eq!(life.breaker.phase(life.now), Phase::Closed);
        life.wait(7);
        assert_eq!(life.standing(), Standing::Ready);
    }
}

#[test]
fn limits_without_a_time_rest_longer_each_time_until_an_answer() {
    let mut life = Life::new();
    let limited = Outcome::Limited(None);
    life.call(limited).wait(5).call(limited);
    assert_eq!(life.standing(), open(10));
    life.wait(10).call(Outcome::Answered).call(limited);
    assert_eq!(life.standing(), open(5));
}

#[test]
fn a_crowd_that_is_limited_at_once_counts_once() {
    let mut life = Life::new();
    let crowd = [(); 9].map(|()| life.admit());
    for permit in crowd {
        life.report(permit, Outcome::Limited(None));
    }
    assert_eq!(life.standing(), open(5));
}

#[test]
fn a_failure_that_names_a_time_is_obeyed_but_not_for_a_day() {
    let mut life = Life::new();
    life.call(Outcome::Failed(Some(Duration::from_secs(9))));
    assert_eq!(life.standing(), open(9));
    life.wait(9)
        .call(Outcome::Limited(Some(Duration::from_secs(86_400))));
    assert_eq!(life.standing(), open(3600));
}

#[test]
fn a_limited_probe_rests_and_then_another_may_go() {
    let mut life = Life::opened();
    life.wait(5)
        .call(Outcome::Limited(Some(Duration::from_secs(8))));
    assert_eq!(life.standing(), open(8));
    life.wait(8);
    assert_eq!(life.standing(), Standing::Probe);
    life.call(FAILED);
    assert_eq!(life.standing(), open(10), "the second opening");
}

#[test]
fn failures_in_a_row_can_be_left_out_of_it() {
    let now = Instant::now();
    let rules = Rules {
        consecutive_failures: 0,
        ..RULES
    };
    let mut breaker = Breaker::new(rules, now);
    for _ in 0..9 {
        let permit = breaker.admit(now).unwrap();
        breaker.report(permit, FAILED, now);
    }
    assert_eq!(breaker.standing(now), Standing::Ready);
}

#[test]
fn only_what_a_target_is_to_blame_for_counts() {
    let after = Some(Duration::from_secs(3));
    let of = |kind| {
        Outcome::of(&Failure {
            retry_after: after,
            ..Failure::new(kind)
        })
    };
    for kind in [
        FailureKind::Connect,
        FailureKind::FirstByteTimeout,
        FailureKind::IdleTimeout,
        FailureKind::Server,
        FailureKind::Overloaded,
        FailureKind::InStream,
    ] {
        assert_eq!(of(kind), Outcome::Failed(after), "{kind:?}");
    }
    assert_eq!(of(FailureKind::RateLimited), Outcome::Limited(after));
    for kind in [
        FailureKind::Rejected,
        FailureKind::Auth,
        FailureKind::TotalTimeout,
    ] {
        assert_eq!(of(kind), Outcome::Unknown, "{kind:?}");
    }
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let asked = prop::option::of((0_u64..10_000).prop_map(Duration::from_secs));
    prop_oneof![
        3 => Just(Outcome::Answered),
        3 => asked.clone().prop_map(Outcome::Failed),
        1 => asked.prop_map(Outcome::Limited),
        1 => Just(Outcome::Unknown),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_nobody_waits_for_more_than_an_hour_and_one_probe_goes_at_a_time(
        steps in prop::collection::vec((0_u64..100, any::<bool>(), outcomes()), 0..200),
    ) {
        let mut life = Life::new();
        let mut under_way = Vec::new();
        for (seconds, report, outcome) in steps {
            life.wait(seconds);
            prop_assert!(life.standing().wait() <= LONGEST_REST);
            let was_probe = life.standing() == Standing::Probe;
            match life.breaker.admit(life.now) {
                Ok(permit) if was_probe => {
                    prop_assert!(permit.probe && life.breaker.admit(life.now).is_err());
                    under_way.push(permit);
                }
                Ok(permit) => under_way.push(permit),
                Err(wait) => prop_assert_eq!(life.standing(), Standing::Open(wait)),
            }
            if report && let Some(permit) = under_way.pop() {
                life.report(permit, outcome);
            }
        }
        life.wait(3600 + 60);
        prop_assert!(!matches!(life.standing(), Standing::Open(_)));
    }
}
