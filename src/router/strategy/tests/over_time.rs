//! The latency strategy with its measure, as targets slow down and recover.

use std::time::{Duration, Instant};

use super::support::{ask, group, view};
use crate::router::chance::mix;
use crate::router::ewma::PeakEwma;
use crate::router::strategy::*;

const DECAY: Duration = Duration::from_secs(5);

/// Three targets, asked twenty times a second.
struct World {
    start: Instant,
    measures: [PeakEwma; 3],
    under_way: Vec<(u64, usize, u64)>,
    asked: Vec<(u64, usize)>,
}

impl World {
    /// Lives through a minute and a half in which `took` milliseconds a target takes at a time.
    fn live(took: impl Fn(usize, u64) -> u64) -> Self {
        let mut world = Self {
            start: Instant::now(),
            measures: [PeakEwma::default(); 3],
            under_way: Vec::new(),
            asked: Vec::new(),
        };
        for now in (0..90_000).step_by(50) {
            world.end_calls(now);
            let target = world.choose(now);
            let noise = mix(now, 1) % 10;
            let took = took(target, now) + noise;
            world.under_way.push((now + took, target, took));
            world.asked.push((now, target));
        }
        world
    }

    fn end_calls(&mut self, now: u64) {
        let (ended, going) = self.under_way.iter().partition(|(end, ..)| *end <= now);
        self.under_way = going;
        let ended: Vec<_> = ended;
        for (end, target, took) in ended {
            let at = self.start + Duration::from_millis(end);
            self.measures[target].observe(Duration::from_millis(took), DECAY, at);
        }
    }

    fn choose(&self, now: u64) -> usize {
        let at = self.start + Duration::from_millis(now);
        let mut view = view(3);
        for (target, state) in view.targets.iter_mut().enumerate() {
            let calls = self.under_way.iter().filter(|(_, t, _)| *t == target);
            state.in_flight = u32::try_from(calls.count()).unwrap();
            let measure = self.measures[target].read(at);
            state.whole = measure.map(|(ms, age)| Latency { ms, age });
        }
        let draw = u32::try_from(mix(now, 2) >> 32).unwrap();
        let node = group(Strategy::Latency, &[1, 1, 1]);
        order(&node, &view, &ask(draw), &|_| 0).targets[0].0
    }

    /// Share of a target in percent between two times in seconds.
    fn share(&self, target: usize, from: u64, to: u64) -> usize {
        let within = |at: u64| (from * 1000..to * 1000).contains(&at);
        let all: Vec<_> = self.asked.iter().filter(|(at, _)| within(*at)).collect();
        let its = all.iter().filter(|(_, t)| *t == target).count();
        its * 100 / all.len().max(1)
    }
}

#[test]
fn a_slowed_target_is_left_within_five_seconds_and_found_again_when_it_is_well() {
    // The quickest slows down to two seconds at 20 s and is well again at 40 s.
    let world = World::live(|target, now| match (target, now) {
        (0, 20_000..40_000) => 2000,
        (0, _) => 20,
        _ => 60,
    });
    assert!(world.share(0, 5, 20) > 80, "{}", world.share(0, 5, 20));
    assert!(world.share(0, 21, 25) <= 3, "{}", world.share(0, 21, 25));
    assert!(world.share(0, 25, 40) <= 3, "{}", world.share(0, 25, 40));
    assert!(world.share(0, 75, 90) > 80, "{}", world.share(0, 75, 90));
}

#[test]
fn a_target_that_hangs_is_left_before_its_first_answer() {
    let world = World::live(|target, now| match (target, now) {
        (0, 20_000..) => 1_000_000,
        (0, _) => 20,
        _ => 60,
    });
    assert!(world.share(0, 21, 90) <= 3, "{}", world.share(0, 21, 90));
}
