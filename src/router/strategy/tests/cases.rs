//! What each strategy does in one case each, where a property would say less.

use std::time::Duration;

use super::support::{Counters, ask, group, member, ms, nest, sticky, view};
use crate::router::strategy::*;

#[test]
fn conversations_are_spread_by_weight() {
    let node = sticky(Strategy::Weighted, &[0, 1], &[3, 1]);
    let counters = Counters::default();
    let first = |n: u64| {
        let sticky = Some(mix(n, 5));
        let asked = Ask { sticky, ..ask(0) };
        counters.order(&node, &view(2), &asked)[0]
    };
    let won = (0..10_000).filter(|n| first(*n) == 0).count();
    assert!((7350..7650).contains(&won), "{won}");
}

#[test]
fn a_conversation_moves_groups_that_are_not_sticky_no_more_than_chance_does() {
    let node = group(Strategy::RoundRobin, &[1, 1]);
    let counters = Counters::default();
    let sticky = Some(1);
    let asked = Ask { sticky, ..ask(0) };
    let first = || counters.order(&node, &view(2), &asked)[0];
    assert_eq!([first(), first(), first()], [0, 1, 0]);
}

#[test]
fn an_idle_target_for_more_goes_before_one_for_less() {
    let mut view = view(2);
    let node = group(Strategy::LeastConnections, &[3, 1]);
    let counters = Counters::default();
    for (calls, want) in [(0, 0), (1, 0), (3, 1)] {
        view.targets[0].in_flight = calls;
        assert_eq!(counters.order(&node, &view, &ask(1))[0], want, "{calls}");
    }
}

#[test]
fn a_member_without_a_weight_is_asked_only_when_no_other_can_be() {
    for strategy in [
        Strategy::Weighted,
        Strategy::RoundRobin,
        Strategy::LeastConnections,
    ] {
        let node = group(strategy, &[0, 1, 1]);
        let mut view = view(3);
        let counters = Counters::default();
        assert_eq!(counters.leads(&node, &view)[0], 0, "{strategy:?}");
        for target in [1, 2] {
            view.targets[target].standing = Standing::Open(Duration::from_secs(1));
        }
        assert_eq!(counters.order(&node, &view, &ask(1))[0], 0);
    }
}

#[test]
fn requests_of_two_kinds_in_turn_do_not_always_fall_on_the_same_members() {
    let node = group(Strategy::RoundRobin, &[1; 4]);
    let mut view = view(4);
    for target in [0, 1] {
        view.targets[target].abilities.vision = Some(false);
    }
    let mut seeing = ask(0);
    seeing.needs.vision = true;
    let counters = Counters::default();
    let mut leads = [0; 4];
    for draw in 0..400 {
        leads[counters.order(&node, &view, &ask(draw))[0]] += 1;
        counters.order(&node, &view, &seeing);
    }
    assert_eq!(leads, [100; 4]);
}

#[test]
fn nested_groups_each_keep_their_share() {
    let inner = |targets: &[usize]| {
        let members = targets.iter().map(|t| member(*t, 1)).collect();
        let name = format!("inner{targets:?}");
        Node::Group(Group::new(&name, Strategy::RoundRobin, false, members))
    };
    let members = vec![(inner(&[0, 1]), 3, "a"), (inner(&[2, 3]), 1, "b")];
    let node = nest(Strategy::Weighted, members);
    let leads = Counters::default().leads(&node, &view(4));
    assert_eq!(leads, [3750, 3750, 1250, 1250]);
}

#[test]
fn a_chain_of_groups_falls_back_group_by_group() {
    let first = group(Strategy::RoundRobin, &[1, 1]);
    let last = Node::Target(TargetIndex(2));
    let node = nest(Strategy::Fallback, vec![(first, 1, "g"), (last, 1, "last")]);
    let counters = Counters::default();
    let mut view = view(3);
    assert_eq!(counters.order(&node, &view, &ask(0)), [0, 1, 2]);
    assert_eq!(counters.order(&node, &view, &ask(0)), [1, 0, 2]);
    view.targets[0].standing = Standing::Open(Duration::from_secs(5));
    assert_eq!(counters.order(&node, &view, &ask(0)), [1, 2, 0]);
    view.targets[1].standing = Standing::Full(Duration::from_secs(1));
    assert_eq!(counters.order(&node, &view, &ask(0)), [2, 1, 0]);
}

#[test]
fn what_a_failed_member_led_is_spread_over_the_others_by_weight() {
    let node = group(Strategy::Weighted, &[6, 3, 1]);
    let counters = Counters::default();
    let seconds = (0..10_000).map(|draw| counters.order(&node, &view(3), &ask(draw)));
    let after_first = seconds.filter(|o| o[0] == 0).map(|o| o[1]);
    let second = after_first.filter(|t| *t == 1).count();
    assert!((4350..4650).contains(&second), "{second} of 6000");
}

#[test]
fn a_slowed_target_is_left_and_looked_at_again_by_a_few() {
    let mut view = view(3);
    for (target, m) in view.targets.iter_mut().zip([50.0, 60.0, 2000.0]) {
        target.whole = ms(m, 0);
    }
    let node = group(Strategy::Latency, &[1, 1, 1]);
    let counters = Counters::default();
    assert_eq!(counters.leads(&node, &view), [10_000, 0, 0]);
    view.targets[2].whole = ms(2000.0, 6);
    let explored = counters.leads(&node, &view)[2];
    assert!((400..600).contains(&explored), "{explored}");
    view.targets[2].in_flight = 1;
    assert_eq!(counters.leads(&node, &view)[2], 0, "one at a time");
}

#[test]
fn a_target_that_was_never_measured_is_tried_by_one_at_a_time() {
    let mut view = view(2);
    view.targets[0].first_word = ms(50.0, 0);
    let node = group(Strategy::Latency, &[1, 1]);
    let counters = Counters::default();
    for (calls, want) in [(0, 1), (1, 0)] {
        view.targets[1].in_flight = calls;
        for draw in 0..100 {
            let stream = true;
            let asked = Ask {
                stream,
                ..ask(draw)
            };
            assert_eq!(counters.order(&node, &view, &asked)[0], want);
        }
    }
}

#[test]
fn among_equal_prices_a_conversation_stays_where_it_is() {
    let mut view = view(3);
    for (target, usd) in view.targets.iter_mut().zip([1e-6, 1e-6, 1e-7]) {
        target.cost = Some(usd);
    }
    let node = sticky(Strategy::Cost, &[0, 1, 2], &[1, 1, 1]);
    let counters = Counters::default();
    let asked = |draw, sticky| Ask {
        sticky: Some(sticky),
        ..ask(draw)
    };
    let mut seconds = std::collections::HashSet::new();
    for conversation in 0..50 {
        let orders = [1, 2, 3].map(|d| counters.order(&node, &view, &asked(d, conversation)));
        assert!(orders.iter().all(|o| o[0] == 2 && *o == orders[0]));
        seconds.insert(orders[0][1]);
    }
    assert_eq!(seconds.len(), 2);
}

#[test]
fn the_least_of_what_a_group_has_to_offer_counts() {
    let mut view = view(3);
    for (target, usd) in view.targets.iter_mut().zip([3e-6, 1e-6, 2e-6]) {
        target.cost = Some(usd);
    }
    let inner = group(Strategy::Cost, &[1, 1]);
    let single = Node::Target(TargetIndex(2));
    let node = nest(
        Strategy::Cost,
        vec![(single, 1, "single"), (inner, 1, "inner")],
    );
    let order = Counters::default().order(&node, &view, &ask(0));
    assert_eq!(order, [1, 0, 2], "a group's members stay together");
}
